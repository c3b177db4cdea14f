//! One scenario: switch and pipe side by side, measured in turns.

use std::net::TcpListener;

use ringswitch::time::Span;

use super::child::Played;
use crate::load::{CpuTime, Generator, Hub, Shape, generator, peers};

/// K lines, each with W requests under way.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub shape: Shape,
    pub lines: usize,
    pub window: usize,
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Data bytes of a frame.
    pub size: usize,
    pub measured: Span,
    /// In front of each measurement.
    pub warm_up: Span,
    pub rounds: usize,
}

/// What one measurement gave.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub frames_per_second: f64,
    /// Of the thread between terminals and hosts; of the load itself in a direct run.
    pub cpu_ns_per_frame: f64,
    /// The part of the time that the load was on its processor.
    pub load_busy: f64,
    pub p50: Span,
    pub p99: Span,
}

impl Scenario {
    pub fn name(&self) -> String {
        format!("{}-K{}W{}", self.shape.name(), self.lines, self.window)
    }
}

/// A load and what it goes through.
pub struct Bench {
    hub: Hub,
    generator: Generator,
    measured: CpuTime,
    load: CpuTime,
    _between: Option<Played>,
}

impl Bench {
    pub fn switch(scenario: Scenario, size: usize) -> Self {
        let plan = scenario.shape.plan(scenario.lines);
        let mut switch = Played::switch(&plan.text, plan.terminals.len() + plan.hosts.len());
        let hub = Hub::new(peers::through_switch(&plan));
        let measured = switch.up();
        let generator = Generator::new(scenario.shape.style(), size, scenario.lines, scenario.window);
        Self { hub, generator, measured, load: CpuTime::own(), _between: Some(switch) }
    }

    pub fn pipe(scenario: Scenario, size: usize) -> Self {
        let host = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (mut pipe, address) = Played::pipe(scenario.lines, host.local_addr().expect("bound"));
        let hub = Hub::new(peers::through_relay(address, &host, scenario.lines));
        let measured = pipe.up();
        let generator = Generator::new(scenario.shape.style_untranslated(), size, scenario.lines, scenario.window);
        Self { hub, generator, measured, load: CpuTime::own(), _between: Some(pipe) }
    }

    /// The load against itself: what it can do when nothing is in its way.
    pub fn direct(scenario: Scenario, size: usize) -> Self {
        let hub = Hub::new(peers::direct(scenario.lines));
        let generator = Generator::new(scenario.shape.style_untranslated(), size, scenario.lines, scenario.window);
        Self { hub, generator, measured: CpuTime::own(), load: CpuTime::own(), _between: None }
    }

    /// The thread that is measured, for a profiler.
    pub fn thread(&self) -> u32 {
        self.measured.thread
    }

    pub fn measure(&mut self, effort: Effort) -> Figures {
        let Self { hub, generator, .. } = self;
        generator.start(hub);
        generator.run(hub, effort.warm_up);
        let (cpu, load, began) = (self.measured.read(), self.load.read(), hub.now());
        let generator::Tally { frames, latency } = generator.run(hub, effort.measured);
        let (cpu, load) = (self.measured.read() - cpu, self.load.read() - load);
        let lasted = hub.now().since(began).as_secs_f64();
        generator.stop(hub);
        assert!(frames > 0, "nothing crossed");
        Figures {
            frames_per_second: frames as f64 / lasted,
            cpu_ns_per_frame: cpu as f64 / frames as f64,
            load_busy: load as f64 / 1e9 / lasted,
            p50: latency.percentile(500),
            p99: latency.percentile(990),
        }
    }
}

/// What all rounds of a scenario gave.
pub struct Rounds {
    pub switch: Vec<Figures>,
    pub pipe: Vec<Figures>,
    pub direct: Figures,
}

impl Rounds {
    /// `started` is called once what is to be measured runs, in processes of their own.
    pub fn of(scenario: Scenario, effort: Effort, started: impl FnOnce(&str)) -> Self {
        let mut switch = Bench::switch(scenario, effort.size);
        let mut pipe = Bench::pipe(scenario, effort.size);
        let (name, ours, yardstick) = (scenario.name(), switch.thread(), pipe.thread());
        started(&format!("{name}: the switch is thread {ours}, the pipe {yardstick}"));
        let direct = Bench::direct(scenario, effort.size).measure(effort);
        let mut rounds = Self { switch: Vec::new(), pipe: Vec::new(), direct };
        for _ in 0..effort.rounds {
            rounds.switch.push(switch.measure(effort));
            rounds.pipe.push(pipe.measure(effort));
        }
        rounds
    }

    /// Processor time of the switch for that of the pipe, round by round, ascending.
    pub fn ratios(&self) -> Vec<f64> {
        let pairs = self.switch.iter().zip(&self.pipe);
        sorted(pairs.map(|(switch, pipe)| switch.cpu_ns_per_frame / pipe.cpu_ns_per_frame))
    }
}

pub fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}

/// The middle one of ascending figures; the lower of two.
pub fn median(sorted: &[f64]) -> f64 {
    sorted[(sorted.len() - 1) / 2]
}
