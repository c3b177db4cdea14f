//! Taking the numbers of answers that came together.

use super::{Claimer, ResponseTable, Seen, word};
use crate::shared::atomics::Ordering;
use crate::time::Instant;

impl ResponseTable {
    /// Takes `number` if a request for `nii` waits there that is like one that `look` has seen in
    /// time: one of the same line, with the same deadline. Most answers of a run are; their words
    /// differ by the address alone, and need not be read. Says the address to restore; `None`:
    /// nothing was taken, `look` tells more.
    #[inline(always)]
    pub fn take_alike(&self, hand: &mut Claimer, number: u16, nii: u16, like: Seen, now: Instant) -> Option<u16> {
        let slot = self.numbers.slot(number)?;
        // Acquire, partner: the Release in `publish`, for the NII.
        let word = self.words[slot].load(Ordering::Acquire);
        // Relaxed: ordered by the word, which must still be there when it is taken.
        let fits = self.nii[slot].load(Ordering::Relaxed) == nii;
        let alike = word::is_alike(word, like.word) && fits;
        (alike && self.resolve(hand, slot, word, word::freed(now))).then(|| word::address(word))
    }
}
