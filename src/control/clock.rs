//! The clocks of the control thread: the monotonic one that the shards count by, and the wall
//! clock that people read.

#![allow(clippy::disallowed_methods, reason = "this is where the control side reads its clocks")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::time::Instant;

/// The moment on CLOCK_MONOTONIC, which the rings read too.
pub fn now() -> Instant {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that lives through the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    assert_eq!(result, 0, "CLOCK_MONOTONIC cannot be read");
    Instant(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
}

/// Where the monotonic clock's zero lies on the wall clock.
///
/// It is taken once and kept until the wall clock has been set to something else: computed anew
/// each time, the moment of one event would differ by a millisecond from answer to answer.
#[derive(Debug)]
pub struct WallClock {
    zero: Mutex<Duration>,
}

/// A wall clock that moved less than this against the monotonic one was slewed, not set.
const SET: Duration = Duration::from_secs(1);

impl Default for WallClock {
    fn default() -> Self {
        Self { zero: Mutex::new(zero(SystemTime::now(), now())) }
    }
}

impl WallClock {
    /// Time since 1970, UTC, of a moment on the monotonic clock.
    pub fn at(&self, moment: Instant) -> Duration {
        let found = zero(SystemTime::now(), now());
        let mut kept = self.zero.lock();
        if kept.abs_diff(found) > SET {
            *kept = found;
        }
        *kept + Duration::from_nanos(moment.0)
    }

    /// The same as text, such as `2026-01-31T23:59:59.123Z`.
    pub fn text(&self, moment: Instant) -> String {
        rfc3339(self.at(moment))
    }
}

fn zero(wall: SystemTime, monotonic: Instant) -> Duration {
    let wall = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    wall.saturating_sub(Duration::from_nanos(monotonic.0))
}

/// A time since 1970 as RFC 3339, UTC, in milliseconds.
pub fn rfc3339(since_1970: Duration) -> String {
    let (days, second) = (since_1970.as_secs() / 86_400, since_1970.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let millis = since_1970.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The civil date of a day counted from 1970-01-01. Years are taken to begin in March, so that the
/// leap day is the last of one and every month begins at a fixed place.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01
    let era = days / 146_097; // 400 years
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_calendar_has_them() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.250Z"),
            (951_782_400, "2000-02-29T00:00:00.250Z"),
            (1_709_164_799, "2024-02-28T23:59:59.250Z"),
            (1_709_251_199, "2024-02-29T23:59:59.250Z"),
            (4_107_542_400, "2100-03-01T00:00:00.250Z"),
            (1_767_225_599, "2025-12-31T23:59:59.250Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_millis(seconds * 1_000 + 250)), text);
        }
    }

    #[test]
    fn one_moment_has_one_text() {
        let clock = WallClock::default();
        let moment = now();
        let first = clock.text(moment);
        assert!((0..1000).all(|_| clock.text(moment) == first));
    }

    #[test]
    fn a_wall_clock_that_was_set_is_followed() {
        let clock = WallClock { zero: Mutex::new(Duration::from_secs(7)) };
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        assert!(wall.abs_diff(clock.at(now())) < SET);
    }
}
