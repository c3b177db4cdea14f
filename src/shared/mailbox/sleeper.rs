//! Waking only who sleeps, and never letting somebody sleep through a letter.
//!
//! ```text
//! who writes:    publish          fence    asleep? -> wake
//! who sleeps:    asleep = true    fence    mail?   -> do not sleep
//! ```
//!
//! Each writes one thing and reads the other's. Of two SeqCst fences one comes first, and who comes
//! second sees what the first one wrote: no Release and Acquire alone can promise that.

use crate::shared::atomics::{AtomicBool, Ordering, fence};

/// A shard's bed: whether it sleeps, so that only sleepers are woken.
#[derive(Debug, Default)]
pub struct Sleeper {
    asleep: AtomicBool,
}

impl Sleeper {
    /// About to sleep: afterwards look at the mail (and the plan's epoch) once more.
    #[inline]
    pub fn lie_down(&self) {
        self.asleep.store(true, Ordering::Relaxed); // Relaxed: ordered by the fence
        fence(Ordering::SeqCst); // partner: the fence in `must_wake`
    }

    #[inline]
    pub fn get_up(&self) {
        // Relaxed: who still sees a sleeper wakes once for nothing.
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// After publishing mail: whether the shard sleeps and this caller is the one to wake it.
    #[inline]
    pub fn must_wake(&self) -> bool {
        fence(Ordering::SeqCst); // partner: the fence in `lie_down`
        // Relaxed: the fence orders; the swap lets one of several callers win.
        self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed)
    }
}

#[cfg(all(test, not(ringswitch_loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_wakes_and_only_a_sleeper() {
        let sleeper = Sleeper::default();
        assert!(!sleeper.must_wake());
        sleeper.lie_down();
        assert!(sleeper.must_wake());
        assert!(!sleeper.must_wake());
        sleeper.lie_down();
        sleeper.get_up();
        assert!(!sleeper.must_wake());
    }
}
