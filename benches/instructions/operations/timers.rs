//! The timer wheel with an entry for each of many lines.

use std::hint::black_box;

use ringswitch::time::Instant;

use super::Operation;
use crate::counter::Counter;
use crate::wheel::{IDLE, IdleLines};

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "wheel/same-tick", run: same_tick },
    Operation { name: "wheel/elsewhere/20000", run: elsewhere },
    Operation { name: "wheel/next", run: next },
    Operation { name: "wheel/expire/9000", run: |counter| expire(counter, 9_000) },
    Operation { name: "wheel/expire/20000", run: |counter| expire(counter, 20_000) },
];

const TIMES: u64 = 100;

fn same_tick(counter: &mut Counter) {
    let mut idle = IdleLines::new(20_000);
    counter.rounds(TIMES, || {
        for _ in 0..TIMES {
            idle.wheel.schedule(black_box(7), black_box(Instant(IDLE.0)));
        }
    });
}

fn elsewhere(counter: &mut Counter) {
    let mut idle = IdleLines::new(20_000);
    counter.rounds(TIMES, || (0..TIMES).for_each(|_| idle.move_one()));
}

fn next(counter: &mut Counter) {
    let idle = IdleLines::new(20_000);
    counter.rounds(TIMES, || {
        for _ in 0..TIMES {
            black_box(black_box(&idle.wheel).next());
        }
    });
}

/// For each line that fires and is set again. A few rounds are enough: each is 120 seconds of all
/// lines.
fn expire(counter: &mut Counter, lines: u32) {
    let mut idle = IdleLines::new(lines);
    counter.few_rounds(|round| round.count(u64::from(lines), || idle.pass()));
}
