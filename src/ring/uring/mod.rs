//! The real ring. Nothing outside of this folder names io_uring.
//!
//! Kept in mind all over: the parts of the ring are split off once, because a submitter that is made anew has
//! forgotten the registered descriptor; an enter that shall take completions asks for events, because deferred work
//! runs only then; and nothing that the kernel was given an address of moves or is freed before its completion.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;

use io_uring::squeue::Entry;
use io_uring::{CompletionQueue, EnterFlags, SubmissionQueue, Submitter, cqueue, types};

use super::sockets::{self, Address};
use super::{
    BufferId, Chunks, Completion, Memory, Operation, Received, Region, Ring, Segment, Socket, Token, Wait, Wake,
};
use crate::time::{Instant, Span};

mod held;
mod lent;
mod operations;
mod probe;
mod refused;
mod setup;
mod waker;

pub use refused::RingRefused;
pub use setup::{Config, Dormant};

use held::{Held, Message};
use lent::Lent;
use operations::UserData;
use setup::OwnedRing;
use waker::Alarm;

/// A ring on the thread that it belongs to: it cannot leave it (`!Send`), as the kernel demands of a single issuer.
///
/// ```compile_fail
/// fn is_send<T: Send>() {}
/// is_send::<ringswitch::ring::uring::Uring>();
/// ```
pub struct Uring {
    // The parts refer to `ring`: they are declared, and so dropped, before it; and `ring` before the memory.
    submitter: Submitter<'static>,
    submission: SubmissionQueue<'static>,
    completion: CompletionQueue<'static>,
    ring: OwnedRing,
    lent: Lent,
    received: Received,
    chunks: Chunks,
    messages: Held<Message>,
    connects: Held<Address>,
    alarm: Alarm,
    /// The descriptors of all rings, by shard.
    peers: Vec<RawFd>,
    /// By descriptor: this side connected. The kernel counts its SYN as a byte.
    opened: Vec<bool>,
}

/// What an enter is for.
#[derive(Clone, Copy)]
enum Entering {
    /// Without GETEVENTS no deferred work runs: nothing is received.
    Submitting,
    Taking(Wait),
}

impl Uring {
    /// Makes a ring that is not enabled yet and may still go to another thread.
    #[expect(clippy::new_ret_no_self, reason = "a ring comes to life on the thread that it belongs to")]
    pub fn new(config: Config) -> Result<Dormant, RingRefused> {
        Dormant::new(config)
    }

    /// The ring's descriptor, by which others wake it ([`Dormant::set_peers`]).
    pub fn descriptor(&self) -> RawFd {
        self.ring.descriptor()
    }

    fn queue(&mut self, entry: &Entry) {
        // SAFETY: what the entry points to is held by `self` until the completion: receive buffers and chunks for as
        // long as the ring, messages and addresses in their slabs.
        while unsafe { self.submission.push(entry) }.is_err() {
            self.hand_over(Entering::Taking(Wait::No));
        }
    }

    /// One io_uring_enter: hands over returned buffers and queued operations, and as told runs deferred work and waits.
    fn hand_over(&mut self, entering: Entering) {
        self.lent.publish();
        self.submission.sync();
        let queued = self.submission.len() as u32;
        let entered = match entering {
            Entering::Submitting if queued == 0 => return,
            // SAFETY: no argument is passed.
            Entering::Submitting => unsafe { self.submitter.enter::<()>(queued, 0, 0, None) },
            Entering::Taking(Wait::No) => {
                // SAFETY: no argument is passed.
                unsafe { self.submitter.enter::<()>(queued, 0, EnterFlags::GETEVENTS.bits(), None) }
            }
            Entering::Taking(Wait::Until { deadline, want, min_wait }) => {
                self.submit_and_wait(queued, deadline, want, min_wait)
            }
        };
        self.submission.sync();
        match entered.map_err(|error| (error.raw_os_error(), error)) {
            // Out of time, a signal, no memory for a request just now: what was not taken stays in the queue.
            Ok(_) | Err((Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN), _)) => {}
            Err((_, error)) => panic!("io_uring_enter: {error}"),
        }
    }

    fn submit_and_wait(&self, queued: u32, deadline: Instant, want: u32, min_wait: Span) -> io::Result<usize> {
        let until = types::Timespec::new().sec(deadline.0 / 1_000_000_000).nsec((deadline.0 % 1_000_000_000) as u32);
        let mut arguments = types::SubmitArgs::new();
        if deadline != Instant::NEVER {
            arguments = arguments.timespec(&until);
        }
        if want > 1 {
            arguments = arguments.min_wait_usec(u32::try_from(min_wait.as_micros()).unwrap_or(u32::MAX));
        }
        // The deadline is one of the monotonic clock, as `now` is: no clock has to be read for it.
        let flags = EnterFlags::GETEVENTS | EnterFlags::EXT_ARG | EnterFlags::ABS_TIMER;
        // SAFETY: the arguments are of the type that EXT_ARG promises, and outlive the call.
        unsafe { self.submitter.enter(queued, want, flags.bits(), Some(&arguments)) }
    }

    fn reap(&mut self, into: &mut Vec<Completion>) {
        self.completion.sync();
        while let Some(entry) = self.completion.next() {
            into.extend(self.translate(&entry));
        }
        self.completion.sync();
    }

    fn translate(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let (result, flags) = (entry.result(), entry.flags());
        let token = match UserData::of(entry.user_data()) {
            UserData::Token(token) => token,
            UserData::Message(place) => self.messages.release(place).0,
            UserData::Connect(place) => self.connects.release(place).0,
            UserData::Alarm => {
                let rearm = self.alarm.read();
                self.queue(&rearm);
                return None;
            }
            UserData::Wake => return None,
        };
        let region = cqueue::buffer_select(flags).and_then(|buffer| self.region(buffer, result, flags));
        Some(Completion { token, result, more: cqueue::more(flags), region })
    }

    fn region(&mut self, buffer: u16, result: i32, flags: u32) -> Option<Region> {
        let (buffer, len) = (BufferId(buffer), result.max(0) as u32);
        let last = !cqueue::buffer_more(flags);
        let offset = self.lent.taken(buffer, len, last);
        if len == 0 {
            if last {
                self.give_back(buffer);
            }
            return None;
        }
        Some(Region { buffer, offset, len, last })
    }

    /// What the kernel knows an operation by. Few are held at any time, and cancelling is rare.
    fn user_data(&self, target: Token) -> UserData {
        let message = || self.messages.find(target).map(UserData::Message);
        let connect = || self.connects.find(target).map(UserData::Connect);
        message().or_else(connect).unwrap_or(UserData::Token(target))
    }

    fn connect(&mut self, token: Token, socket: Socket, remote: SocketAddr) {
        let (place, address) = self.connects.hold(token, || Address::new(remote));
        *address = Address::new(remote);
        let entry = operations::connect(place, socket, address);
        self.queue(&entry);
    }

    fn wake(&mut self, shard: usize) {
        let entry = operations::wake(self.peers[shard]);
        self.queue(&entry);
    }

    fn set_opened(&mut self, socket: Socket, opened: bool) {
        let place = socket.0 as usize;
        if place >= self.opened.len() {
            self.opened.resize(place + 1, false);
        }
        self.opened[place] = opened;
    }
}

impl Ring for Uring {
    fn now(&self) -> Instant {
        monotonic()
    }

    fn push(&mut self, operation: Operation) {
        let entry = match operation {
            Operation::Accept { token, listener } => operations::accept(token, listener),
            Operation::Receive { token, socket, limit } => operations::receive(token, socket, limit),
            Operation::Cancel { token, target } => operations::cancel(token, self.user_data(target)),
            Operation::Shutdown { token, socket, how } => operations::shutdown(token, socket, how),
            Operation::Connect { token, socket, remote } => return self.connect(token, socket, remote),
            Operation::Wake { shard } => return self.wake(shard.index()),
        };
        self.queue(&entry);
    }

    fn send(&mut self, token: Token, socket: Socket, segments: &[Segment], wait: bool) {
        let entry = if let [segment] = segments {
            operations::send(token, socket, iovec(&self.received, &self.chunks, segment), wait)
        } else {
            let Self { messages, received, chunks, .. } = self;
            let (place, message) = messages.hold(token, Message::default);
            message.fill(segments.iter().map(|segment| iovec(received, chunks, segment)));
            operations::send_message(place, socket, message, wait)
        };
        self.queue(&entry);
    }

    fn enter(&mut self, wait: Wait, into: &mut Vec<Completion>) {
        self.hand_over(Entering::Taking(wait));
        self.reap(into);
        // A full completion queue: the kernel keeps the rest, in order, until it is entered again.
        while self.submission.cq_overflow() {
            self.hand_over(Entering::Taking(Wait::No));
            self.reap(into);
        }
    }

    fn submit(&mut self) {
        self.hand_over(Entering::Submitting);
    }

    fn memory(&mut self) -> Memory<'_> {
        Memory { received: &self.received, chunks: &mut self.chunks }
    }

    fn give_back(&mut self, buffer: BufferId) {
        self.lent.lend(buffer, &self.received);
    }

    fn buffers_free(&self) -> usize {
        self.lent.free()
    }

    fn open(&mut self, remote: SocketAddr, bind: Option<SocketAddr>) -> io::Result<Socket> {
        let socket = sockets::open(remote, bind)?;
        self.set_opened(socket, true);
        Ok(socket)
    }

    fn admitted(&mut self, socket: Socket) -> io::Result<()> {
        sockets::no_delay(socket)
    }

    fn connected(&self, socket: Socket) -> io::Result<SocketAddr> {
        sockets::connected(socket)
    }

    fn remote(&self, socket: Socket) -> io::Result<SocketAddr> {
        sockets::remote(socket)
    }

    fn local(&self, socket: Socket) -> io::Result<SocketAddr> {
        sockets::local(socket)
    }

    fn health(&self, socket: Socket) -> io::Result<super::Health> {
        sockets::health(socket, self.opened.get(socket.0 as usize).copied().unwrap_or(false))
    }

    fn unacknowledged(&self, socket: Socket) -> io::Result<u64> {
        sockets::outgoing(socket)
    }

    fn reset(&mut self, socket: Socket) {
        self.set_opened(socket, false);
        sockets::reset(socket);
    }

    fn close(&mut self, socket: Socket) {
        self.set_opened(socket, false);
        sockets::close(socket);
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.alarm.waker()
    }
}

impl Drop for Uring {
    /// The kernel must be done with our memory before it is unmapped: closing the ring would end the operations too,
    /// but some time later.
    fn drop(&mut self) {
        let patience = types::Timespec::new().sec(1);
        // Nothing in flight is the one error to expect, and not one at all.
        let _ = self.submitter.register_sync_cancel(Some(patience), types::CancelBuilder::any());
        self.hand_over(Entering::Taking(Wait::No));
        self.completion.sync();
        let _ = self.submitter.unregister_ring_fd();
    }
}

impl std::fmt::Debug for Uring {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Uring").field("descriptor", &self.descriptor()).finish_non_exhaustive()
    }
}

fn iovec(received: &Received, chunks: &Chunks, segment: &Segment) -> libc::iovec {
    let (address, len) = match *segment {
        Segment::Received { buffer, offset, len } => (received.address(buffer, offset, len), len),
        Segment::Chunk { chunk, offset, len } => (chunks.address(chunk, offset, len).cast_mut(), len),
    };
    libc::iovec { iov_base: address.cast(), iov_len: len as usize }
}

/// CLOCK_MONOTONIC, the clock of the kernel's deadlines.
fn monotonic() -> Instant {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    assert_eq!(failed, 0, "a machine without a monotonic clock");
    Instant(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}

#[cfg(test)]
mod tests;
