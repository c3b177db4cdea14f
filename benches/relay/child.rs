//! What is measured runs in a process of its own on the first CPU: the switch, or the pipe.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ringswitch::app::{Embedded, host};
use ringswitch::control::configured::Configured;

use super::pipe;
use crate::load::CpuTime;

/// The first argument of a process that plays one of them.
pub const PLAY: &str = "--play";

/// The thread that does the work.
const SHARD: &str = "shard-0";

/// A process that ends with this value, or when its parent is gone.
pub struct Played {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Played {
    /// The switch with a configuration of so many lines. Listens at once, and is `up` once all
    /// lines are connected.
    pub fn switch(configuration: &str, lines: usize) -> Self {
        let mut played = Self::start(&["switch", &lines.to_string()]);
        let mut input = played.child.stdin.take().expect("piped");
        let _ = writeln!(input, "{}", configuration.len()).and_then(|()| input.write_all(configuration.as_bytes()));
        played.child.stdin = Some(input);
        played.said("listening");
        played
    }

    /// The pipe for so many lines to `host`, and where it listens.
    pub fn pipe(lines: usize, host: SocketAddr) -> (Self, SocketAddr) {
        let mut played = Self::start(&["pipe", &lines.to_string(), &host.to_string()]);
        let address = played.said("listening").parse().expect("an address");
        (played, address)
    }

    /// Waits until all its lines are up; the thread to measure.
    pub fn up(&mut self) -> CpuTime {
        let thread = self.said("up");
        CpuTime::of(self.child.id(), &thread)
    }

    fn start(arguments: &[&str]) -> Self {
        let program = env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg(PLAY).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, output }
    }

    /// What follows `word` in its next line, which must begin with it.
    fn said(&mut self, word: &str) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a pipe");
        let rest = line.strip_prefix(word).unwrap_or_else(|| panic!("{word} was due, and this came: {line:?}"));
        rest.trim().to_owned()
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        // Its input ends with it; the pipe ends with its lines.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process of [`Played`].
pub fn play(arguments: &[String]) {
    let lines = arguments[1].parse().expect("a number of lines");
    match arguments[0].as_str() {
        "switch" => play_switch(lines),
        "pipe" => {
            let host = arguments[2].parse().expect("an address");
            let name = std::fs::read_to_string("/proc/thread-self/comm").expect("a thread has a name");
            pipe::run(lines, host, |address| say("listening", &address.to_string()), || say("up", name.trim()));
        }
        other => panic!("nobody can play {other}"),
    }
}

fn play_switch(lines: usize) {
    let mut input = io::stdin().lock();
    let mut length = String::new();
    input.read_line(&mut length).expect("a pipe");
    let mut text = vec![0; length.trim().parse().expect("a length")];
    input.read_exact(&mut text).expect("a configuration");
    let text = String::from_utf8(text).expect("text");
    let started = Embedded::start(Arc::new(Configured::text("bench.toml", &text, host())));
    let switch = started.unwrap_or_else(|refused| panic!("{refused}"));
    say("listening", "");
    while switch.lines_up() < lines {
        thread::sleep(Duration::from_millis(1));
    }
    say("up", SHARD);
    // Until the parent is gone.
    let _ = input.read_to_end(&mut Vec::new());
}

fn say(word: &str, what: &str) {
    println!("{word} {what}");
}
