//! The switch in a process of its own, and what is asked of it and of the kernel about it.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use ringswitch::app::{Embedded, host};
use ringswitch::control::configured::Configured;

use super::placement::Placement;
use crate::load::CpuTime;
use crate::load::dialogue::said;

/// The first argument of the process that is the switch.
pub const PLAY: &str = "--play-switch";

/// A switch that ends with this value, or when its parent is gone.
pub struct Switch {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    shards: u16,
}

/// What a shard says of itself, since it began.
#[derive(Clone, Copy, Debug)]
pub struct ShardSaid {
    pub turns: u64,
    pub connections: u64,
}

impl Switch {
    /// Starts it where the placement wants it; it listens when this returns.
    pub fn start(configuration: &str, shards: u16, placement: Placement) -> Self {
        let program = env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg(PLAY).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = placement.for_switch(|| command.spawn()).expect("this program starts");
        let mut input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let told = writeln!(input, "{}", configuration.len()).and_then(|()| input.write_all(configuration.as_bytes()));
        told.expect("the switch reads its configuration");
        let mut switch = Self { child, input, output, shards };
        switch.answer("listening");
        switch
    }

    /// Waits until so many lines are up; the shards' threads.
    pub fn up(&mut self, lines: usize) -> Vec<CpuTime> {
        self.ask(&format!("up {lines}"));
        (0..self.shards).map(|shard| CpuTime::of(self.child.id(), &format!("shard-{shard}"))).collect()
    }

    /// By shard.
    pub fn shards(&mut self) -> Vec<ShardSaid> {
        let said = self.ask("shards");
        let numbers: Vec<u64> = said.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        numbers.chunks(2).map(|of| ShardSaid { turns: of[0], connections: of[1] }).collect()
    }

    /// Bytes of its memory that are resident now, all it has mapped.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("a process that runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        kib * 1024
    }

    /// Nanoseconds on a processor of all its threads.
    pub fn cpu_ns(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("a process that runs");
        let of_task = |path: std::path::PathBuf| {
            // A thread may end in between.
            let text = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0)
        };
        tasks.flatten().map(|task| of_task(task.path())).sum()
    }

    fn ask(&mut self, question: &str) -> String {
        writeln!(self.input, "{question}").expect("the switch runs");
        self.answer("so")
    }

    /// What follows `word` in its next line, which must begin with it.
    fn answer(&mut self, word: &str) -> String {
        said(&mut self.output, word)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process of [`Switch`].
pub fn play() {
    let mut input = io::stdin().lock();
    let mut length = String::new();
    input.read_line(&mut length).expect("a pipe");
    let mut text = vec![0; length.trim().parse().expect("a length")];
    input.read_exact(&mut text).expect("a configuration");
    let text = String::from_utf8(text).expect("text");
    let started = Embedded::start(Arc::new(Configured::text("bench.toml", &text, host())));
    let switch = started.unwrap_or_else(|refused| panic!("{refused}"));
    println!("listening");
    // Until the parent is gone.
    for question in input.lines().map_while(Result::ok) {
        println!("so {}", answer(&switch, &question));
    }
}

fn answer(switch: &Embedded, question: &str) -> String {
    if let Some(lines) = question.strip_prefix("up ") {
        let lines = lines.parse().expect("a number of lines");
        while switch.lines_up() < lines {
            thread::sleep(Duration::from_millis(5));
        }
        return String::new();
    }
    assert_eq!(question, "shards", "nobody asks anything else");
    // Relaxed: reports.
    let said = |shard: &ringswitch::shared::counters::ShardCounters| {
        format!("{} {}", shard.turns.load(Relaxed), shard.connections.load(Relaxed))
    };
    switch.world.shards.iter().map(said).collect::<Vec<_>>().join(" ")
}
