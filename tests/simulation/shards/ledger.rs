//! What members sent and received, kept by the members. It asks the switch nothing, reads no counter, and shares no
//! code with it: what is wrong here has happened on the wire.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::{KEYED_BYTES, keyed, tpdu};

/// A message's own number, which stands in its body and which the switch never looks at.
pub type Id = u64;

/// One connection of one member: the order of frames holds within it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Wire {
    pub member: usize,
    pub line: usize,
    /// Counts the line's connections.
    pub nth: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Pair,
    Request,
    Answer,
}

#[derive(Debug)]
struct Sent {
    kind: Kind,
    by: Wire,
    /// The member that must get it.
    to: usize,
    /// As it must arrive; a request's source address is the switch's affair.
    whole: Vec<u8>,
    arrived: Option<Wire>,
}

#[derive(Default, Debug)]
pub struct Ledger {
    sent: BTreeMap<Id, Sent>,
    last_id: Id,
    /// The last arrival on a connection from a connection.
    order: BTreeMap<(Kind, Wire, Wire), Id>,
    /// Members of which a connection has ever broken.
    broken: BTreeSet<usize>,
    /// Answers that were sent a second time, over whichever line: the copy may be the one that arrives.
    again: BTreeSet<Id>,
    /// Requests and answers are ISO 8583 messages behind their TPDU, which then is nobody's affair.
    keyed: bool,
    /// Answers that arrived once more: each must be one that the switch says it sent again.
    pub doubled: u64,
    /// What was wrong, a sentence each.
    pub faults: Vec<String>,
}

/// A request as the host has it: what it needs for the answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub id: Id,
    pub number: u16,
    pub nii: u16,
}

const TPDU_BYTES: usize = 5;

/// A body that begins with its number, and whose every byte is known from it.
fn body(id: Id, length: usize) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend((0..length).map(|at| (id as usize * 31 + at * 7) as u8));
    body
}

impl Ledger {
    pub fn new(keyed: bool) -> Self {
        Self { keyed, ..Self::default() }
    }

    fn enter(&mut self, kind: Kind, by: Wire, to: usize, whole: impl FnOnce(Id) -> (Vec<u8>, Vec<u8>)) -> Vec<u8> {
        self.last_id += 1;
        let (as_sent, whole) = whole(self.last_id);
        self.sent.insert(self.last_id, Sent { kind, by, to, whole, arrived: None });
        as_sent
    }

    pub fn pair(&mut self, by: Wire, to: usize, length: usize) -> Vec<u8> {
        self.enter(Kind::Pair, by, to, |id| (body(id, length), body(id, length)))
    }

    pub fn request(&mut self, by: Wire, to: usize, nii: u16, terminal: u16, length: usize) -> Vec<u8> {
        let is_keyed = self.keyed;
        self.enter(Kind::Request, by, to, |id| {
            let front = if is_keyed { keyed("0200", id) } else { Vec::new() };
            let data = tpdu(nii, terminal, &[front, body(id, length)].concat());
            (data.clone(), data)
        })
    }

    /// The host's answer, with the addresses exchanged, or copied as they came.
    pub fn answer(&mut self, by: Wire, asked: Asked, exchanged: bool, length: usize) -> Vec<u8> {
        let request = &self.sent[&asked.id];
        let (to, terminal) = (request.by.member, u16::from_be_bytes([request.whole[3], request.whole[4]]));
        let front = if self.keyed { keyed("0210", asked.id) } else { Vec::new() };
        // Nothing is put back where nothing was replaced.
        let number = if self.keyed { terminal } else { asked.number };
        self.enter(Kind::Answer, by, to, |id| {
            let data = |address| {
                let (destination, source) = if exchanged { (address, asked.nii) } else { (asked.nii, address) };
                tpdu(destination, source, &[&front[..], &body(id, length)].concat())
            };
            (data(number), data(terminal))
        })
    }

    /// Where a request or an answer has its number.
    fn id_at(&self) -> usize {
        TPDU_BYTES + if self.keyed { KEYED_BYTES } else { 0 }
    }

    fn id_of(data: &[u8], at: usize) -> Option<Id> {
        Some(Id::from_be_bytes(*data.get(at..)?.first_chunk()?))
    }

    /// A frame that a member of a pair has received.
    pub fn pair_arrived(&mut self, wire: Wire, data: &[u8]) {
        self.arrived(wire, data, 0, &[Kind::Pair]);
    }

    /// A frame that came to a requester.
    pub fn answer_arrived(&mut self, wire: Wire, data: &[u8]) {
        self.arrived(wire, data, self.id_at(), &[Kind::Answer]);
    }

    /// A frame that came to a host: a request, or else it is wrong.
    pub fn request_arrived(&mut self, wire: Wire, data: &[u8]) -> Option<Asked> {
        let id = self.arrived(wire, data, self.id_at(), &[Kind::Request])?;
        let number = u16::from_be_bytes([data[3], data[4]]);
        Some(Asked { id, number, nii: u16::from_be_bytes([data[1], data[2]]) })
    }

    fn arrived(&mut self, wire: Wire, data: &[u8], at: usize, kinds: &[Kind]) -> Option<Id> {
        let known = Self::id_of(data, at).and_then(|id| Some((id, self.sent.get_mut(&id)?)));
        let Some((id, sent)) = known else {
            self.faults.push(format!("{wire:?} received {} bytes that nobody sent", data.len()));
            return None;
        };
        let mut expected = sent.whole.clone();
        if sent.kind == Kind::Request && !self.keyed {
            expected[3..5].copy_from_slice(&data[3..5]);
        }
        if !kinds.contains(&sent.kind) || sent.to != wire.member {
            self.faults
                .push(format!("{wire:?} received {:?} {id} of {:?}, for member {}", sent.kind, sent.by, sent.to));
            return None;
        }
        if expected != data {
            self.faults.push(format!("{:?} {id} of {:?} arrived changed at {wire:?}", sent.kind, sent.by));
        }
        if sent.kind == Kind::Answer && sent.arrived.is_some() {
            self.doubled += 1;
            return None;
        }
        if let Some(before) = sent.arrived.replace(wire) {
            self.faults.push(format!("{:?} {id} of {:?} arrived twice: {before:?}, {wire:?}", sent.kind, sent.by));
            return None;
        }
        if self.again.contains(&id) {
            return Some(id);
        }
        let last = self.order.insert((sent.kind, sent.by, wire), id);
        if last.is_some_and(|last| last > id) && !self.broken.contains(&wire.member) {
            self.faults.push(format!("{:?} {id} of {:?} came behind {last:?} on {wire:?}", sent.kind, sent.by));
        }
        Some(id)
    }

    /// The answer that was written last is sent a second time.
    pub fn sent_again(&mut self, data: &[u8]) {
        self.again.extend(Self::id_of(data, self.id_at()));
    }

    pub fn broke(&mut self, member: usize) {
        self.broken.insert(member);
    }

    pub fn has_broken(&self, member: usize) -> bool {
        self.broken.contains(&member)
    }

    pub fn count(&self, kind: Kind, arrived: bool) -> usize {
        self.sent.values().filter(|sent| sent.kind == kind && (!arrived || sent.arrived.is_some())).count()
    }

    /// Frames sent and not arrived, each as a line of text.
    pub fn missing(&self, kind: Kind) -> Vec<String> {
        let missing = self.sent.iter().filter(|(_, sent)| sent.kind == kind && sent.arrived.is_none());
        missing.map(|(id, sent)| format!("{kind:?} {id} of {:?}", sent.by)).collect()
    }
}
