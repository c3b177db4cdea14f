//! From 2 to 9,000 lines at the same load in all.
//!
//! What "the same load" means decides the answer. Where frames come together, many lines cost more
//! than few whatever the program does: two lines bring twenty frames in one receive, nine thousand
//! bring one in each. So the bar is judged where each frame is a receive of its own at every
//! number of lines; there the rest is what lines cost. The others are shown beside it.

use super::super::bench::{Bench, Effort};
use super::super::placement::Placement;
use super::super::plan::{Connected, Setup};
use super::super::report::{Cell, Column, Report, column, median};
use super::super::traffic::Pace;
use super::{Figures, each, middle, ratios};

const LINES: [usize; 5] = [2, 32, 512, 4_096, 9_000];
const LINES_QUICK: [usize; 2] = [2, 40];

/// The most that a frame may cost at 9,000 lines for what it costs at 2.
const BAR: f64 = 1.3;

/// Requests in a receive up to which each counts as having come alone.
const ALONE: f64 = 1.2;

/// A way to put the same load on any number of lines.
struct Load {
    name: &'static str,
    key: &'static str,
    pace: Pace,
    judged: bool,
}

/// At 10,000 a second a request finds the one before it answered, on two lines, too.
const LOADS: [Load; 3] = [
    Load { name: "10,000/s", key: "single", pace: Pace::PerSecond(10_000.0), judged: true },
    Load { name: "50,000/s", key: "paced", pace: Pace::PerSecond(50_000.0), judged: false },
    Load { name: "1,024 under way", key: "saturated", pace: Pace::Window(1_024), judged: false },
];

pub fn run(effort: Effort) -> Report {
    let placement = Placement::of(1);
    placement.for_load(|| measure(effort, placement))
}

fn measure(effort: Effort, placement: Placement) -> Report {
    let counts: &[usize] = if effort.quick { &LINES_QUICK } else { &LINES };
    let mut benches: Vec<Bench> = counts
        .iter()
        .map(|lines| {
            eprintln!("  connecting {lines} lines");
            Bench::start(Setup::of(*lines), Connected::All, placement)
        })
        .collect();
    let mut report = Report::new("lines", about(placement), columns());
    for load in &LOADS {
        eprintln!("  {}", load.name);
        let cases: Vec<usize> = (0..benches.len()).collect();
        let all = super::in_turns(&cases, effort.rounds, |at| benches[at].measure(load.pace, 0, effort));
        for (lines, rounds) in counts.iter().zip(&all) {
            report.row(row(load.name, *lines, rounds, &all[0]));
        }
        let growth = median(&ratios(&all[all.len() - 1], &all[0], Figures::cpu_ns_per_frame));
        let together = all.iter().map(|rounds| middle(rounds, Figures::gathered)).fold(0.0, f64::max);
        report.finding(format!("growth_{}", load.key), growth, says(load, counts, growth, together));
    }
    report
}

fn says(load: &Load, counts: &[usize], growth: f64, together: f64) -> String {
    let (few, many) = (counts[0], counts[counts.len() - 1]);
    let verdict = match (load.judged, growth <= BAR) {
        (false, _) => format!("not judged; up to {together:.0} requests came together"),
        (true, _) if together > ALONE => {
            format!("no verdict: {together:.1} requests came together, the processors had other things to do")
        }
        (true, true) => format!("judged: within the bar of {BAR}"),
        (true, false) => format!("judged: ABOVE the bar of {BAR}"),
    };
    format!("{}: from {few} to {many} lines the CPU time of a frame grows {growth:.2} times ({verdict})", load.name)
}

fn about(placement: Placement) -> Vec<String> {
    vec![
        format!("Lines of terminals in turn, one host with 8 lines; load: {}.", placement.says()),
        "growth: CPU ns a frame for that of the fewest lines, round by round. user ns: sampled, in the program itself."
            .to_owned(),
        "gathered: requests in one receive of the host. Judged is the load at which each frame is a receive of its own."
            .to_owned(),
    ]
}

fn columns() -> Vec<Column> {
    vec![
        column("load", "load", 0),
        column("lines", "lines", 0),
        column("frames_per_second", "frames/s", 0),
        column("cpu_ns_per_frame", "CPU ns/frame", 0),
        column("growth", "growth", 2),
        column("user_ns_per_frame", "user ns", 0),
        column("kernel_ns_per_frame", "kernel ns", 0),
        column("frames_per_turn", "frames/turn", 2),
        column("gathered", "gathered", 2),
        column("p50_us", "p50 us", 0),
        column("p99_us", "p99 us", 0),
        column("switch_busy_percent", "switch busy %", 0),
    ]
}

fn row(load: &str, lines: usize, rounds: &[Figures], fewest: &[Figures]) -> Vec<Cell> {
    vec![
        Cell::from(load),
        Cell::from(lines),
        each(rounds, Figures::frames_per_second),
        each(rounds, Figures::cpu_ns_per_frame),
        Cell::Rounds(ratios(rounds, fewest, Figures::cpu_ns_per_frame)),
        each(rounds, Figures::user_ns_per_frame),
        each(rounds, |of| of.cpu_ns_per_frame() - of.user_ns_per_frame()),
        each(rounds, Figures::frames_per_turn),
        each(rounds, Figures::gathered),
        each(rounds, |of| of.latency_us(50.0)),
        each(rounds, |of| of.latency_us(99.0)),
        each(rounds, |of| of.cpu_ms_per_second() / 10.0),
    ]
}
