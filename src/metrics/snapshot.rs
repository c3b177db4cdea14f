//! Everything about the switch at one moment, as plain data.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{Distribution, Labels};
use crate::config::plan::{Flow, Tier};
use crate::reason::{Closed, Drop, Malformed, Refusal, Rejected, ResendFailed};
use crate::shared::counters::{Cold, Hot};
use crate::shared::status::{Cause, LineState};
use crate::time::{Instant, Span};

/// The whole, in the order of names and numbers.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken, on the monotonic clock.
    pub taken: Instant,
    pub switch: SwitchFacts,
    pub shards: Vec<ShardFacts>,
    /// Frames in queues, mailboxes and holds.
    pub frames_held: u64,
    /// By name; lines that a reload removed are among them.
    pub lines: Vec<LineFacts>,
    pub groups: Vec<GroupFacts>,
    /// Time inside the switch.
    pub transit: Distribution,
}

/// What is known without looking at a counter.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SwitchFacts {
    pub name: String,
    pub version: &'static str,
    pub pid: u32,
    pub uptime: Span,
    pub epoch: u64,
    pub reloads: ReloadFacts,
}

/// How reloads went. The start counts as a successful one, as Prometheus itself has it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReloadFacts {
    pub applied: u64,
    pub unchanged: u64,
    pub refused: u64,
    pub last_successful: bool,
    /// Seconds since 1970, UTC.
    pub last_success_timestamp: f64,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShardFacts {
    pub turns: u64,
    /// How long ago the last turn began; `None` before the first.
    pub last_turn_ago: Option<Span>,
    /// The epoch that the shard has wholly applied.
    pub applied: u64,
    pub connections: u64,
    pub memory_bytes: u64,
    pub events_lost: u64,
}

#[derive(Clone, Debug)]
pub struct LineFacts {
    pub labels: Labels,
    /// `None`: a reload removed the line.
    pub place: Option<LinePlace>,
    pub state: LineState,
    pub since: Instant,
    pub local: Option<SocketAddr>,
    pub remote: Option<SocketAddr>,
    pub last_error: Option<String>,
    pub queued_bytes: u64,
    pub counts: LineCounts,
    pub changes: Vec<(LineState, Cause, u64)>,
}

/// Where the plan puts a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinePlace {
    /// Lines are listed in the order of the configuration.
    pub id: u32,
    pub tier: Tier,
    pub flow: Flow,
    pub shard: u16,
}

/// A line's counters, read one after the other: consistent only at a quiet moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LineCounts {
    pub hot: [u64; Hot::COUNT],
    pub cold: [u64; Cold::COUNT],
    pub dropped: [u64; Drop::COUNT],
    pub rejected: [u64; Rejected::COUNT],
    pub resend_failed: [u64; ResendFailed::COUNT],
    pub malformed: [u64; Malformed::COUNT],
    pub refused: [u64; Refusal::COUNT],
    pub closed: [u64; Closed::COUNT],
}

impl LineCounts {
    pub fn hot(&self, cell: Hot) -> u64 {
        self.hot[cell as usize]
    }

    pub fn cold(&self, cell: Cold) -> u64 {
        self.cold[cell as usize]
    }

    /// Requests of the line that still wait for an answer.
    pub fn pending(&self) -> u64 {
        self.hot(Hot::Claimed).saturating_sub(self.hot(Hot::Resolved))
    }
}

#[derive(Clone, Debug)]
pub struct GroupFacts {
    pub member: Arc<str>,
    pub name: Arc<str>,
    /// A line that can send and one that can receive are up.
    pub live: bool,
    /// The tier that carries now; `None` while no line that can send is up.
    pub working_tier: Option<Tier>,
    /// Names, in the order of their places.
    pub lines: Vec<Arc<str>>,
    /// Bytes of answers that wait for the group.
    pub answer_bytes: u64,
    /// Of a group whose answers are matched by number.
    pub numbers: Option<NumberFacts>,
    /// Of a group to which a route leads.
    pub answer_seconds: Option<Distribution>,
}

impl GroupFacts {
    /// `member/group`, the label value and the name in messages.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.member, self.name)
    }
}

/// The numbers under which requests wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NumberFacts {
    pub pending: u32,
    /// `[limits] pending`.
    pub limit: u32,
    /// Numbers that can be handed out at all.
    pub numbers: u32,
    /// The shortest rest of a number between two uses since the start.
    pub shortest_rest: Option<Span>,
}
