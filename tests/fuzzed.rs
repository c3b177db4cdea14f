//! The fuzz targets as plain tests: every input of the committed corpus, and a bounded number of
//! inputs made from it, always the same ones. What runs for longer is `scripts/fuzz.sh`; an input
//! that it finds goes into the corpus.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests stand outside of the switch: real clocks, threads and sockets are their business"
)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

#[path = "fuzz/targets/mod.rs"]
mod targets;

/// Inputs that are made for each target.
const MADE: usize = 2_000;

/// As libFuzzer is told, too.
const INPUT_BYTES_MAX: usize = 4_096;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
}

/// The inputs of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder("corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = files
        .map(|file| file.expect("a file").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("readable")))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    inputs
}

/// SplitMix64: one seed is one run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Another input out of those that there are.
fn made(inputs: &[(String, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    let mut input = inputs[random.below(inputs.len())].1.clone();
    for _ in 0..=random.below(4) {
        change(&mut input, inputs, random);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, inputs: &[(String, Vec<u8>)], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let len = random.below((input.len() - at).min(64) + 1);
    match random.below(6) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.next() as u8,
        2 => drop(input.drain(at..at + len)),
        3 => {
            let again = input[at..at + len].to_vec();
            drop(input.splice(at..at, again));
        }
        4 => {
            let other = &inputs[random.below(inputs.len())].1;
            let from = random.below(other.len() + 1);
            drop(input.splice(at.., other[from..].iter().copied()));
        }
        _ => input.insert(at, b"\0\xff\n019-\x60"[random.below(8)]),
    }
}

/// Runs a target over its corpus and what is made of it; the first input that fails, with its name.
fn first_failure(target: fn(&[u8]), inputs: &[(String, Vec<u8>)], made_inputs: usize) -> Option<(String, Vec<u8>)> {
    let mut random = Random(1);
    let more = (0..made_inputs).map(|number| (format!("made number {number}"), made(inputs, &mut random)));
    let fails = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| target(input))).is_err();
    inputs.iter().cloned().chain(more).find(|(_, input)| fails(input))
}

fn holds(name: &str) {
    let (_, target) = targets::ALL.iter().find(|(known, _)| *known == name).expect("a target");
    if let Some((which, input)) = first_failure(*target, &corpus(name), MADE) {
        panic!("target {name} fails on {which}: {}", input.escape_ascii());
    }
}

#[test]
fn admin() {
    holds("admin");
}

#[test]
fn configuration() {
    holds("configuration");
}

#[test]
fn frames() {
    holds("frames");
}

#[test]
fn iso8583() {
    holds("iso8583");
}

#[test]
fn routing() {
    holds("routing");
}

#[test]
fn station() {
    holds("station");
}

#[test]
fn tpdu() {
    holds("tpdu");
}

/// A target is its function, its program, its corpus and its test above.
#[test]
fn every_target_is_whole() {
    let entries = |name: &str| -> BTreeSet<String> {
        let files = fs::read_dir(folder(name)).expect("a folder");
        files
            .map(|file| file.expect("an entry").path())
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect()
    };
    let known: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(entries("fuzz_targets"), known);
    assert_eq!(entries("corpus"), known);
    let (manifest, tests) = (fs::read_to_string(folder("Cargo.toml")).expect("readable"), include_str!("fuzzed.rs"));
    for name in &known {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is no [[bin]]");
        assert!(tests.contains(&format!("holds(\"{name}\")")), "{name} has no test here");
    }
}

/// A reader with a fault in it must be caught by what is made of the frames' corpus: else these
/// tests find nothing.
#[test]
fn a_planted_fault_is_found() {
    fn forgets_the_limit(input: &[u8]) {
        let buffer = [0; 2 + 2_048];
        if let Some(([0, high, low], _)) = input.split_first_chunk() {
            let needed = 2 + usize::from(u16::from_be_bytes([*high, *low]));
            assert_eq!(buffer[..needed].len(), needed);
        }
    }
    let corpus = corpus("frames");
    assert!(first_failure(forgets_the_limit, &corpus, 0).is_none(), "the corpus itself has no such length");
    assert!(first_failure(forgets_the_limit, &corpus, MADE).is_some());
}
