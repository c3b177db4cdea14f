//! Bytes in: from completions of receives to decided frames.

use super::Shard;
use super::connection::{CREDIT_MAX, Inlet};
use super::deliver::{Bytes, Fed, Stop};
use crate::ids::GroupId;
use crate::reason::{Closed, Malformed};
use crate::ring::token::Kind;
use crate::ring::{Completion, Operation, Region, Ring};
use crate::shared::counters::Hot;
use crate::switch::line::Pause;
use crate::switch::line::phase::{Drain, Phase};
use crate::time::Instant;

impl<R: Ring> Shard<R> {
    pub(super) fn received(&mut self, index: u32, completion: Completion) {
        let connection = &mut self.connections[index as usize];
        if !completion.more {
            connection.receiving = false;
            connection.in_flight -= 1;
        }
        if let Some(region) = completion.region {
            if self.connections[index as usize].line.is_some() {
                self.take_region(index, region);
            }
            if region.last {
                self.passed.push(region.buffer);
            }
        }
        let connection = &self.connections[index as usize];
        if connection.is_closing() {
            return self.close_if_joined(index);
        }
        if completion.more {
            return;
        }
        match completion.result {
            0 => self.finished_by_peer(index),
            n if n > 0 => {
                // The limit, a full completion queue, the last buffer: whatever it was, arm again.
                let connection = &mut self.connections[index as usize];
                connection.credit = (connection.credit * 2).min(CREDIT_MAX);
                if !planted!(NotArmedAgain) {
                    self.arm(index);
                }
            }
            n if -n == libc::ENOBUFS => self.arm(index),
            n if -n == libc::ECANCELED || -n == libc::EINTR || -n == libc::EAGAIN => self.arm(index),
            n if -n == libc::ECONNRESET || -n == libc::EPIPE || -n == libc::ECONNABORTED => {
                self.broken(index, Closed::Reset);
            }
            _ => self.broken(index, Closed::Network),
        }
    }

    /// The connection is over; the beginning of a frame that it leaves never becomes one.
    fn broken(&mut self, index: u32, reason: Closed) {
        let connection = &self.connections[index as usize];
        if let Some(slot) = connection.line
            && !connection.inlet.is_empty()
            && !self.is_paused(slot)
        {
            self.switch.lines[slot as usize].shared.counters.add_malformed(Malformed::Partial);
        }
        self.sever(index, reason);
    }

    /// Arms the receive unless there is a reason not to read.
    pub(super) fn arm(&mut self, index: u32) {
        let connection = &self.connections[index as usize];
        let Some(slot) = connection.line else { return };
        let line = &self.switch.lines[slot as usize];
        if connection.receiving || connection.is_closing() || line.pause.is_some() || line.peer_finished {
            return;
        }
        if self.ring.buffers_free() == 0 || self.memory_is_full() {
            // Armed without a buffer it would fail at once, again and again; and what is read while
            // memory is full would have to be dropped.
            let connection = &mut self.connections[index as usize];
            if !connection.starved {
                connection.starved = true;
                self.starved.push(index);
            }
            return;
        }
        let connection = &mut self.connections[index as usize];
        connection.receiving = true;
        connection.in_flight += 1;
        let token = connection.token(Kind::Receive);
        self.ring.push(Operation::Receive { token, socket: connection.socket, limit: connection.credit });
    }

    fn take_region(&mut self, index: u32, region: Region) {
        let now = self.switch.now;
        let slot = self.connections[index as usize].line.expect("the caller checked");
        let line = &mut self.switch.lines[slot as usize];
        line.last_received = now;
        line.shared.counters.add_here(Hot::BytesReceived, u64::from(region.len));
        if self.connections[index as usize].log.is_due() {
            self.trim(index);
        }
        let mut taken = 0;
        if !self.connections[index as usize].inlet.is_empty() && !self.is_paused(slot) {
            taken = self.complete_partial(index, region);
        }
        if taken == region.len || self.connections[index as usize].line != Some(slot) {
            return;
        }
        if self.is_paused(slot) || self.stalls_itself(slot) {
            self.stash(index, region, taken);
            return self.pause_for_its_answers(slot);
        }
        let fed = self.feed_region(slot, region, taken);
        self.stash(index, region, taken + fed.consumed as u32);
        self.stopped(index, slot, fed.stop);
    }

    fn is_paused(&self, slot: u32) -> bool {
        self.switch.lines[slot as usize].pause.is_some()
    }

    /// A requester that does not take its answers is not read (`answer_queue` half used).
    fn stalls_itself(&self, slot: u32) -> bool {
        let group = self.switch.group(self.switch.lines[slot as usize].plan.group);
        group.takes_no_answers()
    }

    fn feed_region(&mut self, slot: u32, region: Region, from: u32) -> Fed {
        let now = self.switch.now;
        let (mut delivery, received) = self.delivery_of_received();
        let bytes = received.bytes(region.buffer, region.offset + from, region.len - from);
        let source = Bytes { bytes, buffer: Some((region.buffer, region.offset + from)) };
        delivery.feed(slot, source, now)
    }

    /// Joins the beginning of a frame with its rest: only the frame that straddles two receives is
    /// copied. Returns how much of the region it took.
    fn complete_partial(&mut self, index: u32, region: Region) -> u32 {
        let now = self.switch.now;
        let slot = self.connections[index as usize].line.expect("the caller checked");
        let framing = self.switch.lines[slot as usize].plan.framing;
        let mut taken = 0;
        loop {
            let inlet = &mut self.connections[index as usize].inlet;
            let needed = match crate::frame::scan(framing, &inlet.bytes) {
                crate::frame::Scan::Part { needed } => needed,
                _ => break,
            };
            let step = (needed - inlet.bytes.len()).min((region.len - taken) as usize) as u32;
            if step == 0 {
                return taken;
            }
            let bytes = self.ring.memory().received.bytes(region.buffer, region.offset + taken, step);
            inlet.push(bytes, now);
            self.note_memory(0, u64::from(step));
            taken += step;
        }
        self.feed_inlet(index);
        taken
    }

    /// Decides what waits in the inlet, as far as it can be.
    pub(super) fn feed_inlet(&mut self, index: u32) {
        let slot = self.connections[index as usize].line.expect("only a line has an inlet");
        let inlet = std::mem::take(&mut self.connections[index as usize].inlet);
        let (inlet, stop) = self.feed_from(slot, inlet);
        self.connections[index as usize].inlet = inlet;
        self.stopped(index, slot, stop);
    }

    /// A frame came with its last byte: what each arrival completed is decided with its time.
    fn feed_from(&mut self, slot: u32, mut inlet: Inlet) -> (Inlet, Stop) {
        let before = inlet.bytes.len() as u64;
        let mut stop = Stop::Dry;
        let mut last = None;
        while let Some((end, arrived)) = inlet.arrival_after(last) {
            let bytes = Bytes { bytes: &inlet.bytes[..end], buffer: None };
            let fed = self.delivery().feed(slot, bytes, arrived);
            inlet.consume(fed.consumed);
            last = Some(arrived);
            stop = fed.stop;
            if matches!(stop, Stop::Blocked(_) | Stop::Malformed(_)) {
                break;
            }
        }
        self.note_memory(before, inlet.bytes.len() as u64);
        (inlet, stop)
    }

    /// This shard's share of `memory` is used up by queues, stashes and held answers.
    pub(super) fn memory_is_full(&mut self) -> bool {
        let share = self.switch.plan.settings.memory / u64::from(self.switch.plan.settings.shards);
        self.memory_in_use() >= share
    }

    /// Three quarters of the share are used: what is only kept in case it must go again makes room.
    pub(super) fn memory_is_short(&mut self) -> bool {
        let share = self.switch.plan.settings.memory / u64::from(self.switch.plan.settings.shards);
        self.memory_in_use() >= share / 4 * 3
    }

    pub(super) fn memory_in_use(&mut self) -> u64 {
        self.memory_bytes + (self.chunks_in_use() + self.post.overflow_bytes()) as u64
    }

    /// Keeps the bytes of a region from `from` on for later.
    fn stash(&mut self, index: u32, region: Region, from: u32) {
        if from == region.len {
            return;
        }
        let now = self.switch.now;
        let bytes = self.ring.memory().received.bytes(region.buffer, region.offset + from, region.len - from);
        self.connections[index as usize].inlet.push(bytes, now);
        self.note_memory(0, u64::from(region.len - from));
    }

    pub(super) fn note_memory(&mut self, before: u64, after: u64) {
        self.memory_bytes = self.memory_bytes + after - before;
    }

    /// What follows from where deciding stopped.
    fn stopped(&mut self, index: u32, slot: u32, stop: Stop) {
        let now = self.switch.now;
        let line = &mut self.switch.lines[slot as usize];
        match stop {
            Stop::Dry => line.partial_since = Instant::NEVER,
            Stop::Part { .. } => {
                let since = self.connections[index as usize].inlet.oldest().unwrap_or(now);
                line.partial_since = since;
                self.schedule(slot);
            }
            Stop::Blocked(group) => {
                line.partial_since = Instant::NEVER;
                self.pause(slot, group);
            }
            Stop::Malformed(reason) => {
                line.shared.counters.add_malformed(reason);
                self.sever(index, closed_by(reason));
            }
        }
    }

    /// Stops reading the line until the full group takes bytes again. A station may feed its own.
    pub(super) fn pause(&mut self, slot: u32, on: GroupId) {
        let pause_within = self.switch.lines[slot as usize].plan.timers.pause_within;
        let limited = self.switch.has_several_destinations(slot);
        self.pause_until(slot, on, if limited { self.switch.now + pause_within } else { Instant::NEVER });
    }

    /// Stops reading the line until its own group takes its answers.
    fn pause_for_its_answers(&mut self, slot: u32) {
        if self.is_paused(slot) {
            return;
        }
        let own = self.switch.lines[slot as usize].plan.group;
        self.pause_until(slot, own, Instant::NEVER);
        self.switch.group(own).shared.table.wait(self.id);
        // Answers that were taken before the registration wake nobody.
        self.nudged |= !self.stalls_itself(slot);
    }

    fn pause_until(&mut self, slot: u32, on: GroupId, until: Instant) {
        let now = self.switch.now;
        let line = &mut self.switch.lines[slot as usize];
        if line.pause.is_some() {
            return;
        }
        line.pause = Some(Pause { on, since: now, until });
        self.paused.push(slot);
        self.schedule(slot);
    }

    /// Feeds paused lines again, as far as there is room now.
    pub(super) fn resume_paused(&mut self) {
        let paused = std::mem::take(&mut self.paused);
        for slot in paused {
            let Some(pause) = self.switch.lines[slot as usize].pause else { continue };
            let Some(index) = self.wires[slot as usize].connection else {
                self.switch.lines[slot as usize].pause = None;
                continue;
            };
            if self.stalls_itself(slot) || self.post.overflow_bytes() > 0 {
                self.switch.group(self.switch.lines[slot as usize].plan.group).shared.table.wait(self.id);
                // Taken answers that came before the registration wake nobody: look once more.
                self.nudged |= !self.stalls_itself(slot) && self.post.overflow_bytes() == 0;
                self.paused.push(slot);
                continue;
            }
            self.switch.lines[slot as usize].resume(self.switch.now);
            self.feed_inlet(index);
            if let Some(again) = &mut self.switch.lines[slot as usize].pause
                && again.on == pause.on
                && self.connections[index as usize].inlet.oldest().is_some_and(|oldest| oldest <= pause.since)
            {
                // Nothing moved: it is the same pause, and its limit runs on.
                *again = pause;
            }
            self.arm(index);
            // The clocks that stood still were off the wheel.
            self.schedule(slot);
        }
    }

    /// `pause_within` has passed: what does not fit into the full group is dropped from now on, so
    /// that one stuck host does not stop the others.
    pub(super) fn pause_over(&mut self, slot: u32) {
        if let Some(pause) = &mut self.switch.lines[slot as usize].pause {
            pause.until = Instant::NEVER;
            let on = pause.on;
            // It may have gone with a reload while the line drains.
            if let Some(group) = self.switch.groups.get_mut(on.index()).and_then(Option::as_mut) {
                group.drop_what_does_not_fit();
            }
            self.nudged = true;
        }
    }

    /// FIN. What it leaves behind decides whether the connection has a use yet.
    fn finished_by_peer(&mut self, index: u32) {
        let Some(slot) = self.connections[index as usize].line else { return };
        let line = &self.switch.lines[slot as usize];
        let drain = match line.phase {
            Phase::Draining(drain) => Some(drain),
            _ => None,
        };
        // After a reset the armed receive may end like a clean FIN: the socket's state tells. Once our
        // own FIN is out it no longer does: the peer's, too, leaves a socket that is over.
        let finished = drain.is_some_and(|drain| drain.finished_at.is_some());
        let dead =
            !finished && self.ring.health(self.connections[index as usize].socket).is_ok_and(|health| health.dead);
        if dead {
            return self.broken(index, Closed::Reset);
        }
        let paused = line.pause.is_some();
        if !paused && !self.connections[index as usize].inlet.is_empty() {
            line.shared.counters.add_malformed(Malformed::Partial);
            return self.sever(index, Closed::Partial);
        }
        let waits = line.shared.counters.pending() > 0 || !line.outbox.is_empty();
        let sends = line.plan.flow.sends();
        let draining = drain.is_some();
        // A peer that has closed whole sends a reset for what it gets from now on, and for what is
        // on its way to it: until that is acknowledged it may have to go again.
        let due = sends && (waits || !finished && !self.is_acknowledged(index));
        if (due || paused) && !draining {
            self.switch.peer_finished(slot);
            self.tell_waiting(slot);
            self.schedule(slot);
            self.line_lost(slot, Closed::Peer);
        } else if draining && due {
            self.switch.lines[slot as usize].peer_finished = true;
            self.schedule(slot);
        } else {
            let reason = drain.map_or(Closed::Peer, Drain::closed);
            self.sever(index, reason);
        }
    }

    /// Receives that found no buffer are armed again once there is one.
    pub(super) fn arm_starved(&mut self) {
        while self.ring.buffers_free() > 0 && !self.memory_is_full() {
            let Some(index) = self.starved.pop() else { return };
            let connection = &mut self.connections[index as usize];
            connection.starved = false;
            self.arm(index);
        }
    }

    /// Gives passed receive buffers back, once nothing lent refers to them.
    pub(super) fn give_buffers_back(&mut self) {
        if self.lent_in_flight > 0 {
            return;
        }
        for buffer in self.passed.drain(..) {
            self.ring.give_back(buffer);
        }
    }
}

fn closed_by(reason: Malformed) -> Closed {
    match reason {
        Malformed::LengthDigits => Closed::LengthDigits,
        Malformed::LengthLimit => Closed::LengthLimit,
        Malformed::Partial => Closed::Partial,
        Malformed::WrongDirection => Closed::WrongDirection,
    }
}
