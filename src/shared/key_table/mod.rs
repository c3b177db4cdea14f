//! Who waits under a key: from the hash of an ISO 8583 request's key fields to its slot in the
//! response table. Lock-free, shared by all shards.
//!
//! Each key has two buckets of eight places, each place one 64-bit [`Entry`]. An entry is alive
//! only while its slot waits under the very same key, which the response table says; so nothing
//! is ever deleted: what ended leaves a dead entry, and the next one to need the place takes it.
//!
//! Of two requests that come at once with the same key exactly one must win, whichever shards they
//! are on. So an entry is first *tentative*: enter it, then look at all places again (sequentially
//! consistent fences between: of two that enter, at least one sees the other), and only then
//! confirm it.
//!
//! ```text
//!   sees a confirmed rival                 gives up
//!   sees a tentative one, lower place      gives up
//!   sees a tentative one, higher place     strikes it out; if it was confirmed meanwhile, gives up
//!   sees nobody, or has struck all out     confirms; if it was struck out itself, begins again
//! ```
//!
//! Entering and confirming in one step was tried on paper: whoever sees nobody has won, but another
//! that enters a lower place afterwards would take itself for the winner, too.

mod entry;
#[cfg(all(test, not(ringswitch_loom)))]
mod tests;

use std::fmt;

use crate::shared::atomics::{AtomicU64, Ordering, fence};
use entry::Entry;

/// Places of a bucket: one cache line. Under loom so few that every interleaving can be tried.
const PLACES: usize = if cfg!(ringswitch_loom) { 2 } else { 8 };

/// Places for each slot of the response table. With two, and every slot waiting, both buckets of a
/// key were found full once in 20 million requests; with half of them waiting, never.
const PLACES_PER_SLOT: usize = 2;

/// Where each key's slot is to be looked for.
pub struct KeyTable {
    /// A power of two.
    buckets: Box<[Bucket]>,
}

#[cfg_attr(not(ringswitch_loom), repr(align(64)))]
struct Bucket([AtomicU64; PLACES]);

/// Why a request was not entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The request in this slot waits under the same key, or came at the same time.
    InUse(u16),
    /// All places of both buckets are taken by requests that wait.
    Full,
}

/// What became of a tentative entry.
enum Settled {
    Confirmed,
    /// Given up for the request in this slot.
    GaveUp(u16),
    StruckOut,
}

impl KeyTable {
    /// A table for a response table of so many slots (65,536: 1 MiB).
    pub fn new(slots: usize) -> Self {
        let buckets = (slots * PLACES_PER_SLOT).div_ceil(PLACES).next_power_of_two();
        Self { buckets: (0..buckets).map(|_| Bucket([const { 0 }; PLACES].map(AtomicU64::new))).collect() }
    }

    /// Enters the request that waits in `slot` under `key`. `key_of` says under which key the
    /// request waits that a slot holds now; it must do so for `slot` already, and to everybody who
    /// learns of `slot` from here: the response table's word is published before.
    ///
    /// # Errors
    /// [`Refused`]; the slot is the caller's to give back.
    ///
    /// # Panics
    /// If `slot` is 0, which no response table hands out.
    pub fn insert(&self, key: u64, slot: u16, key_of: impl Fn(u16) -> Option<u64>) -> Result<(), Refused> {
        assert_ne!(slot, 0, "a place that holds slot 0 is empty");
        loop {
            if let Some(holder) = self.holder(key, slot, &key_of) {
                return Err(Refused::InUse(holder));
            }
            let Some((place, entry)) = self.enter(key, slot, &key_of) else { return Err(Refused::Full) };
            // SeqCst, partner: the same fence of whoever enters the same key. Of the two of us the
            // one whose fence comes second sees the other's entry below.
            fence(Ordering::SeqCst);
            match self.settle(key, place, entry, &key_of) {
                Settled::Confirmed => return Ok(()),
                Settled::GaveUp(rival) => return Err(Refused::InUse(rival)),
                // Whoever did that came further than this request: nobody goes round for ever.
                Settled::StruckOut => {}
            }
        }
    }

    /// The first answer that `look` has to the slots that may wait under `key`. It has to compare
    /// the slot's key itself: a slot named here may have ended, or be another key's by now.
    #[inline]
    pub fn find<T>(&self, key: u64, mut look: impl FnMut(u16) -> Option<T>) -> Option<T> {
        self.places(key).find_map(|place| {
            let entry = self.load(place);
            if entry.may_be(key) && !entry.is_tentative() { look(entry.slot()) } else { None }
        })
    }

    /// The slot of the request that waits under `key`, or is about to, other than `own`.
    pub fn holder(&self, key: u64, own: u16, key_of: impl Fn(u16) -> Option<u64>) -> Option<u16> {
        let holds = |slot: u16| slot != own && key_of(slot) == Some(key);
        self.places(key).map(|place| self.load(place)).find_map(|entry| {
            let slot = entry.slot();
            (entry.may_be(key) && holds(slot)).then_some(slot)
        })
    }

    /// Puts a tentative entry over an empty or a dead one: the first to be found, of both buckets
    /// by turns. Counting first which of the two is emptier asks sixteen slots instead of one to
    /// five; taking the second bucket only when few places of the first are free fills up sooner.
    fn enter(&self, key: u64, slot: u16, key_of: &impl Fn(u16) -> Option<u64>) -> Option<(usize, Entry)> {
        for place in self.places(key) {
            let seen = self.load(place);
            // What names this very slot is left from its last request, even if that had this key.
            if seen.slot() != slot && seen.is_alive(key_of) {
                continue;
            }
            let entry = seen.replaced(key, slot);
            // Release, partner: the Acquire in `load`; who sees the entry sees the slot's word.
            // A place that another takes first is simply another's.
            if self.exchange(place, seen, entry, Ordering::Release) {
                return Some((place, entry));
            }
        }
        None
    }

    fn settle(&self, key: u64, own: usize, entry: Entry, key_of: &impl Fn(u16) -> Option<u64>) -> Settled {
        for place in self.places(key).filter(|place| *place != own) {
            loop {
                let rival = self.load(place);
                let slot = rival.slot();
                // Another entry of the same slot is left from when it last waited under this key.
                if !rival.may_be(key) || slot == entry.slot() || key_of(slot) != Some(key) {
                    break;
                }
                if !rival.is_tentative() || place < own {
                    // Should it be struck out by now, all the better.
                    self.exchange(own, entry, entry.emptied(), Ordering::Relaxed);
                    return Settled::GaveUp(slot);
                }
                // AcqRel is not needed: an empty place says nothing of any slot.
                if self.exchange(place, rival, rival.emptied(), Ordering::Relaxed) {
                    break;
                }
            }
        }
        // Release as in `enter`: this, too, shows the slot to others.
        if self.exchange(own, entry, entry.confirmed(), Ordering::Release) {
            Settled::Confirmed
        } else {
            Settled::StruckOut
        }
    }

    /// The places of a key: of both its buckets by turns, low ones first.
    #[inline]
    fn places(&self, key: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.buckets.len() - 1;
        let one = key as usize & mask;
        let other = (key >> 16) as usize & mask;
        let other = if other == one { (one ^ 1) & mask } else { other };
        (0..PLACES).flat_map(move |level| [one * PLACES + level, other * PLACES + level])
    }

    #[inline]
    fn load(&self, place: usize) -> Entry {
        // Acquire, partner: the Release in `enter` and `settle`, for the slot's word.
        Entry(self.place(place).load(Ordering::Acquire))
    }

    fn exchange(&self, place: usize, seen: Entry, new: Entry, success: Ordering) -> bool {
        self.place(place).compare_exchange(seen.0, new.0, success, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn place(&self, place: usize) -> &AtomicU64 {
        &self.buckets[place / PLACES].0[place % PLACES]
    }
}

impl fmt::Debug for KeyTable {
    /// Without its places.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTable").field("buckets", &self.buckets.len()).finish_non_exhaustive()
    }
}
