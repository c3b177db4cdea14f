//! End to end over loopback: what a frame costs the switch, beside what it costs its peers.
//! `cargo bench --bench relay -- [SCENARIO …]`; `benches/README.md` says what the figures mean.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench plays the peers and keeps the time")]

#[path = "relay/arguments.rs"]
mod arguments;
#[path = "relay/bars.rs"]
mod bars;
#[path = "load/mod.rs"]
mod load;
#[path = "relay/play/mod.rs"]
mod play;
#[path = "relay/results.rs"]
mod results;
#[path = "relay/rounds.rs"]
mod rounds;
#[path = "relay/subject.rs"]
mod subject;
#[path = "relay/surroundings.rs"]
mod surroundings;
#[path = "relay/table.rs"]
mod table;

use std::env;
use std::process::ExitCode;

use arguments::{Asked, Instead, asked};
use bars::Verdict;
use mimalloc::MiMalloc;
use ringswitch::control::descriptors;
use ringswitch::shard::cpu;
use rounds::Rounds;
use subject::Subject;
use surroundings::Surroundings;

/// As in the product.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == play::PLAY) {
        play::play(&arguments[1..]);
        return ExitCode::SUCCESS;
    }
    match asked(&arguments) {
        Ok(asked) => run(asked, &arguments),
        Err(Instead::Told(text)) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(Instead::Refused(why)) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn run(asked: Asked, arguments: &[String]) -> ExitCode {
    let surroundings = Surroundings::now(arguments);
    // Every line of every subject has two ends here.
    let _ = descriptors::raise();
    let Asked { scenarios, effort, json, strict, record, .. } = asked;
    let (subjects, missing) = installed(asked.subjects);
    let mut summary = String::new();
    let mut say = |text: &str| {
        if json {
            eprint!("{text}")
        } else {
            print!("{text}")
        }
        summary.push_str(text);
    };
    missing.iter().for_each(|line| say(line));
    say(&table::header(effort));
    let mut all = Vec::new();
    for (at, scenario) in scenarios.iter().enumerate() {
        place(0);
        // Children are born on the processor that their parent is on.
        let rounds = Rounds::of(*scenario, effort, &subjects, |processes| {
            place(1);
            eprintln!("{}/{} {} {}: {processes}", at + 1, scenarios.len(), scenario.name(), scenario.size);
        });
        say(&table::block(&rounds));
        all.push(rounds);
    }
    say(&table::ratios(&all, &subjects));
    let results = results::of(&surroundings, effort, &all);
    if json {
        println!("{results}");
    }
    if let Some(folder) = record {
        results::record(&folder, &surroundings, &summary, &results);
        eprintln!("recorded in {}", folder.display());
    }
    let held = all.iter().all(|rounds| Verdict::of(rounds).is_some_and(|of| of.met == Some(true)));
    if strict && !held { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Those that are there, and a line for each that is not.
fn installed(subjects: Vec<Subject>) -> (Vec<Subject>, Vec<String>) {
    let is_missing = |subject: &Subject| subject.program().is_some_and(|program| program.find().is_none());
    let (missing, there): (Vec<_>, Vec<_>) = subjects.into_iter().partition(is_missing);
    let line = |of: &Subject| {
        let name = of.name();
        format!("{name} is left out: not installed, or without its stream module (scripts/bench.sh --install-peers)\n")
    };
    (there, missing.iter().map(line).collect())
}

/// Without a second processor all share the one, and the figures say little.
fn place(nth: usize) {
    if cpu::pin(nth).is_err() {
        eprintln!("CPU {nth} is not to be had");
    }
}
