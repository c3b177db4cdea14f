//! What the control thread and the shards tell each other, apart from the plan.

use std::net::SocketAddr;
use std::sync::Arc;

use crossbeam::queue::{ArrayQueue, SegQueue};

use crate::ids::{GroupId, LineId};
use crate::reason::{Closed, Refusal};
use crate::ring::Listener;
use crate::shared::status::{Cause, LineState};
use crate::time::Instant;

/// From the control thread, or from another shard, to one shard. Taken at the top of a turn, before a new plan is applied,
/// so that the listeners of a plan are there when the plan is.
#[derive(Debug)]
pub enum Command {
    /// The bound socket of a listening line of the shard. Replaces one it had.
    Listen { line: LineId, listener: Arc<Listener> },
    /// Stop accepting, let pending requests be answered until then, close every line in order.
    Stop { until: Instant },
    /// Take the line out of service: drain, close, stay down.
    Disable { line: LineId },
    /// Put it back.
    Enable { line: LineId },
    /// A line of the group broke: close the shard's others that were up by then, and open them anew.
    ResetGroup { group: GroupId, reset: u32 },
}

/// From any shard to the control thread.
#[derive(Debug)]
pub enum Event {
    /// A line changed its state.
    Line { at: Instant, line: Arc<str>, from: LineState, to: LineState, cause: Cause, remote: Option<SocketAddr> },
    /// Somebody who may not connect was reset.
    Refused { at: Instant, line: Arc<str>, remote: SocketAddr, reason: Refusal },
    /// A line broke, and its whole group is closed and comes up anew.
    GroupReset { member: Arc<str>, group: Arc<str>, line: Arc<str>, reason: Closed },
    /// A connection waits in a line's backlog: there is no descriptor or no memory to accept it (errno).
    Starved { at: Instant, line: Arc<str>, error: i32 },
}

/// Both directions. A full event queue loses events (and counts them), never time of a shard.
#[derive(Debug)]
pub struct Inbox {
    pub commands: Vec<SegQueue<Command>>,
    pub events: ArrayQueue<Event>,
}

impl Inbox {
    /// Events between two looks of the control thread; past it they are counted as lost.
    const EVENTS: usize = 16 * 1024;

    pub fn new(shards: usize) -> Self {
        Self { commands: (0..shards).map(|_| SegQueue::new()).collect(), events: ArrayQueue::new(Self::EVENTS) }
    }
}
