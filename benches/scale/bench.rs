//! A switch, a load on it, and what a measurement gives.

use ringswitch::time::Span;

use super::child::Switch;
use super::placement::Placement;
use super::plan::{Connected, Setup};
use super::traffic::{Pace, Tally, Traffic};
use crate::load::{CpuTime, Hub, Shape, peers};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub measured: Span,
    /// In front of each measurement.
    pub warm_up: Span,
    pub rounds: usize,
    /// Only that it works: few lines, few requests.
    pub quick: bool,
}

/// Data bytes of a frame.
pub const SIZE: usize = 200;

pub struct Bench {
    pub hub: Hub,
    pub traffic: Traffic,
    pub switch: Switch,
    /// Bytes of the switch before anything was connected.
    pub resident_listening: u64,
    shards: Vec<CpuTime>,
    load: CpuTime,
    placement: Placement,
}

/// One measurement.
#[derive(Debug)]
pub struct Figures {
    seconds: f64,
    /// While it was measured; the tally goes on until the last answer is in.
    pub frames: u64,
    pub tally: Tally,
    shards: Vec<ShardFigures>,
    process_ns: u64,
    load_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct ShardFigures {
    cpu_ns: u64,
    user_ticks: u64,
    system_ticks: u64,
    turns: u64,
}

struct Reading {
    at: ringswitch::time::Instant,
    shards: Vec<ShardFigures>,
    process_ns: u64,
    load_ns: u64,
}

impl Bench {
    /// To be called on the thread of the load ([`Placement::for_load`]).
    pub fn start(setup: Setup, connected: Connected, placement: Placement) -> Self {
        let plan = setup.plan();
        let mut switch = Switch::start(&plan.text, setup.shards, placement);
        let resident_listening = switch.resident();
        let plan = connected.of(plan);
        let hub = Hub::new(peers::through_switch(&plan));
        let shards = switch.up(plan.terminals.len() + plan.hosts.len());
        let traffic = Traffic::new(Shape::Terminals.style(), SIZE, plan.terminals.len());
        Self { hub, traffic, switch, resident_listening, shards, load: CpuTime::own(), placement }
    }

    /// One round. Hosts keep `depth` requests and answer the oldest for each that comes.
    pub fn measure(&mut self, pace: Pace, depth: usize, effort: Effort) -> Figures {
        let alone = self.placement.load_is_alone();
        self.traffic.start(self.hub.now(), pace, depth);
        self.traffic.fill(&mut self.hub);
        self.traffic.run(&mut self.hub, effort.warm_up, alone);
        self.traffic.take();
        let before = self.read();
        self.traffic.run(&mut self.hub, effort.measured, alone);
        let (frames, after) = (self.traffic.frames(), self.read());
        self.traffic.stop(&mut self.hub);
        assert!(frames > 0 || matches!(pace, Pace::Probes(_) | Pace::Window(0)), "nothing crossed");
        let shards = after.shards.iter().zip(&before.shards).map(|(after, before)| after.since(*before)).collect();
        Figures {
            seconds: after.at.since(before.at).as_secs_f64(),
            frames,
            tally: self.traffic.take(),
            shards,
            process_ns: after.process_ns - before.process_ns,
            load_ns: after.load_ns - before.load_ns,
        }
    }

    fn read(&mut self) -> Reading {
        let said = self.switch.shards();
        let shard = |(thread, turns): (&CpuTime, u64)| {
            let (user_ticks, system_ticks) = thread.user_and_system();
            ShardFigures { cpu_ns: thread.read(), user_ticks, system_ticks, turns }
        };
        let shards = self.shards.iter().zip(said.iter().map(|said| said.turns)).map(shard).collect();
        Reading { at: self.hub.now(), shards, process_ns: self.switch.cpu_ns(), load_ns: self.load.read() }
    }
}

impl ShardFigures {
    fn since(self, before: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns - before.cpu_ns,
            user_ticks: self.user_ticks - before.user_ticks,
            system_ticks: self.system_ticks - before.system_ticks,
            turns: self.turns - before.turns,
        }
    }
}

impl Figures {
    pub fn frames_per_second(&self) -> f64 {
        self.frames as f64 / self.seconds
    }

    /// Of all shards together.
    pub fn cpu_ns_per_frame(&self) -> f64 {
        self.cpu_ns() / self.frames as f64
    }

    pub fn shard_ns_per_frame(&self, shard: usize) -> f64 {
        self.shards.get(shard).map_or(0.0, |of| of.cpu_ns as f64 / self.frames as f64)
    }

    /// What of it was spent in the program itself.
    pub fn user_ns_per_frame(&self) -> f64 {
        self.cpu_ns_per_frame() * self.user_share()
    }

    /// As the kernel sampled it; NaN where there were too few ticks to tell anything.
    pub fn user_share(&self) -> f64 {
        let user: u64 = self.shards.iter().map(|of| of.user_ticks).sum();
        let all: u64 = self.shards.iter().map(|of| of.user_ticks + of.system_ticks).sum();
        if all < 10 { f64::NAN } else { user as f64 / all as f64 }
    }

    pub fn cpu_ms_per_second(&self) -> f64 {
        self.cpu_ns() / 1e6 / self.seconds
    }

    pub fn cpu_ns(&self) -> f64 {
        self.shards.iter().map(|of| of.cpu_ns as f64).sum()
    }

    /// Of all threads of the switch.
    pub fn process_ms_per_second(&self) -> f64 {
        self.process_ns as f64 / 1e6 / self.seconds
    }

    pub fn turns_per_second(&self) -> f64 {
        self.turns() as f64 / self.seconds
    }

    pub fn frames_per_turn(&self) -> f64 {
        self.frames as f64 / self.turns().max(1) as f64
    }

    fn turns(&self) -> u64 {
        self.shards.iter().map(|of| of.turns).sum()
    }

    /// Requests in one receive of a host: what the switch gathered.
    pub fn gathered(&self) -> f64 {
        // Of the whole tally, as the receives are.
        self.tally.frames as f64 / 2.0 / self.tally.host_receives.max(1) as f64
    }

    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// The part of the time that the load was on a processor.
    pub fn load_busy(&self) -> f64 {
        self.load_ns as f64 / 1e9 / self.seconds
    }

    /// Microseconds that so many per cent of the answers took at most, from the intended time of
    /// their requests.
    pub fn latency_us(&self, percent: f64) -> f64 {
        self.tally.latency.value_at_quantile(percent / 100.0) as f64 / 1e3
    }

    /// How late the load made its requests.
    pub fn late_us(&self, percent: f64) -> f64 {
        self.tally.late.value_at_quantile(percent / 100.0) as f64 / 1e3
    }
}
