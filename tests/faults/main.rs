//! The fault matrix: one test for each row, against the built binary over real sockets. Each prints
//! one line, `FAULT nn | fault | must | figure`; `scripts/faults.sh` makes the table of them, and
//! README.md beside this file keeps the last one.
//!
//! A test asserts what must never happen (lost, doubled, delivered to another, unbounded) and
//! prints what depends on the machine (times, ratios).

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests stand outside of the switch: real clocks, threads and sockets are their business"
)]

#[path = "../loopback/harness/mod.rs"]
mod harness;

mod books;
mod net;
mod outside;
mod rows;
mod traffic;

mod answers;
mod breaks;
mod connecting;
mod coverage;
mod crowds;
mod framing;
mod host;
mod overload;
mod process;
mod reloads;
mod resend;
mod restart;
mod slow;
mod vanished;
mod weather;
