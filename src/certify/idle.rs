//! Idle lines: probes on time, never answered, and the end of a line that is silent.

use super::bench::SLACK;
use super::framing::seconds;
use super::report::Verdict;
use super::wire::{End, Seen};
use super::{Aspect, Certification, Part, QUICK};
use crate::config::plan::Profile;
use crate::time::{Instant, Span};

/// Probes that are sent in a row to see whether they are answered.
const PROBES: u64 = 20;
const PROBE_GAP: Span = Span::from_millis(25);
/// How long answers to them are waited for.
const ANSWERED_WITHIN: Span = Span::from_millis(500);

impl Certification<'_> {
    pub(super) fn probe_ignored(&mut self, at: usize) {
        let expected = "a frame of length zero is never answered";
        if !self.bench.part.probes(self.line(at)) {
            let seen = "no probe is sent on this line from our side";
            return self.found(Aspect::ProbeIgnored, at, expected, Verdict::NotTestable, seen);
        }
        if !self.is_up(Aspect::ProbeIgnored, at, expected) {
            return;
        }
        self.tell(Aspect::ProbeIgnored, at, "probes in a row");
        let line = self.bench.wires[at].line.clone();
        let before = self.bench.wires[at].seen.clone();
        let began = self.bench.now();
        for _ in 0..PROBES {
            self.bench.wires[at].send(line.framing.prefix.probe());
            self.bench.pause(PROBE_GAP);
        }
        self.bench.pause(ANSWERED_WITHIN);
        let seen = &self.bench.wires[at].seen;
        let came = seen.probes - before.probes;
        // Those that the peer sends of its own accord.
        let own = self.bench.now().since(began).0 / line.timers.probe_after.0.max(1) + 1;
        let (verdict, text) = if seen.ends != before.ends {
            (Verdict::Failed, "the line was closed".to_owned())
        } else if came > own {
            (Verdict::Failed, format!("{PROBES} probes brought {came}"))
        } else if own >= PROBES {
            (Verdict::NotJudged, "`probe_after` is too short to tell an answer from a probe of its own".to_owned())
        } else {
            (Verdict::Passed, format!("{PROBES} probes brought {came}"))
        };
        self.found(Aspect::ProbeIgnored, at, expected, verdict, text);
    }

    /// Whether idle lines are probed, all of them in the same wait.
    pub(super) fn probes(&mut self) {
        let wanted = self.wanted(Aspect::Probe);
        let mut watched = Vec::new();
        for at in wanted {
            let expected = self.probe_expectation(at);
            let concerned = self.bench.part.is_probed(self.line(at)) || self.must_not_be_probed(at);
            let takes = self.line(at).timers.silent_after;
            if self.is_tried(Aspect::Probe, at, &expected, concerned, takes) {
                watched.push((at, expected, self.bench.wires[at].seen.clone()));
                self.bench.wires[at].seen.probe_gap = None;
            }
        }
        let Some(limit) = watched.iter().map(|(at, ..)| self.line(*at).timers.silent_after).max() else { return };
        self.tell(Aspect::Probe, watched[0].0, &format!("idle lines are watched, up to {}", seconds(limit)));
        let settled = |bench: &mut super::Bench<'_>| {
            watched.iter().all(|(at, _, before)| {
                let seen = &bench.wires[*at].seen;
                seen.probe_gap.is_some() || seen.ends != before.ends
            })
        };
        self.bench.wait(Span(limit.0 + SLACK.0), settled);
        for (at, expected, before) in watched {
            let (verdict, seen) = self.judge_probe(at, &before);
            self.found(Aspect::Probe, at, expected, verdict, seen);
        }
    }

    /// Terminals alone probe (`MC6-5.4.1`): many of them close on a frame of length zero.
    fn must_not_be_probed(&self, at: usize) -> bool {
        let line = self.line(at);
        self.bench.part == Part::Member && line.profile == Profile::Terminal && !line.probe && line.flow.sends()
    }

    fn probe_expectation(&self, at: usize) -> String {
        if self.must_not_be_probed(at) {
            return "no probe: terminals alone probe".to_owned();
        }
        format!(
            "a probe after {} without a frame, at most {}",
            seconds(self.line(at).timers.probe_after),
            seconds(self.latest_probe(at))
        )
    }

    /// Half way from when a probe is due to when its absence counts as a break.
    fn latest_probe(&self, at: usize) -> Span {
        let timers = &self.line(at).timers;
        Span(timers.probe_after.0 + timers.silent_after.0.saturating_sub(timers.probe_after.0) / 2)
    }

    fn judge_probe(&self, at: usize, before: &Seen) -> (Verdict, String) {
        let seen = &self.bench.wires[at].seen;
        let none = self.must_not_be_probed(at);
        match seen.probe_gap {
            _ if seen.ends != before.ends => (Verdict::Failed, "the line was closed meanwhile".to_owned()),
            Some(gap) if none => (Verdict::Failed, format!("a probe after {}", seconds(gap))),
            None if none => (Verdict::Passed, "no probe".to_owned()),
            Some(gap) => (Verdict::of(gap <= self.latest_probe(at)), format!("a probe after {}", seconds(gap))),
            None if seen.frames > before.frames => {
                (Verdict::NotJudged, "frames kept coming: the line was not idle".to_owned())
            }
            None => (Verdict::Failed, "no probe".to_owned()),
        }
    }

    /// Whether silent lines are closed, all of them in the same wait.
    pub(super) fn silence(&mut self) {
        let wanted = self.wanted(Aspect::Silence);
        let mut muted = Vec::new();
        for at in wanted {
            let silent_after = self.line(at).timers.silent_after;
            let expected = format!("the line is closed after {} of silence", seconds(silent_after));
            let concerned = self.bench.part.is_watched(self.line(at));
            if self.is_tried(Aspect::Silence, at, &expected, concerned, silent_after) {
                self.bench.wires[at].mute = true;
                muted.push((at, expected, self.bench.wires[at].seen.ends, self.bench.wires[at].last_sent()));
            }
        }
        let Some(limit) = muted.iter().map(|(at, ..)| self.latest_close(*at)).max() else { return };
        self.tell(Aspect::Silence, muted[0].0, &format!("we fall silent, up to {}", seconds(limit)));
        // Those that were closed stay down, so that the end that is judged is this one.
        muted.iter().for_each(|(at, ..)| self.bench.wires[*at].left_down = true);
        self.bench.wait(limit, |bench| muted.iter().all(|(at, _, ends, _)| bench.wires[*at].seen.ends != *ends));
        for (at, expected, ends, since) in muted {
            self.bench.wires[at].mute = false;
            self.bench.wires[at].left_down = false;
            let (verdict, seen) = self.judge_silence(at, ends, since);
            self.found(Aspect::Silence, at, expected, verdict, seen);
        }
    }

    fn latest_close(&self, at: usize) -> Span {
        let silent_after = self.line(at).timers.silent_after;
        Span(silent_after.0 + SLACK.0.max(silent_after.0 / 4))
    }

    fn judge_silence(&self, at: usize, ends: u64, since: Instant) -> (Verdict, String) {
        let silent_after = self.line(at).timers.silent_after;
        let seen = &self.bench.wires[at].seen;
        match seen.last_end {
            Some((_, End::Ours)) if seen.ends != ends => {
                (Verdict::NotJudged, "it sent what could not be followed".to_owned())
            }
            Some((when, _)) if seen.ends != ends => {
                let after = when.since(since);
                // A clock that is read now and then, and bytes that are under way.
                let early = after.0 < silent_after.0 - silent_after.0 / 10;
                if early && self.bench.falls_with_others(at) {
                    let seen = format!("closed after {}, with its group (`on_line_loss`)", seconds(after));
                    return (Verdict::NotJudged, seen);
                }
                (Verdict::of(!early), format!("closed after {}", seconds(after)))
            }
            _ => (Verdict::Failed, format!("still open after {}", seconds(self.bench.now().since(since)))),
        }
    }

    /// Whether the wait is worth it; else why not is the finding.
    fn is_tried(&mut self, aspect: Aspect, at: usize, expected: &str, concerned: bool, takes: Span) -> bool {
        if !concerned {
            self.found(
                aspect,
                at,
                expected,
                Verdict::NotTestable,
                "profile and direction of this line do not ask for it",
            );
            return false;
        }
        if self.options.quick && takes > QUICK {
            self.found(aspect, at, expected, Verdict::Skipped, format!("takes {}", seconds(takes)));
            return false;
        }
        self.is_up(aspect, at, expected)
    }
}
