//! What was asked and what became of it.

use std::collections::{HashSet, VecDeque};

use super::message::Way;
use crate::time::{Instant, Span};

/// A request that waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The line it was sent on.
    pub line: u16,
    pub terminal: u16,
    pub way: Way,
    /// When it should have been sent; differs from `sent` in an open loop only.
    pub intended: Instant,
    pub sent: Instant,
    pub hold: Span,
    /// What its answer must carry.
    pub sum: u64,
}

/// What an answer with some serial turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Somebody waits for it; nobody does any more.
    Waiting(Waiting),
    /// It was answered before.
    Duplicate,
    /// It had been given up as lost.
    Late,
    /// No request of this serial was ever sent.
    Never,
}

/// Requests in the order of their serials. What is settled at the front is forgotten: the serials
/// below it were all answered, but for those that were lost.
#[derive(Debug, Default)]
pub struct Ledger {
    base: u64,
    entries: VecDeque<Option<Waiting>>,
    lost: HashSet<u64>,
    in_flight: u64,
}

impl Ledger {
    /// The serial that the next [`Ledger::open`] stands for.
    #[inline]
    pub fn next_serial(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    #[inline]
    pub fn open(&mut self, waiting: Waiting) {
        self.entries.push_back(Some(waiting));
        self.in_flight += 1;
    }

    /// Requests that wait.
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Settles the request that an answer names.
    #[inline]
    pub fn take(&mut self, serial: u64) -> Found {
        if serial >= self.next_serial() {
            return Found::Never;
        }
        if let Some(waiting) = self.settle(serial) {
            return Found::Waiting(waiting);
        }
        if self.lost.remove(&serial) { Found::Late } else { Found::Duplicate }
    }

    /// Settles a request without an answer: it never left, or came back rejected.
    pub fn withdraw(&mut self, serial: u64) -> Option<Waiting> {
        self.settle(serial)
    }

    #[inline]
    fn settle(&mut self, serial: u64) -> Option<Waiting> {
        let at = usize::try_from(serial.checked_sub(self.base)?).ok()?;
        let waiting = self.entries.get_mut(at)?.take()?;
        self.in_flight -= 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.base += 1;
        }
        Some(waiting)
    }

    /// Gives up what was sent more than `within` ago. Serials are in the order of sending, so it
    /// looks no further than the first request that may still wait.
    pub fn expire(&mut self, now: Instant, within: Span, mut lost: impl FnMut(Waiting)) {
        while let Some(front) = self.entries.front() {
            if let Some(waiting) = front {
                if now.since(waiting.sent) <= within {
                    return;
                }
                lost(*waiting);
                self.lost.insert(self.base);
                self.in_flight -= 1;
            }
            self.entries.pop_front();
            self.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(millis: u64) -> Waiting {
        let sent = Instant(0) + Span::from_millis(millis);
        Waiting { line: 0, terminal: 0, way: Way::Raw, intended: sent, sent, hold: Span::ZERO, sum: 0 }
    }

    #[test]
    fn an_answer_settles_its_request_once() {
        let mut ledger = Ledger::default();
        for millis in 0..3 {
            ledger.open(waiting(millis));
        }
        assert_eq!(ledger.take(1), Found::Waiting(waiting(1)));
        assert_eq!(ledger.take(1), Found::Duplicate, "while an older one waits");
        assert_eq!(ledger.take(0), Found::Waiting(waiting(0)));
        assert_eq!(ledger.take(0), Found::Duplicate, "also when it is forgotten");
        assert_eq!(ledger.take(3), Found::Never);
        assert_eq!(ledger.take(u64::MAX), Found::Never);
        assert_eq!((ledger.in_flight(), ledger.next_serial()), (1, 3));
    }

    #[test]
    fn what_is_not_answered_in_time_is_lost_and_then_late() {
        let mut ledger = Ledger::default();
        for millis in [0, 5, 10] {
            ledger.open(waiting(millis));
        }
        ledger.take(1);
        let mut lost = Vec::new();
        let within = Span::from_millis(20);
        ledger.expire(Instant(0) + within, within, |waiting| lost.push(waiting));
        assert_eq!(lost, [], "to the deadline itself it waits");
        ledger.expire(Instant(1) + within, within, |waiting| lost.push(waiting));
        assert_eq!(lost, [waiting(0)]);
        assert_eq!(ledger.take(0), Found::Late);
        assert_eq!(ledger.take(0), Found::Duplicate, "the second late one is a double");
        assert_eq!(ledger.in_flight(), 1);
        assert_eq!(ledger.take(2), Found::Waiting(waiting(10)));
    }

    #[test]
    fn what_never_left_is_neither_lost_nor_answered() {
        let mut ledger = Ledger::default();
        ledger.open(waiting(0));
        assert_eq!(ledger.withdraw(0), Some(waiting(0)));
        assert_eq!(ledger.withdraw(0), None);
        ledger.expire(Instant::NEVER, Span::ZERO, |_| panic!("nothing waits"));
        assert_eq!((ledger.in_flight(), ledger.next_serial()), (0, 1));
    }
}
