//! A configuration of arbitrary text: read, checked, built, dumped, and read again as its own
//! successor.
//!
//! Input: text, at which a byte 0 begins the next file that is included, and a byte 1 the
//! configuration that a reload brings.

use ringswitch::config::{self, Built, Configuration, Difference, Host, Source, parse, summary};
use ringswitch::time::Instant;

/// Longer ones only cost time: a few hundred bytes say everything that can be said.
const BYTES_MAX: usize = 16 * 1024;

pub fn run(input: &[u8]) {
    let input = &input[..input.len().min(BYTES_MAX)];
    let mut running: Option<Built> = None;
    for (turn, part) in input.split(|byte| *byte == 1).take(3).enumerate() {
        let now = Instant(1 + turn as u64 * 1_000_000_000);
        if let Some(built) = read(&sources(part), running.as_ref(), now) {
            running = Some(built);
        }
    }
}

fn sources(part: &[u8]) -> Vec<Source> {
    let named = |(at, text): (usize, &[u8])| Source {
        name: if at == 0 { "main.toml".to_owned() } else { format!("members.d/{at}.toml") },
        text: String::from_utf8_lossy(text).into_owned(),
    };
    part.split(|byte| *byte == 0).take(4).enumerate().map(named).collect()
}

fn host() -> Host {
    Host { name: "sw1".to_owned(), cpus: 2 }
}

fn read(sources: &[Source], running: Option<&Built>, now: Instant) -> Option<Built> {
    let previous = running.map(|built| &*built.plan);
    let reading = config::read(sources, &host(), previous);
    assert_eq!(reading.configuration.is_some(), reading.faults.is_empty(), "either faults or a configuration");
    for fault in reading.faults.iter().chain(&reading.warnings) {
        placed(sources, fault);
    }
    config::read_part(&sources[..1]);
    parse::includes(&sources[0]);
    let configuration = reading.configuration?;
    dumped(&configuration, running, now);
    let built = config::build(&configuration, running, now).ok()?;
    summary::summary(&built.plan, configuration.routes.len());
    summary::queue_bytes(&built.plan);
    if let Some(old) = previous {
        Difference::new(old, &built.plan).listing();
    }
    assert!(Difference::new(&built.plan, &built.plan).is_unchanged(), "a plan differs from itself");
    Some(built)
}

/// A fault names a place that the operator can go to, and says something.
fn placed(sources: &[Source], fault: &config::Fault) {
    let source = sources.iter().find(|source| source.name == fault.file).expect("a file that was read");
    let lines = source.text.split('\n').count();
    assert!((1..=lines).contains(&fault.line), "{fault}: there are {lines} lines");
    let line = source.text.split('\n').nth(fault.line - 1).expect("counted");
    assert!((1..=line.chars().count() + 1).contains(&fault.column), "{fault}: in {line:?}");
    assert!(!fault.message.is_empty() && !fault.message.contains('\n'), "{:?}", fault.message);
}

/// What `check --dump` prints is a configuration, and means the same.
fn dumped(configuration: &Configuration, running: Option<&Built>, now: Instant) {
    let text = config::dump(configuration);
    let again = config::read(&[Source { name: "dump.toml".to_owned(), text: text.clone() }], &host(), None);
    assert_eq!(again.faults, [], "the dump is refused:\n{text}");
    let again = again.configuration.expect("no faults");
    assert_eq!(config::dump(&again), text, "the dump of the dump differs");
    let plan = |configuration| config::build(configuration, running, now).map(|built| built.plan);
    let (meant, said) = (plan(configuration), plan(&again));
    if let (Ok(meant), Ok(said)) = (meant, said) {
        assert!(Difference::new(&meant, &said).is_unchanged(), "the dump means something else:\n{text}");
    }
}
