//! Tags: what an answer must fit beside its number, one 64-bit word a slot.
//!
//! Under `header = "iso8583"`: the key (see `keyed`). A host that is guarded: bits 0-31 the hash of trace number and terminal, 0: nothing to fit; bit 32
//! set if an answer without them does not fit either.

use super::{Claims, Full, ResponseTable};
use crate::shared::atomics::{AtomicBool, AtomicU64, Ordering};

const STRICT: u64 = 1 << 32;

pub struct Tags {
    /// Memory that stays untouched while `kept` is false.
    words: Box<[AtomicU64]>,
    /// Never taken back: whoever claims a slot has to write over what an earlier request left there.
    kept: AtomicBool,
}

impl Tags {
    pub fn new(slots: usize) -> Self {
        Self { words: super::untouched_words(slots), kept: AtomicBool::new(false) }
    }

    #[inline]
    pub fn load(&self, slot: usize) -> u64 {
        self.words[slot].load(Ordering::Relaxed) // Relaxed: ordered by the slot's word, as the NII
    }

    /// Of a slot that is being claimed.
    #[inline]
    pub fn store(&self, slot: usize, tag: u64) {
        self.words[slot].store(tag, Ordering::Relaxed); // Relaxed: published with the slot's word
    }
}

impl ResponseTable {
    /// Lets requests carry tags; for as long as the table lives.
    pub fn keep_tags(&self) {
        self.tags.kept.store(true, Ordering::Relaxed); // Relaxed: the plan that says so is published later
    }

    /// Whether a claim has to say the tag: to be asked once for requests that came together.
    #[inline]
    pub fn keeps_tags(&self) -> bool {
        self.tags.kept.load(Ordering::Relaxed) // Relaxed: see `keep_tags`
    }

    /// Whether an answer with this hash fits the guarded request that `look` has just seen under
    /// `number`; 0 on either side fits anything, unless the number was taken from its rest. True
    /// only as long as the word stays as it was: `take` tells.
    #[inline]
    pub fn fits(&self, number: u16, hash: u32) -> bool {
        let Some(slot) = self.numbers.slot(number) else { return true };
        let tag = self.tags.load(slot);
        match (tag as u32, hash) {
            (0, _) => true,
            (_, 0) => tag & STRICT == 0,
            (asked, told) => asked == told,
        }
    }
}

impl Claims<'_> {
    /// A number for a request whose answer must fit `hash`; 0: need not. With a hash it may be one
    /// that still rests, where no other is left: a late answer to its last request will not fit.
    #[inline]
    pub fn next_guarded(&mut self, address: u16, nii: u16, hash: u32) -> Result<u16, Full> {
        let (slot, rested) = self.claim_slot(hash != 0)?;
        let strict = if rested { 0 } else { STRICT };
        self.table.tags.store(slot, u64::from(hash) | strict);
        Ok(self.publish(slot, address, nii))
    }
}
