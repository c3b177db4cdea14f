//! The shards that wait for a group to take something, and the promise that none sleeps through
//! the moment when it does.
//!
//! ```text
//! who finds no way:    add itself     look again: still none -> pause
//! who makes a way:     clear `full`   take all, resume each
//! ```
//!
//! Both change the same word by a read-modify-write, and one of the two comes first. If adding
//! does, taking takes it. If taking does, adding reads from it (Acquire from Release), so the look
//! afterwards sees what was changed before the taking. That needs no more than AcqRel, as long as
//! taking always writes, also when nobody seems to wait.

use crossbeam::utils::CachePadded;

use crate::ids::ShardId;
use crate::shared::atomics::{AtomicU64, Ordering};

const WORDS_MAX: usize = 4;

/// A set of up to 256 shards.
#[derive(Debug)]
pub struct Waiters {
    words: CachePadded<Box<[AtomicU64]>>,
}

impl Waiters {
    pub fn new(shards: usize) -> Self {
        let words = shards.div_ceil(64);
        assert!(words <= WORDS_MAX, "more than 256 shards");
        Self { words: CachePadded::new((0..words).map(|_| AtomicU64::new(0)).collect()) }
    }

    pub fn add(&self, shard: ShardId) {
        let bit = 1 << (shard.0 % 64);
        // AcqRel, partner: the AcqRel in `take`.
        self.words[shard.index() / 64].fetch_or(bit, Ordering::AcqRel);
    }

    pub fn take(&self) -> impl Iterator<Item = ShardId> + use<> {
        let mut taken = [0; WORDS_MAX];
        for (taken, word) in taken.iter_mut().zip(&self.words[..]) {
            // AcqRel, partner: the AcqRel in `add`. Unconditional: a shard that adds itself after
            // this has to read from it.
            *taken = word.swap(0, Ordering::AcqRel);
        }
        (0..).zip(taken).flat_map(|(at, word)| shards(at, word))
    }

    pub fn copy(&self, other: &Self) {
        for (word, other) in self.words.iter().zip(&other.words[..]) {
            word.store(other.load(Ordering::Relaxed), Ordering::Relaxed); // Relaxed: nobody else has the copy yet
        }
    }
}

/// The shards of one word.
fn shards(at: u16, mut word: u64) -> impl Iterator<Item = ShardId> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(ShardId(at * 64 + bit as u16))
    })
}
