//! Who is well, since when, and what must therefore have happened by now: nothing waits without a reason.

use std::collections::BTreeSet;

use super::super::message::Id;
use super::super::player::Key;
use super::{Kind, MILLI, Message, Model};
use crate::fake::Id as Socket;

/// How long after it is up a connection is taken to be in use.
pub const SETTLED: u64 = 50 * MILLI;

/// How long something may take when nothing stands in its way.
const PATIENCE: u64 = 1_500 * MILLI;

#[derive(Default, Debug)]
pub struct MemberHealth {
    /// The last time that something of it did not read, was cut off, full, or changed.
    pub disturbed_at: u64,
    /// The last time that a connection of it came, went, or was told to go.
    pub changed_at: u64,
    /// Of answers that wait for it.
    pub answer_bytes: u64,
    /// Since when no answer could be given to it.
    pub dead_since: Option<u64>,
    /// Since when all its lines of the working tier have been occupied, at every look.
    pub occupied_since: Option<u64>,
    /// Requests that it has and has not answered.
    pub asked: BTreeSet<Id>,
}

#[derive(Debug)]
pub struct Health {
    pub members: Vec<MemberHealth>,
    /// Lines out of service.
    pub disabled: BTreeSet<Key>,
    /// The last time that a shard's memory was half full.
    pub tight_at: Option<u64>,
}

impl Health {
    pub fn new(members: usize) -> Self {
        let members = (0..members).map(|_| MemberHealth::default()).collect();
        Self { members, disabled: BTreeSet::new(), tight_at: None }
    }
}

impl Model {
    pub(super) fn steady(&self) -> u64 {
        self.cast().settings.trunk_steady * MILLI
    }

    pub(super) fn disturbed(&mut self, member: usize) {
        self.health.members[member].disturbed_at = self.now();
    }

    /// A connection of the member came, went, or was told to go.
    pub(super) fn changed(&mut self, member: usize) {
        let now = self.now();
        self.disturbed(member);
        self.health.members[member].changed_at = now;
        self.note_deadness(member);
        if !self.is_ready_since(member, now) {
            let asks = |message: &Message| !matches!(message.kind, Kind::Answer { .. }) && message.to.contains(&member);
            self.excuse(asks, "its destination had no line");
        }
        let over: Vec<Socket> = self
            .wires
            .values()
            .filter(|wire| wire.key.0 == member)
            .filter_map(|wire| {
                let ended = wire.told.is_some() || wire.finished || wire.abandoned.is_some();
                let peer = wire.peer?;
                let gone = self.speeches.get(&peer).is_none_or(|speech| speech.ended.is_some());
                (ended || gone).then_some(peer)
            })
            .collect();
        let reads_for = !self.cast().fed_by(member).is_empty();
        self.excuse(
            |message| over.contains(&message.by) && (reads_for || !matches!(message.kind, Kind::Answer { .. })),
            "the line that it came in on ended",
        );
    }

    fn note_deadness(&mut self, member: usize) {
        let now = self.now();
        let alive = self.solid_of(member, now).any(|(_, sends, _)| sends);
        let of = &mut self.health.members[member].dead_since;
        *of = if alive { None } else { of.or(Some(now)) };
    }

    pub(super) fn is_solid_since(&self, socket: Socket, since: u64) -> bool {
        let wire = &self.wires[&socket];
        let speech = wire.peer.and_then(|peer| self.speeches.get(&peer));
        wire.is_open()
            && wire.up_at.is_some_and(|up| up + SETTLED + self.steady() <= since)
            && wire.told.is_none()
            && !wire.finished
            && speech.is_some_and(|speech| speech.ended.is_none())
            && !self.health.disabled.contains(&wire.key)
    }

    /// Connections of a member that are its lines beyond doubt, and whether the switch sends and receives over them.
    fn solid_of(&self, member: usize, since: u64) -> impl Iterator<Item = (Socket, bool, bool)> {
        let of = self.wires.iter().filter(move |(_, wire)| wire.key.0 == member);
        let solid = of.filter(move |(socket, _)| self.is_solid_since(**socket, since));
        solid.map(move |(socket, wire)| {
            let flow = self.casts[0].1.members[member].lines[wire.key.1].flow;
            (*socket, flow.sends(), flow.receives())
        })
    }

    /// Beyond doubt a member has had a line each way.
    pub(super) fn is_ready_since(&self, member: usize, since: u64) -> bool {
        let (mut sends, mut receives) = (false, false);
        for (_, one, other) in self.solid_of(member, since) {
            sends |= one;
            receives |= other;
        }
        sends && receives
    }

    /// Why a frame may be dropped that has just come in.
    pub(super) fn excuse_at_once(&self, id: Id, to: &[usize], abandoned: bool) -> Option<&'static str> {
        let (now, cast, message) = (self.now(), self.cast(), &self.messages[&id]);
        let speech = &self.speeches[&message.by];
        let told = self.wires.values().any(|wire| wire.peer == Some(message.by) && wire.told.is_some());
        let reads_for = !cast.fed_by(message.from.0).is_empty();
        if message.kind == Kind::Junk {
            return Some("for nobody");
        }
        if abandoned || to.is_empty() || to.iter().any(|member| !cast.member_present(*member)) {
            return Some("from or for somebody who has gone");
        }
        if self.stopping || self.health.tight_at.is_some_and(|at| at + 1_000 * MILLI > now) {
            return Some("the process stops, or has no memory");
        }
        if let Kind::Answer { request } = message.kind {
            return self.excuse_answer(id, request, to[0], reads_for && (told || speech.ended.is_some()));
        }
        if told || speech.ended.is_some() || self.health.disabled.contains(&message.from) {
            return Some("the line that it came in on ends");
        }
        if cast.settings.pending < 1_000 && matches!(message.kind, Kind::Request { .. }) {
            return Some("few requests may wait");
        }
        to.iter().any(|member| !self.is_ready_since(*member, now)).then_some("its destination has no line")
    }

    fn excuse_answer(&self, id: Id, request: Id, to: usize, from_ends: bool) -> Option<&'static str> {
        let (now, cast, asked) = (self.now(), self.cast(), &self.messages[&request]);
        let before = |of: &&Id| **of != id && self.messages[*of].whole_at.is_some();
        if asked.answers.iter().find(before).is_some() {
            return Some("answered before");
        }
        if self.deadline(request).is_none_or(|deadline| now + super::DEADLINE_SLACK >= deadline) {
            return Some("late");
        }
        if self.health.members[to].answer_bytes >= cast.settings.answer_queue / 2 {
            return Some("its requester takes no answers");
        }
        let whole_at = asked.whole_at.unwrap_or(0);
        let both = |cast: &super::Cast| cast.member_present(to) && cast.member_present(self.messages[&id].from.0);
        if from_ends || !self.casts_since(whole_at).all(both) {
            return Some("its host or its requester goes");
        }
        None
    }

    /// Who does not take bytes, and who is not read though nothing stands in the way.
    pub(super) fn look_at_health(&mut self, members: usize) {
        let now = self.now();
        self.note_memory();
        let mut unread = Vec::new();
        let mut disturbed = BTreeSet::new();
        for (socket, wire) in self.wires.iter_mut().filter(|(_, wire)| wire.closed.is_none()) {
            let view = self.kernel.view(*socket);
            wire.acknowledged = [view.acknowledged, wire.acknowledged[0]];
            let gone = wire.acknowledged[1];
            wire.answers.retain(|(_, end)| *end > gone);
            let speech = wire.peer.and_then(|peer| self.speeches.get(&peer));
            let well = speech.is_some_and(|speech| !speech.unwell && speech.ended.is_none());
            if !well || view.room == 0 || wire.told.is_some() || wire.abandoned.is_some() || wire.up_at.is_none() {
                disturbed.insert(wire.key.0);
            }
            if view.unread == 0 || wire.up_at.is_none() {
                wire.unread_since = None;
            } else if now - *wire.unread_since.get_or_insert(now) >= PATIENCE {
                unread.push(*socket);
            }
        }
        disturbed.into_iter().for_each(|member| self.disturbed(member));
        (0..members).for_each(|member| self.note_deadness(member));
        (0..members).for_each(|member| self.note_occupation(member));
        for socket in unread {
            self.judge_pause(socket);
        }
    }

    fn note_memory(&mut self) {
        let (now, cast) = (self.now(), self.cast());
        let share = super::super::play::chunk_bytes(&cast) as u64;
        if self.books.fullest_shard() > share / 2 {
            self.health.tight_at = Some(now);
        }
    }

    fn patience(&self) -> u64 {
        PATIENCE + self.cast().settings.pause_within * MILLI
    }

    fn are_well_since(&self, members: &[usize], since: u64) -> bool {
        members.iter().all(|member| self.health.members[*member].disturbed_at < since)
            && self.health.tight_at.is_none_or(|at| at < since)
            && self.frozen_until < since
    }

    /// Guarantee 4: only who feeds a full line, or does not take its own answers, is ever paused.
    fn judge_pause(&mut self, socket: Socket) {
        let wire = &self.wires[&socket];
        let (key, since) = (wire.key, wire.unread_since.expect("the caller looked"));
        let mut causes = self.cast().fed_by(key.0);
        causes.push(key.0);
        if wire.is_open() && self.now() - since >= self.patience() && self.are_well_since(&causes, since) {
            self.fault(format!("{} is not read, and nobody whom it feeds is in the way", self.name(key)));
        }
    }

    /// What must have been given by now.
    pub(super) fn look_at_waiting(&mut self) {
        let (now, patience, cast) = (self.now(), self.patience(), self.cast());
        let mut overdue = Vec::new();
        let mut excused = Vec::new();
        for id in &self.waiting {
            let message = &self.messages[id];
            let whole_at = message.whole_at.expect("what waits is whole");
            let since = message.missing_since.unwrap_or(whole_at);
            if message.is_excused_otherwise() {
                continue;
            }
            if self.deadline(*id).is_some_and(|deadline| now + 2 * super::DEADLINE_SLACK >= deadline) {
                excused.push((*id, "its deadline came"));
                continue;
            }
            let answers = matches!(message.kind, Kind::Answer { .. });
            if let (true, Some(dead)) = (answers, self.health.members[message.to[0]].dead_since) {
                let hold = (cast.settings.hold_answer * MILLI).saturating_sub(100 * MILLI);
                if now - dead.max(since) >= hold {
                    excused.push((*id, "no line for as long as it may be held"));
                }
                continue;
            }
            if message.excused.is_some() {
                continue;
            }
            let mut causes = cast.fed_by(message.from.0);
            causes.extend([message.from.0]);
            causes.extend(&message.to);
            if now - since >= patience && self.are_well_since(&causes, now - patience) {
                overdue.push(*id);
            }
        }
        for (id, why) in excused {
            self.messages.get_mut(&id).expect("it waits").excuse(why);
        }
        for id in overdue {
            let what = format!("{}: not sent on, and nothing is in the way", self.describe(id));
            self.fault(what);
        }
    }
}
