//! Memory between threads. All atomics of the program live here.

pub mod atomics;
pub mod counters;
pub mod group_table;
pub mod histogram;
pub mod inbox;
pub mod key_table;
pub mod mailbox;
pub mod published;
pub mod resets;
pub mod response_table;
pub mod status;
