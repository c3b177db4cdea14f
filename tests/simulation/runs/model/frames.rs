//! Frames on their way in and out, followed byte by byte: which one it is, whole, unchanged, or a part for ever.

use super::super::cast::Header;
use super::super::message::{Id, Told, told};
use super::{Kind, Model};
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
