//! How latency, memory and the cost of a frame change with load, lines, waiting requests and
//! shards. `cargo bench --bench scale -- [SCENARIO …]`; `benches/README.md` says what the figures mean.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench plays the peers and keeps the time")]

#[path = "scale/bench.rs"]
mod bench;
#[path = "scale/child.rs"]
mod child;
#[path = "load/mod.rs"]
mod load;
#[path = "scale/placement.rs"]
mod placement;
#[path = "scale/plan.rs"]
mod plan;
#[path = "scale/report.rs"]
mod report;
#[path = "scale/scenarios/mod.rs"]
mod scenarios;
#[path = "scale/traffic.rs"]
mod traffic;

use std::env;
use std::process::ExitCode;

use bench::{Effort, SIZE};
use mimalloc::MiMalloc;
use report::Report;
use ringswitch::control::descriptors;
use ringswitch::time::Span;
use scenarios::{SCENARIOS, Scenario};
use serde_json::json;

/// As the product has it: what lines cost in memory depends on it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const USAGE: &str = "cargo bench --bench scale -- [SCENARIO …] [--seconds N] [--rounds N] [--json] [--list]
Without a SCENARIO: all of them. With --json the tables go to standard error.";

struct Asked {
    scenarios: Vec<Scenario>,
    effort: Effort,
    json: bool,
}

/// What to do instead of measuring.
enum Instead {
    Say(String),
    Refuse(String),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == child::PLAY) {
        child::play();
        return ExitCode::SUCCESS;
    }
    let Asked { scenarios, effort, json } = match asked(&arguments) {
        Ok(asked) => asked,
        Err(Instead::Say(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Instead::Refuse(text)) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    let descriptors = descriptors::raise().expect("a limit of descriptors");
    let cpus = placement::cpus();
    eprintln!(
        "{cpus} CPUs, {descriptors} descriptors, {} rounds of {} s",
        effort.rounds,
        effort.measured.as_secs_f64()
    );
    let mut reports = Vec::new();
    for scenario in scenarios {
        eprintln!("{}: {}", scenario.name, scenario.asks);
        let report = (scenario.run)(effort);
        if json {
            eprintln!("{}", report.table());
        } else {
            println!("{}", report.table());
        }
        reports.push(report);
    }
    if json {
        println!("{:#}", document(effort, cpus, &reports));
    }
    ExitCode::SUCCESS
}

fn document(effort: Effort, cpus: usize, reports: &[Report]) -> serde_json::Value {
    json!({
        "bench": "scale",
        "data_bytes": SIZE,
        "seconds": effort.measured.as_secs_f64(),
        "rounds": effort.rounds,
        "cpus": cpus,
        "scenarios": reports.iter().map(Report::json).collect::<Vec<_>>(),
    })
}

/// What the command line asks for.
fn asked(arguments: &[String]) -> Result<Asked, Instead> {
    let quick = !arguments.iter().any(|argument| argument == "--bench") || arguments.iter().any(|at| at == "--test");
    if quick {
        return Ok(Asked { scenarios: SCENARIOS.to_vec(), effort: quick_look(), json: false });
    }
    let mut effort = Effort { measured: Span::from_secs(3), warm_up: Span::from_millis(500), rounds: 3, quick: false };
    let (mut names, mut json) = (Vec::new(), false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || {
            let number = rest.next().and_then(|value| value.parse::<u64>().ok()).filter(|number| *number > 0);
            number.ok_or_else(|| Instead::Refuse(format!("{argument} needs a number above 0\n{USAGE}")))
        };
        match argument.as_str() {
            "--bench" => {}
            "--seconds" => effort.measured = Span::from_secs(number()?),
            "--rounds" => effort.rounds = number()? as usize,
            "--json" => json = true,
            "--list" => {
                let lines = SCENARIOS.iter().map(|scenario| format!("{}: {}", scenario.name, scenario.asks));
                return Err(Instead::Say(lines.collect::<Vec<_>>().join("\n")));
            }
            option if option.starts_with('-') => return Err(Instead::Refuse(format!("what is {option}?\n{USAGE}"))),
            name => names.push(name),
        }
    }
    if let Some(unknown) = names.iter().find(|name| SCENARIOS.iter().all(|scenario| scenario.name != **name)) {
        return Err(Instead::Refuse(format!("there is no scenario {unknown}\n{USAGE}")));
    }
    let wanted = |scenario: &&Scenario| names.is_empty() || names.contains(&scenario.name);
    Ok(Asked { scenarios: SCENARIOS.iter().filter(wanted).copied().collect(), effort, json })
}

/// That it works at all, in a moment: part of `cargo test`.
fn quick_look() -> Effort {
    Effort { measured: Span::from_millis(60), warm_up: Span::from_millis(20), rounds: 1, quick: true }
}
