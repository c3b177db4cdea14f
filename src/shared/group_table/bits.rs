//! A set of positions as atomic words, on cache lines of its own.
//!
//! All accesses are Relaxed: a bit stands for nothing but itself, and where an order between bits
//! matters the group's version or its waiters make it.

use crate::shared::atomics::{AtomicU64, Ordering::Relaxed};

/// Words of one cache line: `Used` is written all the time and must not slow down who reads the
/// others.
const LINE_WORDS: usize = 8;

#[derive(Debug, Default)]
#[repr(align(64))]
struct CacheLine([AtomicU64; LINE_WORDS]);

#[derive(Debug)]
pub struct Bits {
    lines: Box<[CacheLine]>,
}

impl Bits {
    pub fn new(positions: usize) -> Self {
        let lines = positions.div_ceil(64 * LINE_WORDS);
        Self { lines: (0..lines).map(|_| CacheLine::default()).collect() }
    }

    #[inline]
    fn at(&self, at: usize) -> &AtomicU64 {
        &self.lines[at / LINE_WORDS].0[at % LINE_WORDS]
    }

    #[inline]
    fn place(&self, position: u16) -> (&AtomicU64, u64) {
        (self.at(usize::from(position / 64)), 1 << (position % 64))
    }

    #[inline]
    pub fn word(&self, at: usize) -> u64 {
        self.at(at).load(Relaxed)
    }

    #[inline]
    pub fn contains(&self, position: u16) -> bool {
        let (word, bit) = self.place(position);
        word.load(Relaxed) & bit != 0
    }

    /// Whether it was not in the set before.
    pub fn set(&self, position: u16) -> bool {
        let (word, bit) = self.place(position);
        word.fetch_or(bit, Relaxed) & bit == 0
    }

    /// Whether it was in the set before.
    pub fn clear(&self, position: u16) -> bool {
        let (word, bit) = self.place(position);
        word.fetch_and(!bit, Relaxed) & bit != 0
    }

    pub fn clear_mask(&self, at: usize, mask: u64) {
        self.at(at).fetch_and(!mask, Relaxed);
    }

    /// Takes over the bits of a set that is not larger.
    pub fn copy(&self, smaller: &Self) {
        let words = smaller.lines.iter().flat_map(|line| &line.0);
        for (at, word) in words.enumerate() {
            self.at(at).store(word.load(Relaxed), Relaxed);
        }
    }

    pub fn count(&self) -> u32 {
        self.lines.iter().flat_map(|line| &line.0).map(|word| word.load(Relaxed).count_ones()).sum()
    }
}
