//! The commands.

#![forbid(unsafe_code)]

pub mod address;
pub mod args;
pub mod client;
pub mod command;
mod groups;
mod lines;
mod reload;
mod status;
mod table;
mod units;
