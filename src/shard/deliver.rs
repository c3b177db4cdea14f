//! From received bytes to queues: does what the switch says, one step after the other.

use super::connection::Connection;
use super::post::{Letter, Post};
use super::width::Width;
use super::wire::Wire;
use crate::frame::{Framing, Prefix, Scan, scan};
use crate::ids::{GroupId, LineId, ShardId};
use crate::limits::{RUN_BYTES_MIN, RUN_ONE_FRAME_BYTES_MIN};
use crate::message::station::rejection;
use crate::reason::{Drop, Malformed};
use crate::ring::{BufferId, Chunks};
use crate::shared::counters::{Cold, Hot, LineCounters, ShardCounters};
use crate::shared::published::World;
use crate::switch::Switch;
use crate::switch::group::Held;
use crate::switch::group::pick::{Pick, Purpose};
use crate::switch::line::outbox::Run;
use crate::switch::step::{Fate, Forward, Kind, Place, Reject, Step};
use crate::time::Instant;

/// Everything that moving a frame touches, borrowed apart from the ring's received bytes.
pub struct Delivery<'a> {
    pub switch: &'a mut Switch,
    pub world: &'a World,
    pub chunks: &'a mut Chunks,
    pub connections: &'a mut [Connection],
    pub wires: &'a mut [Wire],
    pub post: &'a mut Post,
    /// Lines to flush at the end of the turn.
    pub dirty: &'a mut Vec<u32>,
    /// Groups with answers that wait for a line.
    pub holding: &'a mut Vec<GroupId>,
    /// Bytes of stashes and held answers.
    pub memory_bytes: &'a mut u64,
    /// Where frames for another shard are put together.
    pub wire: &'a mut Vec<u8>,
    pub width: &'a mut Width,
}

/// Bytes of one line and where they are.
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    pub bytes: &'a [u8],
    /// The receive buffer and the offset in it, if they lie in one.
    pub buffer: Option<(BufferId, u32)>,
}

/// How far the bytes of a line were decided, and what stopped it.
#[derive(Clone, Copy, Debug)]
pub struct Fed {
    pub consumed: usize,
    pub stop: Stop,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// All decided.
    Dry,
    /// The rest is the beginning of a frame of so many bytes.
    Part {
        needed: usize,
    },
    /// The rest must wait for the group.
    Blocked(GroupId),
    Malformed(Malformed),
}

/// What was received, counted once for all of it.
#[derive(Default)]
struct Tally {
    frames: u64,
    probes: u64,
}

impl Delivery<'_> {
    /// Decides and moves as much of `source` as can be.
    pub fn feed(&mut self, slot: u32, source: Bytes<'_>, arrived: Instant) -> Fed {
        let mut tally = Tally::default();
        let mut at = 0;
        let stop = loop {
            if at == source.bytes.len() {
                break Stop::Dry;
            }
            let step = self.switch.step(slot, &source.bytes[at..], arrived);
            match step.fate {
                Fate::Part { needed } => break Stop::Part { needed },
                Fate::Blocked(group) => match self.wait_for(group) {
                    true => continue,
                    false => break Stop::Blocked(group),
                },
                Fate::Malformed(reason) => break Stop::Malformed(reason),
                Fate::Probe => tally.probes += 1,
                Fate::Forward(forward) => {
                    let bytes = source.part(at, step.len);
                    self.forward(slot, step, forward, bytes, arrived);
                    if self.is_congested(&forward) {
                        tally.frames += u64::from(step.frames);
                        at += step.len;
                        break Stop::Blocked(forward.group);
                    }
                }
                Fate::Hold { group, frame } => {
                    let bytes = source.part(at, step.len);
                    self.hold_new(slot, group, frame, bytes.bytes, arrived);
                }
                Fate::Drop(reason) => self.drop_new(slot, reason, u64::from(step.frames)),
                Fate::Reject(reject) => {
                    let bytes = source.part(at, step.len);
                    self.reject_new(slot, reject, bytes.bytes, arrived);
                }
            }
            tally.frames += u64::from(step.frames);
            at += step.len;
        };
        let counters = &self.switch.lines[slot as usize].shared.counters;
        if tally.frames > 0 {
            counters.add_here(Hot::FramesReceived, tally.frames);
        }
        if tally.probes > 0 {
            counters.add_here(Hot::ProbesReceived, tally.probes);
        }
        Fed { consumed: at, stop }
    }

    /// The mailbox to the target's shard is full: who feeds it waits, answers excepted.
    fn is_congested(&self, forward: &Forward) -> bool {
        match forward.to.place {
            Place::There(shard) => forward.kind != Kind::Answer && self.post.is_congested(shard),
            Place::Here(_) | Place::Nowhere => false,
        }
    }

    /// Registers for the group, then looks again: room that came before the registration wakes
    /// nobody. True: there is room after all.
    fn wait_for(&mut self, group: GroupId) -> bool {
        self.switch.group(group).shared.table.wait(self.switch.shard);
        matches!(self.switch.pick(group, Purpose::Request, 0), Pick::Line(_))
    }

    fn forward(&mut self, slot: u32, step: Step, forward: Forward, source: Bytes<'_>, arrived: Instant) {
        let line = &mut self.switch.lines[slot as usize];
        let origin = line.plan.id;
        if forward.kind == Kind::Answer {
            line.asked -= i64::from(step.frames);
            if forward.rerouted {
                line.shared.counters.add_cold(Cold::AnswersRerouted, u64::from(step.frames));
            }
        }
        let bytes = if forward.unchanged {
            step.len
        } else {
            let from = line.plan.framing.prefix.bytes();
            step.len + step.frames as usize * forward.prefix.bytes() - step.frames as usize * from
        };
        let run = Run {
            origin,
            kind: forward.kind,
            frames: step.frames,
            bytes: bytes as u32,
            arrived,
            deadline: forward.deadline,
        };
        match forward.to.place {
            Place::Here(to) if self.may_lend(to, &forward, step, source) => self.lend(to, run, source),
            Place::Here(to) if forward.unchanged => self.append(to, run, source.bytes),
            Place::Here(to) => self.append_cuts(to, run, forward.prefix, source.bytes),
            Place::There(shard) => self.mail(shard, run, forward, source.bytes),
            Place::Nowhere => unreachable!("the switch forwards only to lines of the plan"),
        }
    }

    fn mail(&mut self, shard: ShardId, run: Run, forward: Forward, bytes: &[u8]) {
        ShardCounters::add(&self.world.shards[self.switch.shard.index()].held_in, u64::from(run.frames));
        let letter = Letter { to: forward.to.line, group: forward.group, run, settles: forward.settles_there() };
        if forward.unchanged {
            return self.post.send(shard, letter, &[bytes]);
        }
        self.wire.clear();
        for cut in &self.switch.cuts {
            cut.write_to(forward.prefix, bytes, self.wire);
        }
        self.post.send(shard, letter, &[self.wire]);
    }

    /// Unchanged runs of some size, not answers, to an idle line of this shard: the rule by which
    /// sending from the receive buffer beats copying (DATAPLANE section 2).
    #[inline]
    fn may_lend(&self, to: u32, forward: &Forward, step: Step, source: Bytes<'_>) -> bool {
        let large = step.len >= RUN_BYTES_MIN || (step.frames == 1 && step.len >= RUN_ONE_FRAME_BYTES_MIN);
        if !forward.unchanged || !large || forward.kind == Kind::Answer || source.buffer.is_none() {
            return false;
        }
        let connection = self.connection_of(to);
        connection.sending.is_none() && connection.queue.may_lend()
    }

    fn connection_of(&self, slot: u32) -> &Connection {
        let index = self.wires[slot as usize].connection.expect("a line that is picked has a connection");
        &self.connections[index as usize]
    }

    fn lend(&mut self, to: u32, run: Run, source: Bytes<'_>) {
        let (buffer, offset) = source.buffer.expect("only bytes in a receive buffer are lent");
        let index = self.wires[to as usize].connection.expect("a line that is picked has a connection");
        self.connections[index as usize].queue.lend(buffer, offset, run.bytes);
        self.queued_new(to, run);
    }

    /// Copies a run as it is into the outbox of a line of this shard.
    fn append(&mut self, to: u32, run: Run, bytes: &[u8]) {
        let index = self.wires[to as usize].connection.expect("a line that is picked has a connection");
        match self.connections[index as usize].queue.append(self.chunks, &[bytes]) {
            Ok(()) => self.queued_new(to, run),
            Err(_) => count_drop(self.counters_of(run.origin), Drop::Memory, u64::from(run.frames)),
        }
    }

    /// Copies a run into the outbox of a line of this shard, changed as the switch said.
    fn append_cuts(&mut self, to: u32, run: Run, prefix: Prefix, bytes: &[u8]) {
        let index = self.wires[to as usize].connection.expect("a line that is picked has a connection");
        let cuts = &self.switch.cuts;
        let taken = self.connections[index as usize].queue.append_cuts(self.chunks, prefix, bytes, cuts);
        if taken == cuts.len() {
            return self.queued_new(to, run);
        }
        let queued = cuts[..taken].iter().map(|cut| (prefix.bytes() + usize::from(cut.len)) as u32).sum();
        if taken > 0 {
            self.queued_new(to, Run { frames: taken as u32, bytes: queued, ..run });
        }
        self.drop_for_memory(to, run, taken, bytes);
    }

    fn queued_new(&mut self, to: u32, run: Run) {
        ShardCounters::add(&self.world.shards[self.switch.shard.index()].held_in, u64::from(run.frames));
        self.queued(to, run);
    }

    /// The bytes are in the line's queue: the line's books, its `full` bit and its flush follow.
    pub fn queued(&mut self, to: u32, run: Run) {
        let line = &mut self.switch.lines[to as usize];
        line.outbox.push(run);
        if run.kind == Kind::Request {
            line.asked += i64::from(run.frames);
            line.asked_until = line.asked_until.max(run.deadline);
        }
        if !line.full && line.outbox.request_bytes() >= line.plan.limits.line_queue {
            line.full = true;
            let (group, position) = (line.plan.group, line.plan.position);
            self.switch.group(group).shared.table.set_full(position);
        }
        if run.kind.is_answer() {
            self.switch.tell_answer_bytes(to);
        }
        let wire = &mut self.wires[to as usize];
        if wire.dirty {
            self.width.joined();
        } else {
            wire.dirty = true;
            self.dirty.push(to);
        }
    }

    /// There was no memory for the cuts of `bytes` from `taken` on.
    #[cold]
    fn drop_for_memory(&mut self, to: u32, run: Run, taken: usize, bytes: &[u8]) {
        let group = self.switch.lines[to as usize].plan.group;
        for at in taken..self.switch.cuts.len() {
            let cut = self.switch.cuts[at];
            if run.kind == Kind::Request {
                self.switch.give_up_cut(group, &cut, bytes, run.deadline);
            }
            count_drop(self.counters_of(run.origin), Drop::Memory, 1);
        }
    }

    fn drop_new(&mut self, slot: u32, reason: Drop, frames: u64) {
        let line = &mut self.switch.lines[slot as usize];
        if matches!(reason, Drop::Late | Drop::Unmatched | Drop::Guard | Drop::RequesterGone | Drop::RequesterStalled) {
            line.asked -= frames as i64;
        }
        count_drop(&line.shared.counters, reason, frames);
    }

    /// The frame is dropped and goes back to its sender behind a header with a reject code. Where
    /// there is no room for that it is only dropped.
    #[cold]
    fn reject_new(&mut self, slot: u32, reject: Reject, bytes: &[u8], arrived: Instant) {
        self.drop_new(slot, reject.drop, 1);
        let plan = &self.switch.lines[slot as usize].plan;
        let (origin, data) = (plan.id, &bytes[plan.framing.prefix.bytes()..]);
        let Some(head) = rejection(data, reject.code) else { return };
        let mut prefix = [0; 4];
        let framing = self.switch.framing_of(reject.group);
        let prefix = &mut prefix[..framing.prefix.bytes()];
        framing.prefix.write(head.len() + data.len(), prefix);
        let parts = [&*prefix, &head, data];
        let bytes = parts.iter().map(|part| part.len() as u32).sum();
        let run = Run { origin, kind: Kind::Reject, frames: 1, bytes, arrived, deadline: Instant::NEVER };
        match reject.to.place {
            Place::Here(to) => {
                let index = self.wires[to as usize].connection.expect("a line that is picked has a connection");
                if self.connections[index as usize].queue.append(self.chunks, &parts).is_err() {
                    return;
                }
                self.queued(to, run);
            }
            Place::There(shard) if self.post.is_congested(shard) => return,
            Place::There(shard) => {
                let letter = Letter { to: reject.to.line, group: reject.group, run, settles: false };
                self.post.send(shard, letter, &parts);
            }
            Place::Nowhere => return,
        }
        self.switch.lines[slot as usize].shared.counters.add_rejected(reject.reason);
    }

    /// An answer whose group has no line up waits for one.
    fn hold_new(&mut self, slot: u32, group: GroupId, frame: Forward, bytes: &[u8], arrived: Instant) {
        let line = &mut self.switch.lines[slot as usize];
        line.asked -= 1;
        let origin = line.plan.id;
        let mut whole = Vec::new();
        self.switch.cuts[0].write_to(frame.prefix, bytes, &mut whole);
        ShardCounters::add(&self.world.shards[self.switch.shard.index()].held_in, 1);
        let run =
            Run { origin, kind: Kind::Answer, frames: 1, bytes: whole.len() as u32, arrived, deadline: frame.deadline };
        self.hold(group, run, whole);
    }

    /// Keeps a whole answer until a line of its group is up (`hold_answer`).
    pub fn hold(&mut self, group: GroupId, run: Run, frame: Vec<u8>) {
        let now = self.switch.now;
        let view = self.switch.group_mut(group);
        let until = (now + view.plan.timers.hold_answer).min(run.deadline);
        let Run { origin, kind, arrived, deadline, .. } = run;
        *self.memory_bytes += frame.len() as u64;
        view.held.push_back(Held { origin, kind, frame: frame.into_boxed_slice(), arrived, deadline, until });
        if !self.holding.contains(&group) {
            self.holding.push(group);
        }
        let table = &self.switch.group(group).shared.table;
        table.wait(self.switch.shard);
        // A line that joined before the registration wakes nobody: look once more.
        if let Pick::Line(_) = self.switch.pick(group, Purpose::Answer, 0) {
            self.world.beds[self.switch.shard.index()].nudge();
        }
    }

    /// Whole frames that lost their line, or came by mail for one that is gone: over another line
    /// of the group, or to the fate that is left for them.
    pub fn redirect(&mut self, group: GroupId, run: Run, frames: &[u8]) {
        let now = self.switch.now;
        if run.is_too_late(now) {
            let reason = if run.kind.is_answer() { Drop::Late } else { Drop::Expired };
            return self.drop_held(group, run, frames, reason, false);
        }
        if self.switch.groups.get(group.index()).is_none_or(Option::is_none) {
            let reason = if run.kind.is_answer() { Drop::RequesterGone } else { Drop::NoRoute };
            return self.drop_held(group, run, frames, reason, false);
        }
        // A line that joins while the answers of a broken one are gone through must not carry the later
        // ones before those that are held.
        let behind_held = run.kind.is_answer() && !self.switch.group(group).held.is_empty();
        let pick = if behind_held { Pick::Nobody } else { self.switch.pick(group, Purpose::Answer, frames.len()) };
        match (pick, run.kind) {
            (Pick::Line(target), kind) => {
                if kind == Kind::Answer {
                    self.counters_of(run.origin).add_cold(Cold::AnswersRerouted, u64::from(run.frames));
                }
                self.send_on(group, target.line, target.place, run, frames);
            }
            (_, Kind::Answer | Kind::Resent) => {
                let framing = self.switch.framing_of(group);
                for frame in whole_frames(framing, frames) {
                    let run = Run { frames: 1, bytes: frame.len() as u32, ..run };
                    self.hold(group, run, frame.to_vec());
                }
            }
            (_, _) => self.drop_held(group, run, frames, Drop::LineLost, false),
        }
    }

    /// Queues held frames on a line, here or there.
    pub fn send_on(&mut self, group: GroupId, line: LineId, place: Place, run: Run, frames: &[u8]) {
        match place {
            Place::Here(to) => {
                let index = self.wires[to as usize].connection.expect("a line that is picked has a connection");
                match self.connections[index as usize].queue.append(self.chunks, &[frames]) {
                    Ok(()) => self.queued(to, run),
                    Err(_) => self.drop_held(group, run, frames, Drop::Memory, false),
                }
            }
            Place::There(shard) => self.post.send(shard, Letter { to: line, group, run, settles: false }, &[frames]),
            Place::Nowhere => self.drop_held(group, run, frames, Drop::LineLost, false),
        }
    }

    /// Frames that were held meet their fate. A request gives its number back; one that was
    /// `begun` rests it.
    pub fn drop_held(&mut self, group: GroupId, run: Run, frames: &[u8], reason: Drop, begun: bool) {
        if run.kind == Kind::Request
            && let Some(view) = self.switch.groups.get(group.index()).and_then(Option::as_ref)
        {
            let framing = view.framing;
            for frame in whole_frames(framing, frames) {
                self.switch.give_up_request(group, &frame[framing.prefix.bytes()..], run.deadline, begun);
            }
        }
        match run.kind {
            Kind::Pair | Kind::Request | Kind::Answer => {}
            Kind::Probe | Kind::Reject => return,
            // It was forwarded once: only that it did not go again is told.
            Kind::Resent => {
                return self.counters_of(run.origin).add_resend_failed(reason.into(), u64::from(run.frames));
            }
        }
        ShardCounters::add(&self.world.shards[self.switch.shard.index()].held_out, u64::from(run.frames));
        count_drop(self.counters_of(run.origin), reason, u64::from(run.frames));
    }

    pub fn counters_of(&self, line: LineId) -> &LineCounters {
        counters_of(self.switch, self.world, line)
    }
}

impl<'a> Bytes<'a> {
    fn part(self, at: usize, len: usize) -> Self {
        let buffer = self.buffer.map(|(buffer, offset)| (buffer, offset + at as u32));
        Self { bytes: &self.bytes[at..at + len], buffer }
    }
}

/// The counters of a line that may have left the plan while its frames were under way.
pub fn counters_of<'a>(switch: &'a Switch, world: &'a World, line: LineId) -> &'a LineCounters {
    match switch.place(line) {
        Place::Here(slot) => &switch.lines[slot as usize].shared.counters,
        Place::There(_) | Place::Nowhere => switch.published.line(line).map_or(&world.strays, |line| &line.counters),
    }
}

/// Late and unmatched answers count in their own counter too.
pub fn count_drop(counters: &LineCounters, reason: Drop, frames: u64) {
    counters.add_dropped(reason, frames);
    match reason {
        Drop::Late => counters.add_cold(Cold::AnswersLate, frames),
        Drop::Unmatched => counters.add_cold(Cold::AnswersUnmatched, frames),
        _ => {}
    }
}

/// Frames that the switch queued itself, one after the other, prefixes included.
fn whole_frames(framing: Framing, mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let Scan::Frame { data } = scan(framing, bytes) else { return None };
        let (frame, rest) = bytes.split_at(framing.prefix.bytes() + data);
        bytes = rest;
        Some(frame)
    })
}
