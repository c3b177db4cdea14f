//! Rules between timers, on every level that sets one of them.

use crate::config::fault::{Findings, Place};
use crate::config::model::Model;
use crate::config::timers::{
    ANSWER_WITHIN, DRAIN_WITHIN, HOLD_ANSWER, PROBE_AFTER, SILENT_AFTER, TIMERS, WrittenTimers, known,
};
use crate::config::written::duration;
use crate::time::Span;

/// The stamp of a waiting request wraps at 73 minutes (`shared::response_table`); four times this
/// is still told apart from "just now".
const ANSWER_WITHIN_MAX: Span = Span::from_secs(15 * 60);

pub fn check(model: &Model, findings: &mut Findings<'_>) {
    level(&[&model.timers], findings);
    for member in &model.members {
        level(&[&member.timers, &model.timers], findings);
        for line in member.lines() {
            level(&[&line.timers, &member.timers, &model.timers], findings);
            of_the_group(&line.timers, findings);
        }
    }
}

/// Judges what the first, nearest, of `levels` has written, in the light of the others.
fn level(levels: &[&WrittenTimers], findings: &mut Findings<'_>) {
    answer_within(levels[0], findings);
    if let Some((place, probe, silent)) = not_below(levels, PROBE_AFTER, SILENT_AFTER) {
        let message = format!(
            "`probe_after` ({}) is not below `silent_after` ({}): a healthy line would be closed as silent",
            duration(probe),
            duration(silent)
        );
        findings.refuse(place, message);
    }
    if let Some((place, answer, drain)) = not_below(levels, ANSWER_WITHIN, DRAIN_WITHIN) {
        let message = format!(
            "`drain_within` ({}) is not above `answer_within` ({}): a drain may cut off answers that would still be in time",
            duration(drain),
            duration(answer)
        );
        findings.warn(place, message);
    }
}

/// Requests and answers wait for a group, whichever of its lines will carry them.
fn of_the_group(line: &WrittenTimers, findings: &mut Findings<'_>) {
    for timer in [ANSWER_WITHIN, HOLD_ANSWER] {
        if let Some(place) = line.spans[timer].place() {
            let name = TIMERS[timer].name;
            findings.warn(
                place,
                format!("`{name}` of a line has no effect: it is the whole group's, write it on the member"),
            );
        }
    }
}

fn answer_within(written: &WrittenTimers, findings: &mut Findings<'_>) {
    let given = &written.spans[ANSWER_WITHIN];
    if let (Some(span), Some(place)) = (given.get(), given.place())
        && *span > ANSWER_WITHIN_MAX
    {
        let name = TIMERS[ANSWER_WITHIN].name;
        findings
            .refuse(place, format!("`{name}` ({}) is over 15 minutes, the most that can be waited", duration(*span)));
    }
}

/// If `low` is not below `high` and the nearest level wrote one of them: where, and both values.
fn not_below(levels: &[&WrittenTimers], low: usize, high: usize) -> Option<(Place, Span, Span)> {
    let nearest = levels[0];
    let place = nearest.spans[low].place().or(nearest.spans[high].place())?;
    let (low, high) = (known(levels, low)?, known(levels, high)?);
    (low >= high).then_some((place, low, high))
}
