//! Expiring what nobody answered, without looking at the whole table.
//!
//! A hand remembers the chunks that it claimed from, each with the earliest deadline in it; only
//! chunks whose deadline has come are scanned (2 KiB each), about once for every lap of numbers
//! while answers arrive in time.

use super::claimer::Claimer;
use super::word::{self, Slot};
use super::{ResponseTable, Waiting};
use crate::shared::atomics::Ordering;
use crate::time::Instant;

/// The deadlines that one hand watches.
#[derive(Debug)]
pub struct Sweeps {
    /// By chunk: no deadline in it is earlier; NEVER where the hand has claimed nothing.
    earliest: Box<[Instant]>,
    /// The earliest of them all.
    due: Instant,
}

impl Default for Sweeps {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Sweeps {
    pub fn new(chunks: usize) -> Self {
        Self { earliest: vec![Instant::NEVER; chunks].into(), due: Instant::NEVER }
    }

    #[inline]
    pub fn note(&mut self, chunk: usize, deadline: Instant) {
        let earliest = &mut self.earliest[chunk];
        *earliest = deadline.min(*earliest);
        self.due = deadline.min(self.due);
    }
}

impl ResponseTable {
    /// Expires what this hand claimed and whose deadline has passed; says when to sweep again.
    /// `expired` is called once for each request, whichever hand sweeps it: requests of other
    /// hands found on the way are expired, too.
    pub fn sweep(&self, hand: &mut Claimer, now: Instant, mut expired: impl FnMut(u16, Waiting)) -> Instant {
        if now < hand.sweeps.due {
            return hand.sweeps.due;
        }
        for chunk in 0..hand.sweeps.earliest.len() {
            if hand.sweeps.earliest[chunk] <= now {
                hand.sweeps.earliest[chunk] = self.sweep_chunk(hand, chunk, now, &mut expired);
            }
        }
        hand.sweeps.due = hand.sweeps.earliest.iter().copied().min().unwrap_or(Instant::NEVER);
        hand.sweeps.due
    }

    /// The earliest moment at which `sweep` has something to do.
    pub fn sweep_due(hand: &Claimer) -> Instant {
        hand.sweeps.due
    }

    /// Expires what is due in one chunk; the earliest deadline of what still waits there.
    fn sweep_chunk(
        &self,
        hand: &mut Claimer,
        chunk: usize,
        now: Instant,
        expired: &mut impl FnMut(u16, Waiting),
    ) -> Instant {
        self.join(hand);
        let mut earliest = Instant::NEVER;
        for slot in self.ring.range(chunk) {
            loop {
                // Acquire, partner: the Release in `claim`, for the NII.
                let seen = self.words[slot].load(Ordering::Acquire);
                if !word::is_pending(seen) {
                    break; // nearly all: worth asking first
                }
                let Slot::Pending { deadline, .. } = word::read(seen, now) else { break };
                if now < deadline {
                    earliest = deadline.min(earliest);
                    break;
                }
                if let Some(waiting) = self.expire(hand, slot, seen, now) {
                    expired(self.numbers.number(slot), waiting);
                    break;
                }
                // Answered meanwhile; or a repeat has put its deadline off, which must be noted.
            }
        }
        earliest
    }

    /// None if an answer, or another hand's sweep, was faster.
    pub(super) fn expire(&self, hand: &mut Claimer, slot: usize, seen: u64, now: Instant) -> Option<Waiting> {
        let waiting = self.waiting(slot, seen, now)?;
        let rest = word::rest(waiting.deadline + self.rest());
        self.resolve(hand, slot, seen, rest).then_some(waiting)
    }
}
