//! One line as its shard's switch knows it: what it is, what it is doing, what waits on it.

pub mod backoff;
pub mod outbox;
pub mod phase;
pub mod watch;

use std::sync::Arc;

use crate::config::plan;
use crate::ids::GroupId;
use crate::shared::published::LineShared;
use crate::time::Instant;
use backoff::Backoff;
use outbox::Outbox;
use phase::Phase;

#[derive(Debug)]
pub struct Line {
    pub plan: Arc<plan::Line>,
    pub shared: Arc<LineShared>,
    pub phase: Phase,
    pub outbox: Outbox,
    pub backoff: Backoff,
    /// When the present phase began.
    pub since: Instant,
    pub last_received: Instant,
    pub last_sent: Instant,
    /// A frame was begun then and is not complete: `NEVER` if none.
    pub partial_since: Instant,
    /// The line is not read, because what it feeds is full.
    pub pause: Option<Pause>,
    /// Its own requests' last deadline, as far as known: until then an answer may be due to it.
    pub answers_due_until: Instant,
    /// The last deadline of a request sent over it.
    pub asked_until: Instant,
    /// Requests sent over it less answers received over it.
    pub asked: i64,
    /// The peer has sent FIN: nothing comes any more, what is due may still be written.
    pub peer_finished: bool,
    /// A trunk line that came back and may not carry yet (`trunk_steady`).
    pub steady_at: Instant,
    /// The remote address is no longer allowed: only answers due to it still pass.
    pub outlawed: bool,
    /// The group's count of resets when the connection came up.
    pub resets_noted: u32,
    /// The bit `full` is set in the group's table.
    pub full: bool,
    /// The line's name is its own; a removed line leaves the status to one of the same name.
    pub owns_status: bool,
    /// What the group's answer bytes hold of this line's outbox.
    pub answer_bytes_told: u64,
    /// What the kernel said at the last look whether the peer's TCP takes bytes.
    pub progress: watch::Progress,
}

/// Why and since when a line is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// The full group; the line's own group if it does not take its answers.
    pub on: GroupId,
    pub since: Instant,
    /// What does not fit is dropped from then on (`pause_within`); `NEVER` where it may last.
    pub until: Instant,
}

impl Line {
    pub fn new(plan: Arc<plan::Line>, shared: Arc<LineShared>, now: Instant) -> Self {
        let backoff = Backoff::new(plan.timers.reconnect_first, plan.timers.reconnect_longest);
        Self {
            plan,
            shared,
            phase: Phase::Closed,
            outbox: Outbox::default(),
            backoff,
            since: now,
            last_received: now,
            last_sent: now,
            partial_since: Instant::NEVER,
            pause: None,
            answers_due_until: Instant(0),
            asked_until: Instant(0),
            asked: 0,
            peer_finished: false,
            steady_at: Instant(0),
            outlawed: false,
            resets_noted: 0,
            full: false,
            owns_status: true,
            answer_bytes_told: 0,
            progress: watch::Progress::default(),
        }
    }

    /// A new connection begins: nothing of the one before is left.
    pub fn begin(&mut self, now: Instant) {
        debug_assert!(self.outbox.is_empty(), "the queue of the last connection went elsewhere");
        self.since = now;
        self.last_received = now;
        self.last_sent = now;
        self.partial_since = Instant::NEVER;
        self.pause = None;
        self.answers_due_until = Instant(0);
        self.asked_until = Instant(0);
        self.asked = 0;
        self.peer_finished = false;
        self.outlawed = false;
        self.progress = watch::Progress::default();
    }

    /// Requests may be sent over it.
    pub fn takes_requests(&self, now: Instant) -> bool {
        self.phase == Phase::Up && self.plan.flow.sends() && !self.peer_finished && now >= self.steady_at
    }

    /// Answers may be sent over it, at least those due to its own requests.
    pub fn takes_answers(&self) -> bool {
        let takes = match self.phase {
            Phase::Up => true,
            Phase::Draining(drain) => drain.takes_answers(),
            _ => false,
        };
        takes && self.plan.flow.sends()
    }
}
