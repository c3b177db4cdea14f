//! What a simulation found out.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use super::latency::Latency;
use crate::time::Span;

/// Counts of one member. Every request sent is answered, lost, wrong, rejected or in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Requests of which at least one byte was given to the kernel.
    pub sent: u64,
    /// Answered in time and byte for byte right.
    pub answered: u64,
    /// Of the answered: over another line than the request's.
    pub over_sibling: u64,
    /// Without an answer in time.
    pub lost: u64,
    /// Answers that differ from what they must be, are for somebody else, or cannot be read.
    pub wrong: u64,
    /// Second answers to one request.
    pub duplicates: u64,
    /// Answers to requests already given up as lost.
    pub late: u64,
    /// Station messages that came back with a reject code.
    pub rejected: u64,
    pub in_flight: u64,
    pub host: HostVerdict,
}

/// Counts of a member that answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HostVerdict {
    /// Requests received, damaged ones included.
    pub requests: u64,
    /// Of them: asked to be held back.
    pub held: u64,
    /// Answers handed to a line.
    pub answers: u64,
    /// Requests damaged on the way, or frames that are nobody's message.
    pub wrong: u64,
}

impl Verdict {
    /// Nothing lost, wrong, doubled or refused.
    pub fn clean(&self) -> bool {
        let bad = self.lost + self.wrong + self.duplicates + self.late + self.rejected + self.host.wrong;
        bad == 0 && self.in_flight == 0
    }

    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.over_sibling += other.over_sibling;
        self.lost += other.lost;
        self.wrong += other.wrong;
        self.duplicates += other.duplicates;
        self.late += other.late;
        self.rejected += other.rejected;
        self.in_flight += other.in_flight;
        self.host.requests += other.host.requests;
        self.host.held += other.host.held;
        self.host.answers += other.host.answers;
        self.host.wrong += other.host.wrong;
    }
}

/// The state of a line as the member sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineState {
    /// Waits for the switch to connect.
    Listening,
    Connecting,
    /// Before the next attempt.
    Waiting,
    Up,
    /// Broken on purpose, and left so until it is restored.
    Broken,
}

impl LineState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listening => "listening",
            Self::Connecting => "connecting",
            Self::Waiting => "waiting",
            Self::Up => "up",
            Self::Broken => "broken",
        }
    }
}

/// One line as the member sees it: in and out are the member's.
#[derive(Clone, Debug)]
pub struct LineReport {
    pub name: Arc<str>,
    pub state: LineState,
    pub frames_in: u64,
    pub frames_out: u64,
    pub probes_in: u64,
    pub probes_out: u64,
    /// Requests sent on it that still wait.
    pub in_flight: u32,
    pub connects: u64,
    /// Connections that ended, whoever ended them.
    pub breaks: u64,
    /// No new ordinary request is sent on it.
    pub quiet: bool,
}

/// A verdict with its circumstances.
#[derive(Clone, Debug)]
pub struct Report {
    pub member: Arc<str>,
    pub requests: bool,
    pub answers: bool,
    pub elapsed: Span,
    pub verdict: Verdict,
    pub latency: Latency,
    pub lines: Vec<LineReport>,
}

/// The percentiles that are reported, in a thousand, and their names.
pub const PERCENTILES: [(u64, &str); 4] = [(500, "p50"), (900, "p90"), (990, "p99"), (999, "p99.9")];

impl Report {
    /// Whether the member did what it was for, and nothing went wrong.
    pub fn passed(&self) -> bool {
        let idle = self.requests && self.verdict.sent == 0;
        self.verdict.clean() && !idle
    }

    pub fn per_second(&self) -> f64 {
        let done = if self.requests { self.verdict.answered } else { self.verdict.host.answers };
        done as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The summary as one JSON object; times in microseconds.
    pub fn json(&self) -> Value {
        let verdict = &self.verdict;
        let mut latency = serde_json::Map::new();
        for (per_mille, name) in PERCENTILES {
            latency.insert(name.to_owned(), json!(micros(self.latency.percentile(per_mille))));
        }
        latency.insert("max".to_owned(), json!(micros(self.latency.max())));
        json!({
            "member": &*self.member,
            "passed": self.passed(),
            "seconds": self.elapsed.as_secs_f64(),
            "per_second": self.per_second(),
            "sent": verdict.sent,
            "answered": verdict.answered,
            "over_sibling": verdict.over_sibling,
            "lost": verdict.lost,
            "wrong": verdict.wrong,
            "duplicates": verdict.duplicates,
            "late": verdict.late,
            "rejected": verdict.rejected,
            "in_flight": verdict.in_flight,
            "latency_us": latency,
            "host": {
                "requests": verdict.host.requests,
                "held": verdict.host.held,
                "answers": verdict.host.answers,
                "wrong": verdict.host.wrong,
            },
            "lines": self.lines.iter().map(LineReport::json).collect::<Vec<_>>(),
        })
    }
}

impl LineReport {
    fn json(&self) -> Value {
        json!({
            "id": &*self.name,
            "state": self.state.name(),
            "frames_in": self.frames_in,
            "frames_out": self.frames_out,
            "probes_in": self.probes_in,
            "probes_out": self.probes_out,
            "connects": self.connects,
            "breaks": self.breaks,
        })
    }
}

fn micros(span: Span) -> f64 {
    span.0 as f64 / 1000.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = &self.verdict;
        let (seconds, rate) = (self.elapsed.as_secs_f64(), self.per_second());
        writeln!(f, "{}: {seconds:.1} s, {rate:.0} answers/s", self.member)?;
        if self.requests {
            writeln!(
                f,
                "requests  sent {}, answered {} ({} over a sibling line), in flight {}",
                verdict.sent, verdict.answered, verdict.over_sibling, verdict.in_flight
            )?;
            writeln!(
                f,
                "          lost {}, wrong {}, duplicates {}, late {}, rejected {}",
                verdict.lost, verdict.wrong, verdict.duplicates, verdict.late, verdict.rejected
            )?;
            writeln!(f, "latency   {}", percentiles(&self.latency))?;
        }
        if self.answers {
            let host = &verdict.host;
            writeln!(f, "host      requests {}, answers {}, wrong {}", host.requests, host.answers, host.wrong)?;
        }
        for line in &self.lines {
            writeln!(
                f,
                "line      {}: {}, in {}, out {}, connects {}, breaks {}",
                line.name,
                line.state.name(),
                line.frames_in,
                line.frames_out,
                line.connects,
                line.breaks
            )?;
        }
        Ok(())
    }
}

/// `p50 0.21 ms, p90 …, max 3.40 ms`
pub fn percentiles(latency: &Latency) -> String {
    let mut text = String::new();
    for (per_mille, name) in PERCENTILES {
        text += &format!("{name} {}, ", millis(latency.percentile(per_mille)));
    }
    text + &format!("max {}", millis(latency.max()))
}

/// Milliseconds with two digits behind the point.
pub fn millis(span: Span) -> String {
    format!("{:.2} ms", span.0 as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict) -> Report {
        Report {
            member: "nac".into(),
            requests: true,
            answers: false,
            elapsed: Span::from_secs(2),
            verdict,
            latency: Latency::default(),
            lines: Vec::new(),
        }
    }

    #[test]
    fn every_kind_of_failure_fails() {
        let good = Verdict { sent: 10, answered: 10, ..Verdict::default() };
        assert!(report(good).passed());
        assert!(!report(Verdict::default()).passed(), "nothing sent is nothing proven");
        let bad = [
            Verdict { lost: 1, ..good },
            Verdict { wrong: 1, ..good },
            Verdict { duplicates: 1, ..good },
            Verdict { late: 1, ..good },
            Verdict { rejected: 1, ..good },
            Verdict { in_flight: 1, ..good },
            Verdict { host: HostVerdict { wrong: 1, ..HostVerdict::default() }, ..good },
        ];
        for verdict in bad {
            assert!(!report(verdict).passed(), "{verdict:?}");
        }
    }

    #[test]
    fn the_summary_names_what_was_counted() {
        let report = report(Verdict { sent: 10, answered: 8, lost: 2, ..Verdict::default() });
        let json = report.json();
        assert_eq!((json["sent"].as_u64(), json["lost"].as_u64()), (Some(10), Some(2)));
        assert_eq!(json["per_second"].as_f64(), Some(4.0));
        assert_eq!(json["passed"].as_bool(), Some(false));
        assert!(report.to_string().contains("lost 2, wrong 0"), "{report}");
    }
}
