//! What an operator types, one module for each command.

#![forbid(unsafe_code)]

pub mod address;
pub mod args;
mod certify;
pub mod check;
pub mod client;
pub mod command;
pub mod demo;
pub mod doctor;
mod explain;
mod groups;
pub mod interrupt;
mod lines;
mod reload;
pub mod simulate;
mod status;
mod table;
mod units;
