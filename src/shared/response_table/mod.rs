//! Requests that wait for an answer: one 64-bit word a number, lock-free, shared by all shards.
//!
//! ```text
//!           claim                      take, release
//!   free ----------> claiming -> pending ----------> free
//!   rest, over ---->                     expire, abandon
//!                                        ----------> rest
//! ```
//!
//! Every step out of `free`, `rest` and `pending` is a compare-exchange on the slot's word, so of
//! an answer and a deadline that meet exactly one wins. The request's NII (and the tag that its answer
//! must fit, in a table that keeps tags) does not fit into the word: it lies beside it, is written
//! while the slot is `claiming` and belongs to the word as long as that stays as it was read.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::ids::LineId;
use crate::shared::atomics::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use crate::time::{Instant, Span};

mod claimer;
mod keyed;
mod numbers;
mod permits;
mod ring;
mod sweep;
mod tags;
mod takes;
#[cfg(all(test, not(ringswitch_loom)))]
mod tests;
mod word;

use claimer::HandCount;
pub use claimer::{Claimer, Claims};
pub use keyed::Held;
use numbers::Numbers;
use permits::Permits;
use ring::Ring;
use tags::Tags;
use word::Slot;

/// Numbers of a chunk: 2 KiB of words, so that two shards seldom write the same cache line.
const CHUNK_SLOTS: u32 = 256;

/// The same among 10,000 numbers, where 40 chunks would be too few for many shards.
const CHUNK_SLOTS_DIGITS: u32 = 32;

/// One answering group's numbers and who waits under them.
pub struct ResponseTable {
    /// Tells hands of other tables apart.
    id: u64,
    numbers: Numbers,
    words: Box<[AtomicU64]>,
    nii: Box<[AtomicU16]>,
    tags: Tags,
    ring: Ring,
    permits: Permits,
    rest_ns: AtomicU64,
    /// Nanoseconds; `u64::MAX` while no number was used twice.
    shortest_rest: AtomicU64,
    /// Numbers not handed out, fixed and reserved ones.
    never: AtomicU32,
    hands: Mutex<Vec<Arc<HandCount>>>,
}

/// Who waits under a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    pub line: LineId,
    /// The address to restore.
    pub address: u16,
    /// The request's NII.
    pub nii: u16,
    /// Kept to 16.4 us, rounded down.
    pub deadline: Instant,
}

/// Why there is nobody under a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nobody {
    /// The number rests after its request timed out: the answer is late.
    Late,
    /// Nobody waits: never asked, or answered before.
    Unmatched,
}

/// No number can be had: the limit is reached, or all numbers wait or rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// A slot as it was seen; [`ResponseTable::take`] succeeds only if it still is so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    word: u64,
}

impl ResponseTable {
    /// `pending`: requests that may wait at once. `rest`: how long a number that timed out rests.
    /// `digits`: only numbers that read as four decimal digits, 0001 to 9999. `start`: the number
    /// to begin near; the first one handed out is at or (up to 255) behind it, also where `start`
    /// is none of digits.
    pub fn new(pending: u32, rest: Span, digits: bool, start: u16) -> Self {
        if digits {
            Self::with_numbers(Numbers::Digits, CHUNK_SLOTS_DIGITS, pending, rest, start)
        } else {
            Self::with_numbers(Numbers::All, CHUNK_SLOTS, pending, rest, start)
        }
    }

    /// Only the numbers from 1 to below `slots`, in chunks of `chunk`: so few that every
    /// interleaving can be tried, or that laps are short: for tests.
    pub fn tiny(slots: u32, chunk: u32, pending: u32, rest: Span) -> Self {
        Self::with_numbers(Numbers::First(slots), chunk, pending, rest, 0)
    }

    fn with_numbers(numbers: Numbers, chunk_slots: u32, pending: u32, rest: Span, start: u16) -> Self {
        // The program's own atomic, not one that loom resets: an id is never given twice.
        static NEXT_ID: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let slots = numbers.slots();
        let start = (start..=u16::MAX).find_map(|number| numbers.slot(number)).unwrap_or(0);
        let table = Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed), // Relaxed: only has to be another one
            numbers,
            words: untouched_words(slots as usize),
            nii: untouched_nii(slots as usize),
            tags: Tags::new(slots as usize),
            ring: Ring::new(slots, chunk_slots, start as u32),
            permits: Permits::new(pending),
            rest_ns: AtomicU64::new(rest.0),
            shortest_rest: AtomicU64::new(u64::MAX),
            never: AtomicU32::new(0),
            hands: Mutex::new(Vec::new()),
        };
        for slot in numbers.never() {
            table.withhold(slot);
        }
        table
    }

    /// Changes how many requests may wait. Those that wait already do so on.
    pub fn set_pending(&self, pending: u32) {
        self.permits.set_limit(pending);
    }

    /// Changes how long numbers rest that time out from now on.
    pub fn set_rest(&self, rest: Span) {
        self.rest_ns.store(rest.0, Ordering::Relaxed); // Relaxed: a setting that stands for itself
    }

    fn rest(&self) -> Span {
        Span(self.rest_ns.load(Ordering::Relaxed)) // Relaxed: see `set_rest`
    }

    /// Never hands `number` out (again). False while a request waits under it: ask again later.
    pub fn reserve(&self, number: u16) -> bool {
        self.numbers.slot(number).is_none_or(|slot| self.withhold(slot))
    }

    fn withhold(&self, slot: usize) -> bool {
        // Relaxed: the word alone says that the number is not to be had.
        let mut seen = self.words[slot].load(Ordering::Relaxed);
        loop {
            match seen {
                word::NEVER => return true,
                word::CLAIMING => return false,
                seen if word::is_pending(seen) => return false,
                _ => {}
            }
            match self.words[slot].compare_exchange(seen, word::NEVER, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    self.never.fetch_add(1, Ordering::Relaxed); // Relaxed: a count
                    return true;
                }
                Err(now) => seen = now,
            }
        }
    }

    /// Allows a reserved number again; not one that no table hands out (`0000`, `FFFF`).
    pub fn unreserve(&self, number: u16) {
        let Some(slot) = self.numbers.slot(number) else { return };
        let fixed = self.numbers.never().any(|never| never == slot);
        let word = &self.words[slot];
        // Relaxed: see `withhold`.
        if !fixed && word.compare_exchange(word::NEVER, word::UNUSED, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.never.fetch_sub(1, Ordering::Relaxed); // Relaxed: a count
        }
    }

    /// Whether a request waits under `number`, in time or not.
    #[inline(always)]
    pub fn waits(&self, number: u16) -> bool {
        // Relaxed: a look at the state alone.
        self.numbers.slot(number).is_some_and(|slot| word::is_pending(self.words[slot].load(Ordering::Relaxed)))
    }

    /// Who waits under `number`, without taking it. A request past its deadline waits no more,
    /// swept or not.
    // Inlined wherever it is used: its result is large, and most of it is not needed.
    #[inline(always)]
    pub fn look(&self, number: u16, now: Instant) -> Result<(Waiting, Seen), Nobody> {
        let slot = self.numbers.slot(number).ok_or(Nobody::Unmatched)?;
        // Acquire, partner: the Release in `claim`, for the NII.
        let word = self.words[slot].load(Ordering::Acquire);
        let Some(waiting) = self.waiting(slot, word, now) else { return Err(nobody(word, now)) };
        if waiting.deadline <= now { Err(Nobody::Late) } else { Ok((waiting, Seen { word })) }
    }

    /// Takes what `look` saw; the number is free again. Fails if another shard was first.
    #[inline(always)]
    pub fn take(&self, hand: &mut Claimer, number: u16, seen: Seen, now: Instant) -> Result<(), Nobody> {
        self.takes(hand, now).take(number, seen)
    }

    #[cold]
    fn nobody_in(&self, slot: usize, now: Instant) -> Nobody {
        nobody(self.words[slot].load(Ordering::Relaxed), now) // Relaxed: the word alone says why
    }

    /// The request was dropped before a byte of it was given to anybody: the number is free at once.
    pub fn release(&self, hand: &mut Claimer, number: u16, now: Instant) -> Option<Waiting> {
        self.resolve_any(hand, number, now, word::freed(now))
    }

    /// The request was begun and cannot be answered: the number rests as if it had timed out.
    pub fn abandon(&self, hand: &mut Claimer, number: u16, now: Instant) -> Option<Waiting> {
        self.resolve_any(hand, number, now, word::rest(now + self.rest()))
    }

    /// Ends whatever request waits under `number`.
    fn resolve_any(&self, hand: &mut Claimer, number: u16, now: Instant, becomes: u64) -> Option<Waiting> {
        let slot = self.numbers.slot(number)?;
        // Acquire, partner: the Release in `claim`, for the NII. No second try: the only change
        // that can come between is the end of the request.
        let seen = self.words[slot].load(Ordering::Acquire);
        let waiting = self.waiting(slot, seen, now)?;
        self.resolve(hand, slot, seen, becomes).then_some(waiting)
    }

    /// The one way in which a request ends; true for the one caller that ends it.
    #[inline(always)]
    fn resolve(&self, hand: &mut Claimer, slot: usize, seen: u64, becomes: u64) -> bool {
        self.join(hand);
        let ended = self.exchange(slot, seen, becomes);
        if ended {
            self.settle(hand, 1);
        }
        ended
    }

    /// The books of requests that have ended.
    #[inline(always)]
    fn settle(&self, hand: &mut Claimer, ended: u32) {
        if ended > 0 {
            hand.count(-i64::from(ended));
            self.permits.put(&mut hand.stock, ended);
        }
    }

    /// Ends a request but for the books.
    #[inline(always)]
    fn exchange(&self, slot: usize, seen: u64, becomes: u64) -> bool {
        // AcqRel. Release, partner: the Acquire in `seize`; what was read of the request, its NII,
        // was read before the slot can be claimed again. Acquire, partner: the Release in `publish`.
        self.words[slot].compare_exchange(seen, becomes, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The request that a word read with Acquire stands for. Its NII is surely its own only while
    /// the word is unchanged.
    #[inline(always)]
    fn waiting(&self, slot: usize, word: u64, now: Instant) -> Option<Waiting> {
        let Slot::Pending { line, address, deadline } = word::read(word, now) else { return None };
        let nii = self.nii[slot].load(Ordering::Relaxed); // Relaxed: ordered by the word, see above
        Some(Waiting { line, address, nii, deadline })
    }

    /// Requests that wait now (permits that a hand keeps in stock do not count).
    pub fn pending(&self) -> u32 {
        // Relaxed: a report. Claims and answers that overlap the sum may be counted on one side.
        let sum: i64 = self.hands.lock().iter().map(|waiting| waiting.load(Ordering::Relaxed)).sum();
        sum.clamp(0, i64::from(u32::MAX)) as u32
    }

    /// Numbers that can be handed out at all.
    pub fn numbers(&self) -> u32 {
        self.numbers.slots() - self.never.load(Ordering::Relaxed) // Relaxed: a count
    }

    /// The shortest rest of a number between two uses since the start; numbers that timed out
    /// are not counted, their rest is configured.
    pub fn shortest_rest(&self) -> Option<Span> {
        let rest = self.shortest_rest.load(Ordering::Relaxed); // Relaxed: a statistic
        (rest != u64::MAX).then_some(Span(rest))
    }

    /// How far the order in which numbers are used has come, in chunks; counts on over laps. All
    /// numbers that were given out lie before it.
    pub fn position(&self) -> u64 {
        self.ring.cursor()
    }

    /// Chunks of a lap.
    pub fn chunks(&self) -> u64 {
        self.ring.chunks() as u64
    }

    /// The number at which the chunk at a position begins: there a later run may start.
    pub fn number_at(&self, position: u64) -> u16 {
        self.numbers.number(self.ring.slot_at(position))
    }
}

/// Why a word that is no request in time lets nobody be found.
#[inline]
fn nobody(word: u64, now: Instant) -> Nobody {
    match word::read(word, now) {
        Slot::Rest { until } if now < until => Nobody::Late,
        Slot::Pending { deadline, .. } if deadline <= now => Nobody::Late,
        _ => Nobody::Unmatched,
    }
}

impl fmt::Debug for ResponseTable {
    /// Without its 65,536 words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseTable")
            .field("numbers", &self.numbers)
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

/// Memory that is all zeros and stays untouched until it is used: most groups use little of it.
#[cfg(not(ringswitch_loom))]
fn untouched_words(slots: usize) -> Box<[AtomicU64]> {
    // SAFETY: all zeros is a valid `AtomicU64`.
    unsafe { Box::new_zeroed_slice(slots).assume_init() }
}

#[cfg(not(ringswitch_loom))]
fn untouched_nii(slots: usize) -> Box<[AtomicU16]> {
    // SAFETY: all zeros is a valid `AtomicU16`.
    unsafe { Box::new_zeroed_slice(slots).assume_init() }
}

#[cfg(ringswitch_loom)]
fn untouched_words(slots: usize) -> Box<[AtomicU64]> {
    (0..slots).map(|_| AtomicU64::new(word::UNUSED)).collect()
}

#[cfg(ringswitch_loom)]
fn untouched_nii(slots: usize) -> Box<[AtomicU16]> {
    (0..slots).map(|_| AtomicU16::new(0)).collect()
}
