//! What the operator wrote, and what it means. Text in, plan out: this module opens no file.
//!
//! [`read`] parses and checks (all faults at once), [`build`] makes the plan, [`Difference`] says
//! what a reload would do to the lines, [`dump`] writes the effective configuration.

#![forbid(unsafe_code)]

pub mod allowlist;
pub mod difference;
pub mod effective;
pub mod endpoint;
pub mod fault;
pub mod parse;
pub mod plan;
pub mod profile;
pub mod summary;

mod build;
mod check;
mod dump;
mod model;
mod names;
#[cfg(test)]
mod testing;
mod timers;
mod unbuilt;
pub mod written;

pub use build::{Allocation, Built, NoNumbers, build};
pub use difference::Difference;
pub use dump::dump;
pub use effective::{Configuration, Host};
pub use fault::{Fault, Source};

use fault::Findings;
use plan::Plan;

/// What became of the sources of a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// What is refused, in the order of the text.
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
    /// Every default filled in; there is one exactly if there are no faults.
    pub configuration: Option<Configuration>,
}

/// Reads and checks a configuration; the first source is the main file. `previous` is the plan that
/// runs, by which lines without an `id` of their own are recognised.
pub fn read(sources: &[Source], host: &Host, previous: Option<&Plan>) -> Reading {
    let mut findings = Findings::new(sources);
    let parsed = parse::parse(sources, &mut findings);
    // What a broken line took with it would show as something missing elsewhere.
    if parsed.well_formed {
        check::check(&parsed.model, &mut findings);
    }
    let configuration = findings.is_faultless().then(|| effective::settle(&parsed.model, host, previous));
    let (faults, warnings) = findings.into_sorted();
    Reading { faults, warnings, configuration }
}

/// The same where a source is known to be missing: only the form of what is there can be judged.
pub fn read_part(sources: &[Source]) -> Reading {
    let mut findings = Findings::new(sources);
    parse::parse(sources, &mut findings);
    let (faults, warnings) = findings.into_sorted();
    Reading { faults, warnings, configuration: None }
}
