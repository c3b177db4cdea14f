//! What `ringswitch doctor` knows: this host compared with the files of `tuning/`.
//!
//! The files say what is wanted and why ([`Tuning`]); [`Host`] reads what is; [`Facts`] are the
//! numbers that a configuration asks for; [`examine`] puts them side by side. Nothing here changes
//! anything: a mend is a command for the operator to run.

#![forbid(unsafe_code)]

pub mod facts;
pub mod host;
pub mod ring;
pub mod tuning;

mod ethtool;
mod examine;
mod installed;
mod interrupts;
mod ports;
mod probe;
mod reading;
mod setting;
#[cfg(test)]
mod testing;
mod want;

pub use examine::{Finding, Verdict, Weight, examine};
pub use facts::Facts;
pub use host::Host;
pub use setting::Setting;
pub use tuning::Tuning;
