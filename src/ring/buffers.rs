//! The memory that the kernel reads and writes: receive buffers lent to it, chunks it sends from.

use std::io;

use super::mapping::Mapping;
use crate::limits;

pub use super::chunks::{Chunks, Size};

/// A receive buffer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BufferId(pub u16);

/// Received bytes: where they lie, and whether the kernel is done with the buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    pub buffer: BufferId,
    pub offset: u32,
    pub len: u32,
    /// The kernel has passed the buffer: it comes back only through `Ring::give_back`.
    pub last: bool,
}

/// A piece of send memory, taken from and given back to [`Chunks`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Chunk(pub u32);

/// Bytes of one send, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segment {
    /// Straight from where they were received. The buffer must not be given back before the send
    /// has completed.
    Received {
        buffer: BufferId,
        offset: u32,
        len: u32,
    },
    Chunk {
        chunk: Chunk,
        offset: u32,
        len: u32,
    },
}

impl Segment {
    pub const fn len(&self) -> usize {
        match self {
            Self::Received { len, .. } | Self::Chunk { len, .. } => *len as usize,
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The receive buffers. The kernel writes behind what it has reported, never into it.
#[derive(Debug)]
pub struct Received {
    memory: Mapping,
    count: u16,
}

impl Received {
    /// `count` buffers of `limits::RECEIVE_BUFFER_BYTES`.
    pub fn new(count: u16) -> io::Result<Self> {
        Ok(Self { memory: Mapping::huge(usize::from(count) * limits::RECEIVE_BUFFER_BYTES)?, count })
    }

    pub const fn count(&self) -> u16 {
        self.count
    }

    /// Brings the buffers into memory on the calling thread.
    pub fn touch(&mut self) {
        self.memory.populate(self.memory.len());
    }

    /// The bytes of a region or a part of one.
    #[inline]
    pub fn bytes(&self, buffer: BufferId, offset: u32, len: u32) -> &[u8] {
        self.memory.slice(self.start(buffer, offset, len), len as usize)
    }

    /// Where a buffer lies, for the kernel.
    #[inline]
    pub fn address(&self, buffer: BufferId, offset: u32, len: u32) -> *mut u8 {
        self.memory.address(self.start(buffer, offset, len), len as usize)
    }

    /// For a ring that stands in for the kernel: writes what arrived.
    pub fn write(&mut self, buffer: BufferId, offset: u32, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).expect("within a buffer");
        let start = self.start(buffer, offset, len);
        self.memory.slice_mut(start, bytes.len()).copy_from_slice(bytes);
    }

    #[inline]
    fn start(&self, buffer: BufferId, offset: u32, len: u32) -> usize {
        let end = offset as usize + len as usize;
        assert!(buffer.0 < self.count && end <= limits::RECEIVE_BUFFER_BYTES, "outside of a receive buffer");
        usize::from(buffer.0) * limits::RECEIVE_BUFFER_BYTES + offset as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_do_not_overlap_and_end_where_they_end() {
        let mut received = Received::new(3).expect("memory");
        received.touch();
        let end = limits::RECEIVE_BUFFER_BYTES as u32;
        received.write(BufferId(1), 0, b"first");
        received.write(BufferId(1), end - 4, b"last");
        received.write(BufferId(2), 0, b"next");
        assert_eq!(received.bytes(BufferId(1), 0, 5), b"first");
        assert_eq!(received.bytes(BufferId(1), end - 4, 4), b"last");
        assert!(std::panic::catch_unwind(|| received.bytes(BufferId(1), end - 4, 5).len()).is_err());
        assert!(std::panic::catch_unwind(|| received.bytes(BufferId(3), 0, 1).len()).is_err());
    }
}
