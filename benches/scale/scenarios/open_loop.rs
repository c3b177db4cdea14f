//! Latency at a part of what the switch can: requests come at their times, whatever comes back.

use super::super::bench::{Bench, Effort};
use super::super::placement::Placement;
use super::super::plan::{Connected, Setup};
use super::super::report::{Cell, Report, column};
use super::super::traffic::Pace;
use super::{each, in_turns, largest, middle};

const LINES: usize = 32;
const WINDOW: usize = 32;
const PERCENT: [u32; 3] = [10, 50, 75];

pub fn run(effort: Effort) -> Report {
    let placement = Placement::of(1);
    placement.for_load(|| measure(effort, placement))
}

fn measure(effort: Effort, placement: Placement) -> Report {
    let (lines, window) = if effort.quick { (4, 4) } else { (LINES, WINDOW) };
    let mut bench = Bench::start(Setup::of(lines), Connected::All, placement);
    let closed = in_turns(&[()], effort.rounds, |()| bench.measure(Pace::Window(lines * window), 0, effort));
    let capacity = middle(&closed[0], |of| of.frames_per_second() / 2.0);
    eprintln!("  closed loop: {capacity:.0} requests/s");
    let rates = PERCENT.map(|percent| capacity * f64::from(percent) / 100.0);
    let paced = in_turns(&rates, effort.rounds, |rate| bench.measure(Pace::PerSecond(rate), 0, effort));
    let mut report = Report::new("open-loop", about(lines, window, placement), columns());
    report.row(row("closed loop".to_owned(), f64::NAN, &closed[0]));
    for ((percent, rate), rounds) in PERCENT.iter().zip(rates).zip(&paced) {
        report.row(row(format!("{percent} %"), rate, rounds));
        let p99 = middle(rounds, |of| of.latency_us(99.0));
        let says = format!("at {percent} % ({rate:.0} requests/s) 99 of 100 answers took at most {p99:.0} us");
        report.finding(format!("p99_us_at_{percent}_percent"), p99, says);
    }
    report
}

fn about(lines: usize, window: usize, placement: Placement) -> Vec<String> {
    vec![
        format!(
            "{lines} lines of terminals to a host with 8; load: {}. Per cent of the closed loop's rate ({window} a line).",
            placement.says()
        ),
        "Latency counts from the intended time of a request; `late` is how late the load made it (in the latency, too)."
            .to_owned(),
    ]
}

fn columns() -> Vec<super::super::report::Column> {
    vec![
        column("load", "load", 0),
        column("intended_per_second", "intended/s", 0),
        column("answered_per_second", "answered/s", 0),
        column("p50_us", "p50 us", 0),
        column("p99_us", "p99 us", 0),
        column("p99_9_us", "p99.9 us", 0),
        column("max_us", "max us", 0),
        column("late_p50_us", "late p50", 0),
        column("late_p99_us", "late p99", 0),
        column("late_max_us", "late max", 0),
        column("cpu_ns_per_frame", "CPU ns/frame", 0),
        column("switch_busy_percent", "switch busy %", 0),
        column("frames_per_turn", "frames/turn", 1),
        column("load_busy_percent", "load busy %", 0),
    ]
}

fn row(load: String, rate: f64, rounds: &[super::Figures]) -> Vec<Cell> {
    vec![
        Cell::Text(load),
        Cell::from(rate),
        each(rounds, |of| of.frames_per_second() / 2.0),
        each(rounds, |of| of.latency_us(50.0)),
        each(rounds, |of| of.latency_us(99.0)),
        each(rounds, |of| of.latency_us(99.9)),
        largest(rounds, |of| of.latency_us(100.0)),
        each(rounds, |of| of.late_us(50.0)),
        each(rounds, |of| of.late_us(99.0)),
        largest(rounds, |of| of.late_us(100.0)),
        each(rounds, |of| of.cpu_ns_per_frame()),
        each(rounds, |of| of.cpu_ms_per_second() / 10.0),
        each(rounds, |of| of.frames_per_turn()),
        each(rounds, |of| of.load_busy() * 100.0),
    ]
}
