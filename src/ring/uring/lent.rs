//! The receive buffers as the kernel has them: a ring of entries of which we write the tail.
//!
//! The kernel fills a buffer bit by bit, for whatever sockets have bytes, and says with the last completion that it
//! has passed it. It does not say where in the buffer bytes begin: that is the sum of what came before.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use crate::limits;
use crate::ring::mapping::Mapping;
use crate::ring::{BufferId, Received};

/// The one group of buffers of a ring.
pub const GROUP: u16 = 0;

/// IOU_PBUF_RING_INC (Linux 6.12): buffers are used up bit by bit.
const INCREMENTAL: u16 = 2;

#[derive(Debug)]
pub struct Lent {
    entries: Mapping,
    mask: u16,
    tail: u16,
    /// For each buffer, how far it is filled; `None` while it is not the kernel's.
    filled: Vec<Option<u32>>,
    free: usize,
}

impl Lent {
    /// Room for `count` buffers, a power of two. None is lent yet.
    pub fn new(count: u16) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "the kernel counts in powers of two");
        let entries = Mapping::new(usize::from(count) * size_of::<BufRingEntry>())?;
        Ok(Self { entries, mask: count - 1, tail: 0, filled: vec![None; usize::from(count)], free: 0 })
    }

    /// Tells the kernel where the entries are.
    pub fn register(&self, submitter: &Submitter<'_>) -> io::Result<()> {
        let address = self.entry(0) as u64;
        // SAFETY: the entries are mapped for as long as the ring lives: `Uring` drops the ring first.
        unsafe { submitter.register_buf_ring_with_flags(address, self.mask + 1, GROUP, INCREMENTAL) }
    }

    /// Gives a buffer to the kernel, with the next [`Lent::publish`].
    pub fn lend(&mut self, buffer: BufferId, received: &mut Received) {
        let filled = self.filled[usize::from(buffer.0)].replace(0);
        assert_eq!(filled, None, "a buffer was given back that the kernel has");
        let size = limits::RECEIVE_BUFFER_BYTES as u32;
        received.renew(buffer);
        received.forbid(buffer, 0, size);
        let entry = self.entry(self.tail & self.mask);
        // SAFETY: there are no more buffers than entries, so the kernel has passed this one. The fields are written
        // one by one: the tail lies in the unused field of the first entry.
        let entry = unsafe { &mut *entry };
        entry.set_addr(received.address(buffer, 0, size) as u64);
        entry.set_len(size);
        entry.set_bid(buffer.0);
        self.tail = self.tail.wrapping_add(1);
        self.free += 1;
    }

    /// Lets the kernel see what was lent.
    #[inline]
    pub fn publish(&mut self) {
        // SAFETY: the tail is in the first entry, mapped and aligned; only the kernel reads it.
        let tail = unsafe { &*BufRingEntry::tail(self.entry(0)).cast::<AtomicU16>() };
        // Release: the entries are written before the kernel loads the tail (its partner is `smp_load_acquire` of the
        // tail when it picks a buffer).
        tail.store(self.tail, Ordering::Release);
    }

    /// The kernel has put `len` bytes into a buffer, and is done with it if it was the `last` time. Where they begin.
    #[inline]
    pub fn taken(&mut self, buffer: BufferId, len: u32, last: bool) -> u32 {
        let filled = &mut self.filled[usize::from(buffer.0)];
        let offset = filled.expect("the kernel fills what it was lent");
        *filled = if last { None } else { Some(offset + len) };
        self.free -= usize::from(last);
        offset
    }

    /// Buffers that the kernel has, filled in part or not at all.
    pub const fn free(&self) -> usize {
        self.free
    }

    fn entry(&self, index: u16) -> *mut BufRingEntry {
        let size = size_of::<BufRingEntry>();
        self.entries.address(usize::from(index) * size, size).cast()
    }
}
