//! Faults planted in the switch, each of which the judge must find. Only in a build of its own: `scripts/plants.sh`.

use std::time::{Duration, Instant};

use ringswitch::plant::{Plant, plant};

use super::report;
use super::shrink::attempt;

/// How long each may stay hidden, and over how many seeds.
const WITHIN: Duration = Duration::from_secs(60);
const SEEDS: u64 = 1_000;

fn find(fault: Plant) {
    let begun = Instant::now();
    plant(Some(fault));
    let in_time = |seed: &u64| *seed < SEEDS && begun.elapsed() < WITHIN;
    let failure = (0..).take_while(in_time).find_map(|seed| attempt(seed).err());
    let after = begun.elapsed();
    let failure = failure.unwrap_or_else(|| panic!("{fault:?} was not found within {SEEDS} seeds and {WITHIN:?}"));
    println!("{fault:?} after {after:.1?}, by {}\n", report(&failure));
    plant(None);
    assert!(attempt(failure.seed).is_ok(), "seed {} finds something else than {fault:?}", failure.seed);
}

macro_rules! found {
    ($($test:ident: $fault:ident,)*) => {
        $(
            #[test]
            fn $test() {
                find(Plant::$fault);
            }
        )*
    };
}

found! {
    a_begun_request_goes_again: BegunRequestAgain,
    a_send_goes_on_at_the_wrong_byte: WrongByte,
    a_receive_is_not_armed_again: NotArmedAgain,
    answers_are_lost_with_their_line: AnswersLostWithTheirLine,
    unacknowledged_answers_are_forgotten: UnacknowledgedForgotten,
    frames_are_counted_twice: CountedTwice,
    what_is_late_is_sent: SentTooLate,
}
