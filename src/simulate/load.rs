//! How much is sent and when. Pure: the time is handed in.

use crate::time::{Instant, Span};

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Demand {
    /// Requests in flight on one line; with a rate, the most that may be.
    pub window: Option<u32>,
    /// Requests a second of the whole member: an open loop, which goes on whatever the answers do.
    pub rate: Option<u64>,
    /// Requests altogether.
    pub count: Option<u64>,
}

/// Requests in flight on a line when nothing else was asked for.
pub const WINDOW: u32 = 32;

/// Decides how many requests are due.
#[derive(Debug)]
pub struct Load {
    window: Option<u32>,
    pace: Option<Pace>,
    /// Of the count; [`u64::MAX`] without one.
    left: u64,
    stopped: bool,
}

impl Load {
    pub fn new(demand: Demand) -> Self {
        let window = match demand.rate {
            Some(_) => demand.window,
            None => Some(demand.window.unwrap_or(WINDOW)),
        };
        Self { window, pace: demand.rate.map(Pace::new), left: demand.count.unwrap_or(u64::MAX), stopped: false }
    }

    /// No further request will be due.
    pub fn exhausted(&self) -> bool {
        self.stopped || self.left == 0
    }

    /// Nothing more is to be sent.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Requests that `lines` lines together may send now. A closed loop leaves the limit to
    /// [`Load::room`], but shares a remaining count evenly.
    pub fn due(&mut self, now: Instant) -> u64 {
        match &mut self.pace {
            _ if self.stopped => 0,
            Some(pace) => pace.due(now).min(self.left),
            None => self.left,
        }
    }

    /// Requests that a line with `in_flight` unanswered ones has room for.
    #[inline]
    pub fn room(&self, in_flight: u32) -> u64 {
        self.window.map_or(u64::MAX, |window| u64::from(window.saturating_sub(in_flight)))
    }

    /// Counts one request as sent and says when it should have been: in an open loop a sender that
    /// was held up must not measure from the moment it got through (coordinated omission).
    #[inline]
    pub fn send(&mut self, now: Instant) -> Instant {
        self.left = self.left.saturating_sub(1);
        match &mut self.pace {
            Some(pace) => pace.release(),
            None => now,
        }
    }

    /// Takes back one that [`Load::send`] counted and that never left.
    pub fn withdraw(&mut self) {
        self.left = self.left.saturating_add(1);
    }

    /// When the next request is due by the rate; [`Instant::NEVER`] in a closed loop or at the end.
    pub fn next(&self) -> Instant {
        match &self.pace {
            Some(pace) if !self.exhausted() => pace.next(),
            _ => Instant::NEVER,
        }
    }
}

/// An even rate from the first moment it was asked.
#[derive(Debug)]
struct Pace {
    per_second: u64,
    start: Option<Instant>,
    released: u64,
}

impl Pace {
    fn new(per_second: u64) -> Self {
        assert!(per_second > 0, "a rate of nothing is refused with the options");
        Self { per_second, start: None, released: 0 }
    }

    fn due(&mut self, now: Instant) -> u64 {
        let start = *self.start.get_or_insert(now);
        let elapsed = u128::from(now.since(start).0);
        let reached = elapsed * u128::from(self.per_second) / 1_000_000_000 + 1;
        u64::try_from(reached).unwrap_or(u64::MAX).saturating_sub(self.released)
    }

    fn release(&mut self) -> Instant {
        let intended = self.next();
        self.released += 1;
        intended
    }

    fn next(&self) -> Instant {
        let Some(start) = self.start else { return Instant(0) };
        let after = u128::from(self.released) * 1_000_000_000 / u128::from(self.per_second);
        start + Span(u64::try_from(after).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(window: Option<u32>, rate: Option<u64>, count: Option<u64>) -> Load {
        Load::new(Demand { window, rate, count })
    }

    fn at(millis: u64) -> Instant {
        Instant(0) + Span::from_millis(millis)
    }

    #[test]
    fn a_closed_loop_has_room_for_what_is_not_in_flight() {
        let load = demand(None, None, None);
        assert_eq!(load.room(0), u64::from(WINDOW));
        assert_eq!(load.room(WINDOW - 1), 1);
        assert_eq!(load.room(WINDOW + 7), 0, "more than the window may be in flight: held requests");
        assert_eq!(load.next(), Instant::NEVER);
    }

    #[test]
    fn a_count_ends_the_load() {
        let mut load = demand(Some(8), None, Some(2));
        load.send(at(0));
        assert!(!load.exhausted());
        load.send(at(0));
        assert!(load.exhausted());
        assert_eq!(load.due(at(1)), 0);
    }

    #[test]
    fn a_rate_is_even_and_catches_up() {
        let mut load = demand(None, Some(1000), None);
        assert_eq!(load.due(at(50)), 1, "the clock starts when it is first asked");
        assert_eq!(load.send(at(50)), at(50));
        assert_eq!(load.due(at(50)), 0);
        assert_eq!(load.next(), at(51));
        assert_eq!(load.due(at(55)), 5);
        assert_eq!(load.room(1_000_000), u64::MAX, "an open loop does not look at answers");
    }

    #[test]
    fn what_was_held_up_is_measured_from_when_it_was_due() {
        let mut load = demand(None, Some(1000), None);
        assert_eq!(load.due(at(0)), 1);
        load.send(at(0));
        assert_eq!(load.due(at(10)), 10);
        let intended: Vec<Instant> = (0..10).map(|_| load.send(at(10))).collect();
        assert_eq!(intended, (1..=10).map(at).collect::<Vec<_>>());
    }

    #[test]
    fn a_rate_with_a_window_waits_but_keeps_its_schedule() {
        let mut load = demand(Some(1), Some(1000), None);
        assert_eq!(load.due(at(0)), 1);
        load.send(at(0));
        assert_eq!(load.room(1), 0);
        assert_eq!(load.due(at(20)), 20);
        assert_eq!(load.room(0), 1);
        assert_eq!(load.send(at(20)), at(1));
    }

    #[test]
    fn a_rate_does_not_drift_over_a_day() {
        let mut load = demand(None, Some(333), None);
        assert_eq!(load.due(at(0)), 1);
        assert_eq!(load.due(at(86_400_000)), 333 * 86_400 + 1);
    }
}
