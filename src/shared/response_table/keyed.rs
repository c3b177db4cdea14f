//! Slots that are found by a key (`header = "iso8583"`): the tag is the key, and stays one
//! requester's while the slot waits or rests.
//!
//! The NII of such a request says who asked, and the address how many copies of it are on their way.

use super::word::{self, Slot};
use super::{Claimer, Claims, Full, Nobody, ResponseTable, Seen, Waiting};
use crate::ids::LineId;
use crate::shared::atomics::Ordering;
use crate::time::Instant;

/// What holds a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// A request waits, in time or not.
    Waits(Waiting, Seen),
    /// A request timed out, was lost, or was answered while answers to further copies may come.
    Rests { nii: u16, answered: bool, seen: Seen },
}

impl ResponseTable {
    /// The key that the slot holds: its request waits, or rests.
    pub fn key_of(&self, number: u16, now: Instant) -> Option<u64> {
        let slot = self.numbers.slot(number)?;
        // Acquire, partner: the Release in `publish`, for the tag.
        let word = self.words[slot].load(Ordering::Acquire);
        let holds = match word::read(word, now) {
            Slot::Pending { .. } => true,
            Slot::Rest { until } => now < until,
            Slot::Free(_) | Slot::Never => false,
        };
        holds.then(|| self.tags.load(slot))
    }

    /// What holds `key` in this slot, if it is that key. True only as long as the slot stays as it
    /// was: what ends or changes it compares.
    #[inline]
    pub fn held(&self, number: u16, key: u64, now: Instant) -> Option<Held> {
        let slot = self.numbers.slot(number)?;
        // Acquire, partner: the Release in `publish`, for the tag and the NII.
        let word = self.words[slot].load(Ordering::Acquire);
        if self.tags.load(slot) != key {
            return None;
        }
        if let Some(waiting) = self.waiting(slot, word, now) {
            return Some(Held::Waits(waiting, Seen { word }));
        }
        match word::read(word, now) {
            Slot::Rest { until } if now < until => {
                let nii = self.nii[slot].load(Ordering::Relaxed); // Relaxed: ordered by the word
                Some(Held::Rests { nii, answered: word::is_answered(word), seen: Seen { word } })
            }
            _ => None,
        }
    }

    /// Takes what `held` saw. With several copies on their way the key rests on: more answers may
    /// come, and must not reach anybody who asks with the same key.
    ///
    /// # Errors
    /// If another shard was first.
    #[inline]
    pub fn take_keyed(
        &self,
        hand: &mut Claimer,
        number: u16,
        waiting: &Waiting,
        seen: Seen,
        now: Instant,
    ) -> Result<(), Nobody> {
        let slot = self.numbers.slot(number).ok_or(Nobody::Unmatched)?;
        let becomes = if waiting.address > 1 { word::answered(now + self.rest()) } else { word::freed(now) };
        if self.resolve(hand, slot, seen.word, becomes) { Ok(()) } else { Err(Nobody::Unmatched) }
    }

    /// Puts another copy of the request that `held` saw in its place: from now on `line` waits,
    /// until `deadline`. False if the request has ended, or changed.
    ///
    /// # Panics
    /// If the deadline lies more than 16 minutes ahead.
    pub fn renew(&self, number: u16, seen: Seen, line: LineId, deadline: Instant, now: Instant) -> bool {
        assert!(deadline.since(now) <= word::AHEAD_MAX && line.0 < LineId::LIMIT);
        let Some(slot) = self.numbers.slot(number) else { return false };
        let Slot::Pending { address: copies, .. } = word::read(seen.word, now) else { return false };
        let renewed = word::pending(line, copies.saturating_add(1), deadline);
        // AcqRel: who sees the new word sees the tag and the NII, which the first claim published.
        // The hand that claimed the slot goes on sweeping it: when the old deadline comes it finds
        // the new one.
        self.words[slot].compare_exchange(seen.word, renewed, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// One copy of the request under `key` is lost. Ends the request if it was the only one and has
    /// no later deadline than that: else it is another, and waits on.
    pub fn give_up_copy(
        &self,
        hand: &mut Claimer,
        number: u16,
        key: u64,
        no_later: Instant,
        begun: bool,
        now: Instant,
    ) -> Option<Waiting> {
        let slot = self.numbers.slot(number)?;
        loop {
            let Held::Waits(waiting, seen) = self.held(number, key, now)? else { return None };
            if waiting.address > 1 {
                let fewer = word::readdressed(seen.word, waiting.address - 1);
                // AcqRel: as in `renew`.
                let done = self.words[slot].compare_exchange(seen.word, fewer, Ordering::AcqRel, Ordering::Relaxed);
                if done.is_ok() {
                    return None;
                }
            } else if waiting.deadline > no_later {
                return None;
            } else {
                let becomes = if begun { word::rest(now + self.rest()) } else { word::freed(now) };
                if self.resolve(hand, slot, seen.word, becomes) {
                    return Some(waiting);
                }
            }
        }
    }

    /// Times out the request that `held` saw; true for the one caller that does.
    pub fn expire_seen(&self, hand: &mut Claimer, number: u16, seen: Seen, now: Instant) -> bool {
        self.numbers.slot(number).is_some_and(|slot| self.expire(hand, slot, seen.word, now).is_some())
    }

    /// Ends the rest that `held` saw: its requester asks again with that key.
    pub fn end_rest(&self, number: u16, seen: Seen) {
        if let Some(slot) = self.numbers.slot(number) {
            // AcqRel: as in `resolve`. Another hand may have been faster: then it rests no more.
            let word = &self.words[slot];
            let _ = word.compare_exchange(seen.word, word::UNUSED, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

impl Claims<'_> {
    /// A slot for a request that waits under `key`; `requester` tells who asks from who else may.
    #[inline]
    pub fn next_keyed(&mut self, requester: u16, key: u64) -> Result<u16, Full> {
        let (slot, _) = self.claim_slot(false)?;
        self.table.tags.store(slot, key);
        Ok(self.publish(slot, 1, requester))
    }

    /// Gives back what `next_keyed` gave: the key is another's.
    pub fn take_back(&mut self, number: u16) {
        self.table.release(self.hand, number, self.now);
    }
}
