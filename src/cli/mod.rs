#![forbid(unsafe_code)]
//! What an operator types, one module for each command.

pub mod check;
pub mod demo;
pub mod interrupt;
pub mod simulate;
