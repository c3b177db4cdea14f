//! The order of work in one turn of the loop.
//!
//! 1. orders of the control thread: a new plan, commands
//! 2. completions: what was sent makes room, what was received is decided and queued; newcomers last
//! 3. mail of other shards
//! 4. clocks, sweeps, held answers; lines that were paused and may go on
//! 5. flush: each line's whole gathering in one send; mail out; buffers back
//! 6. sleep, unless something came meanwhile

use std::sync::atomic::Ordering::Relaxed;

use super::post::Letter;
use super::{Shard, Turn};
use crate::ids::ShardId;
use crate::ring::token::Kind;
use crate::ring::{Completion, Operation, Ring, Wait};
use crate::shared::counters::{Hot, ShardCounters};
use crate::switch::group::pick::{Pick, Purpose};
use crate::switch::step::Place;
use crate::time::{Instant, Span};

/// An idle shard turns at least this often: the watchdog looks at its pulse.
const PULSE: Span = Span::from_secs(1);

/// Bytes received in one turn after which what is queued goes out: a turn of thousands of frames
/// must not hold back the first of them.
const FLUSH_AFTER_BYTES: usize = 512 * 1024;

/// How long a newcomer on the doorstep may make the shard look again soon.
const DOORSTEP: Span = Span::from_millis(1);

/// How soon a shard with letters for a full mailbox looks whether there is room again.
const OVERFLOW: Span = Span::from_micros(200);

/// How often a shard that is done looks whether the others are.
const OTHERS: Span = Span::from_millis(5);

impl<R: Ring> Shard<R> {
    /// One turn. Sleeps at its end until there is something to do, at most for a second.
    pub fn turn(&mut self) -> Turn {
        let now = self.ring.now();
        self.switch.begin_turn(now);
        self.pulse(now);
        self.take_orders();
        self.complete_all();
        self.admit_newcomers();
        self.take_mail();
        self.run_clocks();
        self.sweep();
        self.stop_overdue();
        self.look_at_waiting();
        self.flush();
        self.publish_mail();
        self.give_buffers_back();
        self.arm_starved();
        self.report_changes();
        self.publish_memory();
        if self.is_stopped() {
            return Turn::Stopped;
        }
        self.sleep();
        Turn::Go
    }

    fn pulse(&self, now: Instant) {
        let shard = &self.world.shards[self.id.index()];
        ShardCounters::add(&shard.turns, 1);
        shard.last_turn.store(now.0, Relaxed); // Relaxed: the watchdog may read it a turn late
    }

    fn complete_all(&mut self) {
        let spare = std::mem::take(&mut self.scratch.completions);
        let mut completions = std::mem::replace(&mut self.completions, spare);
        let mut bytes = 0;
        for completion in completions.drain(..) {
            if completion.token.kind() == Kind::Receive {
                bytes += completion.result.max(0) as usize;
                self.width.received(completion.result);
            }
            self.complete(completion);
            if bytes >= FLUSH_AFTER_BYTES {
                bytes = 0;
                self.flush();
                // Nothing is received on the way: what a turn takes in has to fit the buffers, and
                // stays in the cache if it is little.
                self.ring.submit();
            }
        }
        self.scratch.completions = completions;
    }

    fn complete(&mut self, completion: Completion) {
        let token = completion.token;
        let (index, generation) = (token.slot(), token.generation());
        if token.kind() == Kind::Accept {
            return self.accepted(token, completion);
        }
        if self.connection_at(index, generation).is_none() {
            // Of an accept's cancel, or of a slot that was used again: nothing is owed to it but
            // the buffer that it may carry.
            if let Some(region) = completion.region.filter(|region| region.last) {
                self.passed.push(region.buffer);
            }
            return;
        }
        match token.kind() {
            Kind::Receive => self.received(index, completion),
            Kind::Send => self.sent(index, completion),
            Kind::Connect => self.connected(index, completion),
            Kind::Cancel | Kind::Shutdown => {
                self.connections[index as usize].in_flight -= 1;
                self.close_if_joined(index);
            }
            Kind::Accept => unreachable!("taken above"),
        }
    }

    /// Letters of other shards: their frames join the queue of the line they name, or another's.
    fn take_mail(&mut self) {
        for sender in 0..self.post.senders() {
            let mut scratch = std::mem::take(&mut self.mail_scratch);
            while let Some((letter, pieces)) = self.post.peek(sender) {
                scratch.clear();
                scratch.extend_from_slice(pieces[0]);
                scratch.extend_from_slice(pieces[1]);
                self.post.pop(sender);
                self.deliver_letter(letter, &scratch);
            }
            self.mail_scratch = scratch;
            self.post.release(sender);
        }
        if self.post.drain_overflow() && self.post.overflow_bytes() == 0 {
            self.nudged = true;
        }
    }

    fn deliver_letter(&mut self, letter: Letter, frames: &[u8]) {
        if letter.settles {
            self.settle(letter.to, u64::from(letter.run.frames));
        }
        let place = self.switch.place(letter.to);
        let takes = self.takes(&letter, place);
        let mut delivery = self.delivery();
        if takes {
            delivery.send_on(letter.group, letter.to, place, letter.run, frames);
        } else {
            delivery.redirect(letter.group, letter.run, frames);
        }
    }

    /// Whether the line that a letter names still takes it. After its peer's FIN it does so only
    /// as the last of its group: most peers that send FIN have closed whole.
    fn takes(&mut self, letter: &Letter, place: Place) -> bool {
        let Place::Here(slot) = place else { return false };
        if self.wires[slot as usize].connection.is_none() {
            return false;
        }
        let line = &self.switch.lines[slot as usize];
        if !letter.run.kind.is_answer() {
            return line.takes_requests(self.switch.now);
        }
        let (takes, finished) = (line.takes_answers(), line.peer_finished);
        takes && (!finished || !matches!(self.switch.pick(letter.group, Purpose::Answer, 0), Pick::Line(_)))
    }

    /// Answers that a line waited for have come, by mail.
    fn settle(&mut self, line: crate::ids::LineId, answers: u64) {
        match self.switch.place(line) {
            Place::Here(slot) => self.switch.lines[slot as usize].shared.counters.add_here(Hot::Resolved, answers),
            _ => {
                if let Some(line) = self.switch.published.line(line) {
                    line.counters.add_elsewhere(Hot::Resolved, answers);
                }
            }
        }
    }

    fn publish_mail(&mut self) {
        let (world, ring, id) = (&self.world, &mut self.ring, self.id);
        self.post.publish(|shard: ShardId| {
            debug_assert_ne!(shard, id);
            if world.beds[shard.index()].sleeper.must_wake() {
                ring.push(Operation::Wake { shard });
            }
        });
    }

    /// Held answers and paused lines, when a way may have opened for them.
    fn look_at_waiting(&mut self) {
        let nudged = std::mem::take(&mut self.nudged) | self.world.beds[self.id.index()].take_nudge();
        if !self.holding.is_empty() && (nudged || self.switch.now >= self.next_held()) {
            self.look_at_held();
        }
        if nudged && !self.paused.is_empty() {
            self.resume_paused();
        }
    }

    fn publish_memory(&mut self) {
        if self.memory_is_short() {
            self.relieve_memory();
        }
        let total = self.memory_in_use();
        self.world.shards[self.id.index()].memory.store(total, Relaxed); // Relaxed: a report
    }

    fn sleep(&mut self) {
        let spin = self.switch.plan.settings.spin;
        if spin > Span::ZERO && self.spins(spin) {
            return;
        }
        let wanted = self.width.wanted();
        self.world.beds[self.id.index()].sleeper.lie_down();
        let wait = if self.has_work() {
            Wait::No
        } else {
            let deadline = self.next_deadline();
            Wait::Until { deadline, want: wanted.completions, min_wait: wanted.patience }
        };
        self.ring.enter(wait, &mut self.completions);
        self.world.beds[self.id.index()].sleeper.get_up();
    }

    /// Polls for `spin` before it sleeps (`[switch] spin`). True: something came.
    fn spins(&mut self, spin: Span) -> bool {
        let until = (self.ring.now() + spin).min(self.next_deadline());
        loop {
            self.ring.enter(Wait::No, &mut self.completions);
            if self.has_work() {
                return true;
            }
            if self.ring.now() >= until {
                return false;
            }
        }
    }

    /// Something waits that no completion will announce.
    fn has_work(&self) -> bool {
        self.nudged
            || self.world.beds[self.id.index()].is_nudged()
            || !self.completions.is_empty()
            || self.post.has_mail()
            || !self.world.inbox.commands[self.id.index()].is_empty()
            || self.world.epoch() != self.switch.published.epoch
    }

    fn next_deadline(&self) -> Instant {
        let now = self.switch.now;
        let doorstep = if self.doorstep.is_empty() { Instant::NEVER } else { now + DOORSTEP };
        let overflow = if self.post.overflow_bytes() == 0 { Instant::NEVER } else { now + OVERFLOW };
        (now + PULSE)
            .min(self.wheel.next())
            .min(self.switch.sweep_at)
            .min(self.next_held())
            .min(self.stop_by.map_or(Instant::NEVER, |until| until.max(now + DOORSTEP)))
            .min(if self.is_done() { now + OTHERS } else { Instant::NEVER })
            .min(doorstep)
            .min(overflow)
    }
}
