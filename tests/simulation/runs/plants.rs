//! Faults planted in the switch, each of which the judge must find. Only in a build of its own: `scripts/plants.sh`.

use std::time::{Duration, Instant};

use ringswitch::plant::{Plant, plant};

use super::report;
use super::shrink::attempt;

/// How long each may stay hidden.
const WITHIN: Duration = Duration::from_secs(60);

fn found(fault: Plant) -> String {
    let begun = Instant::now();
    plant(Some(fault));
    let failure = (0..).map_while(|seed| (begun.elapsed() < WITHIN).then(|| attempt(seed))).find_map(Result::err);
    let after = begun.elapsed();
    let failure = failure.unwrap_or_else(|| panic!("{fault:?} was not found within {WITHIN:?}"));
    let text = report(&failure);
    plant(None);
    format!("{fault:?} after {after:.1?}, by {text}\n")
}

#[test]
fn each_is_found_within_a_minute() {
    for fault in Plant::ALL {
        println!("{}", found(fault));
    }
}

/// That nothing else is found by the seeds that found them.
#[test]
fn without_them_nothing_is_found() {
    for seed in 0..20 {
        assert!(attempt(seed).is_ok());
    }
}
