//! What happens when: the plot of the demonstration. Pure; time and facts are handed in.

use std::sync::Arc;

use crate::simulate::Command;
use crate::simulate::verdict::{LineState, millis};
use crate::time::{Instant, Span};

/// Requests whose answers are under way when the line breaks.
pub const HELD: u32 = 200;

/// How often it is tried to have the line quiet before the held answers are due.
const ATTEMPTS: u32 = 3;

/// How much longer than its time the demo waits for the line to come back.
const PATIENCE: Span = Span::from_secs(3);

/// What the script must know of the line and of the hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    pub state: LineState,
    /// No ordinary request is sent on the line any more.
    pub quiet: bool,
    /// Requests sent on the line that still wait.
    pub in_flight: u32,
    /// Answers that came over another line than their request's, of all lines of the member.
    pub rerouted: u64,
    /// Requests received by the hosts whose answers they were asked to hold back.
    pub held: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Before {
        from: Instant,
    },
    /// The line falls quiet; its last requests are to be held.
    Quieting {
        since: Instant,
        held: u64,
    },
    Broken {
        since: Instant,
        rerouted: u64,
    },
    Returning {
        since: Instant,
    },
    After,
}

/// What became of the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// It was broken with [`HELD`] answers under way.
    pub broken: bool,
    /// How many of the answers had come over a sibling before the line was restored.
    pub rerouted: u64,
    /// It came up again.
    pub restored: bool,
    /// From the reset until it was up again.
    pub down_for: Span,
}

#[derive(Debug)]
pub struct Script {
    line: Arc<str>,
    start: Instant,
    end: Instant,
    restore_at: Instant,
    hold: Span,
    attempts: u32,
    stage: Stage,
    outcome: Outcome,
}

impl Script {
    /// The line breaks at two fifths of `duration` and is restored at three fifths.
    pub fn new(line: &str, start: Instant, duration: Span) -> Self {
        let part = |tenths: u64| start + Span(duration.0 / 10 * tenths);
        let hold = Span(duration.0 / 10).clamp(Span::from_millis(300), Span::from_secs(1));
        Self {
            line: line.into(),
            start,
            end: start + duration,
            restore_at: part(6),
            hold,
            attempts: 0,
            stage: Stage::Before { from: part(4) },
            outcome: Outcome::default(),
        }
    }

    /// What is to be ordered now.
    pub fn turn(&mut self, facts: Facts, now: Instant) -> Option<Command> {
        let line = self.line.clone();
        match self.stage {
            Stage::Before { from } if now >= from && self.attempts < ATTEMPTS => {
                self.attempts += 1;
                self.stage = Stage::Quieting { since: now, held: facts.held };
                Some(Command::Quiet { line, held: HELD, hold: self.hold })
            }
            Stage::Quieting { since, held } => self.quieting(facts, since, held, now),
            Stage::Broken { since, rerouted } => self.broken(facts, since, rerouted, now),
            Stage::Returning { since } if facts.state == LineState::Up => {
                self.outcome.restored = true;
                self.outcome.down_for = now.since(since);
                self.stage = Stage::After;
                None
            }
            _ => None,
        }
    }

    /// Breaks the line once nothing can be lost that no switch could save: every ordinary request
    /// is answered, every held one has arrived, and their answers are not due for a while.
    fn quieting(&mut self, facts: Facts, since: Instant, held: u64, now: Instant) -> Option<Command> {
        let line = self.line.clone();
        let arrived = facts.quiet && facts.in_flight == HELD && facts.held - held >= u64::from(HELD);
        if now.since(since).0 >= self.hold.0 / 4 * 3 {
            // Too late: the answers are about to come. They may, and it is tried again with more time.
            self.hold = Span(self.hold.0 * 2).min(Span::from_secs(3));
            self.stage = Stage::Before { from: now + self.hold };
            return Some(Command::Restore { line });
        }
        if !arrived {
            return None;
        }
        self.outcome.broken = true;
        self.stage = Stage::Broken { since: now, rerouted: facts.rerouted };
        Some(Command::Break { line })
    }

    fn broken(&mut self, facts: Facts, since: Instant, rerouted: u64, now: Instant) -> Option<Command> {
        self.outcome.rerouted = facts.rerouted - rerouted;
        let all = self.outcome.rerouted >= u64::from(HELD) || now >= since + self.hold + PATIENCE;
        if now < self.restore_at || !all {
            return None;
        }
        self.stage = Stage::Returning { since };
        Some(Command::Restore { line: self.line.clone() })
    }

    /// The time is over, and so is the plot.
    pub fn is_over(&self, now: Instant) -> bool {
        let done =
            self.stage == Stage::After || (self.attempts == ATTEMPTS && matches!(self.stage, Stage::Before { .. }));
        now >= self.end && (done || now >= self.end + PATIENCE + self.hold)
    }

    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub fn elapsed(&self, now: Instant) -> Span {
        now.since(self.start)
    }

    /// One line for the audience.
    pub fn doing(&self) -> String {
        let (line, rerouted) = (&self.line, self.outcome.rerouted);
        match self.stage {
            Stage::Before { .. } => "requests over all lines".to_owned(),
            Stage::Quieting { .. } => {
                format!("{line} falls quiet: the issuer holds the last {HELD} answers, then comes a reset")
            }
            Stage::Broken { .. } if rerouted < u64::from(HELD) => {
                format!("{line} is broken by a reset; {HELD} answers are under way to it")
            }
            Stage::Broken { .. } => format!("{line} is down; its {rerouted} answers came back over its sibling"),
            Stage::Returning { .. } => format!("{line} connects again"),
            Stage::After => format!("{line} carries again; it was down for {}", millis(self.outcome.down_for)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant(0) + Span::from_millis(millis)
    }

    fn script() -> Script {
        Script::new("a-1", at(0), Span::from_secs(10))
    }

    const UP: Facts = Facts { state: LineState::Up, quiet: false, in_flight: 64, rerouted: 5, held: 0 };
    const QUIET: Facts = Facts { quiet: true, in_flight: HELD, held: HELD as u64, ..UP };

    #[test]
    fn the_line_breaks_only_when_nothing_can_be_lost() {
        let mut script = script();
        assert_eq!(script.turn(UP, at(3999)), None);
        let order = script.turn(UP, at(4000));
        assert!(matches!(order, Some(Command::Quiet { held: HELD, hold, .. }) if hold == Span::from_secs(1)));
        let unsafe_yet = [
            Facts { quiet: false, ..QUIET },
            Facts { in_flight: HELD + 1, ..QUIET },
            Facts { held: u64::from(HELD) - 1, ..QUIET },
        ];
        for facts in unsafe_yet {
            assert_eq!(script.turn(facts, at(4100)), None, "{facts:?}");
        }
        assert_eq!(script.turn(QUIET, at(4101)), Some(Command::Break { line: "a-1".into() }));
        assert!(script.outcome().broken);
    }

    #[test]
    fn it_is_restored_when_its_answers_are_back_and_the_time_has_come() {
        let mut script = script();
        script.turn(UP, at(4000));
        script.turn(QUIET, at(4100));
        let down = |rerouted| Facts { state: LineState::Broken, rerouted, ..QUIET };
        assert_eq!(script.turn(down(5 + 200), at(5999)), None);
        assert_eq!(script.turn(down(5 + 199), at(6000)), None);
        assert_eq!(script.turn(down(5 + 200), at(6000)), Some(Command::Restore { line: "a-1".into() }));
        assert!(!script.outcome().restored);
        script.turn(UP, at(6100));
        assert_eq!((script.outcome().restored, script.outcome().rerouted), (true, 200));
        assert!(!script.is_over(at(9999)));
        assert!(script.is_over(at(10_000)));
    }

    #[test]
    fn a_break_that_would_come_too_late_is_tried_again_with_more_time() {
        let mut script = script();
        script.turn(UP, at(4000));
        assert_eq!(script.turn(QUIET, at(4750)), Some(Command::Restore { line: "a-1".into() }));
        assert_eq!(script.turn(UP, at(6000)), None);
        let order = script.turn(UP, at(6750));
        assert!(matches!(order, Some(Command::Quiet { hold, .. }) if hold == Span::from_secs(2)));
        assert!(!script.outcome().broken);
    }

    #[test]
    fn a_line_that_does_not_come_back_ends_the_demo_all_the_same() {
        let mut script = script();
        script.turn(UP, at(4000));
        script.turn(QUIET, at(4100));
        let lost = Facts { state: LineState::Broken, ..QUIET };
        assert_eq!(script.turn(lost, at(8000)), None);
        assert!(matches!(script.turn(lost, at(9100)), Some(Command::Restore { .. })));
        assert!(!script.is_over(at(10_000)));
        assert!(script.is_over(at(14_000)));
        assert!(!script.outcome().restored);
    }
}
