//! One test for each row of what the four standards require of the switch. The functions are named
//! after the clause they prove; `rows` lists every clause, with its test or the reason it has none.
//!
//! MP1: China financial mobile payment, interoperability, part 1. MC6: multi-channel platform access,
//! part 6. TV4: JR/T 0109.4-2015, smart-TV payment. SMS5: JR/T 0093.5-2012, SMS payment.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests stand outside of the switch: real clocks, threads and sockets are their business"
)]

#[path = "../loopback/harness/mod.rs"]
mod harness;

mod clients;
mod frames;
mod groups;
mod idle;
mod lines;
mod redundancy;
mod rows;
mod timeouts;
mod transfer_control;
