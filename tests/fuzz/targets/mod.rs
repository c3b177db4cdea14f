//! What is done with an input: every target is a function that panics if something is wrong with
//! it. `fuzz_targets/` gives them to libFuzzer, `tests/fuzzed.rs` runs them over the corpus.
//!
//! A further target is a module here, a line of [`ALL`], a program in `fuzz_targets/` with its
//! `[[bin]]`, and a folder in `corpus/`; `tests/fuzzed.rs` complains of any that is missing. What
//! belongs here is whatever reads bytes of strangers.

pub mod admin;
pub mod configuration;
pub mod frames;
pub mod iso8583;
pub mod routing;
pub mod station;
pub mod tpdu;

/// What reads one input, whatever it is, and does not panic.
pub type Target = fn(&[u8]);

/// Every target under the name of its program and of its corpus.
pub const ALL: &[(&str, Target)] = &[
    ("admin", admin::run),
    ("configuration", configuration::run),
    ("frames", frames::run),
    ("iso8583", iso8583::run),
    ("routing", routing::run),
    ("station", station::run),
    ("tpdu", tpdu::run),
];

/// Takes an input apart from its front; zeros when it is used up.
pub struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// A number below `limit`, which is at most 256.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    /// At most `len` bytes.
    pub fn take(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        front
    }
}
