//! `[switch] spin`: an idle shard that polls for a while before it sleeps answers sooner and burns
//! its processor.

use super::super::bench::{Bench, Effort};
use super::super::placement::Placement;
use super::super::plan::{Connected, Setup};
use super::super::report::{Cell, Column, Report, column};
use super::super::traffic::Pace;
use super::{Figures, each, in_turns, largest, middle};

const LINES: usize = 32;
const SPINS_US: [u64; 2] = [0, 50];
const PER_SECOND: [f64; 3] = [200.0, 2_000.0, 20_000.0];

pub fn run(effort: Effort) -> Report {
    let placement = Placement::of(1);
    placement.for_load(|| measure(effort, placement))
}

fn measure(effort: Effort, placement: Placement) -> Report {
    let setup = |spin_us| Setup { spin_us, ..Setup::of(LINES) };
    let mut benches = SPINS_US.map(|spin_us| Bench::start(setup(spin_us), Connected::All, placement));
    let mut report = Report::new("spin", about(placement), columns());
    for rate in PER_SECOND {
        eprintln!("  {rate} requests/s");
        let all = in_turns(&[0, 1], effort.rounds, |at| benches[at].measure(Pace::PerSecond(rate), 0, effort));
        for (spin_us, rounds) in SPINS_US.iter().zip(&all) {
            report.row(row(rate, *spin_us, rounds));
        }
        let gained = middle(&all[0], |of| of.latency_us(50.0)) - middle(&all[1], |of| of.latency_us(50.0));
        let burnt = middle(&all[1], Figures::cpu_ms_per_second) - middle(&all[0], Figures::cpu_ms_per_second);
        let says = format!(
            "{rate} requests/s: spinning 50 us gains {gained:.0} us of p50 and costs {burnt:.0} ms CPU a second"
        );
        report.finding(format!("p50_us_gained_at_{rate}"), gained, says);
    }
    report
}

fn about(placement: Placement) -> Vec<String> {
    vec![format!(
        "{LINES} lines of terminals, each with at most one request under way; load: {}, polling. Latency from intended times.",
        placement.says()
    )]
}

fn columns() -> Vec<Column> {
    vec![
        column("requests_per_second", "requests/s", 0),
        column("spin_us", "spin us", 0),
        column("p50_us", "p50 us", 0),
        column("p99_us", "p99 us", 0),
        column("p99_9_us", "p99.9 us", 0),
        column("max_us", "max us", 0),
        column("late_p99_us", "late p99", 0),
        column("cpu_ms_per_second", "CPU ms/s", 1),
        column("cpu_ns_per_frame", "CPU ns/frame", 0),
    ]
}

fn row(rate: f64, spin_us: u64, rounds: &[Figures]) -> Vec<Cell> {
    vec![
        Cell::from(rate),
        Cell::from(spin_us as f64),
        each(rounds, |of| of.latency_us(50.0)),
        each(rounds, |of| of.latency_us(99.0)),
        each(rounds, |of| of.latency_us(99.9)),
        largest(rounds, |of| of.latency_us(100.0)),
        each(rounds, |of| of.late_us(99.0)),
        each(rounds, Figures::cpu_ms_per_second),
        each(rounds, Figures::cpu_ns_per_frame),
    ]
}
