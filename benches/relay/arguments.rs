//! The command line.

use std::path::PathBuf;

use ringswitch::time::Span;

use super::bars;
use super::rounds::{Effort, Scenario};
use super::subject::{ALL, Subject};
use crate::load::Shape;

const USAGE: &str = "\
cargo bench --bench relay -- [SCENARIO …] [OPTION …]      (or scripts/bench.sh, with the same)

  SCENARIO        a part of a name, such as terminals, K512 or pairs-K32W1; all without one
  --size BYTES    data bytes of a frame, 19 to 2000; may be given several times (200 and 1024)
  --peer NAME     only this peer: haproxy, nginx, tokio or pipe; may be given several times
  --rounds N      of each scenario (5)
  --seconds S     measured in each round, such as 0.5 (1)
  --quick         two rounds of 0.4 s, 200 bytes, if nothing else is said
  --json          the results as JSON on standard output, the tables on standard error
  --record DIR    also writes DIR/summary.txt, DIR/results.json and DIR/README.md
  --strict        exit status 1 if a bar is missed or cannot be judged
  --list          the scenarios";

/// The sizes of a usual run.
const SIZES: [usize; 2] = [200, 1_024];

pub struct Asked {
    pub scenarios: Vec<Scenario>,
    pub subjects: Vec<Subject>,
    pub effort: Effort,
    pub json: bool,
    pub strict: bool,
    pub record: Option<PathBuf>,
}

/// What is not measured but printed.
pub enum Instead {
    Told(String),
    Refused(String),
}

/// What the command line asks for. Without `--bench`, which `cargo bench` adds: a moment of
/// everything, as a part of `cargo test`.
pub fn asked(arguments: &[String]) -> Result<Asked, Instead> {
    let tested = !arguments.iter().any(|argument| argument == "--bench") || arguments.iter().any(|at| at == "--test");
    if tested {
        return Ok(smoke());
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let effort = if quick {
        Effort { measured: seconds(0.4), warm_up: seconds(0.2), rounds: 2 }
    } else {
        Effort { measured: seconds(1.0), warm_up: seconds(0.3), rounds: 5 }
    };
    let mut asked =
        Asked { scenarios: Vec::new(), subjects: Vec::new(), effort, json: false, strict: false, record: None };
    let (mut names, mut sizes, mut list) = (Vec::new(), Vec::new(), false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| refused(&format!("{argument} needs a value")));
        match argument.as_str() {
            "--bench" | "--quick" => {}
            "--size" => sizes.push(number(value()?, 19.0, 2_000.0)? as usize),
            "--rounds" => asked.effort.rounds = number(value()?, 1.0, 1_000.0)? as usize,
            "--seconds" => asked.effort.measured = seconds(number(value()?, 0.05, 600.0)?),
            "--peer" => asked.subjects.push(peer(value()?)?),
            "--record" => asked.record = Some(value()?.into()),
            "--json" => asked.json = true,
            "--strict" => asked.strict = true,
            "--list" => list = true,
            "--help" | "-h" => return Err(Instead::Told(USAGE.to_owned())),
            option if option.starts_with('-') => return Err(refused(&format!("there is no option {option}"))),
            name => names.push(name.to_owned()),
        }
    }
    let usual = if quick { &SIZES[..1] } else { &SIZES[..] };
    let sizes = if sizes.is_empty() { usual.to_vec() } else { sizes };
    let wanted = |scenario: &Scenario| names.is_empty() || names.iter().any(|name| fits(&scenario.name(), name));
    asked.scenarios = sizes.into_iter().flat_map(bars::scenarios).filter(wanted).collect();
    if list {
        let lines: Vec<_> = asked.scenarios.iter().map(|of| format!("{} {}", of.name(), of.size)).collect();
        return Err(Instead::Told(lines.join("\n")));
    }
    if asked.scenarios.is_empty() {
        return Err(refused(&format!("no scenario has {} in its name; --list names them", names.join(" or "))));
    }
    asked.subjects = subjects(&asked.subjects);
    Ok(asked)
}

/// The switch and the peers that were named, or all; in the order of the tables.
fn subjects(named: &[Subject]) -> Vec<Subject> {
    let wanted = |of: &Subject| *of == Subject::Switch || named.is_empty() || named.contains(of);
    ALL.into_iter().filter(wanted).collect()
}

fn refused(why: &str) -> Instead {
    Instead::Refused(format!("{why}\n\n{USAGE}"))
}

fn number(text: &str, least: f64, most: f64) -> Result<f64, Instead> {
    let number = text.parse::<f64>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| refused(&format!("{text} is not a number from {least} to {most}")))
}

fn seconds(seconds: f64) -> Span {
    Span::from_millis((seconds * 1e3) as u64)
}

fn peer(name: &str) -> Result<Subject, Instead> {
    let found = ALL.into_iter().find(|subject| subject.name() == name && *subject != Subject::Switch);
    found.ok_or_else(|| refused(&format!("there is no peer {name}")))
}

/// A part of the name that does not end within a number: `K32W3` is no part of `K32W32`.
fn fits(name: &str, part: &str) -> bool {
    let is_digit = |character: char| character.is_ascii_digit();
    let behind = name.split_once(part).map(|(_, behind)| behind);
    behind.is_some_and(|behind| !(part.ends_with(is_digit) && behind.starts_with(is_digit)))
}

/// That it works at all, in a moment.
fn smoke() -> Asked {
    let scenario = |shape| Scenario { shape, lines: 3, window: 4, size: 200 };
    let moment = Span::from_millis(50);
    Asked {
        scenarios: vec![scenario(Shape::Terminals), scenario(Shape::Pairs)],
        subjects: ALL.to_vec(),
        effort: Effort { measured: moment, warm_up: moment, rounds: 1 },
        json: false,
        strict: false,
        record: None,
    }
}
