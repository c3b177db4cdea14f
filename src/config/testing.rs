//! What the tests of this module share.

use super::{Built, Host, Reading, Source, build, read};
use crate::time::Instant;

/// The example of INTERFACE, complete: two members, a route, an include that matches nothing.
pub const EXAMPLE: &str = include_str!("testing/example.toml");

pub fn host() -> Host {
    Host { name: "sw1".to_owned(), cpus: 2 }
}

pub fn read_text(text: &str) -> Reading {
    read(&[Source { name: "a.toml".to_owned(), text: text.to_owned() }], &host(), None)
}

/// The faults as the operator sees them, without the file's name.
pub fn faults(text: &str) -> Vec<String> {
    let faults = read_text(text).faults;
    faults.iter().map(|fault| fault.to_string().replacen("a.toml:", "", 1)).collect()
}

pub fn warnings(text: &str) -> Vec<String> {
    let warnings = read_text(text).warnings;
    warnings.iter().map(|fault| fault.to_string().replacen("a.toml:", "", 1)).collect()
}

/// The plan of a sound configuration that follows on another at `now`.
pub fn built_after(text: &str, previous: Option<&Built>, now: Instant) -> Built {
    let sources = [Source { name: "a.toml".to_owned(), text: text.to_owned() }];
    let reading = read(&sources, &host(), previous.map(|built| &*built.plan));
    assert_eq!(reading.faults, [], "in\n{text}");
    build(&reading.configuration.unwrap(), previous, now).unwrap()
}

pub fn built(text: &str) -> Built {
    built_after(text, None, Instant(0))
}
