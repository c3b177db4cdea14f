//! What the switch counts, as plain data and as OpenMetrics text.
//!
//! [`Snapshot`] is taken from the shared counters once a request; the metrics and the admin API
//! are rendered from it, so that both can be tested on plain data.

#![forbid(unsafe_code)]

mod distribution;
mod families;
pub mod known;
pub mod openmetrics;
pub mod snapshot;
mod take;

pub use distribution::Distribution;
pub use known::{KnownLine, KnownLines, Labels};
pub use snapshot::Snapshot;
