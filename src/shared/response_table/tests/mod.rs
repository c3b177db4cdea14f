//! The whole table: its rules one by one, against a naive model, and between threads.

mod capacity;
mod guard;
mod keyed;
mod oracle;
mod rules;
mod takes;
mod threads;

use super::*;

const TICK: u64 = 1 << 14;

/// A moment that the table keeps exactly.
fn at(ticks: u64) -> Instant {
    Instant(ticks * TICK)
}

fn ticks(ticks: u64) -> Span {
    Span(ticks * TICK)
}

fn request(line: u32, deadline: Instant) -> Waiting {
    Waiting { line: LineId(line), address: line as u16 ^ 0x5a5a, nii: line as u16 ^ 0xa5a5, deadline }
}
