//! What is measured runs in processes of its own, started by this one: this program again, which
//! plays the switch or a relay, or keeps a foreign program.
//!
//! Whoever is played ends when its input does. So nothing is left behind however the bench ends,
//! also if it is killed.

mod copier;
mod pipe;
pub mod programs;

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{self, Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ringswitch::app::{Embedded, host};
use ringswitch::control::configured::Configured;

use crate::load::Processes;
use crate::load::dialogue::said;
use programs::Program;

/// The first argument of a process that plays one of them.
pub const PLAY: &str = "--play";

/// A process that ends with this value, or when its parent is gone.
pub struct Played {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Played {
    /// The switch with a configuration of so many lines. Listens at once, and is `up` once all
    /// lines are connected.
    pub fn switch(configuration: &str, lines: usize) -> Self {
        let mut played = Self::start(&["switch", &lines.to_string()]);
        let input = played.input.as_mut().expect("not ended");
        let _ = writeln!(input, "{}", configuration.len()).and_then(|()| input.write_all(configuration.as_bytes()));
        played.said("listening");
        played
    }

    /// The relay of that name for so many lines to `host`, and where it listens: at `address` if it
    /// does not choose itself.
    pub fn relay(name: &str, lines: usize, address: SocketAddr, host: SocketAddr) -> (Self, SocketAddr) {
        let mut played = Self::start(&[name, &lines.to_string(), &address.to_string(), &host.to_string()]);
        let address = played.said("listening").parse().expect("an address");
        (played, address)
    }

    /// Waits until all its lines are up; the processes to measure.
    pub fn up(&mut self) -> Processes {
        let numbers = self.said("up");
        Processes::of(numbers.split(' ').map(|number| number.parse().expect("a process has a number")).collect())
    }

    fn start(arguments: &[&str]) -> Self {
        let program = env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg(PLAY).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let input = child.stdin.take();
        Self { child, input, output }
    }

    /// What follows `word` in its next line, which must begin with it.
    fn said(&mut self, word: &str) -> String {
        said(&mut self.output, word)
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        drop(self.input.take());
        // Not killed at once: who keeps a foreign program must end that first.
        for _ in 0..1_000 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        eprintln!("process {} did not end with its input", self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process of [`Played`].
pub fn play(arguments: &[String]) {
    let lines = arguments[1].parse().expect("a number of lines");
    let address = |at: usize| arguments[at].parse().expect("an address");
    let listening = |address: SocketAddr| say("listening", &address.to_string());
    match arguments[0].as_str() {
        "switch" => play_switch(lines),
        "pipe" => {
            end_with_input();
            pipe::run(lines, address(3), listening, up);
        }
        "tokio" => {
            end_with_input();
            copier::run(lines, address(3), listening, up);
        }
        "haproxy" => programs::keep(Program::Haproxy, address(2), address(3)),
        "nginx" => programs::keep(Program::Nginx, address(2), address(3)),
        other => panic!("nobody can play {other}"),
    }
}

fn up() {
    say("up", &process::id().to_string());
}

/// For who never looks at its input: a thread that sleeps until the parent is gone.
fn end_with_input() {
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0)
    });
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
    up();
    // Until the parent is gone.
    let _ = input.read_to_end(&mut Vec::new());
    process::exit(0);
}

fn say(word: &str, what: &str) {
    println!("{word} {what}");
}
