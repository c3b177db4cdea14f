//! How often the lines of a group were all closed because one of them broke
//! (`on_line_loss = "reset_group"`).
//!
//! Each connection notes the count under which it came up. It breaks the group only if the count is
//! still the same: one loss that shows on several lines, on several shards, is one reset. And a
//! reset closes only what came up before it: a line that is quick to come back is not closed again
//! by the orders that are still on their way. Without both a group and a front end that rebuild
//! each other's lines would never come to rest.

use crate::shared::atomics::{AtomicU32, Ordering::Relaxed};

#[derive(Debug, Default)]
pub struct Resets(AtomicU32);

// All Relaxed: a shard learns of a reset by the order in its queue, and reads this count behind it.
impl Resets {
    pub fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }

    /// A connection broke that came up under the count `noted`. The new count, for the one caller
    /// whose loss begins a reset; `None` if one has begun since.
    pub fn begin(&self, noted: u32) -> Option<u32> {
        let next = noted.wrapping_add(1);
        self.0.compare_exchange(noted, next, Relaxed, Relaxed).ok().map(|_| next)
    }
}

/// Whether a connection that came up under `noted` is one that the reset with this count closes.
pub const fn is_before(noted: u32, reset: u32) -> bool {
    (reset.wrapping_sub(noted) as i32) > 0
}

#[cfg(all(test, not(ringswitch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_loss_is_one_reset_however_many_lines_it_shows_on() {
        let resets = Resets::default();
        assert_eq!(resets.begin(0), Some(1));
        assert_eq!(resets.begin(0), None, "another line of the same time");
        assert_eq!(resets.begin(1), Some(2), "a line that came up since");
        assert_eq!(resets.count(), 2);
    }

    #[test]
    fn a_reset_closes_what_came_up_before_it() {
        assert!(is_before(0, 1) && is_before(0, 7) && is_before(u32::MAX, 0));
        assert!(!is_before(1, 1) && !is_before(2, 1) && !is_before(0, u32::MAX));
    }
}
