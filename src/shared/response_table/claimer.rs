//! One shard's hand in a response table, and how it finds a number.

use std::sync::Arc;

use crossbeam::utils::CachePadded;

use super::permits::Stock;
use super::ring::{Choice, Place};
use super::sweep::Sweeps;
use super::{Full, ResponseTable, Waiting, word};
use crate::ids::LineId;
use crate::shared::atomics::{AtomicI64, Ordering};
use crate::time::{Instant, Span};

/// How long a hand remembers that it found no number.
const FULL_FOR: Span = Span::from_millis(1);

/// One shard's hand in a table: the chunk it takes numbers from, its permits, what it sweeps.
/// It belongs to the table that it is first used with and has to live as long as that is used:
/// its own requests expire by its own sweep.
#[derive(Debug, Default)]
pub struct Claimer {
    membership: Option<Membership>,
    place: Place,
    pub(super) stock: Stock,
    pub(super) sweeps: Sweeps,
    search: Search,
    /// Of the slots seized since the last look at their rests, the word of the one freed last.
    freed_last: u64,
}

/// What binds a hand to its table.
#[derive(Debug)]
struct Membership {
    table: u64,
    /// Requests that this hand claimed minus those that it resolved; below zero where answers
    /// arrive at another shard than the requests.
    waiting: Arc<HandCount>,
}

pub(super) type HandCount = CachePadded<AtomicI64>;

/// How much the hand has searched of late.
#[derive(Debug, Default)]
struct Search {
    /// No number is to be had until then.
    full_until: Instant,
    since: Instant,
    /// Numbers passed since then because they wait, rest or are never handed out.
    passed: usize,
    /// Whether going round the rested chunks has led to nothing since then.
    rested_in_vain: bool,
    /// No number was free: until then those that rest are taken, too, by who may.
    resting_until: Instant,
}

impl Claimer {
    /// Adds to the requests that wait.
    #[inline]
    pub(super) fn count(&self, change: i64) {
        if let Some(membership) = &self.membership {
            let waiting = &membership.waiting;
            // Relaxed, load and store apart: this hand is the only writer of a statistic.
            waiting.store(waiting.load(Ordering::Relaxed) + change, Ordering::Relaxed);
        }
    }
}

impl ResponseTable {
    /// Makes the hand one of this table's, the first time it is used.
    #[inline]
    pub(super) fn join(&self, hand: &mut Claimer) {
        match &hand.membership {
            Some(membership) => assert_eq!(membership.table, self.id, "a hand of another table"),
            None => self.enrol(hand),
        }
    }

    #[cold]
    fn enrol(&self, hand: &mut Claimer) {
        let waiting = Arc::new(HandCount::default());
        self.hands.lock().push(waiting.clone());
        self.permits.add_hand();
        self.ring.add_hand();
        hand.sweeps = Sweeps::new(self.ring.chunks());
        hand.membership = Some(Membership { table: self.id, waiting });
    }

    /// Hands out the number that has rested longest, or nearly so. Costs a few nanoseconds while
    /// numbers are free; a hand passes no more busy numbers in a millisecond than a table has, and
    /// says [`Full`] for the rest of it.
    ///
    /// # Panics
    /// If the deadline lies more than 16 minutes ahead.
    pub fn claim(&self, hand: &mut Claimer, waiting: Waiting, now: Instant) -> Result<u16, Full> {
        self.claims(hand, waiting.line, waiting.deadline, now).next(waiting.address, waiting.nii)
    }

    /// Begins to hand out numbers to requests that came together: one line's, with one deadline.
    /// What is the same for all of them is looked at once.
    ///
    /// # Panics
    /// If the deadline lies more than 16 minutes ahead.
    #[inline]
    pub fn claims<'a>(&'a self, hand: &'a mut Claimer, line: LineId, deadline: Instant, now: Instant) -> Claims<'a> {
        self.join(hand);
        self.permits.adopt_terms(&mut hand.stock);
        assert!(deadline.since(now) <= word::AHEAD_MAX && line.0 < LineId::LIMIT);
        let word = word::pending(line, 0, deadline);
        Claims { table: self, hand, word, deadline: word::floor(deadline), now, noted: usize::MAX, claimed: 0 }
    }

    /// A slot in the state [`word::CLAIMING`].
    #[inline]
    fn find(&self, hand: &mut Claimer, now: Instant) -> Option<usize> {
        self.find_here(hand, now).or_else(|| self.find_further(hand, now))
    }

    /// The same, if need be one that still rests; says whether its rest was over for sure.
    fn find_even_resting(&self, hand: &mut Claimer, now: Instant) -> Option<(usize, bool)> {
        if now >= hand.search.full_until.max(hand.search.resting_until)
            && let Some(slot) = self.find(hand, now)
        {
            return Some((slot, true));
        }
        if now >= hand.search.resting_until {
            // As long as a full table is remembered: then free numbers are looked for first again.
            (hand.search.resting_until, hand.search.passed) = (now + FULL_FOR, 0);
        }
        let found = self.find_here(hand, Instant::NEVER).or_else(|| self.find_resting(hand))?;
        Some((found, false))
    }

    /// Looks at what is left of the chunk that the hand is at.
    #[inline]
    fn find_here(&self, hand: &mut Claimer, rested_at: Instant) -> Option<usize> {
        while let Some(slot) = hand.place.next_slot() {
            if self.seize(hand, slot, rested_at) {
                hand.place.set_used();
                return Some(slot);
            }
            hand.search.passed += 1;
        }
        None
    }

    /// Goes on to the next chunks: once round those that have rested, once round the others.
    #[cold]
    fn find_further(&self, hand: &mut Claimer, now: Instant) -> Option<usize> {
        if now.since(hand.search.since) >= FULL_FOR {
            hand.search = Search { since: now, ..Search::default() };
        }
        self.ring.leave(&mut hand.place);
        let mut found = None;
        if !hand.search.rested_in_vain {
            found = self.go_round(hand, Choice::Rested, now);
            hand.search.rested_in_vain = found.is_none();
        }
        if found.is_none() {
            found = self.go_round(hand, Choice::LeftOut, now);
        }
        if found.is_none() {
            hand.search.full_until = now + FULL_FOR;
        }
        found
    }

    /// The number that has rested longest, or nearly so: it was handed out longest ago, so it is the
    /// next one round the ring.
    #[cold]
    fn find_resting(&self, hand: &mut Claimer) -> Option<usize> {
        self.ring.leave(&mut hand.place);
        let choices = [Choice::Rested, Choice::LeftOut];
        choices.into_iter().find_map(|choice| self.go_round(hand, choice, Instant::NEVER))
    }

    fn go_round(&self, hand: &mut Claimer, choice: Choice, rested_at: Instant) -> Option<usize> {
        let start = self.ring.cursor();
        for turn in start..start + self.ring.chunks() as u64 {
            if hand.search.passed >= self.words.len() {
                return None; // has searched enough for this millisecond
            }
            if self.ring.enter(&mut hand.place, turn, choice) {
                let found = self.find_here(hand, rested_at);
                if found.is_some() {
                    return found;
                }
                self.ring.leave(&mut hand.place);
            }
        }
        None
    }

    /// Makes a claimable slot this hand's to write: a free one, or one whose rest ends by `rested_at`.
    #[inline]
    fn seize(&self, hand: &mut Claimer, slot: usize, rested_at: Instant) -> bool {
        let seen = self.words[slot].load(Ordering::Relaxed); // only a hint: the exchange decides
        if !word::is_claimable(seen, rested_at) {
            return false;
        }
        // Acquire, partner: the AcqRel by which `take` freed the slot; whoever took the last
        // request had read its NII before that, so cannot read the one written next.
        let seized = self.words[slot].compare_exchange(seen, word::CLAIMING, Ordering::Acquire, Ordering::Relaxed);
        if seized.is_ok() && word::is_free(seen) {
            hand.freed_last = hand.freed_last.max(seen);
        }
        seized.is_ok()
    }

    /// The shortest rest among the slots seized since the last time.
    #[inline]
    fn note_rest(&self, hand: &mut Claimer, now: Instant) {
        let Some(freed) = word::freed_at(std::mem::take(&mut hand.freed_last)) else { return };
        let rest = now.since(freed);
        // Relaxed: a statistic. Read first, so that the line stays shared between the shards.
        if rest.0 < self.shortest_rest.load(Ordering::Relaxed) {
            self.shortest_rest.fetch_min(rest.0, Ordering::Relaxed);
        }
    }
}

/// Requests of one line with one deadline, being given numbers one after the other.
#[derive(Debug)]
pub struct Claims<'a> {
    pub(super) table: &'a ResponseTable,
    pub(super) hand: &'a mut Claimer,
    /// The word of such a request but for its address.
    word: u64,
    deadline: Instant,
    pub(super) now: Instant,
    /// The chunk for which the sweep knows the deadline.
    noted: usize,
    claimed: i64,
}

impl Claims<'_> {
    /// A number for the request of `address` to `nii`, as [`ResponseTable::claim`].
    #[inline]
    pub fn next(&mut self, address: u16, nii: u16) -> Result<u16, Full> {
        let (table, hand) = (self.table, &mut *self.hand);
        if self.now < hand.search.full_until || !table.permits.take(&mut hand.stock) {
            return Err(Full);
        }
        let Some(slot) = table.find(hand, self.now) else {
            table.permits.put(&mut hand.stock, 1);
            return Err(Full);
        };
        Ok(self.publish(slot, address, nii))
    }

    /// A slot that is this hand's to write, and whether its rest was over; if need be, and `may`,
    /// one of which it was not.
    #[inline]
    pub(super) fn claim_slot(&mut self, may: bool) -> Result<(usize, bool), Full> {
        let (table, hand) = (self.table, &mut *self.hand);
        let full = self.now < hand.search.full_until && !may;
        if full || !table.permits.take(&mut hand.stock) {
            return Err(Full);
        }
        let found = if may {
            table.find_even_resting(hand, self.now)
        } else {
            table.find(hand, self.now).map(|slot| (slot, true))
        };
        if found.is_none() {
            table.permits.put(&mut hand.stock, 1);
        }
        found.ok_or(Full)
    }

    /// The request waits from now on.
    #[inline]
    pub(super) fn publish(&mut self, slot: usize, address: u16, nii: u16) -> u16 {
        let (table, hand) = (self.table, &mut *self.hand);
        // Relaxed: published by the store below.
        table.nii[slot].store(nii, Ordering::Relaxed);
        // Release, partner: the Acquire in `look`; who sees the request sees its NII. A plain
        // store: nobody else changes a slot that is being claimed.
        table.words[slot].store(word::with_address(self.word, address), Ordering::Release);
        self.claimed += 1;
        if self.noted != hand.place.chunk {
            self.noted = hand.place.chunk;
            hand.sweeps.note(hand.place.chunk, self.deadline);
        }
        table.numbers.number(slot)
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        self.hand.count(self.claimed);
        self.table.note_rest(self.hand, self.now);
    }
}
