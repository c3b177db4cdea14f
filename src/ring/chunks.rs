//! The memory that a shard sends from.
//!
//! One reservation of address space holds [`Block`]s of 64 KiB. A block is one large chunk, or it is split into
//! sixteen small ones; when memory runs short, blocks of which every small chunk is free become large again. So the
//! bound holds for both sizes together, and neither can keep the other's share for good.

use std::io;

use super::buffers::Chunk;
use super::mapping::Mapping;
use crate::limits::{CHUNK_BYTES, SMALL_CHUNK_BYTES};

/// How large a chunk is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// `limits::SMALL_CHUNK_BYTES`
    Small,
    /// `limits::CHUNK_BYTES`
    Large,
}

/// Small chunks of a block.
const PARTS: u32 = (CHUNK_BYTES / SMALL_CHUNK_BYTES) as u32;

/// What tells a large chunk from the first small one of its block.
const LARGE: u32 = 1 << 31;

const CACHE_LINE: usize = 64;

/// Distance between small chunks: a cache line more than their size. At powers of two all chunks would begin in the
/// same few sets of the caches, and most of them are used at their beginning only.
const SMALL_STRIDE: usize = SMALL_CHUNK_BYTES + CACHE_LINE;

/// Distance between blocks, for the same reason an odd number of cache lines: they go through all sets of the caches.
const STRIDE: usize = PARTS as usize * SMALL_STRIDE + CACHE_LINE;

/// Blocks that are in memory from the start: what one huge page has room for.
const WORKING_SET: usize = 31;

const _: () = assert!(WORKING_SET * STRIDE <= 2 * 1024 * 1024);
const _: () = assert!(STRIDE >= CHUNK_BYTES && (STRIDE / CACHE_LINE) % 2 == 1 && STRIDE.is_multiple_of(CACHE_LINE));

type Block = u32;

/// The chunks of a shard: 4 KiB and 64 KiB, handed out last in first out, so that the memory in use
/// is the memory in the cache. Bounded; a working set is there from the start.
#[derive(Debug)]
pub struct Chunks {
    memory: Mapping,
    blocks: u32,
    /// Blocks from here on were never used.
    fresh: Block,
    free_large: Vec<Block>,
    free_small: Vec<u32>,
    /// For each block, how many of its small chunks are free.
    free_parts: Vec<u8>,
    /// Blocks that are split and wholly free.
    whole: u32,
    in_use: usize,
    guard: guard::Guard,
}

impl Chunks {
    /// At most `bound` bytes, rounded up to a large chunk, in both sizes together.
    pub fn new(bound: usize) -> io::Result<Self> {
        let blocks = bound.div_ceil(CHUNK_BYTES).max(1);
        let small = blocks * PARTS as usize;
        assert!(small < LARGE as usize, "more chunks than can be numbered");
        Ok(Self {
            memory: Mapping::huge(blocks * STRIDE)?,
            blocks: blocks as u32,
            fresh: 0,
            free_large: Vec::with_capacity(blocks),
            free_small: Vec::with_capacity(small),
            free_parts: vec![0; blocks],
            whole: 0,
            in_use: 0,
            guard: guard::Guard::new(small),
        })
    }

    /// Brings the working set into memory on the calling thread.
    pub fn touch(&mut self) {
        self.memory.populate(WORKING_SET * STRIDE);
    }

    /// Takes a chunk; `None` when the bound is reached.
    pub fn take(&mut self, size: Size) -> Option<Chunk> {
        let chunk = match size {
            Size::Small => self.take_small()?,
            Size::Large => (self.take_block()? * PARTS) | LARGE,
        };
        self.guard.taken(chunk);
        self.in_use += capacity(chunk);
        Some(Chunk(chunk))
    }

    pub fn give(&mut self, chunk: Chunk) {
        self.guard.given(chunk.0);
        self.in_use -= capacity(chunk.0);
        if chunk.0 & LARGE != 0 {
            self.free_large.push((chunk.0 & !LARGE) / PARTS);
        } else {
            self.free_small.push(chunk.0);
            let parts = &mut self.free_parts[(chunk.0 / PARTS) as usize];
            *parts += 1;
            self.whole += u32::from(u32::from(*parts) == PARTS);
        }
    }

    /// Bytes that a chunk holds.
    pub fn capacity(&self, chunk: Chunk) -> usize {
        capacity(chunk.0)
    }

    /// Bytes from `offset` to the end of the chunk, to write into. What lies before `offset` may
    /// be in flight and is not touched.
    #[inline]
    pub fn tail(&mut self, chunk: Chunk, offset: usize) -> &mut [u8] {
        self.guard.used(chunk.0);
        let len = capacity(chunk.0).checked_sub(offset).expect("past the end of a chunk");
        self.memory.slice_mut(start(chunk.0) + offset, len)
    }

    /// Bytes that were written.
    #[inline]
    pub fn bytes(&self, chunk: Chunk, offset: u32, len: u32) -> &[u8] {
        self.memory.slice(self.place(chunk, offset, len), len as usize)
    }

    /// Where bytes of a chunk lie, for the kernel.
    #[inline]
    pub fn address(&self, chunk: Chunk, offset: u32, len: u32) -> *const u8 {
        self.memory.address(self.place(chunk, offset, len), len as usize)
    }

    /// Bytes of chunks that are taken.
    pub const fn in_use(&self) -> usize {
        self.in_use
    }

    /// Bytes that can be taken at most.
    pub const fn bound(&self) -> usize {
        self.blocks as usize * CHUNK_BYTES
    }

    #[inline]
    fn place(&self, chunk: Chunk, offset: u32, len: u32) -> usize {
        self.guard.used(chunk.0);
        assert!(offset as usize + len as usize <= capacity(chunk.0), "past the end of a chunk");
        start(chunk.0) + offset as usize
    }

    fn take_block(&mut self) -> Option<Block> {
        if let Some(block) = self.free_large.pop() {
            return Some(block);
        }
        if self.fresh < self.blocks {
            self.fresh += 1;
            return Some(self.fresh - 1);
        }
        self.join_parts();
        self.free_large.pop()
    }

    fn take_small(&mut self) -> Option<u32> {
        if self.free_small.is_empty() {
            self.split()?;
        }
        let chunk = self.free_small.pop()?;
        let parts = &mut self.free_parts[(chunk / PARTS) as usize];
        self.whole -= u32::from(u32::from(*parts) == PARTS);
        *parts -= 1;
        Some(chunk)
    }

    fn split(&mut self) -> Option<()> {
        let block = self.take_block()?;
        self.free_small.extend((block * PARTS..(block + 1) * PARTS).rev());
        self.free_parts[block as usize] = PARTS as u8;
        self.whole += 1;
        Some(())
    }

    /// Makes large chunks of all blocks whose small ones are free. It walks the whole list, but only when memory has
    /// run short, and each walk that is begun frees at least one block.
    fn join_parts(&mut self) {
        if self.whole == 0 {
            return;
        }
        let (parts, large) = (&mut self.free_parts, &mut self.free_large);
        self.free_small.retain(|small| u32::from(parts[(small / PARTS) as usize]) < PARTS);
        for (block, parts) in parts.iter_mut().enumerate() {
            if u32::from(*parts) == PARTS {
                *parts = 0;
                large.push(block as Block);
            }
        }
        self.whole = 0;
    }
}

const fn capacity(chunk: u32) -> usize {
    if chunk & LARGE != 0 { CHUNK_BYTES } else { SMALL_CHUNK_BYTES }
}

const fn start(chunk: u32) -> usize {
    let small = chunk & !LARGE;
    (small / PARTS) as usize * STRIDE + (small % PARTS) as usize * SMALL_STRIDE
}

/// In debug builds: is a chunk taken? A chunk given twice would end up in two lines, whose bytes then mix.
mod guard {
    #[cfg(not(debug_assertions))]
    #[derive(Debug)]
    pub struct Guard;

    #[cfg(not(debug_assertions))]
    impl Guard {
        pub const fn new(_chunks: usize) -> Self {
            Self
        }

        pub const fn taken(&mut self, _chunk: u32) {}

        pub const fn given(&mut self, _chunk: u32) {}

        pub const fn used(&self, _chunk: u32) {}
    }

    #[cfg(debug_assertions)]
    #[derive(Debug)]
    pub struct Guard {
        /// For each small chunk, what was handed out under its number.
        taken: Vec<Option<u32>>,
    }

    #[cfg(debug_assertions)]
    impl Guard {
        pub fn new(chunks: usize) -> Self {
            Self { taken: vec![None; chunks] }
        }

        pub fn taken(&mut self, chunk: u32) {
            let before = self.taken[(chunk & !super::LARGE) as usize].replace(chunk);
            assert_eq!(before, None, "a chunk was handed out twice");
        }

        pub fn given(&mut self, chunk: u32) {
            let before = self.taken[(chunk & !super::LARGE) as usize].take();
            assert_eq!(before, Some(chunk), "a chunk was given back that was not taken");
        }

        pub fn used(&self, chunk: u32) {
            assert_eq!(self.taken[(chunk & !super::LARGE) as usize], Some(chunk), "a chunk was used that is not taken");
        }
    }
}

#[cfg(test)]
#[path = "chunks_tests.rs"]
mod tests;
