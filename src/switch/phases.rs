//! Moves of lines from state to state, and their place in the group table.

use std::net::SocketAddr;

use super::Switch;
use super::line::phase::{After, Drain, Phase};
use crate::config::plan::Tier;
use crate::ids::ShardId;
use crate::reason::Closed;
use crate::shared::group_table::Set;
use crate::shared::status::{Cause, LineState};
use crate::time::{Instant, Span};

/// A line changed its state: for the log, the events and the admin API.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub slot: u32,
    pub from: LineState,
    pub to: LineState,
    pub cause: Cause,
    pub remote: Option<SocketAddr>,
}

impl Switch {
    /// Moves a line; a move that the table of phases does not know is a programmer's error.
    pub fn enter(&mut self, slot: u32, next: Phase, cause: Cause, remote: Option<SocketAddr>) {
        let now = self.now;
        let line = &mut self.lines[slot as usize];
        assert!(line.phase.leads_to(next), "{}: {:?} does not lead to {next:?}", line.plan.name, line.phase);
        let (from, to) = (line.phase.state(), next.state());
        line.phase = next;
        line.since = now;
        if line.owns_status {
            line.shared.status.set_state(to, now);
        }
        if from != to {
            self.changes.push(Change { slot, from, to, cause, remote });
        }
    }

    /// A connection is the line now: the line joins its group.
    pub fn up(&mut self, slot: u32, cause: Cause, remote: Option<SocketAddr>) {
        let now = self.now;
        let resets = self.group(self.lines[slot as usize].plan.group).shared.resets.count();
        let line = &mut self.lines[slot as usize];
        line.begin(now);
        line.resets_noted = resets;
        self.enter(slot, Phase::Up, cause, remote);
        let steady_at = now + self.steady_after(slot);
        self.lines[slot as usize].steady_at = steady_at;
        self.join(slot);
    }

    /// A trunk line that comes back while a backup line carries must prove itself first.
    fn steady_after(&self, slot: u32) -> Span {
        let line = &self.lines[slot as usize];
        let table = &self.group(line.plan.group).shared.table;
        let backup_carries = table.working_tier() == Set::Backup;
        if line.plan.tier == Tier::Trunk && backup_carries && table.is_live() {
            line.plan.timers.trunk_steady
        } else {
            Span::ZERO
        }
    }

    /// Sets the line's bits in its group's table as its phase says.
    pub fn join(&self, slot: u32) {
        let line = &self.lines[slot as usize];
        let table = &self.group(line.plan.group).shared.table;
        let (position, tier) = (line.plan.position, line.plan.tier);
        match line.phase {
            Phase::Up if !line.peer_finished && !line.outlawed => {
                let sends = line.takes_requests(self.now);
                table.join(position, tier, sends, line.plan.flow.receives());
                if line.full {
                    table.set_full(position);
                }
            }
            // A line whose peer has finished neither sends nor receives anything new.
            Phase::Up | Phase::Draining(_) => {
                table.join(position, tier, false, line.plan.flow.receives() && !line.peer_finished);
            }
            _ => table.leave(position),
        }
    }

    /// The line's connection is gone: it leaves its group before the socket closes.
    pub fn leave(&mut self, slot: u32) {
        let line = &mut self.lines[slot as usize];
        line.full = false;
        let (group, position) = (line.plan.group, line.plan.position);
        self.group(group).shared.table.leave(position);
    }

    /// The peer has sent FIN: nothing is asked of it any more, what is due to it still goes out,
    /// over other lines of the group first.
    pub fn peer_finished(&mut self, slot: u32) {
        let line = &mut self.lines[slot as usize];
        line.peer_finished = true;
        line.partial_since = Instant::NEVER;
        self.join(slot);
    }

    /// Stops requests on the line; answers go on until none is pending or `until`.
    pub fn drain(&mut self, slot: u32, until: Instant, then: After) {
        let cause = match then {
            After::Reset(_) => Cause::Closed(Closed::GroupReset),
            After::Open | After::Gone | After::Disabled => Cause::Asked,
        };
        self.enter(slot, Phase::Draining(Drain { until, then, finished_at: None }), cause, None);
        self.join(slot);
    }

    /// Whether a draining line has nothing left to wait for.
    pub fn drained(&self, slot: u32) -> bool {
        let line = &self.lines[slot as usize];
        if !line.outbox.is_empty() {
            return false;
        }
        if matches!(line.phase, Phase::Draining(Drain { then: After::Reset(_), .. })) {
            return true;
        }
        let due_to_it = self.now < line.answers_due_until && line.shared.counters.pending() > 0;
        !due_to_it && !self.owes_answers(slot)
    }

    /// Whether answers of the line's member to requests sent over it may still come.
    fn owes_answers(&self, slot: u32) -> bool {
        let line = &self.lines[slot as usize];
        if line.asked <= 0 || self.now >= line.asked_until {
            return false;
        }
        let group = self.group(line.plan.group);
        group.shared.responses.as_ref().is_some_and(|table| table.pending() > 0)
    }

    /// Where a line goes after its connection has ended, and why.
    pub fn down(&mut self, slot: u32, reason: Closed) {
        let now = self.now;
        let line = &self.lines[slot as usize];
        let next = match line.phase {
            Phase::Draining(drain) => match drain.then {
                After::Open | After::Reset(_) => self.opening(slot),
                After::Gone => Phase::Closed,
                After::Disabled => Phase::Disabled,
            },
            _ if self.stopping => Phase::Closed,
            Phase::Up if !line.plan.listens() => self.after_break(slot),
            Phase::Connecting => Phase::Waiting { retry_at: now + self.next_pause(slot) },
            _ => self.opening(slot),
        };
        self.enter(slot, next, Cause::Closed(reason), None);
    }

    /// The phase with which a line begins: listening, or connecting as soon as its time comes.
    pub fn opening(&self, slot: u32) -> Phase {
        if self.lines[slot as usize].plan.listens() { Phase::Listening } else { Phase::Waiting { retry_at: self.now } }
    }

    /// At once if the connection had lived for the longest pause, else the back-off goes on.
    fn after_break(&mut self, slot: u32) -> Phase {
        let now = self.now;
        let line = &mut self.lines[slot as usize];
        let lived = now.since(line.since);
        let pause = line.backoff.after_break(lived, &mut self.random);
        Phase::Waiting { retry_at: now + pause }
    }

    fn next_pause(&mut self, slot: u32) -> Span {
        self.lines[slot as usize].backoff.after_failure(&mut self.random)
    }

    /// Shards that have something for a group and found no way: told when a way opens.
    pub fn waiting_for(&self, slot: u32) -> impl Iterator<Item = ShardId> + '_ {
        let line = &self.lines[slot as usize];
        self.group(line.plan.group).shared.table.take_waiting()
    }
}
