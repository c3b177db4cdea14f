//! The ring's memory for a pass of `scripts/sanitize.sh`: what was given back is never there again.
//!
//! Each chunk, and each loan of a receive buffer, is a mapping of its own. When it is given back its pages go, and its
//! addresses are never used again (`mapping.rs`). A touch that comes late is then a SIGSEGV, and an operation of the
//! kernel that comes late ends in -EFAULT, where the memory of the product would quietly hold somebody else's bytes.

use std::collections::BTreeMap;
use std::io;

use super::buffers::{BufferId, Chunk};
use super::chunks::{LARGE, Size, capacity};
use super::mapping::Mapping;
use crate::limits::{CHUNK_BYTES, RECEIVE_BUFFER_BYTES};

/// As `received::Received`.
#[derive(Debug)]
pub struct Received(Vec<Mapping>);

impl Received {
    pub fn new(count: u16) -> io::Result<Self> {
        (0..count).map(|_| Mapping::new(RECEIVE_BUFFER_BYTES)).collect::<io::Result<_>>().map(Self)
    }

    pub const fn count(&self) -> u16 {
        self.0.len() as u16
    }

    pub const fn touch(&mut self) {}

    /// The buffer lies elsewhere from now on, and where it lay is nothing any more.
    pub fn renew(&mut self, buffer: BufferId) {
        self.0[usize::from(buffer.0)] = Mapping::new(RECEIVE_BUFFER_BYTES).expect("address space");
    }

    pub const fn forbid(&self, _buffer: BufferId, _offset: u32, _len: u32) {}

    pub const fn permit(&self, _buffer: BufferId, _offset: u32, _len: u32) {}

    pub fn bytes(&self, buffer: BufferId, offset: u32, len: u32) -> &[u8] {
        self.0[usize::from(buffer.0)].slice(offset as usize, len as usize)
    }

    pub fn address(&self, buffer: BufferId, offset: u32, len: u32) -> *mut u8 {
        self.0[usize::from(buffer.0)].address(offset as usize, len as usize)
    }

    pub fn write(&mut self, buffer: BufferId, offset: u32, bytes: &[u8]) {
        self.0[usize::from(buffer.0)].slice_mut(offset as usize, bytes.len()).copy_from_slice(bytes);
    }
}

/// As `chunks::Chunks`, with the same bound. No number is handed out twice.
#[derive(Debug)]
pub struct Chunks {
    taken: BTreeMap<u32, Mapping>,
    next: u32,
    in_use: usize,
    bound: usize,
}

impl Chunks {
    pub fn new(bound: usize) -> io::Result<Self> {
        let bound = bound.div_ceil(CHUNK_BYTES).max(1) * CHUNK_BYTES;
        Ok(Self { taken: BTreeMap::new(), next: 0, in_use: 0, bound })
    }

    pub const fn touch(&mut self) {}

    pub fn take(&mut self, size: Size) -> Option<Chunk> {
        assert!(self.next < LARGE, "more chunks than there are numbers");
        let chunk = match size {
            Size::Small => self.next,
            Size::Large => self.next | LARGE,
        };
        let bytes = capacity(chunk);
        if self.in_use + bytes > self.bound {
            return None;
        }
        self.next += 1;
        self.in_use += bytes;
        self.taken.insert(chunk, Mapping::new(bytes).expect("address space"));
        Some(Chunk(chunk))
    }

    pub fn give(&mut self, chunk: Chunk) {
        self.taken.remove(&chunk.0).expect("a chunk was given back that was not taken");
        self.in_use -= capacity(chunk.0);
    }

    pub const fn capacity(&self, chunk: Chunk) -> usize {
        capacity(chunk.0)
    }

    pub fn tail(&mut self, chunk: Chunk, offset: usize) -> &mut [u8] {
        let len = capacity(chunk.0).checked_sub(offset).expect("past the end of a chunk");
        self.taken.get_mut(&chunk.0).expect("a chunk that is taken").slice_mut(offset, len)
    }

    pub fn bytes(&self, chunk: Chunk, offset: u32, len: u32) -> &[u8] {
        self.of(chunk).slice(offset as usize, len as usize)
    }

    pub fn address(&self, chunk: Chunk, offset: u32, len: u32) -> *const u8 {
        self.of(chunk).address(offset as usize, len as usize)
    }

    pub const fn forbid(&self, _chunk: Chunk, _offset: u32, _len: u32) {}

    pub const fn permit(&self, _chunk: Chunk, _offset: u32, _len: u32) {}

    pub const fn in_use(&self) -> usize {
        self.in_use
    }

    pub const fn bound(&self) -> usize {
        self.bound
    }

    fn of(&self, chunk: Chunk) -> &Mapping {
        self.taken.get(&chunk.0).expect("a chunk that is taken")
    }
}
