//! The clocks of a line: probes, silence, half frames, peers that take nothing.

use super::{Line, phase::Phase};
use crate::time::{Instant, Span};

/// What the line's clocks ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    Nothing,
    /// `MP1-4.5.5a`, `MC6-5.4`: we have sent nothing for `probe_after`.
    Probe,
    /// `MC6-5.4.1`: nothing was received for `silent_after`. The shard looks into the socket
    /// before it believes it.
    Silent,
    /// A frame was begun and not completed for `partial_within`.
    Partial,
    /// Time to ask the kernel whether the peer's TCP takes bytes.
    LookAtProgress,
    /// `connect_within` has passed.
    ConnectTimeout,
    /// The next attempt to connect.
    Retry,
    /// A paused line: `pause_within` has passed.
    PauseOver,
    /// A trunk line has been up for `trunk_steady`.
    Steady,
    /// Look whether the drain is complete, or over.
    Drain,
    /// After a peer's FIN: look whether anything is still due to it.
    Finished,
}

/// The least time between two looks at one line's clocks; how often a draining line is looked at.
pub const LOOK_EVERY: Span = Span::from_millis(20);

/// How long after our FIN the peer's is awaited.
pub const FIN_WITHIN: Span = Span::from_secs(1);

/// What the kernel said of a connection when it was last asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes acknowledged by the peer's TCP then.
    pub acknowledged: u64,
    /// Since when that number has stood still although bytes were outstanding.
    pub standing_since: Instant,
    /// When to ask again; `NEVER` while nothing can be outstanding.
    pub look_at: Instant,
}

/// Between two looks: a peer that takes nothing is found that much later than `unread_within`, or twice
/// that if it took something since the look before.
fn look_every(unread_within: Span) -> Span {
    Span((unread_within.0 / 8).max(1_000_000))
}

impl Default for Progress {
    fn default() -> Self {
        Self { acknowledged: 0, standing_since: Instant::NEVER, look_at: Instant::NEVER }
    }
}

impl Progress {
    /// Bytes were given to the kernel: see later whether the peer's TCP takes them.
    #[inline]
    pub fn expect(&mut self, now: Instant, unread_within: Span) {
        if self.look_at == Instant::NEVER {
            self.look_at = now + look_every(unread_within);
        }
    }

    /// The kernel's answer. True: the peer's TCP has taken nothing for `unread_within`.
    pub fn stalled(&mut self, now: Instant, acknowledged: u64, waiting: bool, unread_within: Span) -> bool {
        if !waiting {
            *self = Self { acknowledged, standing_since: Instant::NEVER, look_at: Instant::NEVER };
            return false;
        }
        let look_every = look_every(unread_within);
        if acknowledged != self.acknowledged || self.standing_since == Instant::NEVER {
            let since = if acknowledged != self.acknowledged { now } else { now - look_every };
            *self = Self { acknowledged, standing_since: since, look_at: now + look_every };
            return false;
        }
        self.look_at = now + look_every;
        now.since(self.standing_since) >= unread_within
    }
}

impl Line {
    /// When the next of the line's clocks runs out.
    pub fn next_due(&self) -> Instant {
        let timers = &self.plan.timers;
        match self.phase {
            Phase::Closed | Phase::Listening | Phase::Disabled => Instant::NEVER,
            Phase::Connecting => self.since + timers.connect_within,
            Phase::Waiting { retry_at } => retry_at,
            // Looked at again and again: the shard keeps `LOOK_EVERY` between two looks.
            Phase::Draining(_) => self.since,
            Phase::Up if self.peer_finished => self.since,
            Phase::Up => self.up_due(),
        }
    }

    fn up_due(&self) -> Instant {
        let timers = &self.plan.timers;
        let mut due = self.progress.look_at;
        if let Some(pause) = self.pause {
            due = due.min(pause.until);
        } else {
            if self.plan.expect && self.plan.flow.receives() {
                due = due.min(self.last_received + timers.silent_after);
            }
            due = due.min(self.partial_since + timers.partial_within);
        }
        if self.probes() {
            due = due.min(self.last_sent + timers.probe_after);
        }
        if self.steady_at > self.since {
            due = due.min(self.steady_at);
        }
        due
    }

    fn probes(&self) -> bool {
        self.plan.probe && self.plan.flow.sends() && !self.peer_finished
    }

    /// What is due at `now`; one thing at a time, the gravest first. `idle`: nothing is queued or
    /// in flight on the line.
    pub fn due(&self, now: Instant, idle: bool) -> Due {
        let timers = &self.plan.timers;
        match self.phase {
            Phase::Closed | Phase::Listening | Phase::Disabled => Due::Nothing,
            Phase::Connecting if now >= self.since + timers.connect_within => Due::ConnectTimeout,
            Phase::Waiting { retry_at } if now >= retry_at => Due::Retry,
            Phase::Connecting | Phase::Waiting { .. } => Due::Nothing,
            Phase::Draining(_) => Due::Drain,
            Phase::Up => self.up_due_now(now, idle),
        }
    }

    fn up_due_now(&self, now: Instant, idle: bool) -> Due {
        let timers = &self.plan.timers;
        if self.peer_finished {
            return Due::Finished;
        }
        let read = self.pause.is_none();
        if read && now >= self.partial_since + timers.partial_within {
            return Due::Partial;
        }
        let expects = self.plan.expect && self.plan.flow.receives();
        if read && expects && now >= self.last_received + timers.silent_after {
            return Due::Silent;
        }
        if now >= self.progress.look_at {
            return Due::LookAtProgress;
        }
        if self.pause.is_some_and(|pause| now >= pause.until) {
            return Due::PauseOver;
        }
        if self.steady_at > self.since && now >= self.steady_at {
            return Due::Steady;
        }
        // A queue that waits says by itself that the peer does not take bytes.
        if idle && self.probes() && now >= self.last_sent + timers.probe_after {
            return Due::Probe;
        }
        Due::Nothing
    }

    /// The pause is over: the clocks that stood still go on where they stood.
    pub fn resume(&mut self, now: Instant) {
        if let Some(pause) = self.pause.take() {
            let stood = now.since(pause.since);
            self.last_received = (self.last_received + stood).min(now);
            if self.partial_since != Instant::NEVER {
                self.partial_since = (self.partial_since + stood).min(now);
            }
        }
    }
}
