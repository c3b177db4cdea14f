//! `ringswitch simulate`: plays one member of a configuration against a running switch.

use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, bounded};

use super::interrupt::Interrupt;
use crate::config::plan::Plan;
use crate::simulate::clock::Clock;
use crate::simulate::verdict::millis;
use crate::simulate::{self, Addresses, Demand, LiveStats, Report, Simulation, Snapshot, Unplayable};
use crate::time::Span;

/// How long a client asks when neither a time nor a count was given.
const DURATION: Span = Span::from_secs(10);

/// What was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimulateOptions {
    pub member: String,
    /// Requests in flight on each line; 32 if neither this nor a rate is given.
    pub window: Option<u32>,
    /// Requests a second, whatever the answers do.
    pub rate: Option<u64>,
    /// Default: 10 s for a member that asks, unless a count is given; no end for one that answers only.
    pub duration: Option<Span>,
    pub count: Option<u64>,
    /// Data bytes of a message; 200 by default.
    pub size: Option<usize>,
    pub bind: Option<IpAddr>,
    /// Default: the configuration's, and a second more.
    pub answer_within: Option<Span>,
    /// As a host, copy the addresses of a TPDU into the answer instead of exchanging them.
    pub copy_addresses: bool,
    pub json: bool,
}

impl SimulateOptions {
    fn of_simulation(&self) -> simulate::Options {
        simulate::Options {
            demand: Demand { window: self.window, rate: self.rate, count: self.count },
            size: self.size.unwrap_or(simulate::SIZE),
            bind: self.bind,
            answer_within: self.answer_within,
            addresses: if self.copy_addresses { Addresses::Copied } else { Addresses::Exchanged },
            ..simulate::Options::default()
        }
    }

    fn ends_after(&self, asks: bool) -> Option<Span> {
        self.duration.or((asks && self.count.is_none()).then_some(DURATION))
    }
}

/// Runs the command: exit 0 if nothing was lost, wrong or doubled, 1 if something was, 2 if the
/// member cannot be played as asked.
pub fn run(plan: &Plan, options: &SimulateOptions) -> ExitCode {
    let mut simulation = match Simulation::new(plan, &options.member, &options.of_simulation()) {
        Ok(simulation) => simulation,
        Err(error) => {
            eprintln!("ringswitch simulate {}: {error}", options.member);
            return match error {
                Unplayable::Listen { .. } | Unplayable::Poll(_) => ExitCode::FAILURE,
                _ => ExitCode::from(2),
            };
        }
    };
    match play(&mut simulation, options) {
        Ok(report) => print(&report, options.json),
        Err(error) => {
            eprintln!("ringswitch simulate {}: {error}", options.member);
            ExitCode::FAILURE
        }
    }
}

fn play(simulation: &mut Simulation, options: &SimulateOptions) -> std::io::Result<Report> {
    let interrupt = Interrupt::catch()?;
    let ends_after = options.ends_after(simulation.requests());
    let clock = Clock::start();
    let live = LiveStats::default();
    let over = || interrupt.asked() || ends_after.is_some_and(|end| clock.elapsed() >= end);
    thread::scope(|scope| {
        let (done, ended) = bounded::<()>(0);
        if std::io::stderr().is_terminal() {
            scope.spawn(|| show_progress(&live, ended));
        }
        let report = simulation.run(over, &live);
        drop(done); // ends the progress lines
        report
    })
}

/// One line a second, written over the one before.
fn show_progress(live: &LiveStats, ended: Receiver<()>) {
    let mut before = live.snapshot();
    while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        let now = live.snapshot();
        eprint!("\r\x1b[2K{}", progress(&before, &now));
        let _ = std::io::stderr().flush(); // a terminal that is gone is no reason to stop
        before = now;
    }
    eprint!("\r\x1b[2K");
}

/// What happened between two snapshots, a second apart.
fn progress(before: &Snapshot, now: &Snapshot) -> String {
    let verdict = &now.verdict;
    let mut text = String::new();
    if verdict.sent > 0 {
        text += &format!(
            "answered {} ({}/s), in flight {}, lost {}, wrong {}, duplicates {}, p99 {}",
            verdict.answered,
            verdict.answered - before.verdict.answered,
            verdict.in_flight,
            verdict.lost,
            verdict.wrong,
            verdict.duplicates,
            millis(now.latency.percentile(990)),
        );
    }
    let host = &verdict.host;
    if host.requests > 0 || verdict.sent == 0 {
        let rate = host.requests - before.verdict.host.requests;
        text += &format!("{}requests {} ({rate}/s)", if text.is_empty() { "" } else { "; " }, host.requests);
    }
    text
}

fn print(report: &Report, json: bool) -> ExitCode {
    if json {
        println!("{:#}", report.json());
    } else {
        print!("{report}");
    }
    if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::verdict::{HostVerdict, Verdict};

    fn typed() -> SimulateOptions {
        SimulateOptions {
            member: "nac".to_owned(),
            window: None,
            rate: None,
            duration: None,
            count: None,
            size: None,
            bind: None,
            answer_within: None,
            copy_addresses: false,
            json: false,
        }
    }

    #[test]
    fn a_client_ends_by_itself_and_a_host_does_not() {
        assert_eq!(typed().ends_after(true), Some(DURATION));
        assert_eq!(typed().ends_after(false), None);
        assert_eq!(SimulateOptions { count: Some(5), ..typed() }.ends_after(true), None);
        let second = Some(Span::from_secs(1));
        assert_eq!(SimulateOptions { duration: second, count: Some(5), ..typed() }.ends_after(true), second);
        assert_eq!(SimulateOptions { duration: second, ..typed() }.ends_after(false), second);
    }

    #[test]
    fn progress_tells_what_the_member_does() {
        let before = Snapshot::default();
        let asking = Verdict { sent: 9, answered: 7, in_flight: 2, ..Verdict::default() };
        let asking = Snapshot { verdict: asking, ..Snapshot::default() };
        assert!(progress(&before, &asking).starts_with("answered 7 (7/s), in flight 2, lost 0"));
        let host = HostVerdict { requests: 12, ..HostVerdict::default() };
        let answering = Snapshot { verdict: Verdict { host, ..Verdict::default() }, ..Snapshot::default() };
        assert_eq!(progress(&before, &answering), "requests 12 (12/s)");
    }
}
