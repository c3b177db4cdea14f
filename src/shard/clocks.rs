//! Time: the lines' clocks, the sweep of the response tables, answers that waited too long.

use std::collections::VecDeque;

use super::Shard;
use super::deliver::{count_drop, counters_of};
use crate::ids::GroupId;
use crate::reason::{Closed, Drop, Malformed, ResendFailed};
use crate::ring::Ring;
use crate::shared::counters::{Cold, ShardCounters};
use crate::shared::response_table::{ResponseTable, Waiting};
use crate::switch::group::Held;
use crate::switch::group::pick::{Pick, Purpose};
use crate::switch::line::outbox::Run;
use crate::switch::line::phase::{Drain, Phase};
use crate::switch::line::watch::{Due, FIN_WITHIN, LOOK_EVERY};
use crate::switch::step::Kind;
use crate::time::{Instant, Span};

/// When an accept that found no descriptor is tried again.
pub const ACCEPT_AGAIN: Span = Span::from_millis(100);

/// No request waits longer: `check` refuses an `answer_within` above 15 minutes.
const ANSWER_WITHIN_MAX: Span = Span::from_secs(16 * 60);

/// Every live line carries something within this time, if its group carries anything.
const USED_EVERY: Span = Span::from_millis(100);

impl<R: Ring> Shard<R> {
    /// Sets the line's timer to its next clock.
    pub(super) fn schedule(&mut self, slot: u32) {
        let line = &self.switch.lines[slot as usize];
        let mut due = line.next_due().min(line.outbox.earliest_deadline());
        if self.wires[slot as usize].accept_starved {
            due = due.min(self.switch.now + ACCEPT_AGAIN);
        }
        if due == Instant::NEVER {
            return self.wheel.cancel(slot);
        }
        self.wheel.schedule(slot, due);
    }

    pub(super) fn schedule_in(&mut self, slot: u32, span: Span) {
        self.wheel.schedule(slot, self.switch.now + span);
    }

    /// Does what the clocks of the lines ask for.
    pub(super) fn run_clocks(&mut self) {
        let mut due = std::mem::take(&mut self.scratch.due);
        self.wheel.due(self.switch.now, &mut due);
        for slot in due.drain(..) {
            self.run_clock(slot);
            let line = &self.switch.lines[slot as usize];
            let next = line.next_due().min(line.outbox.earliest_deadline());
            // A clock that has run out and cannot be served yet is looked at again, not at once.
            let next = next.max(self.switch.now + LOOK_EVERY);
            if line.next_due() != Instant::NEVER || !line.outbox.is_empty() {
                let sooner = self.wheel.scheduled(slot).is_some_and(|at| at <= next);
                if !sooner {
                    self.wheel.schedule(slot, next);
                }
            }
        }
        self.scratch.due = due;
    }

    fn run_clock(&mut self, slot: u32) {
        let now = self.switch.now;
        if self.wires[slot as usize].accept_starved && self.wires[slot as usize].listener.is_some() {
            self.listen(slot);
        }
        if self.switch.lines[slot as usize].outbox.earliest_deadline() <= now {
            self.mark_dirty(slot);
        }
        let connection = self.wires[slot as usize].connection;
        let idle = connection.is_none_or(|index| self.is_idle(&self.connections[index as usize]));
        match (self.switch.lines[slot as usize].due(now, idle), connection) {
            (Due::Nothing, _) => {}
            (Due::Retry, _) => self.connect(slot),
            (Due::ConnectTimeout, _) => self.connect_timed_out(slot),
            (Due::Probe, Some(_)) => self.queue_probe(slot),
            (Due::Silent, Some(index)) => self.judge(index, None),
            (Due::Partial, Some(index)) => self.judge(index, Some(Malformed::Partial)),
            (Due::LookAtProgress, Some(index)) => self.look_at_progress(slot, index),
            (Due::PauseOver, Some(_)) => self.pause_over(slot),
            (Due::Steady, Some(_)) => {
                self.switch.join(slot);
                self.switch.lines[slot as usize].steady_at = Instant(0);
                self.tell_waiting(slot);
            }
            (Due::Drain, Some(index)) => self.look_at_drain(slot, index),
            (Due::Finished, Some(index)) => self.look_at_finished(slot, index),
            (_, None) => {}
        }
    }

    /// What lies in the socket is read before a line is judged by what did not come: after the
    /// process stood still, or a long turn, it may have come.
    fn judge(&mut self, index: u32, malformed: Option<Malformed>) {
        let health = self.ring.health(self.connections[index as usize].socket).unwrap_or_default();
        if health.unread > 0 {
            return;
        }
        if let (Some(reason), Some(slot)) = (malformed, self.connections[index as usize].line) {
            self.switch.lines[slot as usize].shared.counters.add_malformed(reason);
        }
        self.sever(index, if malformed.is_some() { Closed::Partial } else { Closed::Silent });
    }

    /// Whether the peer's TCP takes what we send; a full window is a slow reader until it has been
    /// full for `unread_within`.
    fn look_at_progress(&mut self, slot: u32, index: u32) {
        let now = self.switch.now;
        let connection = &self.connections[index as usize];
        let health = self.ring.health(connection.socket).unwrap_or_default();
        let waiting = health.outstanding > 0 || !self.is_idle(connection);
        self.trim_to(index, health.outstanding);
        let line = &mut self.switch.lines[slot as usize];
        let unread_within = line.plan.timers.unread_within;
        if line.progress.stalled(now, health.acknowledged, waiting, unread_within) {
            self.sever(index, Closed::Stalled);
        }
    }

    fn look_at_drain(&mut self, slot: u32, index: u32) {
        let now = self.switch.now;
        let Phase::Draining(drain) = self.switch.lines[slot as usize].phase else { return };
        match drain.finished_at {
            Some(at) if now >= at + FIN_WITHIN => self.sever(index, drain.closed()),
            Some(_) => {}
            None if self.switch.drained(slot)
                && self.is_idle(&self.connections[index as usize])
                && self.is_acknowledged(index) =>
            {
                self.finish_drain(slot, drain);
            }
            None if now >= drain.until => self.sever(index, drain.overdue()),
            None => {}
        }
    }

    fn finish_drain(&mut self, slot: u32, drain: Drain) {
        let now = self.switch.now;
        if self.switch.lines[slot as usize].peer_finished {
            let index = self.wires[slot as usize].connection.expect("a draining line has its connection");
            return self.sever(index, drain.closed());
        }
        self.switch.lines[slot as usize].phase = Phase::Draining(Drain { finished_at: Some(now), ..drain });
        self.finish(slot);
    }

    /// After the peer's FIN: kept while something is due to it and it can be written to, and until
    /// the answers that it was given are acknowledged. If it has closed whole, a reset says so.
    fn look_at_finished(&mut self, slot: u32, index: u32) {
        let now = self.switch.now;
        let unacknowledged = !self.is_acknowledged(index);
        let connection = &self.connections[index as usize];
        let line = &self.switch.lines[slot as usize];
        let due = now < line.answers_due_until && line.shared.counters.pending() > 0;
        let queued = !line.outbox.is_empty();
        let waits_to_be_read = line.pause.is_some();
        let in_time = connection.log.deadlines().is_some_and(|(_, last)| now < last);
        let of_use = due || queued || waits_to_be_read || (unacknowledged && in_time);
        if !of_use {
            return self.sever(index, Closed::Peer);
        }
        if (queued || unacknowledged) && self.ring.health(connection.socket).is_ok_and(|health| health.dead) {
            return self.sever(index, Closed::Reset);
        }
        if now >= line.progress.look_at {
            self.look_at_progress(slot, index);
        }
    }

    /// Expires requests whose answer did not come, and clears `used` bits.
    pub(super) fn sweep(&mut self) {
        let now = self.switch.now;
        if now >= self.used_at {
            self.used_at = now + USED_EVERY;
            self.switch.groups.iter_mut().flatten().for_each(|group| group.clear_used());
        }
        if now < self.switch.sweep_at {
            return;
        }
        let mut next = Instant::NEVER;
        for at in 0..self.switch.groups.len() {
            let Some(group) = &mut self.switch.groups[at] else { continue };
            let Some(table) = &group.shared.responses else { continue };
            if ResponseTable::sweep_due(&group.hand) <= now {
                let mut expired = Vec::new();
                table.sweep(&mut group.hand, now, |_, waiting| expired.push(waiting));
                expired.iter().for_each(|waiting| self.timed_out(waiting));
            }
            if let Some(group) = &self.switch.groups[at] {
                next = next.min(ResponseTable::sweep_due(&group.hand));
            }
        }
        self.switch.sweep_at = next;
    }

    fn timed_out(&mut self, waiting: &Waiting) {
        self.switch.resolved(waiting.line, 1);
        counters_of(&self.switch, &self.world, waiting.line).add_cold(Cold::RequestsTimedOut, 1);
    }

    /// Answers that wait for a line: out over one that came up, or dropped when their time is over.
    pub(super) fn look_at_held(&mut self) {
        for group in std::mem::take(&mut self.holding) {
            self.look_at_held_of(group);
            let held = self.switch.groups[group.index()].as_ref().is_some_and(|group| !group.held.is_empty());
            if held && !self.holding.contains(&group) {
                self.holding.push(group);
            }
        }
    }

    fn look_at_held_of(&mut self, group: GroupId) {
        self.drop_overdue(group);
        loop {
            let Some(view) = self.switch.groups[group.index()].as_mut() else { return };
            let Some(first) = view.held.front() else { return };
            let bytes = first.frame.len();
            let Pick::Line(target) = self.switch.pick(group, Purpose::Answer, bytes) else {
                self.switch.group(group).shared.table.wait(self.id);
                // A line that joined before the registration wakes nobody: look once more.
                match self.switch.pick(group, Purpose::Answer, 0) {
                    Pick::Line(_) => continue,
                    Pick::Full | Pick::Nobody => return,
                }
            };
            let held = self.switch.group_mut(group).held.pop_front().expect("the first was there");
            self.note_memory(held.frame.len() as u64, 0);
            let run = run_of(&held);
            let mut delivery = self.delivery();
            if held.kind == Kind::Answer {
                delivery.counters_of(held.origin).add_cold(Cold::AnswersRerouted, 1);
            }
            delivery.send_on(group, target.line, target.place, run, &held.frame);
        }
    }

    /// An answer that has waited long enough may stand behind one that has not: an earlier deadline
    /// ends its wait before `hold_answer` does.
    fn drop_overdue(&mut self, group: GroupId) {
        let now = self.switch.now;
        let Some(view) = self.switch.groups[group.index()].as_mut() else { return };
        if view.held.iter().all(|held| now < held.until) {
            return;
        }
        let (overdue, waiting): (VecDeque<_>, _) =
            std::mem::take(&mut view.held).into_iter().partition(|held| now >= held.until);
        view.held = waiting;
        for held in overdue {
            self.note_memory(held.frame.len() as u64, 0);
            let reason = if now >= held.deadline { Drop::Late } else { Drop::HoldExpired };
            self.delivery().drop_held(group, run_of(&held), &held.frame, reason, false);
        }
    }

    /// The earliest end of a held answer.
    pub(super) fn next_held(&self) -> Instant {
        let of = |group: &GroupId| self.switch.groups[group.index()].as_ref()?.held.iter().map(|held| held.until).min();
        self.holding.iter().filter_map(of).min().unwrap_or(Instant::NEVER)
    }

    /// Settles what groups that left the plan still hold: nobody is left to give it to.
    pub(super) fn settle_gone(&mut self) {
        for mut group in std::mem::take(&mut self.switch.gone) {
            for held in group.held.drain(..) {
                self.memory_bytes -= held.frame.len() as u64;
                let counters = counters_of(&self.switch, &self.world, held.origin);
                if held.kind == Kind::Resent {
                    counters.add_resend_failed(ResendFailed::RequesterGone, 1);
                    continue;
                }
                ShardCounters::add(&self.world.shards[self.id.index()].held_out, 1);
                count_drop(counters, Drop::RequesterGone, 1);
            }
            if let Some(table) = &group.shared.responses {
                let mut expired = Vec::new();
                let all = self.switch.now + ANSWER_WITHIN_MAX;
                table.sweep(&mut group.hand, all, |_, waiting| expired.push(waiting));
                expired.iter().for_each(|waiting| self.timed_out(waiting));
            }
        }
    }
}

/// A held answer as a run of one.
fn run_of(held: &Held) -> Run {
    Run {
        origin: held.origin,
        kind: held.kind,
        frames: 1,
        bytes: held.frame.len() as u32,
        arrived: held.arrived,
        deadline: held.deadline,
    }
}
