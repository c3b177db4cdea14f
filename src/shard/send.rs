//! Bytes out: the flush at the end of a turn, and what the kernel says of it.

use super::Shard;
use super::connection::{Connection, Sending};
use super::deliver::counters_of;
use crate::frame::Prefix;
use crate::limits::SMALL_CHUNK_BYTES;
use crate::reason::Closed;
use crate::ring::token::Kind as Operate;
use crate::ring::{Completion, Operation, Ring};
use crate::shared::counters::{Cold, Hot, ShardCounters};
use crate::switch::line::outbox::{Outbox, Run};
use crate::switch::step::Kind;
use crate::time::Instant;

/// Where the kernel stopped in a run of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Cut {
    /// Frames that ended in the part.
    frames: u32,
    /// Of the frame in the middle: bytes given, bytes left.
    given: u32,
    left: u32,
}

impl<R: Ring> Shard<R> {
    /// Sends each line's whole gathering once.
    pub(super) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            self.wires[slot as usize].dirty = false;
            self.flush_line(slot);
        }
        // Nothing became dirty meanwhile but what `flush_line` put back.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    fn flush_line(&mut self, slot: u32) {
        let Some(index) = self.wires[slot as usize].connection else { return };
        if self.connections[index as usize].sending.is_some() {
            return self.recall_expired(slot, index);
        }
        let overdue = self.switch.lines[slot as usize].outbox.earliest_deadline() <= self.switch.now;
        if overdue && !planted!(SentTooLate) {
            self.purge_expired(slot, index);
        }
        let connection = &mut self.connections[index as usize];
        if connection.queue.is_empty() || connection.is_closing() {
            return;
        }
        if connection.log.is_overdue() {
            self.trim(index);
        }
        let connection = &mut self.connections[index as usize];
        let mut segments = std::mem::take(&mut self.scratch.segments);
        let bytes = connection.queue.segments(&mut segments);
        let waits = !connection.queue.has_lent();
        connection.sending = Some(Sending { bytes, waits, cancelled: false });
        connection.in_flight += 1;
        let token = connection.token(Operate::Send);
        self.ring.send(token, connection.socket, &segments, waits);
        self.width.sent();
        self.scratch.segments = segments;
        self.lent_in_flight += u32::from(!waits);
        self.watch_queue(slot);
    }

    /// Something waits on the line: look in time whether it goes, and before it is overdue.
    fn watch_queue(&mut self, slot: u32) {
        let line = &mut self.switch.lines[slot as usize];
        line.shared.status.set_queued_bytes(line.outbox.bytes());
        let unread_within = line.plan.timers.unread_within;
        line.progress.expect(self.switch.now, unread_within);
        let due = line.progress.look_at.min(line.outbox.earliest_deadline());
        if self.wheel.scheduled(slot).is_none_or(|at| at > due) {
            self.wheel.schedule(slot, due);
        }
    }

    /// What the kernel took of a send.
    pub(super) fn sent(&mut self, index: u32, completion: Completion) {
        let connection = &mut self.connections[index as usize];
        let sending = connection.sending.take().expect("one send was in flight");
        connection.in_flight -= 1;
        self.lent_in_flight -= u32::from(!sending.waits);
        let given = completion.result.max(0) as usize;
        self.given(index, given);
        self.keep_lent(index);
        let connection = &self.connections[index as usize];
        if connection.is_closing() {
            self.settle_orphans(index);
            return self.close_if_joined(index);
        }
        let Some(slot) = connection.line else { return };
        let refused_for_now = !sending.waits && completion.result == -libc::EAGAIN;
        let short = sending.waits && given < sending.bytes && !sending.cancelled;
        let failed = completion.result < 0 && !refused_for_now && !sending.cancelled;
        if short || failed {
            return self.sever(index, Closed::Reset);
        }
        self.mark_dirty(slot);
    }

    pub(super) fn mark_dirty(&mut self, slot: u32) {
        let Some(index) = self.wires[slot as usize].connection else { return };
        let wire = &mut self.wires[slot as usize];
        if !wire.dirty && !self.connections[index as usize].queue.is_empty() {
            wire.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Books `given` bytes as given to the kernel: frames whose last byte is among them are
    /// forwarded.
    fn given(&mut self, index: u32, given: usize) {
        if given == 0 {
            return;
        }
        let mut outbox = self.take_outbox(index);
        let begun = outbox.begun().1 > 0;
        let mut runs = std::mem::take(&mut self.scratch.runs);
        let part = outbox.given(given as u64, |run| runs.push(*run));
        if part > 0 {
            let cut = self.cut(index, &outbox, given, part);
            runs.push(outbox.given_in_part(part, cut.frames, cut.given, cut.left));
        }
        let connection = &mut self.connections[index as usize];
        let position = connection.log.position();
        if connection.resends {
            connection.log.given(&runs, begun);
        } else {
            connection.log.pass(given as u64);
        }
        let emptied = connection.emptied();
        connection.queue.give(self.ring.memory().chunks, given, position, emptied);
        self.put_outbox(index, outbox);
        self.count_given(index, &runs);
        runs.clear();
        self.scratch.runs = runs;
        self.after_room(index);
    }

    /// The books of the connection's queue: the line's, or its own once the line has gone on.
    fn take_outbox(&mut self, index: u32) -> Outbox {
        let connection = &mut self.connections[index as usize];
        match (&mut connection.orphans, connection.line) {
            (Some(orphans), _) => std::mem::take(orphans),
            (None, Some(slot)) => std::mem::take(&mut self.switch.lines[slot as usize].outbox),
            (None, None) => unreachable!("a queue has its books"),
        }
    }

    fn put_outbox(&mut self, index: u32, outbox: Outbox) {
        let connection = &mut self.connections[index as usize];
        match (&mut connection.orphans, connection.line) {
            (Some(orphans), _) => *orphans = outbox,
            (None, Some(slot)) => self.switch.lines[slot as usize].outbox = outbox,
            (None, None) => unreachable!("a queue has its books"),
        }
    }

    /// Where in the first run left the kernel stopped: walks the frames of the part it took.
    #[cold]
    fn cut(&mut self, index: u32, outbox: &Outbox, given: usize, part: u32) -> Cut {
        let connection = &self.connections[index as usize];
        let prefix = connection.carried.framing.prefix;
        let memory = self.ring.memory();
        let front = connection.queue.front(memory.received, memory.chunks, given + prefix.bytes());
        walk(prefix, &front[given - part as usize..], part, outbox.begun())
    }

    fn count_given(&mut self, index: u32, runs: &[Run]) {
        let now = self.switch.now;
        let (mut frames, mut bytes, mut probes, mut held) = (0, 0, 0, 0);
        let transit = &self.world.transit_seconds[self.id.index()];
        for run in runs {
            frames += u64::from(run.frames);
            bytes += u64::from(run.bytes);
            let cell = match run.kind {
                Kind::Probe => {
                    probes += u64::from(run.frames);
                    continue;
                }
                Kind::Reject => continue, // our own: the books of its frame were closed when it was made
                Kind::Resent => {
                    let counters = counters_of(&self.switch, &self.world, run.origin);
                    counters.add_cold(Cold::AnswersResent, u64::from(run.frames));
                    continue;
                }
                Kind::Pair | Kind::Request => Hot::RequestsForwarded,
                Kind::Answer => Hot::AnswersForwarded,
            };
            if run.frames == 0 {
                continue;
            }
            held += u64::from(run.frames);
            transit.record(now.since(run.arrived), u64::from(run.frames));
            let twice = planted!(CountedTwice) && self.connections[index as usize].line.is_none();
            let n = u64::from(run.frames) * if twice { 2 } else { 1 };
            match self.switch.place(run.origin) {
                crate::switch::step::Place::Here(slot) => {
                    self.switch.lines[slot as usize].shared.counters.add_here(cell, n);
                }
                _ => counters_of(&self.switch, &self.world, run.origin).add_elsewhere(cell, n),
            }
        }
        ShardCounters::add(&self.world.shards[self.id.index()].held_out, held);
        let connection = &mut self.connections[index as usize];
        if let Some(slot) = connection.line {
            let line = &mut self.switch.lines[slot as usize];
            line.last_sent = now;
            line.shared.status.set_queued_bytes(line.outbox.bytes());
            line.shared.counters.add_here(Hot::FramesSent, frames);
            line.shared.counters.add_here(Hot::BytesSent, bytes);
            if probes > 0 {
                line.shared.counters.add_here(Hot::ProbesSent, probes);
            }
        } else if let Some(line) = self.switch.published.line(connection.carried.line) {
            line.counters.add_elsewhere(Hot::FramesSent, frames);
            line.counters.add_elsewhere(Hot::BytesSent, bytes);
        }
    }

    /// A queue got shorter: below half it is no longer full, and those who wait are told.
    fn after_room(&mut self, index: u32) {
        let Some(slot) = self.connections[index as usize].line else { return };
        let line = &mut self.switch.lines[slot as usize];
        let mut tell = false;
        if line.full && line.outbox.request_bytes() < line.plan.limits.line_queue / 2 {
            line.full = false;
            tell = true;
            let (group, position) = (line.plan.group, line.plan.position);
            self.switch.group(group).shared.table.clear_full(position);
        }
        tell |= self.switch.tell_answer_bytes(slot);
        if tell {
            self.tell_waiting(slot);
        }
    }

    /// Tells every shard that waits for the line's group that a way has opened.
    pub(super) fn tell_waiting(&mut self, slot: u32) {
        let shards: Vec<_> = self.switch.waiting_for(slot).collect();
        for shard in shards {
            if shard == self.id {
                self.nudged = true;
            } else {
                self.world.beds[shard.index()].nudge();
                if self.world.beds[shard.index()].sleeper.must_wake() {
                    self.ring.push(Operation::Wake { shard });
                }
            }
        }
    }

    /// Runs that the kernel did not take at once are copied: receive buffers must go back.
    pub(super) fn keep_lent(&mut self, index: u32) {
        let memory = self.ring.memory();
        let connection = &mut self.connections[index as usize];
        if connection.queue.has_lent() && connection.queue.copy_lent(memory.received, memory.chunks).is_err() {
            // No memory for what one receive brought: the line's peer does not read, and all
            // others hold the bound. What is lost with the line is counted.
            self.sever(index, Closed::Stalled);
        }
    }

    /// A probe, at a frame boundary, only when nothing else is queued or in flight.
    pub(super) fn queue_probe(&mut self, slot: u32) {
        let now = self.switch.now;
        let Some(index) = self.wires[slot as usize].connection else { return };
        let line = &self.switch.lines[slot as usize];
        let probe = line.plan.framing.prefix.probe();
        let origin = line.plan.id;
        let run = Run {
            origin,
            kind: Kind::Probe,
            frames: 1,
            bytes: probe.len() as u32,
            arrived: now,
            deadline: Instant::NEVER,
        };
        let mut delivery = self.delivery();
        let queue = &mut delivery.connections[index as usize].queue;
        if queue.append(delivery.chunks, &[probe]).is_ok() {
            delivery.queued(slot, run);
        }
    }

    pub(super) fn is_idle(&self, connection: &Connection) -> bool {
        connection.queue.is_empty() && connection.sending.is_none()
    }

    pub(super) fn chunks_in_use(&mut self) -> usize {
        self.ring.memory().chunks.in_use()
    }
}

/// Walks the first `part` of `bytes`, which begin inside a frame if `begun` says so.
fn walk(prefix: Prefix, bytes: &[u8], part: u32, begun: (u32, u32)) -> Cut {
    let mut cut = Cut { frames: 0, given: begun.0, left: begun.1 };
    let mut at = 0u32;
    loop {
        if cut.left > 0 {
            let step = cut.left.min(part - at);
            (cut.given, cut.left, at) = (cut.given + step, cut.left - step, at + step);
            if cut.left > 0 {
                return cut;
            }
            cut.frames += 1;
            cut.given = 0;
        }
        if at == part {
            return cut;
        }
        let data = prefix.read(&bytes[at as usize..]).expect("queued frames carry a prefix that we wrote");
        cut.left = (prefix.bytes() + data) as u32;
    }
}

const _: () = assert!(SMALL_CHUNK_BYTES >= 4, "a probe fits any chunk");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_ends_where_the_kernel_stopped() {
        let bytes = b"0003abc0002de0001f";
        let walked = |part, begun| walk(Prefix::Ascii4, bytes, part, begun);
        assert_eq!(walked(7, (0, 0)), Cut { frames: 1, given: 0, left: 0 });
        assert_eq!(walked(9, (0, 0)), Cut { frames: 1, given: 2, left: 4 });
        assert_eq!(walked(13, (0, 0)), Cut { frames: 2, given: 0, left: 0 });
        assert_eq!(walk(Prefix::Ascii4, &bytes[2..], 3, (2, 5)), Cut { frames: 0, given: 5, left: 2 });
        assert_eq!(walk(Prefix::Ascii4, &bytes[2..], 6, (2, 5)), Cut { frames: 1, given: 1, left: 5 });
    }
}
