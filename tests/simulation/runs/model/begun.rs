//! What a frame must be when its first byte is given: for this member, over this line, in time, once, in order.

use super::super::message::Id;
use super::{Begun, DEADLINE_SLACK, Kind, MILLI, Model};
use crate::fake::Id as Socket;

impl Model {
    pub(super) fn begin_message(&mut self, socket: Socket, id: Id, data: &[u8]) {
        let (now, key) = (self.now(), self.wires[&socket].key);
        let what = format!("{} on {}", self.describe(id), self.name(key));
        let message = &self.messages[&id];
        let Some(whole_at) = message.whole_at else {
            return self.fault(format!("{what}: sent on before it was there"));
        };
        if message.kind == Kind::Junk {
            return self.fault(format!("{what}: it is for nobody"));
        }
        if !self.is_for(id, key.0) {
            return self.fault(format!("{what}: for another member"));
        }
        self.judge_preference(id, key.0, &what);
        self.judge_tier(socket, whole_at, &what);
        self.judge_deadline(id, &what);
        self.judge_once(id, socket, &what);
        self.judge_order(id, socket, &what);
        if let (Kind::Request { .. }, Some(&[high, low])) =
            (self.messages[&id].kind, data.get(3..5).and_then(|n| n.first_chunk()))
        {
            if self.casts[0].1.members[key.0].header.has_numbers() {
                self.judge_number(id, key.0, u16::from_be_bytes([high, low]), &what);
            }
            self.judge_pending(id, key.0, &what);
        }
        if let Kind::Answer { request } = self.messages[&id].kind {
            self.excuse_other_answers(request, id);
        }
        let begun = Begun { wire: socket, at: now, end: None };
        let message = self.messages.get_mut(&id).expect("just looked");
        message.begun.push(begun);
        if message.done {
            // It need not have gone again, and may get lost on the way.
            message.done = false;
            message.excuse("it was given before");
            self.waits_again(id);
        }
    }

    /// By any configuration that was in force while the frame was inside.
    fn is_for(&self, id: Id, member: usize) -> bool {
        let message = &self.messages[&id];
        let since = message.whole_at.unwrap_or(0);
        match message.kind {
            Kind::Request { nii } => {
                self.casts_since(since).any(|cast| cast.route(message.from.0, nii).contains(&member))
            }
            _ => message.to.contains(&member),
        }
    }

    /// The next one of a route is used while the one before is not live.
    fn judge_preference(&mut self, id: Id, member: usize, what: &str) {
        let message = &self.messages[&id];
        if let (Kind::Request { .. }, Some(first)) = (message.kind, message.to.first().copied())
            && first != member
            && self.casts_since(message.whole_at.unwrap_or(0)).count() == 1
            && self.is_ready_since(first, message.whole_at.unwrap_or(0))
        {
            self.fault(format!("{what}: a member before it in the route is live"));
        }
    }

    /// Backup lines carry only while no trunk line that can send is up.
    fn judge_tier(&mut self, socket: Socket, whole_at: u64, what: &str) {
        let (member, line) = self.wires[&socket].key;
        let cast = self.cast();
        let lines = &cast.members[member].lines;
        // What came to be while the process stood still, the switch learns in the turns behind it, as it does any
        // clock that ran out: a frame of the first of them goes as if nothing had come to be.
        let known =
            if whole_at < self.frozen_until + DEADLINE_SLACK { whole_at.min(self.frozen_from) } else { whole_at };
        let trunk = |(of, wire): (&Socket, &super::wires::Wire)| {
            wire.key.0 == member
                && !lines[wire.key.1].backup
                && lines[wire.key.1].flow.sends()
                && self.is_solid_since(*of, known.saturating_sub(100 * MILLI))
        };
        // A line that drains still gets the answers due to it.
        let drains = self.wires[&socket].told.is_some();
        let unchanged = !drains && self.casts_since(whole_at).count() == 1;
        if unchanged && lines[line].backup && self.wires.iter().any(trunk) {
            self.fault(format!("{what}: over a backup line while a trunk line is up"));
        }
    }

    fn judge_deadline(&mut self, id: Id, what: &str) {
        let now = self.now();
        let Some((_, deadline)) = self.deadlines(id) else { return };
        if now > deadline + DEADLINE_SLACK && now > self.frozen_until + DEADLINE_SLACK {
            self.fault(format!("{what}: {} ms after its deadline", (now - deadline) / MILLI));
        }
    }

    /// From when on a request is late, or the answer to it.
    pub(super) fn deadline(&self, id: Id) -> Option<u64> {
        self.deadlines(id).map(|(first, _)| first)
    }

    /// A request that waits before its deadline is set, while a reload changes `answer_within`, has either: it may be
    /// late by the shorter one, and is late by the longer one.
    fn deadlines(&self, id: Id) -> Option<(u64, u64)> {
        let message = &self.messages[&id];
        match message.kind {
            Kind::Answer { request } => self.deadlines(request),
            Kind::Request { .. } => {
                let whole_at = message.whole_at?;
                let until = message.begun.first().map_or(u64::MAX, |begun| begun.at);
                let casts = self.casts.iter().filter(|(from, _)| *from <= until).map(|(_, cast)| cast);
                let since = self.casts.iter().rposition(|(from, _)| *from <= whole_at).unwrap_or(0);
                let within = || casts.clone().skip(since).map(|cast| cast.settings.answer_within);
                let at = |within: Option<u64>| whole_at + within.unwrap_or(0) * MILLI;
                Some((at(within().min()), at(within().max())))
            }
            _ => None,
        }
    }

    /// Guarantee 3: what was begun goes nowhere else; of answers, what was not wholly given goes out again.
    fn judge_once(&mut self, id: Id, socket: Socket, what: &str) {
        let (now, message) = (self.now(), &self.messages[&id]);
        if let Kind::Answer { request } = message.kind {
            let spent = |begun: &Begun| {
                begun.wire == socket || self.is_solid_since(begun.wire, now) || !self.may_be_missing(begun)
            };
            if message.begun.iter().any(spent) {
                return self.fault(format!("{what}: a second time"));
            }
            self.counts.answers_again += u64::from(!message.begun.is_empty() && !message.given_once);
            let other = |of: &Id| *of != id && !self.messages[of].begun.is_empty();
            if self.messages[&request].answers.iter().any(other) {
                self.fault(format!("{what}: another answer to the same request was sent on before"));
            }
        } else if !message.begun.is_empty() {
            self.fault(format!("{what}: a second time"));
        }
    }

    /// Guarantee 2, for what was neither held nor sent another way: as long as the destination's lines stay as they are.
    fn judge_order(&mut self, id: Id, socket: Socket, what: &str) {
        let message = &self.messages[&id];
        let (by, whole_at) = (message.by, message.whole_at.unwrap_or(0));
        let member = self.wires[&socket].key.0;
        let last = self.order.insert((by, socket), id);
        let stayed = self.health.members[member].changed_at + 60 * MILLI + self.steady() < whole_at;
        if let Some(last) = last.filter(|last| *last > id && stayed && !self.is_rerouted(id, socket)) {
            self.fault(format!("{what}: behind {last}, which came later"));
        }
    }

    /// An answer is offered to the line of its request first: where that one is there and leaves (it drains, or its peer
    /// has finished), maybe on another shard, the answer comes from there, and later than those that need not ask.
    fn is_rerouted(&self, id: Id, socket: Socket) -> bool {
        let Kind::Answer { request } = self.messages[&id].kind else { return false };
        let asked_on = self.messages[&request].from;
        let leaves = |(of, wire): (&Socket, &super::wires::Wire)| {
            wire.key == asked_on && wire.is_open() && !self.is_solid_since(*of, self.now())
        };
        asked_on != self.wires[&socket].key && self.wires.iter().any(leaves)
    }

    /// A number means one request at a time.
    fn judge_number(&mut self, id: Id, host: usize, number: u16, what: &str) {
        let now = self.now();
        let of = |route: &&super::super::cast::Route| route.to.contains(&host) || route.from.contains(&host);
        let niis = self.casts[0].1.routes.iter().filter(of).filter_map(|route| route.nii);
        if matches!(number, 0 | 0xffff) || niis.into_iter().any(|nii| nii == number) {
            self.fault(format!("{what}: with the number {number:04x}"));
        }
        let before = self.numbers.insert((host, number), id);
        if let Some(before) = before
            && !self.is_answered(before)
            && self.deadline(before).is_some_and(|deadline| now < deadline)
            && self.messages[&before].excused.is_none()
        {
            self.fault(format!("{what}: with the number {number:04x} of {before}, which waits"));
        }
        self.messages.get_mut(&id).expect("the caller looked").number = Some(number);
    }

    /// No more requests wait for one host than may.
    fn judge_pending(&mut self, id: Id, host: usize, what: &str) {
        let (now, most) = (self.now(), self.cast().settings.pending);
        let mut asked = std::mem::take(&mut self.health.members[host].asked);
        asked.insert(id);
        if asked.len() as u64 > most {
            let waits = |of: &Id| {
                // What broke off in the middle is settled, and its number rests.
                let broke = |begun: &Begun| begun.end.is_none() && self.wires[&begun.wire].abandoned.is_some();
                !self.is_answered(*of)
                    && self.deadline(*of).is_none_or(|deadline| now < deadline)
                    && !self.messages[of].begun.iter().any(broke)
            };
            asked.retain(waits);
            if asked.len() as u64 > most {
                self.fault(format!("{what}: {} requests wait, {most} may", asked.len()));
            }
        }
        self.health.members[host].asked = asked;
    }

    /// An answer to it has come to the switch.
    pub(super) fn is_answered(&self, request: Id) -> bool {
        self.messages[&request].answers.iter().any(|answer| self.messages[answer].whole_at.is_some())
    }
}
