//! Frames on their way in and out, judged as they pass: the right member, whole, unchanged, in order, once, in time.

use super::super::cast::Header;
use super::super::message::{Id, Told, told};
use super::{Begun, DEADLINE_SLACK, Kind, MILLI, Model};
use crate::fake::Id as Socket;
use crate::shards::wire::tpdu;

/// The frame that is being given on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Current {
    Probe,
    Message(Id),
    Rejected(Id),
}

impl Model {
    /// Bytes were handed to the switch: frames of which the last byte is among them are whole now.
    pub(super) fn received(&mut self, socket: Socket, bytes: &[u8]) {
        let Some(wire) = self.wires.get_mut(&socket) else { return };
        wire.unread_since = None;
        if wire.stranger {
            let key = wire.key;
            return self.fault(format!(
                "{} bytes of somebody who is not allowed are read on {}",
                bytes.len(),
                self.name(key)
            ));
        }
        wire.inbound.extend_from_slice(bytes);
        let (key, peer, abandoned) = (wire.key, wire.peer, wire.abandoned.is_some());
        let mut inbound = std::mem::take(&mut wire.inbound);
        let lengths = self.casts[0].1.members[key.0].lengths;
        while let Some(speech) = peer.and_then(|peer| self.speeches.get_mut(&peer)) {
            if speech.spoilt && speech.frames.is_empty() {
                break;
            }
            let Some(data) = lengths.take(&mut inbound) else { break };
            let sent = speech.frames.pop_front().expect("what arrives was sent");
            match sent {
                None => assert!(data.is_empty(), "the network keeps the order"),
                Some((id, sent)) => {
                    assert!(sent == data, "the network changes nothing");
                    self.is_whole(id, abandoned);
                }
            }
            if !abandoned {
                self.books.received(key);
            }
        }
        let now = self.now();
        let wire = self.wires.get_mut(&socket).expect("just looked");
        wire.half_since = if inbound.is_empty() { None } else { wire.half_since.or(Some(now)) };
        wire.inbound = inbound;
    }

    fn is_whole(&mut self, id: Id, abandoned: bool) {
        let (now, cast) = (self.now(), self.cast());
        let message = &self.messages[&id];
        let to = match message.kind {
            Kind::Pair => cast.counterpart(message.from.0).into_iter().collect(),
            Kind::Station => {
                let destination = String::from_utf8_lossy(&message.whole[6..17]).trim_end().to_owned();
                cast.holder(&destination).into_iter().collect()
            }
            Kind::Request { nii } => cast.route(message.from.0, nii),
            Kind::Answer { request } => vec![self.messages[&request].from.0],
            Kind::Junk => Vec::new(),
        };
        let excused = self.excuse_at_once(id, &to, abandoned);
        let message = self.messages.get_mut(&id).expect("just looked");
        message.whole_at = Some(now);
        message.to = to;
        message.excused = message.excused.or(excused);
        let answers = matches!(message.kind, Kind::Answer { .. });
        let (member, bytes) = (message.to.first().copied(), message.whole.len() as u64);
        self.waiting.insert(id);
        if let (true, Some(member)) = (answers, member) {
            self.health.members[member].answer_bytes += bytes;
        }
    }

    /// Bytes were given to the kernel.
    pub(super) fn given(&mut self, socket: Socket, bytes: &[u8], behind: &[u8]) {
        let Some(wire) = self.wires.get_mut(&socket) else { return };
        wire.given += bytes.len() as u64;
        wire.outbound.extend_from_slice(bytes);
        let (key, up) = (wire.key, wire.up_at.is_some());
        let mut outbound = std::mem::take(&mut wire.outbound);
        if !up {
            // It is let in all the same, and is to be read once there is a buffer for it.
            self.armed(socket);
        }
        if !self.casts[0].1.members[key.0].lines[key.1].flow.sends() {
            self.fault(format!("bytes are sent on {}, over which the switch only receives", self.name(key)));
        }
        let lengths = self.casts[0].1.members[key.0].lengths;
        while !outbound.is_empty() {
            if self.wires[&socket].current.is_none() {
                let seen = [&outbound[..], behind].concat();
                self.begin_frame(socket, lengths.length(&seen).map(|(head, _)| seen[head..].to_vec()), &seen);
            }
            let Some(data) = lengths.take(&mut outbound) else { break };
            self.end_frame(socket, &data, outbound.len() as u64);
        }
        self.wires.get_mut(&socket).expect("just looked").outbound = outbound;
    }

    /// The first byte of a frame was given: what is known of it by what the same send offers behind.
    fn begin_frame(&mut self, socket: Socket, data: Option<Vec<u8>>, seen: &[u8]) {
        let key = self.wires[&socket].key;
        let member = &self.casts[0].1.members[key.0];
        let (header, lengths) = (member.header, member.lengths);
        let Some(data) = data else { return };
        let len = lengths.length(seen).map_or(0, |(_, len)| len);
        let current = match told(header, &data[..data.len().min(len)]) {
            _ if len == 0 => Current::Probe,
            Told::Message(id) => Current::Message(id),
            Told::Rejected(id) => Current::Rejected(id),
            Told::Nothing if data.len() >= len => {
                return self.fault(format!("{} is given {len} bytes that nobody sent", self.name(key)));
            }
            Told::Nothing => return,
        };
        if let Current::Message(id) | Current::Rejected(id) = current
            && !self.messages.contains_key(&id)
        {
            return self.fault(format!("{} is given a frame that nobody sent", self.name(key)));
        }
        let now = self.now();
        let wire = self.wires.get_mut(&socket).expect("the caller looked");
        wire.current = Some(current);
        wire.begun_at = Some(now);
        if let Current::Message(id) = current {
            self.begin_message(socket, id, &data);
        }
    }

    fn begin_message(&mut self, socket: Socket, id: Id, data: &[u8]) {
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
        let Some(deadline) = self.deadline(id) else { return };
        if now > deadline + DEADLINE_SLACK && now > self.frozen_until + DEADLINE_SLACK {
            self.fault(format!("{what}: {} ms after its deadline", (now - deadline) / MILLI));
        }
    }

    /// When a request, or the request of an answer, was to be answered at the latest.
    pub(super) fn deadline(&self, id: Id) -> Option<u64> {
        let message = &self.messages[&id];
        match message.kind {
            Kind::Answer { request } => self.deadline(request),
            Kind::Request { .. } => {
                let whole_at = message.whole_at?;
                let until = message.begun.first().map_or(u64::MAX, |begun| begun.at);
                let casts = self.casts.iter().filter(|(from, _)| *from <= until).map(|(_, cast)| cast);
                let since = self.casts.iter().rposition(|(from, _)| *from <= whole_at).unwrap_or(0);
                let within = casts.skip(since).map(|cast| cast.settings.answer_within).max();
                Some(whole_at + within.unwrap_or(0) * MILLI)
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
        if let Some(last) = last.filter(|last| *last > id && stayed) {
            self.fault(format!("{what}: behind {last}, which came later"));
        }
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

    /// `behind`: bytes that were given after it.
    fn end_frame(&mut self, socket: Socket, data: &[u8], behind: u64) {
        let wire = self.wires.get_mut(&socket).expect("the caller looked");
        wire.begun_at = None;
        let (key, end) = (wire.key, wire.given - behind);
        match wire.current.take() {
            Some(Current::Message(id)) => self.end_message(socket, id, data, end),
            Some(Current::Rejected(id)) => self.end_rejected(id, key.0, data),
            Some(Current::Probe) | None => {}
        }
    }

    fn end_message(&mut self, socket: Socket, id: Id, data: &[u8], end: u64) {
        let what = format!("{} on {}", self.describe(id), self.name(self.wires[&socket].key));
        let message = self.messages.get_mut(&id).expect("it was known when it began");
        let expected = match (message.kind, message.number) {
            (Kind::Request { nii }, Some(number)) => tpdu(nii, number, &message.whole[5..]),
            _ => message.whole.clone(),
        };
        if let Some(begun) = message.begun.last_mut() {
            begun.end = Some(end);
        }
        message.done = true;
        let again = std::mem::replace(&mut message.given_once, true);
        let (kind, from, whole_at) = (message.kind, message.from, message.whole_at);
        let (member, bytes) = (message.to.first().copied(), message.whole.len() as u64);
        self.waiting.remove(&id);
        if expected != data {
            self.fault(format!("{what}: changed on the way"));
        }
        if let (Kind::Answer { .. }, Some(member)) = (kind, member) {
            let waiting = &mut self.health.members[member].answer_bytes;
            *waiting = waiting.saturating_sub(bytes);
            self.wires.get_mut(&socket).expect("the caller looked").answers.push((id, end));
        }
        if again {
            self.counts.resent += 1;
            return self.books.resent(from);
        }
        match self.casts[0].1.members[from.0].header {
            Header::Guarded => self.counts.guarded += 1,
            Header::Iso8583 => self.counts.keyed += 1,
            Header::None | Header::Tpdu | Header::Station => {}
        }
        *match kind {
            Kind::Pair => &mut self.counts.pairs,
            Kind::Station => &mut self.counts.stations,
            Kind::Answer { .. } => &mut self.counts.answers,
            Kind::Request { .. } | Kind::Junk => &mut self.counts.requests,
        } += 1;
        if whole_at.is_some() {
            self.books.forwarded(from);
        }
    }

    /// A message that comes back: to its sender, as it was, and only if it went nowhere else.
    fn end_rejected(&mut self, id: Id, member: usize, data: &[u8]) {
        let message = &self.messages[&id];
        let (of, to, gone) = (message.from.0, &data[super::super::message::STATION_BYTES..], message.begun.len());
        let same = *to == message.whole[..];
        let what = format!("{} comes back", self.describe(id));
        if of != member || !same || gone > 0 {
            self.fault(format!("{what}: to a stranger, changed, or though it was delivered"));
        }
        self.counts.rejected += 1;
    }

    /// What was begun on a connection that breaks goes nowhere, answers excepted.
    pub(super) fn excuse_begun(&mut self, socket: Socket) {
        if let Some(Current::Message(id)) = self.wires[&socket].current {
            let message = self.messages.get_mut(&id).expect("it was known when it began");
            if !matches!(message.kind, Kind::Answer { .. }) {
                message.excuse("it was begun on a line that broke");
            }
        }
    }

    /// The connection is over: a frame of which a part was given stays a part.
    pub(super) fn settle_partial(&mut self, socket: Socket) {
        let wire = self.wires.get_mut(&socket).expect("the caller looked");
        wire.current = None;
        wire.outbound.clear();
    }
}
