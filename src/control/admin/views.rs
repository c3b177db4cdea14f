//! What the admin API answers, as types: written by the switch, read by the commands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::changes::Changes;
use super::super::source::Fault;

/// `GET /v1/status`
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    pub name: String,
    pub version: String,
    pub pid: u32,
    pub uptime_seconds: f64,
    /// Counts up from 1 with each reload that was applied.
    pub epoch: u64,
    pub stopping: bool,
    pub shards: Vec<Shard>,
    pub totals: Totals,
    pub last_reload: Reload,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Shard {
    pub shard: usize,
    pub turns: u64,
    /// The epoch that it runs by.
    pub applied: u64,
    pub connections: u64,
    pub memory_bytes: u64,
}

/// Sums over lines, those that a reload removed included.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Totals {
    /// Configured lines.
    pub lines: u64,
    pub lines_up: u64,
    /// Requests that wait for an answer.
    pub pending: u64,
    pub frames_in: u64,
    pub frames_out: u64,
    /// Frames held in the switch.
    pub held: u64,
    /// By reason; every reason is there.
    pub dropped: BTreeMap<String, u64>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reload {
    /// `started`, `applied`, `unchanged` or `refused`.
    pub result: String,
    /// RFC 3339, UTC.
    pub at: String,
    pub summary: String,
}

/// One of `GET /v1/lines`
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Line {
    pub id: String,
    pub member: String,
    pub group: String,
    pub tier: String,
    pub flow: String,
    pub state: String,
    pub shard: u16,
    pub local: Option<String>,
    pub remote: Option<String>,
    /// When the state began; RFC 3339, UTC. None before the first.
    pub since: Option<String>,
    pub frames_in: u64,
    pub frames_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub probes_in: u64,
    pub probes_out: u64,
    pub queued_bytes: u64,
    /// Connections established.
    pub connects: u64,
    /// Connections refused, for whatever reason.
    pub refused: u64,
    pub last_error: Option<String>,
}

/// One of `GET /v1/groups`
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Group {
    pub member: String,
    pub group: String,
    pub live: bool,
    /// `trunk` or `backup`; none while no line that can send is up.
    pub working_tier: Option<String>,
    pub lines: Vec<GroupLine>,
    /// Requests that wait for an answer of the group; none where answers are not matched by number.
    pub pending: Option<u32>,
    pub pending_limit: Option<u32>,
    /// Bytes of answers that wait for the group.
    pub answer_bytes: u64,
    /// Numbers that can be handed out at all.
    pub numbers: Option<u32>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GroupLine {
    pub id: String,
    pub state: String,
    pub tier: String,
}

/// One of `GET /v1/events`
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// RFC 3339, UTC.
    pub at: String,
    pub line: String,
    pub from: String,
    pub to: String,
    pub cause: String,
    pub remote: Option<String>,
}

/// `POST /v1/reload`
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ReloadAnswer {
    /// `applied`, `unchanged`, `refused` or `planned`.
    pub result: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    #[serde(default)]
    pub faults: Vec<Fault>,
    #[serde(default)]
    pub warnings: Vec<Fault>,
    /// Shards that have not applied it in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<usize>,
}

/// `POST /v1/lines/ID/...`
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LineAnswer {
    pub id: String,
    /// The line's state now.
    pub state: String,
}

/// `GET /healthz`, `GET /readyz`: 200 with `ok`, or 503 with what is missing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Health {
    /// `ok` or `failing`.
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default)]
    pub failing: Vec<String>,
}

/// Whatever went wrong.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Error {
    pub error: String,
    /// What to do about it.
    pub hint: String,
}
