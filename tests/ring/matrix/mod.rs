//! Rows of the fault matrix that only make sense inside: whole shards over the kernel's own rings,
//! which are tiny, or pressed in ways that no member can bring about. Each prints its row's line as
//! the tests in `tests/faults` do.

#[path = "../../simulation/shards/opening.rs"]
#[allow(dead_code, reason = "the simulation needs more of it")]
mod opening;
#[path = "../../faults/rows.rs"]
#[allow(dead_code, reason = "shared with the tests over sockets")]
mod rows;

mod bed;
mod memory;
mod pressed;
mod queues;
