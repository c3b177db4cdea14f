//! End to end over loopback: what a frame costs the switch, beside a plain pipe of bytes.
//! `cargo bench --bench relay -- [SCENARIO …]`; `benches/README.md` says what the figures mean.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench plays the peers and keeps the time")]

#[path = "relay/child.rs"]
mod child;
#[path = "load/mod.rs"]
mod load;
#[path = "relay/pipe.rs"]
mod pipe;
#[path = "relay/rounds.rs"]
mod rounds;

use std::env;

use load::Shape;
use ringswitch::shard::cpu;
use ringswitch::time::Span;
use rounds::{Effort, Figures, Rounds, Scenario, median, sorted};

/// Lines and windows of both shapes.
const SIZES: [(usize, usize); 5] = [(32, 1), (32, 32), (32, 256), (512, 1), (512, 32)];

/// Run when none is named.
const USUAL: [&str; 6] =
    ["terminals-K32W32", "terminals-K32W256", "terminals-K512W1", "terminals-K512W32", "pairs-K32W32", "pairs-K32W256"];

const USAGE: &str =
    "cargo bench --bench relay -- [SCENARIO …] [--seconds N] [--rounds N] [--size BYTES] [--all] [--list]
SCENARIO is a part of a name, such as terminals, K512 or pairs-K32W1.";

struct Asked {
    scenarios: Vec<Scenario>,
    effort: Effort,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == child::PLAY) {
        return child::play(&arguments[1..]);
    }
    let Asked { scenarios, effort } = match asked(&arguments) {
        Ok(asked) => asked,
        Err(message) => return println!("{message}"),
    };
    print_header(effort);
    for scenario in scenarios {
        place(0);
        // Children are born on the processor that their parent is on.
        let rounds = Rounds::of(scenario, effort, |note| {
            place(1);
            eprintln!("{note}");
        });
        print_rounds(scenario, &rounds);
    }
}

/// Without a second processor all share the one, and the figures say little.
fn place(nth: usize) {
    if cpu::pin(nth).is_err() {
        eprintln!("CPU {nth} is not to be had");
    }
}

fn every() -> impl Iterator<Item = Scenario> {
    let shapes = [Shape::Terminals, Shape::Pairs];
    shapes.into_iter().flat_map(|shape| SIZES.map(|(lines, window)| Scenario { shape, lines, window }))
}

/// What the command line asks for; a text to print instead of an answer to it.
fn asked(arguments: &[String]) -> Result<Asked, String> {
    let quick = !arguments.iter().any(|argument| argument == "--bench") || arguments.iter().any(|at| at == "--test");
    if quick {
        return Ok(quick_look());
    }
    let mut effort =
        Effort { size: 200, measured: Span::from_millis(1_500), warm_up: Span::from_millis(300), rounds: 3 };
    let (mut names, mut all) = (Vec::new(), false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || rest.next().and_then(|value| value.parse::<usize>().ok()).ok_or(USAGE.to_owned());
        match argument.as_str() {
            "--bench" => {}
            "--seconds" => effort.measured = Span::from_secs(number()? as u64),
            "--rounds" => effort.rounds = number()?.max(1),
            "--size" => effort.size = number()?,
            "--all" => all = true,
            "--list" => return Err(every().map(|scenario| scenario.name()).collect::<Vec<_>>().join("\n")),
            option if option.starts_with('-') => return Err(USAGE.to_owned()),
            name => names.push(name.to_owned()),
        }
    }
    if names.is_empty() && !all {
        names = USUAL.map(str::to_owned).to_vec();
    }
    let wanted = |scenario: &Scenario| all || names.iter().any(|name| fits(&scenario.name(), name));
    Ok(Asked { scenarios: every().filter(wanted).collect(), effort })
}

/// A part of the name that does not end within its number: `K32W3` is no part of `K32W32`.
fn fits(name: &str, part: &str) -> bool {
    let behind = name.split_once(part).map(|(_, behind)| behind);
    behind.is_some_and(|behind| !behind.starts_with(|next: char| next.is_ascii_digit()))
}

/// That it works at all, in a moment: part of `cargo test`.
fn quick_look() -> Asked {
    let scenario = |shape| Scenario { shape, lines: 3, window: 4 };
    let moment = Span::from_millis(50);
    let effort = Effort { size: 200, measured: moment, warm_up: moment, rounds: 1 };
    Asked { scenarios: vec![scenario(Shape::Terminals), scenario(Shape::Pairs)], effort }
}

fn print_header(effort: Effort) {
    let Effort { size, measured, rounds, .. } = effort;
    println!("{size} data bytes, {rounds} rounds of {:.2} s; CPU ns a frame: min/median/max", measured.as_secs_f64());
    println!(
        "{:<19} {:>17} {:>17} {:>17} {:>8} {:>8} {:>7} {:>7} {:>6} {:>9} {:>7}",
        "scenario",
        "switch ns",
        "pipe ns",
        "switch/pipe",
        "frames/s",
        "pipe f/s",
        "p50 us",
        "p99 us",
        "load",
        "direct/s",
        "its ns"
    );
}

fn print_rounds(scenario: Scenario, rounds: &Rounds) {
    let cpu = |figures: &[Figures]| sorted(figures.iter().map(|of| of.cpu_ns_per_frame));
    let middle = |figure: fn(&Figures) -> f64, of: &[Figures]| median(&sorted(of.iter().map(figure)));
    println!(
        "{:<19} {:>17} {:>17} {:>17} {:>7.0}k {:>7.0}k {:>7.0} {:>7.0} {:>5.0}% {:>8.0}k {:>7.0}",
        scenario.name(),
        spread(&cpu(&rounds.switch), 0),
        spread(&cpu(&rounds.pipe), 0),
        spread(&rounds.ratios(), 2),
        middle(|of| of.frames_per_second, &rounds.switch) / 1e3,
        middle(|of| of.frames_per_second, &rounds.pipe) / 1e3,
        middle(|of| of.p50.0 as f64 / 1e3, &rounds.switch),
        middle(|of| of.p99.0 as f64 / 1e3, &rounds.switch),
        middle(|of| of.load_busy * 100.0, &rounds.switch),
        rounds.direct.frames_per_second / 1e3,
        rounds.direct.cpu_ns_per_frame,
    );
}

fn spread(sorted: &[f64], digits: usize) -> String {
    let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
    format!("{first:.digits$}/{:.digits$}/{last:.digits$}", median(sorted))
}
