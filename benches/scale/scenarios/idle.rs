//! Lines that say nothing: what they keep in memory, and what they ask of the processor.

use ringswitch::time::Span;

use super::super::bench::{Bench, Effort};
use super::super::placement::Placement;
use super::super::plan::{Connected, Setup};
use super::super::report::{Cell, Column, Report, column, median};
use super::super::traffic::Pace;
use super::{Figures, each, in_turns, middle};

const LINES: usize = 9_000;
const LINES_QUICK: usize = 40;

/// Both sides of a line probe it after so long a silence, unless configured otherwise.
const USUAL_PROBE_AFTER_S: f64 = 120.0;

/// Nothing happens most of the time, so it takes a while to see how much.
const LEAST_S: u64 = 5;

pub fn run(effort: Effort) -> Report {
    let placement = Placement::of(1);
    placement.for_load(|| measure(effort, placement))
}

fn measure(effort: Effort, placement: Placement) -> Report {
    let lines = if effort.quick { LINES_QUICK } else { LINES };
    let span = if effort.quick { 1 } else { (effort.measured.0 / 1_000_000_000).max(LEAST_S) };
    // Lines that came up together are probed together: a measurement sees one such burst to three.
    let probe_after = (span / 2).max(1);
    let probed = Effort { measured: Span::from_secs(span), ..effort };
    let silent = if effort.quick { effort } else { probed };
    let mut report = Report::new("idle", about(probe_after, placement), columns());

    let mut least = Bench::start(Setup::of(1), Connected::All, placement);
    let base = in_turns(&[()], effort.rounds, |()| least.measure(Pace::Window(0), 0, silent));
    let base_bytes = least.switch.resident();
    report.row(row("1 line", 1, least.resident_listening, base_bytes, base_bytes, &base[0]));
    drop(least);

    eprintln!("  connecting {lines} lines");
    let mut all = Bench::start(Setup::of(lines), Connected::All, placement);
    let quiet = in_turns(&[()], effort.rounds, |()| all.measure(Pace::Window(0), 0, silent));
    let bytes = all.switch.resident();
    report.row(row("no probes", lines, all.resident_listening, bytes, base_bytes, &quiet[0]));
    drop(all);

    eprintln!("  connecting {lines} lines that are probed every {probe_after} s");
    let setup = Setup { probe_after_s: Some(probe_after), ..Setup::of(lines) };
    let mut all = Bench::start(setup, Connected::All, placement);
    let pace = Pace::Probes(lines as f64 / probe_after as f64);
    let probing = in_turns(&[()], effort.rounds, |()| all.measure(pace, 0, probed));
    let bytes = all.switch.resident();
    report.row(row("probes", lines, all.resident_listening, bytes, base_bytes, &probing[0]));
    findings(&mut report, lines, &quiet[0], &probing[0]);
    report
}

fn findings(report: &mut Report, lines: usize, quiet: &[Figures], probing: &[Figures]) {
    let per_probe: Vec<f64> = probing
        .iter()
        .zip(quiet)
        .map(|(probing, quiet)| {
            let probes = (probing.tally.probes + probing.tally.probes_sent) as f64 / probing.seconds();
            (probing.process_ms_per_second() - quiet.process_ms_per_second()) * 1e3 / probes
        })
        .collect();
    let probe_us = median(&per_probe);
    report.finding("us_per_probe", probe_us, format!("a probe, sent or received, takes {probe_us:.1} us CPU"));
    let usual =
        middle(quiet, Figures::process_ms_per_second) + 2.0 * lines as f64 / USUAL_PROBE_AFTER_S * probe_us / 1e3;
    let says = format!(
        "at the usual {USUAL_PROBE_AFTER_S} s, {lines} idle lines that both sides probe take {usual:.1} ms CPU a second"
    );
    report.finding("cpu_ms_per_second_at_120_s", usual, says);
}

fn about(probe_after_s: u64, placement: Placement) -> Vec<String> {
    vec![
        format!("Lines of terminals that are up, and a host's 8; nothing is asked. load: {}.", placement.says()),
        "resident: of the whole process (its kernel memory, sockets above all, is not in it). KiB/line: beside 1 line."
            .to_owned(),
        format!(
            "probes: each line is probed by both sides every {probe_after_s} s. CPU: all threads; of it the shard alone."
        ),
    ]
}

fn columns() -> Vec<Column> {
    vec![
        column("state", "state", 0),
        column("lines", "lines", 0),
        column("resident_listening_mib", "MiB before connects", 1),
        column("resident_mib", "MiB up", 1),
        column("kib_per_line", "KiB/line", 2),
        column("cpu_ms_per_second", "CPU ms/s", 2),
        column("shard_ms_per_second", "shard ms/s", 2),
        column("turns_per_second", "turns/s", 0),
        column("probes_in_per_second", "probes in/s", 0),
        column("probes_out_per_second", "probes out/s", 0),
    ]
}

fn row(state: &str, lines: usize, listening: u64, up: u64, base: u64, rounds: &[Figures]) -> Vec<Cell> {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let per_line = if lines > 1 { (up as f64 - base as f64) / 1024.0 / (lines - 1) as f64 } else { f64::NAN };
    vec![
        Cell::from(state),
        Cell::from(lines),
        Cell::from(mib(listening)),
        Cell::from(mib(up)),
        Cell::from(per_line),
        each(rounds, Figures::process_ms_per_second),
        each(rounds, Figures::cpu_ms_per_second),
        each(rounds, Figures::turns_per_second),
        each(rounds, |of| of.tally.probes_sent as f64 / of.seconds()),
        each(rounds, |of| of.tally.probes as f64 / of.seconds()),
    ]
}
