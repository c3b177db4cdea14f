//! What is counted. A name stays as it is: the record knows operations by it.

use crate::counter::Counter;

mod decisions;
mod messages;
mod shards;
mod tables;
mod timers;

/// Something of which each costs about the same number of instructions.
pub struct Operation {
    pub name: &'static str,
    /// Sets up, warms up, and counts some hundred rounds.
    pub run: fn(&mut Counter),
}

/// All, in the order of the report.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    [messages::OPERATIONS, tables::OPERATIONS, decisions::OPERATIONS, timers::OPERATIONS, shards::OPERATIONS]
        .into_iter()
        .flatten()
}
