//! What members and operators do, told to the judge by those who do it.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use ringswitch::time::Instant;

use super::super::cast::Cast;
use super::super::message::Id;
use super::super::player::Key;
use super::{DEADLINE_SLACK, Kind, Message, Model, Speech};
use crate::fake::Id as Socket;

impl Model {
    /// A member has a connection, by this socket of its own.
    pub fn speaks(&mut self, by: Socket, key: Key) {
        let speech = Speech {
            key,
            frames: VecDeque::new(),
            ended: None,
            unwell: false,
            was_unwell: false,
            spoilt: false,
            spoke_at: 0,
        };
        self.speeches.insert(by, speech);
    }

    /// A member sends a frame, or is about to.
    pub fn sends(&mut self, by: Socket, id: Id, kind: Kind, data: Vec<u8>, whole: Vec<u8>) {
        let now = self.now();
        let Some(speech) = self.speeches.get_mut(&by) else { return };
        speech.frames.push_back(Some((id, data)));
        speech.spoke_at = now;
        let from = speech.key;
        let message = Message {
            kind,
            from,
            by,
            to: Vec::new(),
            whole,
            whole_at: None,
            begun: Vec::new(),
            done: false,
            given_once: false,
            missing_since: None,
            excused: None,
            number: None,
            answers: Vec::new(),
        };
        if let Kind::Answer { request } = kind
            && let Some(request) = self.messages.get_mut(&request)
        {
            request.answers.push(id);
        }
        self.messages.insert(id, message);
    }

    pub fn probes(&mut self, by: Socket) {
        let now = self.now();
        if let Some(speech) = self.speeches.get_mut(&by) {
            speech.frames.push_back(None);
            speech.spoke_at = now;
        }
    }

    pub fn is_request(&self, id: Id) -> bool {
        self.messages.get(&id).is_some_and(|message| matches!(message.kind, Kind::Request { .. }))
    }

    pub fn message(&self, id: Id) -> &Message {
        &self.messages[&id]
    }

    /// The member ends the connection, or says what ends it.
    pub fn ends(&mut self, by: Socket, why: &'static str) {
        let now = self.now();
        if let Some(speech) = self.speeches.get_mut(&by) {
            speech.ended.get_or_insert((now, why));
            let key = speech.key;
            self.counts.ended += 1;
            self.changed(key.0);
            self.may_reset_group(key);
        }
    }

    /// From now on nobody reads what is sent there.
    pub fn spoils(&mut self, by: Socket) {
        self.ends(by, "a length that is none");
        if let Some(speech) = self.speeches.get_mut(&by) {
            speech.spoilt = true;
        }
    }

    pub fn is_unwell(&mut self, by: Socket, unwell: bool) {
        if let Some(speech) = self.speeches.get_mut(&by) {
            speech.unwell = unwell;
            speech.was_unwell |= unwell;
            let member = speech.key.0;
            self.disturbed(member);
        }
    }

    pub fn takes_out(&mut self, key: Key) {
        self.health.disabled.insert(key);
        self.told(|of| *of == key, "out of service");
    }

    pub fn puts_back(&mut self, key: Key) {
        self.health.disabled.remove(&key);
        self.changed(key.0);
    }

    pub fn reloaded(&mut self, cast: &Cast) {
        let (before, now) = (self.cast(), self.now());
        self.told(|key| before.line_differs(cast, key.0, key.1), "the line changed");
        for wire in self.wires.values_mut() {
            let (one, two) = (&before.members[wire.key.0], &cast.members[wire.key.0]);
            if one.second_address && !two.second_address && wire.second_address {
                wire.told.get_or_insert((now, "no longer allowed"));
            }
        }
        // A host that comes back later begins with numbers of its own.
        let gone = (0..cast.members.len()).filter(|member| !cast.member_present(*member));
        for member in gone {
            self.health.members[member].asked.clear();
            self.numbers.retain(|(host, _), _| *host != member);
        }
        // A line that has gone is forgotten, and one of that name in service.
        self.health.disabled.retain(|key| cast.line_present(key.0, key.1));
        self.casts.push((now, Rc::new(cast.clone())));
        self.counts.reloads += 1;
        (0..cast.members.len()).for_each(|member| self.changed(member));
        self.books.learn();
        let gone = |message: &Message| message.to.iter().any(|to| !cast.member_present(*to));
        self.excuse(|message| gone(message) || !matches!(message.kind, Kind::Answer { .. }), "a reload");
    }

    pub fn stops(&mut self) {
        self.stopping = true;
        self.told(|_| true, "the process stops");
        self.excuse(|_| true, "the process stops");
    }

    /// The process has stood still since.
    pub fn froze(&mut self, since: Instant) {
        // Between two times that follow each other at once it did little.
        if since.0 > self.frozen_until + DEADLINE_SLACK {
            self.frozen_from = since.0;
        }
        self.frozen_until = self.now();
        (0..self.casts[0].1.members.len()).for_each(|member| self.disturbed(member));
    }

    /// A line broke: where all of a group are closed then, each is.
    pub(super) fn may_reset_group(&mut self, key: Key) {
        if self.casts[0].1.members[key.0].resets_group {
            self.told(|of| of.0 == key.0, "its group is closed");
        }
    }

    pub(super) fn told(&mut self, which: impl Fn(&Key) -> bool, why: &'static str) {
        let now = self.now();
        let mut members = BTreeSet::new();
        for wire in self.wires.values_mut().filter(|wire| which(&wire.key)) {
            wire.told.get_or_insert((now, why));
            members.insert(wire.key.0);
        }
        members.into_iter().for_each(|member| self.changed(member));
    }

    /// Notes of everything that waits and is meant that it may be dropped.
    pub(super) fn excuse(&mut self, which: impl Fn(&Message) -> bool, why: &'static str) {
        for id in &self.waiting {
            let message = self.messages.get_mut(id).expect("what waits is known");
            if which(message) {
                message.excuse(why);
            }
        }
    }
}
