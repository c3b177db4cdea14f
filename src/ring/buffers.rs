//! The memory that the kernel reads and writes: receive buffers lent to it, chunks it sends from.

pub use super::chunks::Size;
#[cfg(not(ringswitch_unreachable))]
pub use super::{chunks::Chunks, received::Received};
// For scripts/sanitize.sh: the same, but what was given back is never there again.
#[cfg(ringswitch_unreachable)]
pub use super::unreachable::{Chunks, Received};

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
