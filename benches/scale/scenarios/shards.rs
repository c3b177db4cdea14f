//! One shard and two, with lines laid out so that everything is at home or everything must cross.

use super::super::bench::{Bench, Effort};
use super::super::placement::Placement;
use super::super::plan::{Connected, HOSTS, Setup};
use super::super::report::{Cell, Column, Report, column, median};
use super::super::traffic::Pace;
use super::{Figures, each, ratios};

/// Lines of terminals that are connected; as many again are configured, so that the half which is
/// on the right shards can be chosen.
const LINES: usize = 32;

#[derive(Clone, Copy)]
struct Layout {
    name: &'static str,
    key: &'static str,
    shards: u16,
    connected: Connected,
    placement: Placement,
}

const LAYOUTS: [Layout; 4] = [
    Layout::of("1 shard, load apart", "one_apart", 1, Connected::FirstHalf, Placement::Apart),
    Layout::of("1 shard", "one", 1, Connected::FirstHalf, Placement::Shared),
    Layout::of("2 shards, at home", "two_local", 2, Connected::FirstHalf, Placement::Shared),
    Layout::of("2 shards, all crosses", "two_crossing", 2, Connected::Apart, Placement::Shared),
];

const PACES: [(&str, &str, Pace); 2] =
    [("1,024 under way", "saturated", Pace::Window(1_024)), ("50,000/s", "paced", Pace::PerSecond(50_000.0))];

impl Layout {
    const fn of(
        name: &'static str,
        key: &'static str,
        shards: u16,
        connected: Connected,
        placement: Placement,
    ) -> Self {
        Self { name, key, shards, connected, placement }
    }

    fn setup(self) -> Setup {
        Setup { hosts: 2 * HOSTS, shards: self.shards, ..Setup::of(2 * LINES) }
    }

    fn measure(self, effort: Effort) -> [Figures; PACES.len()] {
        let placement = if super::super::placement::cpus() > 1 { self.placement } else { Placement::Shared };
        placement.for_load(|| {
            let mut bench = Bench::start(self.setup(), self.connected, placement);
            let connections: Vec<u64> = bench.switch.shards().iter().map(|shard| shard.connections).collect();
            assert_eq!(connections, self.connections(), "lines lie on other shards than this bench believes");
            PACES.map(|(_, _, pace)| bench.measure(pace, 0, effort))
        })
    }

    /// By shard.
    fn connections(self) -> Vec<u64> {
        let (lines, hosts) = (LINES as u64, HOSTS as u64);
        match (self.shards, self.connected) {
            (1, _) => vec![lines + hosts],
            (_, Connected::Apart) => vec![lines, hosts],
            _ => vec![(lines + hosts) / 2; 2],
        }
    }
}

pub fn run(effort: Effort) -> Report {
    let mut all: Vec<[Vec<Figures>; PACES.len()]> = LAYOUTS.iter().map(|_| PACES.map(|_| Vec::new())).collect();
    for round in 0..effort.rounds {
        eprintln!("  round {} of {}", round + 1, effort.rounds);
        for (layout, figures) in LAYOUTS.iter().zip(&mut all) {
            figures.iter_mut().zip(layout.measure(effort)).for_each(|(of, figures)| of.push(figures));
        }
    }
    let mut report = Report::new("shards", about(), columns());
    for (at, (pace, pace_key, _)) in PACES.iter().enumerate() {
        let one = &all[1][at];
        for (layout, figures) in LAYOUTS.iter().zip(&all) {
            report.row(row(pace, *layout, &figures[at], one));
        }
        for (layout, figures) in LAYOUTS.iter().zip(&all).skip(2) {
            let growth = median(&ratios(&figures[at], one, Figures::cpu_ns_per_frame));
            let says = format!("{pace}: {} takes {growth:.2} times the CPU time of one shard", layout.name);
            report.finding(format!("{}_{pace_key}", layout.key), growth, says);
        }
    }
    report
}

fn about() -> Vec<String> {
    vec![
        format!(
            "{LINES} lines of terminals and {HOSTS} of the host are connected, of twice as many that are configured."
        ),
        "Where the load is not apart, it and the shards share two CPUs: trust CPU ns a frame, not frames/s.".to_owned(),
        "At home: a line of the host on each terminal's shard. Crossing: terminals on shard 0, hosts on shard 1."
            .to_owned(),
    ]
}

fn columns() -> Vec<Column> {
    vec![
        column("load", "load", 0),
        column("layout", "layout", 0),
        column("frames_per_second", "frames/s", 0),
        column("cpu_ns_per_frame", "CPU ns/frame", 0),
        column("to_one_shard", "to 1 shard", 2),
        column("shard_0_ns_per_frame", "shard 0 ns", 0),
        column("shard_1_ns_per_frame", "shard 1 ns", 0),
        column("user_ns_per_frame", "user ns", 0),
        column("frames_per_turn", "frames/turn", 1),
        column("p50_us", "p50 us", 0),
        column("p99_us", "p99 us", 0),
    ]
}

fn row(pace: &str, layout: Layout, rounds: &[Figures], one: &[Figures]) -> Vec<Cell> {
    vec![
        Cell::from(pace),
        Cell::from(layout.name),
        each(rounds, Figures::frames_per_second),
        each(rounds, Figures::cpu_ns_per_frame),
        Cell::Rounds(ratios(rounds, one, Figures::cpu_ns_per_frame)),
        each(rounds, |of| of.shard_ns_per_frame(0)),
        each(rounds, |of| of.shard_ns_per_frame(1)),
        each(rounds, Figures::user_ns_per_frame),
        each(rounds, Figures::frames_per_turn),
        each(rounds, |of| of.latency_us(50.0)),
        each(rounds, |of| of.latency_us(99.0)),
    ]
}
