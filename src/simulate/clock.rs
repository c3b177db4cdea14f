//! The one place of the simulator that reads a clock.

#![expect(clippy::disallowed_methods, reason = "a played member has a clock of its own")]

use crate::time::{Instant, Span};

/// The monotonic clock, counted from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    #[inline]
    pub fn now(&self) -> Instant {
        Instant(0) + self.elapsed()
    }

    /// Time since [`Clock::start`].
    #[inline]
    pub fn elapsed(&self) -> Span {
        Span(u64::try_from(self.start.elapsed().as_nanos()).expect("584 years have not passed"))
    }
}
