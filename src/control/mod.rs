//! The control thread: signals, reloads, the admin API, the log of events, the watchdog.
//!
//! It reaches the shards through the published plan, their command queues and their wakers, and
//! never waits for them without a limit.

pub mod admin;
pub mod changes;
pub mod clock;
pub mod configured;
pub mod descriptors;
pub mod events;
pub mod files;
pub mod health;
pub mod kept;
pub mod listeners;
pub mod log;
pub mod observed;
pub mod publisher;
pub mod ready;
mod refusals;
pub mod reload;
mod reservations;
mod run;
pub mod source;
pub mod states;
mod stop;
#[cfg(test)]
pub(crate) mod testing;
mod watchdog;

pub use run::{Control, End, Manner};

use tokio::sync::oneshot;

use reload::Verdict;

/// What the one who reloads is asked for; orders are done one after the other.
pub enum Order {
    /// By a signal, or with somebody waiting for the verdict.
    Reload { reply: Option<oneshot::Sender<Verdict>> },
    /// What a reload would do.
    Plan { reply: oneshot::Sender<Verdict> },
}
