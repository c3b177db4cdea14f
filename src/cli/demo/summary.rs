//! How the demonstration ended.

use std::fmt;

use super::BROKEN_LINE;
use super::script::{HELD, Outcome};
use crate::simulate::Report;
use crate::simulate::latency::Latency;
use crate::simulate::verdict::{Verdict, percentiles};
use crate::time::Span;

pub struct Summary {
    clients: Verdict,
    hosts: Verdict,
    latency: Latency,
    elapsed: Span,
    outcome: Outcome,
    interrupted: bool,
}

impl Summary {
    pub fn new(clients: Vec<Report>, hosts: Vec<Report>, outcome: Outcome, interrupted: bool) -> Self {
        let (mut asked, mut answered, mut latency) = (Verdict::default(), Verdict::default(), Latency::default());
        for report in &clients {
            asked.add(&report.verdict);
            latency.merge(&report.latency);
        }
        for report in &hosts {
            answered.add(&report.verdict);
        }
        let elapsed = clients.iter().map(|report| report.elapsed).max().unwrap_or(Span::ZERO);
        Self { clients: asked, hosts: answered, latency, elapsed, outcome, interrupted }
    }

    #[cfg(test)]
    pub fn verdict(&self) -> &Verdict {
        &self.clients
    }

    /// Every request was answered, none wrongly or twice, and the line broke and came back.
    pub fn passed(&self) -> bool {
        let answered = self.clients.clean() && self.hosts.clean() && self.clients.sent == self.clients.answered;
        answered && self.clients.sent > 0 && self.played() && !self.interrupted
    }

    fn played(&self) -> bool {
        self.outcome.broken && self.outcome.restored && self.outcome.rerouted >= u64::from(HELD)
    }

    fn fate_of_line(&self) -> String {
        let Outcome { broken, rerouted, restored, down_for } = self.outcome;
        if !broken {
            return format!("{BROKEN_LINE} was not broken: it never fell quiet in time");
        }
        let back = if restored {
            format!("back after {:.1} s", down_for.as_secs_f64())
        } else {
            "did not come back".to_owned()
        };
        format!("{BROKEN_LINE} reset with {HELD} answers under way: {rerouted} rerouted over its sibling; {back}")
    }

    fn conclusion(&self) -> &'static str {
        match (self.passed(), self.interrupted) {
            (true, _) => "every request was answered",
            (false, true) => "interrupted",
            (false, false) => "FAILED",
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = &self.clients;
        let seconds = self.elapsed.as_secs_f64();
        let rate = verdict.answered as f64 / seconds.max(1e-9);
        writeln!(f, "requests  {} sent, {} answered in {seconds:.1} s: {rate:.0}/s", verdict.sent, verdict.answered)?;
        writeln!(
            f,
            "faults    {} lost, {} wrong, {} duplicates, {} late",
            verdict.lost,
            verdict.wrong + self.hosts.host.wrong,
            verdict.duplicates,
            verdict.late
        )?;
        writeln!(f, "latency   {}", percentiles(&self.latency))?;
        writeln!(f, "line      {}", self.fate_of_line())?;
        writeln!(f, "          (requests that a switch has not read when its line is reset are lost with any switch;")?;
        writeln!(f, "          the line was quiet before, and all its requests had reached the issuer)")?;
        writeln!(f, "{}", self.conclusion())
    }
}
