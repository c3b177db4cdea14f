//! Making a ring on one thread and bringing it to life on another.

#![expect(
    clippy::disallowed_methods,
    reason = "locked memory comes back late: the main thread waits for it before a shard runs"
)]

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use io_uring::{CompletionQueue, IoUring, SubmissionQueue, Submitter};

use super::held::Held;
use super::in_flight::InFlight;
use super::lent::Lent;
use super::waker::Alarm;
use super::{RingRefused, Uring, probe};
use crate::limits;
use crate::ring::{BufferId, Chunks, Received, Wake};

/// What a ring is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Connections that the shard may have at most.
    pub connections: usize,
    /// Memory to send from, in bytes ([`Chunks::new`]). It is reserved at once and costs what is used of it.
    pub chunk_bytes: usize,
    /// Receive buffers, a power of two: `limits::RECEIVE_BUFFERS`, or fewer in a test that wants to run out.
    pub receive_buffers: u16,
}

impl Config {
    pub const fn new(connections: usize, chunk_bytes: usize) -> Self {
        Self { connections, chunk_bytes, receive_buffers: limits::RECEIVE_BUFFERS }
    }

    /// Operations between two enters: more only cost another enter.
    const fn submission_entries(&self) -> u32 {
        1024
    }

    /// One socket may bring 33 completions an enter, and as many sockets have their turn as are waited for, at most
    /// 64 here; on top of it come the sends. Past that size the kernel keeps completions aside, but ends multishots.
    const fn completion_entries(&self) -> u32 {
        let turn = 33 * 64 + self.submission_entries() as usize;
        let wanted = (turn + 4 * self.connections).next_power_of_two();
        if wanted < COMPLETION_ENTRIES_MAX { wanted as u32 } else { COMPLETION_ENTRIES_MAX as u32 }
    }

    /// Bytes that the ring takes of RLIMIT_MEMLOCK, which the kernel counts in pages: submission entries of 64 bytes,
    /// completions of 16 behind a header, and the array of lent receive buffers, 16 bytes each. What the buffers
    /// themselves take is not counted. Kernel 6.18 refuses a ring for one page less.
    pub const fn locked_bytes(&self) -> u64 {
        let submissions = 64 * self.submission_entries() as u64;
        let completions = 64 + 16 * self.completion_entries() as u64;
        pages(submissions) + pages(completions) + pages(16 * self.receive_buffers as u64)
    }
}

const COMPLETION_ENTRIES_MAX: usize = 1 << 16;

/// Whole pages, in bytes.
const fn pages(bytes: u64) -> u64 {
    bytes.next_multiple_of(4096)
}

/// A ring that is made and filled but not enabled: it belongs to no thread yet.
#[derive(Debug)]
pub struct Dormant {
    // Dropped before the memory that it was told of.
    ring: OwnedRing,
    lent: Lent,
    received: Received,
    chunks: Chunks,
    alarm: Alarm,
    peers: Vec<RawFd>,
}

impl Dormant {
    pub(super) fn new(config: Config) -> Result<Self, RingRefused> {
        if !with_patience(probe::knows_receive_limit).map_err(|error| RingRefused::of("io_uring_setup", error))? {
            return Err(RingRefused::lacks("the byte limit of a multishot receive", "6.17"));
        }
        let ring = build(config)?;
        let mut received = Received::new(config.receive_buffers).map_err(RingRefused::Memory)?;
        let chunks = Chunks::new(config.chunk_bytes).map_err(RingRefused::Memory)?;
        let alarm = Alarm::new().map_err(|error| RingRefused::of("eventfd", error))?;
        let mut lent = Lent::new(config.receive_buffers).map_err(RingRefused::Memory)?;
        with_patience(|| lent.register(&ring.submitter())).map_err(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => RingRefused::lacks("buffers that are filled bit by bit", "6.12"),
            _ => RingRefused::of("registering receive buffers", error),
        })?;
        for buffer in 0..config.receive_buffers {
            lent.lend(BufferId(buffer), &mut received);
        }
        Ok(Self { ring: OwnedRing::new(ring), lent, received, chunks, alarm, peers: Vec::new() })
    }

    /// The ring's descriptor, by which others wake it.
    pub fn descriptor(&self) -> RawFd {
        self.ring.descriptor()
    }

    /// The descriptors of all rings by shard, this one's included: whom `Operation::Wake` means.
    pub fn set_peers(&mut self, peers: &[RawFd]) {
        self.peers = peers.to_vec();
    }

    /// Ends the wait of the ring that this becomes.
    pub fn waker(&self) -> Arc<dyn Wake> {
        self.alarm.waker()
    }

    /// Brings the ring to life. From here on it belongs to the calling thread.
    pub fn enable(self) -> Result<Uring, RingRefused> {
        // SAFETY: the parts go into the one `Uring` that also takes the ring, and there they are dropped first.
        let (mut submitter, submission, completion) = unsafe { self.ring.split() };
        submitter.register_enable_rings().map_err(|error| RingRefused::of("enabling the ring", error))?;
        // Without it (a thread may register 16) an enter costs some 50 ns more, that is all.
        let _ = submitter.register_ring_fd();
        let Self { ring, lent, mut received, mut chunks, alarm, peers } = self;
        received.touch();
        chunks.touch();
        let mut uring = Uring {
            submitter,
            submission,
            completion,
            ring,
            lent,
            received,
            chunks,
            messages: Held::new(),
            connects: Held::new(),
            in_flight: InFlight::new(),
            alarm,
            peers,
            opened: Vec::new(),
        };
        let read = uring.alarm.read();
        uring.queue(&read);
        Ok(uring)
    }
}

/// The ring itself, at a fixed address, because its split-off parts refer to it.
#[derive(Debug)]
pub struct OwnedRing(NonNull<IoUring>);

// SAFETY: it is a box of a ring, and a ring is Send; the parts that are not are made on the thread that keeps them.
unsafe impl Send for OwnedRing {}

impl OwnedRing {
    fn new(ring: IoUring) -> Self {
        Self(NonNull::from(Box::leak(Box::new(ring))))
    }

    /// # Safety
    /// To be called once, and the parts must be dropped before the ring.
    unsafe fn split(&self) -> (Submitter<'static>, SubmissionQueue<'static>, CompletionQueue<'static>) {
        // SAFETY: the ring is alive and, until the parts are dropped, used through them alone.
        unsafe { &mut *self.0.as_ptr() }.split()
    }

    pub fn descriptor(&self) -> RawFd {
        // SAFETY: the ring is alive; the descriptor in it is never written.
        unsafe { &*self.0.as_ptr() }.as_raw_fd()
    }
}

impl Drop for OwnedRing {
    fn drop(&mut self) {
        // SAFETY: made by `Box::leak`, and the parts that refer to it are gone.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

fn build(config: Config) -> Result<IoUring, RingRefused> {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
    builder.setup_submit_all().setup_no_sqarray().setup_r_disabled();
    builder.setup_cqsize(config.completion_entries()).dontfork();
    let build = || builder.build(config.submission_entries());
    let ring = with_patience(build).map_err(|error| match error.raw_os_error() {
        Some(libc::EINVAL) => RingRefused::lacks("the set-up flags SINGLE_ISSUER, DEFER_TASKRUN, NO_SQARRAY", "6.6"),
        _ => RingRefused::of("io_uring_setup", error),
    })?;
    let features = ring.params();
    if !features.is_feature_nodrop() || !features.is_feature_skip_cqe_on_success() {
        return Err(RingRefused::lacks("completions that are kept and ones that are left out", "5.17"));
    }
    if !features.is_feature_ext_arg() || !features.is_feature_min_timeout() {
        return Err(RingRefused::lacks("waiting for several completions with two deadlines", "6.12"));
    }
    Ok(ring)
}

/// The kernel gives the locked memory of a process that ended back up to a second later: a quick restart waits.
fn with_patience<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    const PAUSE: Duration = Duration::from_millis(50);
    for _ in 0..20 {
        match attempt() {
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => thread::sleep(PAUSE),
            result => return result,
        }
    }
    attempt()
}
