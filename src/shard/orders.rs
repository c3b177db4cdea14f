//! What the control thread asks for: a new plan, listeners, lines in and out of service, the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Shard;
use super::wire::Wire;
use crate::reason::Closed;
use crate::ring::{Listener, Ring};
use crate::shared::inbox::{Command, Event};
use crate::shared::status::Cause;
use crate::switch::line::phase::{After, Drain, Phase};
use crate::switch::plan_change::LineChange;
use crate::switch::step::Place;
use crate::time::Instant;

impl<R: Ring> Shard<R> {
    /// The plan first if there is a new one, then commands; a line's listener may come with either.
    pub(super) fn take_orders(&mut self) {
        let epoch = self.world.epoch();
        let applied = &self.world.shards[self.id.index()].applied;
        let behind = applied.load(Ordering::Relaxed) != epoch; // Relaxed: only this thread writes it
        if behind {
            self.apply_plan();
        }
        while let Some(command) = self.world.inbox.commands[self.id.index()].pop() {
            self.obey(command);
        }
        if behind {
            let epoch = self.switch.published.epoch;
            // Release, partner: the control thread's Acquire while it waits for the verdict.
            self.world.shards[self.id.index()].applied.store(epoch, Ordering::Release);
        }
    }

    fn apply_plan(&mut self) {
        let changes = self.switch.apply(self.world.current());
        self.wires.resize_with(self.switch.lines.len(), Wire::default);
        self.settle_gone();
        for change in changes {
            match change {
                // A reload that was published before the stop arrives behind it: nothing begins any more.
                LineChange::Open(slot) if self.switch.stopping => {
                    self.switch.enter(slot, Phase::Closed, Cause::Asked, None);
                }
                LineChange::Reopen(slot) if self.switch.stopping => self.retire(slot, After::Gone),
                LineChange::Open(slot) if self.is_disabled_by_hand(slot) => {
                    self.switch.enter(slot, Phase::Disabled, Cause::Asked, None);
                }
                LineChange::Open(slot) => self.open(slot),
                LineChange::Reopen(slot) => self.retire(slot, After::Open),
                LineChange::Close(slot) => self.retire(slot, After::Gone),
                LineChange::Recheck(slot) => self.recheck(slot),
            }
        }
        self.let_go_of_listeners();
        for (line, listener) in std::mem::take(&mut self.early) {
            self.take_listener(line, listener);
        }
        self.nudged = true;
    }

    /// A line that still drained for the plan before may have been given a listener that this plan
    /// has no use for: held on to, its port would stay taken.
    fn let_go_of_listeners(&mut self) {
        if self.switch.stopping {
            return;
        }
        for slot in 0..self.wires.len() as u32 {
            let Some(listener) = &self.wires[slot as usize].listener else { continue };
            let planned = self.switch.plan.line(self.switch.lines[slot as usize].plan.id);
            if !planned.is_some_and(|planned| planned.listens_at(listener.local)) {
                self.stop_listening(slot);
            }
        }
    }

    fn is_disabled_by_hand(&self, slot: u32) -> bool {
        self.switch.lines[slot as usize].shared.status.is_disabled_by_hand()
    }

    /// A line begins: it listens, or connects at once.
    fn open(&mut self, slot: u32) {
        let phase = self.switch.opening(slot);
        self.switch.enter(slot, phase, Cause::Opened, None);
        self.start(slot);
    }

    fn start(&mut self, slot: u32) {
        if self.listens(slot) {
            self.listen(slot);
        } else {
            self.connect(slot);
        }
        self.schedule(slot);
    }

    /// Drains and closes a line that changed or left the plan; a line without a connection is
    /// closed, or opened as it is planned now, at once.
    fn retire(&mut self, slot: u32, then: After) {
        let same_address = {
            let line = &self.switch.lines[slot as usize].plan;
            self.switch.plan.line(line.id).is_some_and(|planned| planned.side == line.side)
        };
        // A stopping switch goes on accepting, to turn newcomers away at once.
        if !self.switch.stopping && (then != After::Open || !same_address) {
            self.stop_listening(slot);
        }
        let until = self.switch.now + self.switch.lines[slot as usize].plan.timers.drain_within;
        let until = self.stop_by.map_or(until, |stop| stop.min(until));
        match self.switch.lines[slot as usize].phase {
            Phase::Up => self.switch.drain(slot, until, then),
            Phase::Draining(drain) => {
                let until = until.min(drain.until);
                // Taken out of service by the operator, it stays so when it is planned anew.
                let stays = then == After::Open && drain.then == After::Disabled;
                let then = if stays { After::Disabled } else { then };
                self.switch.lines[slot as usize].phase = Phase::Draining(Drain { until, then, ..drain });
            }
            Phase::Disabled if then == After::Open => self.replan_disabled(slot),
            Phase::Connecting | Phase::Waiting { .. } | Phase::Listening | Phase::Disabled | Phase::Closed => {
                if let Some(index) = self.wires[slot as usize].connection {
                    self.cancel_connect(slot, index);
                }
                let next = match then {
                    After::Gone | After::Open | After::Reset(_) => Phase::Closed,
                    After::Disabled => Phase::Disabled,
                };
                self.switch.enter(slot, next, Cause::Asked, None);
                if then == After::Open {
                    let phase = self.switch.opening(slot);
                    self.switch.enter(slot, phase, Cause::Opened, None);
                    self.reopen_as_planned(slot);
                }
            }
        }
        self.schedule(slot);
    }

    /// A line that the operator took out of service is planned anew and stays down.
    fn replan_disabled(&mut self, slot: u32) {
        let line = &mut self.switch.lines[slot as usize];
        if let Some(planned) = self.switch.plan.line(line.plan.id) {
            line.plan = Arc::clone(planned);
        }
    }

    fn cancel_connect(&mut self, slot: u32, index: u32) {
        let connection = &mut self.connections[index as usize];
        let token = connection.token(crate::ring::token::Kind::Cancel);
        let target = connection.token(crate::ring::token::Kind::Connect);
        connection.in_flight += 1;
        self.ring.push(crate::ring::Operation::Cancel { token, target });
        self.abandon_connect(index, slot);
    }

    /// A line without a connection takes what the plan says of it now, and begins.
    pub(super) fn reopen_as_planned(&mut self, slot: u32) {
        let line = &mut self.switch.lines[slot as usize];
        if let Some(planned) = self.switch.published.plan.line(line.plan.id)
            && *planned != line.plan
        {
            line.plan = Arc::clone(planned);
            let listens = line.plan.listens();
            let begins_so = matches!(line.phase, Phase::Listening) == listens;
            if !begins_so {
                self.switch.enter(slot, Phase::Disabled, Cause::Asked, None);
                let phase = self.switch.opening(slot);
                self.switch.enter(slot, phase, Cause::Opened, None);
            }
        }
        if self.listens(slot) {
            self.listen(slot);
        }
    }

    /// The allow list changed: a peer that is no longer on it gets nothing but answers due to it.
    fn recheck(&mut self, slot: u32) {
        self.replan_resend(slot);
        let line = &self.switch.lines[slot as usize];
        let remote = line.shared.status.details().remote;
        let outlawed = self.listens(slot) && remote.is_some_and(|remote| !line.plan.allow.contains(remote.ip()));
        let drain_within = line.plan.timers.drain_within;
        if outlawed && line.phase == Phase::Up {
            self.switch.lines[slot as usize].outlawed = true;
            self.switch.drain(slot, self.switch.now + drain_within, After::Open);
        }
        self.schedule(slot);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Listen { line, listener } => self.take_listener(line, listener),
            Command::Stop { until } => self.stop(until),
            Command::Disable { line } => {
                if let Place::Here(slot) = self.switch.place(line)
                    && self.switch.lines[slot as usize].phase != Phase::Disabled
                {
                    self.disable(slot);
                }
            }
            Command::ResetGroup { group, reset } => self.reset_lines(group, reset),
            Command::Enable { line } => {
                if let Place::Here(slot) = self.switch.place(line) {
                    self.enable(slot);
                }
            }
        }
    }

    /// Out of service: drained, then refused (`disabled`) until it is enabled.
    fn disable(&mut self, slot: u32) {
        let until = self.switch.now + self.switch.lines[slot as usize].plan.timers.drain_within;
        match self.switch.lines[slot as usize].phase {
            Phase::Up => self.switch.drain(slot, until, After::Disabled),
            Phase::Draining(drain) => {
                self.switch.lines[slot as usize].phase = Phase::Draining(Drain { then: After::Disabled, ..drain });
            }
            _ => {
                if let Some(index) = self.wires[slot as usize].connection {
                    self.cancel_connect(slot, index);
                }
                self.switch.enter(slot, Phase::Disabled, Cause::Asked, None);
            }
        }
        self.schedule(slot);
    }

    /// In service again. A line that still drains is opened once it has: the order must not get lost.
    fn enable(&mut self, slot: u32) {
        match self.switch.lines[slot as usize].phase {
            Phase::Disabled => {
                // A plan that came while the line still drained out of service was left for now.
                self.replan_disabled(slot);
                self.open(slot);
            }
            Phase::Draining(drain) if drain.then == After::Disabled => {
                self.switch.lines[slot as usize].phase = Phase::Draining(Drain { then: After::Open, ..drain });
            }
            _ => {}
        }
    }

    fn take_listener(&mut self, line: crate::ids::LineId, listener: Arc<Listener>) {
        let planned = self.switch.published.plan.line(line).is_some_and(|planned| planned.listens_at(listener.local));
        let Place::Here(slot) = self.switch.place(line) else {
            self.early.push((line, listener));
            return;
        };
        if !planned {
            // Listeners are handed over before the plan that names their line, or its new address,
            // is published.
            self.early.push((line, listener));
            return;
        }
        self.stop_listening(slot);
        let local = listener.local;
        let wire = &mut self.wires[slot as usize];
        wire.listener = Some(listener);
        self.switch.lines[slot as usize].shared.status.update(|details| details.local = Some(local));
        // While the old connection drains, newcomers wait in the backlog of the new address.
        if !matches!(self.switch.lines[slot as usize].phase, Phase::Draining(_)) {
            self.listen(slot);
        }
    }

    /// The process stops: no connection and no request is taken any more; what is pending is
    /// answered until `until`.
    fn stop(&mut self, until: Instant) {
        self.switch.stopping = true;
        self.stop_by = Some(until);
        for slot in 0..self.switch.lines.len() as u32 {
            if self.switch.lines[slot as usize].phase != Phase::Closed {
                self.retire(slot, After::Gone);
            }
        }
    }

    /// Whether this shard's part of a stop is complete: every line closed, every socket given back.
    pub(super) fn is_done(&self) -> bool {
        self.stop_by.is_some()
            && self.free.len() == self.connections.len()
            && self.accepted.is_empty()
            && self.doorstep.is_empty()
            && self.switch.lines.iter().all(|line| line.phase == Phase::Closed)
    }

    /// The last shard to be done ends all: until then each turns newcomers away.
    pub(super) fn is_stopped(&self) -> bool {
        if !self.is_done() {
            return false;
        }
        // Release, partner: whoever waits for the end; what this shard did is done.
        self.world.shards[self.id.index()].stopped.store(1, Ordering::Release);
        self.world.shards.iter().all(|shard| shard.stopped.load(Ordering::Acquire) == 1)
    }

    /// After `until` nothing is waited for any more.
    pub(super) fn stop_overdue(&mut self) {
        let now = self.switch.now;
        if self.stop_by.is_none_or(|until| now < until) {
            return;
        }
        for slot in 0..self.wires.len() {
            if let Some(index) = self.wires[slot].connection {
                self.sever(index, Closed::DrainTimeout);
            }
        }
    }

    /// Reports the lines' changes of state.
    pub(super) fn report_changes(&mut self) {
        let mut changes = std::mem::take(&mut self.switch.changes);
        for change in changes.drain(..) {
            let line = self.switch.lines[change.slot as usize].plan.name.clone();
            let (from, to, cause, remote) = (change.from, change.to, change.cause, change.remote);
            self.tell(Event::Line { at: self.switch.now, line, from, to, cause, remote });
        }
        self.switch.changes = changes;
    }

    /// A full queue loses the event and counts it: a log never holds a shard up.
    pub(super) fn tell(&self, event: Event) {
        if self.world.inbox.events.push(event).is_err() {
            let lost = &self.world.shards[self.id.index()].events_lost;
            crate::shared::counters::ShardCounters::add(lost, 1);
        }
    }
}
