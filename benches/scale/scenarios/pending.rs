//! Requests that wait for an answer: the host keeps so many and answers the oldest for each that
//! comes, so that the table is as full as that all the time.

use super::super::bench::{Bench, Effort};
use super::super::placement::Placement;
use super::super::plan::{Connected, Setup};
use super::super::report::{Cell, Column, Report, column, median};
use super::super::traffic::Pace;
use super::{Figures, each, in_turns, ratios};

const LINES: usize = 32;
const DEPTHS: [usize; 5] = [10, 100, 1_000, 10_000, 60_000];
const DEPTHS_QUICK: [usize; 2] = [10, 1_000];

/// Requests in motion beside those that wait.
const MOVING: usize = 1_024;

pub fn run(effort: Effort) -> Report {
    let placement = Placement::of(1);
    placement.for_load(|| measure(effort, placement))
}

fn measure(effort: Effort, placement: Placement) -> Report {
    let depths: &[usize] = if effort.quick { &DEPTHS_QUICK } else { &DEPTHS };
    let mut bench = Bench::start(Setup::of(LINES), Connected::All, placement);
    let all = in_turns(depths, effort.rounds, |depth| bench.measure(Pace::Window(depth + MOVING), depth, effort));
    let mut report = Report::new("pending", about(placement), columns());
    for (depth, rounds) in depths.iter().zip(&all) {
        report.row(row(*depth, rounds, &all[0]));
    }
    let (least, most) = (depths[0], depths[depths.len() - 1]);
    let growth = median(&ratios(&all[all.len() - 1], &all[0], Figures::cpu_ns_per_frame));
    let says = format!("from {least} to {most} waiting requests the CPU time of a frame grows {growth:.2} times");
    report.finding("growth", growth, says);
    report
}

fn about(placement: Placement) -> Vec<String> {
    vec![
        format!(
            "{LINES} lines of terminals, closed loop with {MOVING} requests in motion beside those that wait; load: {}.",
            placement.says()
        ),
        "The load keeps the waiting requests, 200 bytes each: they share the last-level cache with the switch."
            .to_owned(),
    ]
}

fn columns() -> Vec<Column> {
    vec![
        column("waiting", "waiting", 0),
        column("frames_per_second", "frames/s", 0),
        column("cpu_ns_per_frame", "CPU ns/frame", 0),
        column("growth", "growth", 2),
        column("user_ns_per_frame", "user ns", 0),
        column("kernel_ns_per_frame", "kernel ns", 0),
        column("frames_per_turn", "frames/turn", 1),
        column("p50_us", "p50 us", 0),
        column("load_busy_percent", "load busy %", 0),
    ]
}

fn row(depth: usize, rounds: &[Figures], least: &[Figures]) -> Vec<Cell> {
    vec![
        Cell::from(depth),
        each(rounds, Figures::frames_per_second),
        each(rounds, Figures::cpu_ns_per_frame),
        Cell::Rounds(ratios(rounds, least, Figures::cpu_ns_per_frame)),
        each(rounds, Figures::user_ns_per_frame),
        each(rounds, |of| of.cpu_ns_per_frame() - of.user_ns_per_frame()),
        each(rounds, Figures::frames_per_turn),
        each(rounds, |of| of.latency_us(50.0)),
        each(rounds, |of| of.load_busy() * 100.0),
    ]
}
