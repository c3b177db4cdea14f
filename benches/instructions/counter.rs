//! The two functions that callgrind is told of: it counts inside the one, and writes what it has
//! counted after the other.

use std::hint::black_box;

/// Pattern of the function inside which instructions count.
pub const COUNTED: &str = "*counter::counted*";

/// Pattern of the function behind which the sum is written and begins anew.
pub const ENDED: &str = "*counter::operation_ended*";

/// Rounds before the first that counts: lists have their size, the switch its pace.
const WARM_UP: usize = 30;

/// Rounds that count: enough that what happens once in some hundred frames has its share.
const ROUNDS: usize = 200;

/// What an operation is counted with.
#[derive(Default)]
pub struct Counter {
    /// Of what the figure is for one.
    pub units: u64,
}

impl Counter {
    /// Runs `round` many times and counts all but the first, each as `units`.
    pub fn rounds(&mut self, units: u64, mut round: impl FnMut()) {
        self.mixed_rounds(|part| part.count(units, &mut round));
    }

    /// The same with rounds of which only parts count.
    pub fn mixed_rounds(&mut self, round: impl FnMut(&mut Part)) {
        self.some_rounds(WARM_UP, ROUNDS, round);
    }

    /// The same where each round is long.
    pub fn few_rounds(&mut self, round: impl FnMut(&mut Part)) {
        self.some_rounds(1, 4, round);
    }

    fn some_rounds(&mut self, warm_up: usize, rounds: usize, mut round: impl FnMut(&mut Part)) {
        let mut part = Part { counts: false, units: 0 };
        (0..warm_up).for_each(|_| round(&mut part));
        part.counts = true;
        (0..rounds).for_each(|_| round(&mut part));
        self.units = part.units;
    }
}

/// A part of a round.
pub struct Part {
    counts: bool,
    units: u64,
}

impl Part {
    /// Work of which the figure is for one of `units`.
    #[inline]
    pub fn count(&mut self, units: u64, work: impl FnOnce()) {
        self.count_if(true, units, work);
    }

    /// The same, if it is wanted in this operation.
    #[inline]
    pub fn count_if(&mut self, wanted: bool, units: u64, work: impl FnOnce()) {
        if self.counts && wanted {
            self.units += units;
            counted(work);
        } else {
            work();
        }
    }
}

// Whatever is called here must not match COUNTED itself: entering it would switch counting off.
#[inline(never)]
fn counted(work: impl FnOnce()) {
    work();
    black_box(()); // so that the call is none at the end, which would be a jump and leave early
}

#[inline(never)]
pub fn operation_ended(name: &str) {
    black_box(name);
}
