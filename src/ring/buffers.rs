//! The memory that the kernel reads and writes: receive buffers lent to it, chunks it sends from.

use crate::limits;

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
    base: *mut u8,
}

/// The chunks of a shard: 4 KiB and 64 KiB, in last-in first-out pools, so that the memory in use
/// is the memory in the cache. Bounded; a working set is there from the start.
#[derive(Debug)]
pub struct Chunks {
    _todo: (),
}

/// How large a chunk is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// `limits::SMALL_CHUNK_BYTES`
    Small,
    /// `limits::CHUNK_BYTES`
    Large,
}

impl Received {
    /// The bytes of a region or a part of one.
    #[inline]
    pub fn bytes(&self, buffer: BufferId, offset: u32, len: u32) -> &[u8] {
        let _ = (self.base, buffer, offset, len, limits::RECEIVE_BUFFER_BYTES);
        todo!()
    }
}

impl Chunks {
    /// Takes a chunk; `None` when the bound is reached.
    pub fn take(&mut self, size: Size) -> Option<Chunk> {
        let _ = size;
        todo!()
    }

    pub fn give(&mut self, chunk: Chunk) {
        let _ = chunk;
        todo!()
    }

    pub fn capacity(&self, chunk: Chunk) -> usize {
        let _ = chunk;
        todo!()
    }

    /// Bytes from `offset` to the end of the chunk, to write into. What lies before `offset` may
    /// be in flight and is not touched.
    #[inline]
    pub fn tail(&mut self, chunk: Chunk, offset: usize) -> &mut [u8] {
        let _ = (chunk, offset);
        todo!()
    }

    /// Bytes that were written.
    #[inline]
    pub fn bytes(&self, chunk: Chunk, offset: u32, len: u32) -> &[u8] {
        let _ = (chunk, offset, len);
        todo!()
    }

    /// Bytes of chunks that are taken.
    pub fn in_use(&self) -> usize {
        todo!()
    }
}
