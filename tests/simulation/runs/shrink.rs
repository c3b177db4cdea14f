//! A run as an attempt that may fail, and the fewest steps of a schedule that still fail (delta debugging).

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::time::{Duration, Instant};

use super::model::Counts;
use super::play::{Drawn, play};

/// What went wrong with a seed.
#[derive(Clone, Debug)]
pub struct Failure {
    pub seed: u64,
    pub what: String,
}

thread_local! {
    /// The last panic of an attempt of this thread: what it said and where.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
    static ATTEMPTS: RefCell<bool> = const { RefCell::new(false) };
}

/// The panics of attempts are kept, and not printed.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if ATTEMPTS.with_borrow(|attempts| *attempts) {
                let said = info.payload_as_str().unwrap_or("a panic");
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                SAID.set(Some(format!("{said} ({place})")));
            } else {
                before(info);
            }
        }));
    });
}

/// Plays those steps of a schedule.
pub fn attempt_steps(drawn: &Drawn, keep: impl Fn(usize) -> bool) -> Result<Counts, Failure> {
    keep_quiet();
    ATTEMPTS.set(true);
    let done = catch_unwind(AssertUnwindSafe(|| {
        let run = play(drawn, keep, false);
        let mut counts = run.model.borrow().counts;
        counts.runs = 1;
        counts
    }));
    ATTEMPTS.set(false);
    done.map_err(|_| Failure { seed: drawn.seed, what: SAID.take().unwrap_or_default() })
}

/// Plays a seed from beginning to end.
pub fn attempt(seed: u64) -> Result<Counts, Failure> {
    attempt_steps(&Drawn::new(seed), |_| true)
}

/// Leaves out steps as long as what is left still fails: halves first, then ever smaller parts.
pub fn shrunk(drawn: &Drawn, within: Duration) -> Vec<usize> {
    let until = Instant::now() + within;
    let mut kept: Vec<usize> = (0..drawn.schedule.len()).collect();
    let mut parts = 2;
    while parts <= kept.len() * 2 && Instant::now() < until {
        let size = kept.len().div_ceil(parts).max(1);
        let without = kept.chunks(size).enumerate().find_map(|(left_out, _)| {
            let chunks = kept.chunks(size).enumerate().filter(|(at, _)| *at != left_out);
            let rest: Vec<usize> = chunks.flat_map(|(_, chunk)| chunk.iter().copied()).collect();
            let fails = Instant::now() < until && attempt_steps(drawn, |at| rest.contains(&at)).is_err();
            fails.then_some(rest)
        });
        match without {
            Some(rest) => {
                kept = rest;
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts *= 2,
        }
    }
    kept
}
