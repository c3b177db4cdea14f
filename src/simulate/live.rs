//! What a running simulation tells others, and what others tell it.

use std::sync::Arc;

use crossbeam::queue::SegQueue;
use parking_lot::Mutex;

use super::latency::Latency;
use super::verdict::{LineReport, Verdict};
use crate::time::Span;

/// The state of a simulation at one moment of the last few milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub verdict: Verdict,
    pub latency: Latency,
    pub lines: Vec<LineReport>,
}

/// What may be asked of a running simulation. Lines are named as in the configuration; an order for
/// a line that the member does not have is ignored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Send no ordinary request on the line any more, but `held` of them whose answers the host
    /// is asked to hold back for `hold`.
    Quiet { line: Arc<str>, held: u32, hold: Span },
    /// Break the connection with a reset, at once, and leave the line down.
    Break { line: Arc<str> },
    /// End [`Command::Quiet`] and [`Command::Break`]: connect, or listen, again.
    Restore { line: Arc<str> },
}

/// Shared between the thread that runs a simulation and those that watch it.
#[derive(Debug, Default)]
pub struct LiveStats {
    snapshot: Mutex<Snapshot>,
    commands: SegQueue<Command>,
}

impl LiveStats {
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().clone()
    }

    /// Takes effect at the simulation's next turn, and in a [`Snapshot`] somewhat later.
    pub fn order(&self, command: Command) {
        self.commands.push(command);
    }

    pub(super) fn next_command(&self) -> Option<Command> {
        self.commands.pop()
    }

    pub(super) fn publish(&self, write: impl FnOnce(&mut Snapshot)) {
        write(&mut self.snapshot.lock());
    }
}
