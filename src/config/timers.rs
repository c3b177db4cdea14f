//! The timers, one row each: their names, their defaults, and the three levels that set them.

use super::model::Given;
use super::plan::Timers;
use crate::time::Span;

/// A timer that is one duration. `reconnect`, which is two, stands apart.
#[derive(Debug)]
pub struct Timer {
    pub name: &'static str,
    default: Span,
    /// Whether zero means something; where it does not, zero is refused.
    pub may_be_zero: bool,
    pub field: fn(&mut Timers) -> &mut Span,
}

const fn timer(name: &'static str, default: Span, field: fn(&mut Timers) -> &mut Span) -> Timer {
    Timer { name, default, may_be_zero: false, field }
}

const fn or_zero(name: &'static str, default: Span, field: fn(&mut Timers) -> &mut Span) -> Timer {
    Timer { name, default, may_be_zero: true, field }
}

pub const PROBE_AFTER: usize = 0;
pub const SILENT_AFTER: usize = 1;
pub const ANSWER_WITHIN: usize = 2;
pub const HOLD_ANSWER: usize = 7;
pub const DRAIN_WITHIN: usize = 9;
pub const COUNT: usize = 10;

/// In the order of INTERFACE, in which they are written out too.
pub const TIMERS: [Timer; COUNT] = [
    timer("probe_after", Span::from_secs(120), |timers| &mut timers.probe_after),
    timer("silent_after", Span::from_secs(180), |timers| &mut timers.silent_after),
    timer("answer_within", Span::from_secs(45), |timers| &mut timers.answer_within),
    timer("connect_within", Span::from_secs(10), |timers| &mut timers.connect_within),
    timer("partial_within", Span::from_secs(10), |timers| &mut timers.partial_within),
    timer("unread_within", Span::from_secs(60), |timers| &mut timers.unread_within),
    or_zero("pause_within", Span::from_secs(1), |timers| &mut timers.pause_within),
    or_zero("hold_answer", Span::from_secs(2), |timers| &mut timers.hold_answer),
    or_zero("trunk_steady", Span::ZERO, |timers| &mut timers.trunk_steady),
    or_zero("drain_within", Span::from_secs(50), |timers| &mut timers.drain_within),
];

pub const RECONNECT: &str = "reconnect";
const RECONNECT_DEFAULT: (Span, Span) = (Span::from_millis(200), Span::from_secs(30));

/// The timers of one level as written; by the index in [`TIMERS`].
#[derive(Clone, Debug, Default)]
pub struct WrittenTimers {
    pub spans: [Given<Span>; COUNT],
    pub reconnect: Given<(Span, Span)>,
}

/// The nearest level that says something about a timer: the line, the member, all.
pub fn nearest<'a>(levels: &[&'a WrittenTimers], timer: usize) -> &'a Given<Span> {
    static ABSENT: Given<Span> = Given::Absent;
    levels.iter().map(|level| &level.spans[timer]).find(|given| !given.is_absent()).unwrap_or(&ABSENT)
}

/// A timer's value under these levels, nearest first; `None` if what was written is refused.
pub fn known(levels: &[&WrittenTimers], timer: usize) -> Option<Span> {
    nearest(levels, timer).known_or(TIMERS[timer].default)
}

/// All timers under these levels, nearest first, of a configuration without faults.
pub fn settled(levels: &[&WrittenTimers]) -> Timers {
    let reconnect = levels.iter().map(|level| &level.reconnect).find(|given| !given.is_absent());
    let (reconnect_first, reconnect_longest) =
        reconnect.map_or(RECONNECT_DEFAULT, |given| given.sound_or(RECONNECT_DEFAULT));
    let mut timers = Timers { reconnect_first, reconnect_longest, ..NOTHING };
    for (index, timer) in TIMERS.iter().enumerate() {
        *(timer.field)(&mut timers) = nearest(levels, index).sound_or(timer.default);
    }
    timers
}

const NOTHING: Timers = Timers {
    probe_after: Span::ZERO,
    silent_after: Span::ZERO,
    answer_within: Span::ZERO,
    connect_within: Span::ZERO,
    reconnect_first: Span::ZERO,
    reconnect_longest: Span::ZERO,
    partial_within: Span::ZERO,
    unread_within: Span::ZERO,
    pause_within: Span::ZERO,
    hold_answer: Span::ZERO,
    trunk_steady: Span::ZERO,
    drain_within: Span::ZERO,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_indices_name_their_rows() {
        assert_eq!(TIMERS[PROBE_AFTER].name, "probe_after");
        assert_eq!(TIMERS[SILENT_AFTER].name, "silent_after");
        assert_eq!(TIMERS[ANSWER_WITHIN].name, "answer_within");
        assert_eq!(TIMERS[HOLD_ANSWER].name, "hold_answer");
        assert_eq!(TIMERS[DRAIN_WITHIN].name, "drain_within");
    }

    #[test]
    fn every_row_sets_a_field_of_its_own() {
        let mut timers = NOTHING;
        for (number, timer) in TIMERS.iter().enumerate() {
            *(timer.field)(&mut timers) = Span(number as u64 + 1);
        }
        for (number, timer) in TIMERS.iter().enumerate() {
            assert_eq!(*(timer.field)(&mut timers), Span(number as u64 + 1), "{}", timer.name);
        }
    }
}
