//! Instructions of each operation, counted by callgrind and compared with the last record: a gate
//! against getting slower where the time is too noisy to tell. `scripts/instructions.sh`;
//! `benches/README.md` says what the figures mean.

#[path = "instructions/callgrind.rs"]
mod callgrind;
#[path = "instructions/counter.rs"]
mod counter;
#[path = "instructions/operations/mod.rs"]
mod operations;
mod plans;
#[path = "instructions/record.rs"]
mod record;
#[path = "instructions/ring.rs"]
mod ring;
#[path = "instructions/stage.rs"]
mod stage;
mod wheel;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use callgrind::{COUNT, Count};
use counter::{Counter, operation_ended};
use record::{Change, Record};

const USAGE: &str = "scripts/instructions.sh [OPERATION …] [--limit PERCENT] [--record] [--list]

Counts the instructions of each operation and compares them with benches/instructions.txt.
  OPERATION        only those whose name contains one of these, such as tpdu or shard/
  --limit PERCENT  what an operation may grow by (3)
  --record         write the figures down instead
  --list           name the operations
Exit status: 0 nothing grew; 1 something did, or is gone; 2 nothing could be compared.";

/// What the command line asks for.
struct Asked {
    names: Vec<String>,
    limit_percent: f64,
    record: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first() {
        Some(first) if first == COUNT => {
            count(&arguments[1..]);
            ExitCode::SUCCESS
        }
        // As part of `cargo test`: that everything works.
        _ if !arguments.iter().any(|argument| argument == "--bench") => {
            record::assert_changes_are_seen();
            count(&[]);
            ExitCode::SUCCESS
        }
        _ => gate(&arguments).unwrap_or_else(|message| {
            eprintln!("{message}");
            ExitCode::from(2)
        }),
    }
}

/// Goes through the operations; callgrind listens.
fn count(names: &[String]) {
    for operation in operations::all().filter(|operation| is_asked(names, operation.name)) {
        let mut counter = Counter::default();
        (operation.run)(&mut counter);
        operation_ended(operation.name);
        println!("{} {}", operation.name, counter.units);
    }
}

fn is_asked(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|asked| name.contains(asked.as_str()))
}

fn gate(arguments: &[String]) -> Result<ExitCode, String> {
    let Some(asked) = asked(arguments)? else { return Ok(ExitCode::SUCCESS) };
    if !operations::all().any(|operation| is_asked(&asked.names, operation.name)) {
        return Err("no operation has such a name: see --list".to_owned());
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = package.join("benches/instructions.txt");
    // A record that cannot be read is known before a minute has gone by.
    let recorded = if asked.record && !path.exists() { Record::default() } else { Record::read(&path)? };
    let profiles = profiles();
    let counts = callgrind::count(&asked.names, &profiles)?;
    let grown = print(&recorded, &counts, asked.limit_percent);
    println!("\nWhere they go: callgrind_annotate {}/OPERATION, with - for each / in its name.", profiles.display());
    if asked.record {
        let figures = counts.into_iter().map(|count| (count.name, count.instructions_each)).collect();
        let renewed = recorded.renewed(figures, callgrind::made_with(), asked.names.is_empty());
        fs::write(&path, renewed.text()).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("Recorded in {}.", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(verdict(&recorded, grown))
}

/// Below the folder that cargo builds in, wherever that is.
fn profiles() -> PathBuf {
    let own = env::current_exe().unwrap_or_default();
    own.ancestors().nth(3).unwrap_or(Path::new("target")).join("instructions")
}

/// `None` if all that was asked for has been printed.
fn asked(arguments: &[String]) -> Result<Option<Asked>, String> {
    let mut asked = Asked { names: Vec::new(), limit_percent: 3.0, record: false };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--bench" => {}
            "--record" => asked.record = true,
            "--limit" => {
                let percent = rest.next().and_then(|percent| percent.parse().ok());
                asked.limit_percent = percent.filter(|percent| *percent >= 0.0).ok_or(USAGE)?;
            }
            "--list" => {
                operations::all().for_each(|operation| println!("{}", operation.name));
                return Ok(None);
            }
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(None);
            }
            option if option.starts_with('-') => return Err(USAGE.to_owned()),
            name => asked.names.push(name.to_owned()),
        }
    }
    Ok(Some(asked))
}

/// The table. Returns how many operations grew by more than the limit.
fn print(recorded: &Record, counts: &[Count], limit_percent: f64) -> usize {
    println!("{:<26} {:>10} {:>10} {:>9}", "instructions", "recorded", "now", "change");
    let mut grown = 0;
    for Count { name, instructions_each: now } in counts {
        let before = recorded.of(name).map_or(String::from("-"), |before| format!("{before:.2}"));
        let change = match recorded.change(name, *now, limit_percent) {
            Change::Same { percent } => format!("{percent:>+8.2} %"),
            Change::Fewer { percent } => format!("{percent:>+8.2} %  fewer"),
            Change::More { percent } => {
                grown += 1;
                format!("{percent:>+8.2} %  MORE")
            }
            Change::New => String::from("     new"),
        };
        println!("{name:<26} {before:>10} {now:>10.2} {change}");
    }
    grown
}

fn verdict(recorded: &Record, grown: usize) -> ExitCode {
    let gone = recorded.gone(|name| operations::all().any(|operation| operation.name == name));
    if !gone.is_empty() {
        println!("Recorded, but no operation any more: {}. --record forgets them.", gone.join(", "));
    }
    let made_with = callgrind::made_with();
    if made_with != recorded.made_with {
        println!("Recorded with {}; now {made_with}: a change may be theirs.", recorded.made_with);
    }
    if grown > 0 {
        println!("{grown} grew by more than the limit. If it is worth it, --record and say in the commit why.");
    }
    if grown > 0 || !gone.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
