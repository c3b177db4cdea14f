//! One scenario: the switch and its peers side by side, measured in turns.

use ringswitch::time::Span;

use super::play::Played;
use super::subject::{Load, Subject};
use crate::load::{CpuTime, Processes, Shape, generator};

/// K lines, each with W requests under way.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub shape: Shape,
    pub lines: usize,
    pub window: usize,
    /// Data bytes of a frame.
    pub size: usize,
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub measured: Span,
    /// In front of each measurement.
    pub warm_up: Span,
    pub rounds: usize,
}

/// What one measurement gave.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Figures {
    pub frames_per_second: f64,
    /// Of all threads between terminals and hosts; of the load itself in a direct run.
    pub cpu_ns_per_frame: f64,
    /// The part of the time that they were on their processor.
    pub busy: f64,
    /// The part of the time that the load was on its processor.
    pub load_busy: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub resident_mib: f64,
}

impl Scenario {
    pub fn name(&self) -> String {
        format!("{}-K{}W{}", self.shape.name(), self.lines, self.window)
    }
}

/// Who was on the processor for less than this part of the measured time is measured for longer:
/// on a machine with much else to do the scheduler's ticks (4 ms at 250 Hz) would be too coarse.
const ENOUGH: u64 = 4;
/// But for no more spans than that.
const SPANS_MAX: u32 = 4;
/// Without a single frame in so many something is broken.
const SPANS_HOPELESS: u32 = 400;

/// What processor time is asked of.
enum Measured {
    Between(Processes),
    Load,
}

/// A load and what it goes through. The load ends first: relays end with their lines.
struct Bench {
    load: Load,
    measured: Measured,
    _played: Option<Played>,
}

impl Bench {
    fn of(subject: Subject, scenario: Scenario) -> Self {
        let (load, played, processes) = subject.start(scenario);
        Self { load, measured: Measured::Between(processes), _played: Some(played) }
    }

    /// The load against itself: what it can do when nothing is in its way.
    fn direct(scenario: Scenario) -> Self {
        Self { load: Load::direct(scenario), measured: Measured::Load, _played: None }
    }

    fn measure(&mut self, effort: Effort) -> Figures {
        let Load { hub, generator } = &mut self.load;
        let own = CpuTime::own();
        let cpu_ns = || match &self.measured {
            Measured::Between(processes) => processes.cpu_ns(),
            Measured::Load => own.read(),
        };
        generator.start(hub);
        generator.run(hub, effort.warm_up);
        let (cpu, load, began) = (cpu_ns(), own.read(), hub.now());
        let mut tally = generator.run(hub, effort.measured);
        let worked = || cpu_ns().checked_sub(cpu).expect("no thread ended");
        for spans in 1.. {
            let is_enough = worked() >= effort.measured.0 / ENOUGH || spans >= SPANS_MAX;
            if tally.frames > 0 && is_enough {
                break;
            }
            assert!(spans <= SPANS_HOPELESS, "nothing crosses");
            tally.add(generator.run(hub, effort.measured));
        }
        let (cpu, load) = (worked(), own.read() - load);
        let lasted_ns = hub.now().since(began).0 as f64;
        let generator::Tally { frames, latency } = tally;
        let resident = match &self.measured {
            Measured::Between(processes) => processes.resident_bytes(),
            Measured::Load => Processes::of(vec![std::process::id()]).resident_bytes(),
        };
        generator.stop(hub);
        let micros = |per_mille| latency.percentile(per_mille).0 as f64 / 1e3;
        Figures {
            frames_per_second: frames as f64 / lasted_ns * 1e9,
            cpu_ns_per_frame: cpu as f64 / frames as f64,
            busy: cpu as f64 / lasted_ns,
            load_busy: load as f64 / lasted_ns,
            p50_us: micros(500),
            p99_us: micros(990),
            p999_us: micros(999),
            resident_mib: resident as f64 / 1024.0 / 1024.0,
        }
    }
}

/// What all rounds of a scenario gave.
pub struct Rounds {
    pub scenario: Scenario,
    /// In the order in which they were asked for; of each a figure a round.
    pub subjects: Vec<(Subject, Vec<Figures>)>,
    pub direct: Figures,
}

impl Rounds {
    /// `started` is called once all that is to be measured runs, with the processes of each.
    pub fn of(scenario: Scenario, effort: Effort, subjects: &[Subject], started: impl FnOnce(&str)) -> Self {
        let mut benches: Vec<_> = subjects.iter().map(|subject| Bench::of(*subject, scenario)).collect();
        let processes: Vec<_> =
            subjects.iter().zip(&benches).map(|(subject, bench)| described(*subject, bench)).collect();
        started(&processes.join(", "));
        let direct = Bench::direct(scenario).measure(effort);
        let mut figures = vec![Vec::new(); subjects.len()];
        for round in 0..effort.rounds {
            // Each comes first in some round, so that none always follows the same.
            for turn in 0..benches.len() {
                let at = (round + turn) % benches.len();
                figures[at].push(benches[at].measure(effort));
            }
        }
        Self { scenario, subjects: subjects.iter().copied().zip(figures).collect(), direct }
    }

    pub fn figures(&self, subject: Subject) -> Option<&[Figures]> {
        self.subjects.iter().find(|(other, _)| *other == subject).map(|(_, figures)| figures.as_slice())
    }

    /// Processor time of the switch for that of a peer, round by round.
    pub fn ratios(&self, peer: Subject) -> Option<Vec<f64>> {
        let pairs = self.figures(Subject::Switch)?.iter().zip(self.figures(peer)?);
        Some(pairs.map(|(switch, peer)| switch.cpu_ns_per_frame / peer.cpu_ns_per_frame).collect())
    }
}

fn described(subject: Subject, bench: &Bench) -> String {
    let Measured::Between(processes) = &bench.measured else { return subject.name().to_owned() };
    let numbers: Vec<_> = processes.numbers().iter().map(u32::to_string).collect();
    format!("{} {} (CPU {})", subject.name(), numbers.join("+"), processes.cpus().join(" and "))
}

/// The least, the middle and the largest of some figures.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    /// Of an even number the median is between the two in the middle.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let median = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
        Self { min: sorted[0], median, max: sorted[sorted.len() - 1] }
    }
}
