//! Taking the numbers of answers that came together.

use super::{Claimer, Nobody, ResponseTable, Seen, word};
use crate::shared::atomics::Ordering;
use crate::time::Instant;

/// Requests being ended one after the other, with the books of all at the end: permits and counts cost
/// as much as the taking.
#[derive(Debug)]
pub struct Takes<'a> {
    table: &'a ResponseTable,
    hand: &'a mut Claimer,
    /// What the word of a number becomes.
    freed: u64,
    now: Instant,
    taken: u32,
}

impl ResponseTable {
    /// Begins to take numbers, of answers that came together.
    #[inline]
    pub fn takes<'a>(&'a self, hand: &'a mut Claimer, now: Instant) -> Takes<'a> {
        self.join(hand);
        Takes { table: self, hand, freed: word::freed(now), now, taken: 0 }
    }
}

impl Takes<'_> {
    /// Takes a number that is as it was seen.
    ///
    /// # Errors
    /// [`Nobody`] if it is not: another answer, or the deadline, was faster.
    #[inline(always)]
    pub fn take(&mut self, number: u16, seen: Seen) -> Result<(), Nobody> {
        let slot = self.table.numbers.slot(number).ok_or(Nobody::Unmatched)?;
        if self.end(slot, seen.word) {
            return Ok(());
        }
        Err(self.table.nobody_in(slot, self.now))
    }

    /// Takes `number` if a request for `nii` waits there that is like one that `look` has seen in
    /// time: one of the same line, with the same deadline. Most answers of a run are; their words
    /// differ by the address alone, and need not be read. Says the address to restore; `None`:
    /// nothing was taken, `look` tells more.
    #[inline(always)]
    pub fn take_alike(&mut self, number: u16, nii: u16, like: Seen) -> Option<u16> {
        let slot = self.table.numbers.slot(number)?;
        // Acquire, partner: the Release in `publish`, for the NII.
        let word = self.table.words[slot].load(Ordering::Acquire);
        // Relaxed: ordered by the word, which must still be there when it is taken.
        let fits = self.table.nii[slot].load(Ordering::Relaxed) == nii;
        let alike = word::is_alike(word, like.word) && fits;
        (alike && self.end(slot, word)).then(|| word::address(word))
    }

    #[inline(always)]
    fn end(&mut self, slot: usize, seen: u64) -> bool {
        let ended = self.table.exchange(slot, seen, self.freed);
        // Not `+= u32::from(ended)`: rustc 1.95 leaves that out (`scripts/compiler.sh`).
        if ended {
            self.taken += 1;
        }
        ended
    }
}

impl Drop for Takes<'_> {
    fn drop(&mut self) {
        self.table.settle(self.hand, self.taken);
    }
}
