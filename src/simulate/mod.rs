#![forbid(unsafe_code)]
//! A member played over real sockets.

pub mod clock;
pub mod latency;
pub mod ledger;
pub mod load;
pub mod message;
mod pattern;
