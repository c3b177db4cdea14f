//! TCP as far as a switch can tell: ordered bytes, windows, acknowledgements, FIN and RST, each on its way for a
//! time. Nothing happens but by a call, and packets arrive only while the clock moves or stands at their time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use ringswitch::time::{Instant, Span};

use super::endpoint::{Endpoint, Fin, Id, Incoming, Phase};
use super::handshake::{Backlog, Route};
use super::{Fact, Faults, Random};

/// Sizes and times of a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conditions {
    /// One way.
    pub latency: Span,
    /// On top of it, at most.
    pub jitter: Span,
    /// Bytes that a socket holds until they are acknowledged.
    pub send_buffer: usize,
    /// Bytes that a socket holds until they are read.
    pub window: usize,
    /// Sockets of rings that can be open at a time.
    pub descriptors: usize,
}

impl Default for Conditions {
    fn default() -> Self {
        let (latency, jitter) = (Span::ZERO, Span::ZERO);
        Self { latency, jitter, send_buffer: 64 * 1024, window: 64 * 1024, descriptors: 20_000 }
    }
}

#[derive(Debug)]
pub enum Packet {
    /// To whoever listens at that address.
    Syn(SocketAddr),
    /// The answer to it: the socket at the other side.
    SynAck(Id),
    /// The answer of a router, or nobody's at last.
    Failure(i32),
    Data(Vec<u8>),
    Acknowledgement(usize),
    Fin,
    FinAcknowledgement,
    Reset,
}

#[derive(Debug)]
pub struct Network {
    pub now: Instant,
    pub conditions: Conditions,
    pub faults: Faults,
    pub listeners: BTreeMap<Id, Backlog>,
    pub routes: BTreeMap<SocketAddr, Route>,
    pub random: Random,
    pub last_id: Id,
    pub last_port: u16,
    /// Descriptors that rings have.
    pub sockets_open: usize,
    endpoints: BTreeMap<Id, Endpoint>,
    packets: BTreeMap<(Instant, u64), (Id, Packet)>,
    sequence: u64,
    /// What happened to sockets of rings, if somebody watches.
    pub facts: Option<Vec<Fact>>,
    /// Ends that nothing reaches, and what was on its way to them.
    cut: BTreeSet<Id>,
    held: Vec<(Id, Packet)>,
}

impl Network {
    pub const fn new(random: Random, conditions: Conditions, faults: Faults) -> Self {
        Self {
            now: Instant(1_000_000_000),
            conditions,
            faults,
            listeners: BTreeMap::new(),
            routes: BTreeMap::new(),
            random,
            last_id: 1000,
            last_port: 40_000,
            sockets_open: 0,
            endpoints: BTreeMap::new(),
            packets: BTreeMap::new(),
            sequence: 0,
            facts: None,
            cut: BTreeSet::new(),
            held: Vec::new(),
        }
    }

    pub fn note(&mut self, fact: impl FnOnce() -> Fact) {
        if let Some(facts) = &mut self.facts {
            facts.push(fact());
        }
    }

    pub fn note_closed(&mut self, socket: Id, reset: bool) {
        let acknowledged = self.endpoint(socket).acknowledged;
        self.note(|| Fact::Closed { socket, reset, acknowledged });
    }

    pub fn insert(&mut self, endpoint: Endpoint) -> Id {
        self.last_id += 1;
        self.endpoints.insert(self.last_id, endpoint);
        self.last_id
    }

    /// Panics on a number that is no connection's.
    pub fn endpoint(&self, id: Id) -> &Endpoint {
        self.endpoints.get(&id).unwrap_or_else(|| panic!("{id} is no connection"))
    }

    pub fn endpoint_mut(&mut self, id: Id) -> &mut Endpoint {
        self.endpoints.get_mut(&id).unwrap_or_else(|| panic!("{id} is no connection"))
    }

    /// Of a socket that a ring owns: panics once it is closed, as a descriptor would be another's by then.
    pub fn open_endpoint(&mut self, id: Id) -> &mut Endpoint {
        let endpoint = self.endpoint_mut(id);
        assert!(!endpoint.closed, "socket {id} is used after it was closed");
        endpoint
    }

    /// Puts a packet on its way; it arrives after those that went before it.
    pub fn post(&mut self, to: Id, packet: Packet) {
        let jitter = self.conditions.jitter.0;
        let jitter = if jitter == 0 { 0 } else { self.random.below(jitter + 1) };
        let due = self.now + self.conditions.latency + Span(jitter);
        self.post_at(to, packet, due);
    }

    pub fn post_at(&mut self, to: Id, packet: Packet, due: Instant) {
        let due = if let Packet::Syn(_) | Packet::Failure(_) = packet {
            due
        } else {
            let endpoint = self.endpoint_mut(to);
            endpoint.last_arrival = endpoint.last_arrival.max(due);
            endpoint.last_arrival
        };
        self.sequence += 1;
        self.packets.insert((due, self.sequence), (to, packet));
    }

    pub fn next_arrival(&self) -> Option<Instant> {
        self.packets.first_key_value().map(|((due, _), _)| *due)
    }

    /// Delivers what has arrived by now, and what follows from it at once.
    pub fn settle(&mut self) {
        while let Some(entry) = self.packets.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, packet) = entry.remove();
            if self.cut.contains(&to) {
                self.lose(to, packet);
            } else {
                self.deliver(to, packet);
            }
        }
    }

    /// From now on nothing reaches that end. What is sent again arrives when it is healed; a reset is not sent again.
    pub fn cut(&mut self, id: Id) {
        self.cut.insert(id);
    }

    pub fn heal(&mut self, id: Id) {
        self.cut.remove(&id);
        let (back, held): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held).into_iter().partition(|(to, _)| *to == id);
        self.held = held;
        for (to, packet) in back {
            self.deliver(to, packet);
        }
        self.settle();
    }

    fn lose(&mut self, to: Id, packet: Packet) {
        if !matches!(packet, Packet::Reset) {
            self.held.push((to, packet));
        }
    }

    fn deliver(&mut self, to: Id, packet: Packet) {
        match packet {
            Packet::Syn(address) => self.knock(to, address),
            Packet::SynAck(other) => self.established(to, other),
            Packet::Failure(errno) => self.connect_failed(to, errno),
            Packet::Data(bytes) => self.data(to, &bytes),
            Packet::Acknowledgement(bytes) => self.acknowledged(to, bytes),
            Packet::Fin => self.fin(to),
            Packet::FinAcknowledgement => self.endpoint_mut(to).fin = Fin::Acknowledged,
            Packet::Reset => self.reset_arrived(to),
        }
    }

    fn data(&mut self, to: Id, bytes: &[u8]) {
        let endpoint = self.endpoint_mut(to);
        endpoint.approaching -= bytes.len();
        if endpoint.dead {
            return self.answer(to, Packet::Reset);
        }
        if endpoint.closed {
            return self.abort(to);
        }
        endpoint.arrived.extend(bytes);
        endpoint.read();
        self.answer(to, Packet::Acknowledgement(bytes.len()));
    }

    fn fin(&mut self, to: Id) {
        let endpoint = self.endpoint_mut(to);
        if endpoint.dead {
            return self.answer(to, Packet::Reset);
        }
        endpoint.fin_arrived = true;
        self.answer(to, Packet::FinAcknowledgement);
    }

    fn acknowledged(&mut self, to: Id, bytes: usize) {
        let endpoint = self.endpoint_mut(to);
        if !endpoint.dead {
            endpoint.flying -= bytes;
            endpoint.acknowledged += bytes as u64;
            self.transmit(to);
        }
    }

    fn reset_arrived(&mut self, to: Id) {
        let forgotten = self.random.chance(self.faults.forgotten_queue);
        let endpoint = self.endpoint_mut(to);
        if !endpoint.dead {
            endpoint.forgotten = forgotten;
            let error = if endpoint.fin_arrived { libc::EPIPE } else { libc::ECONNRESET };
            endpoint.die(Some(error));
        }
    }

    pub fn answer(&mut self, from: Id, packet: Packet) {
        if let Some(other) = self.endpoint(from).other {
            self.post(other, packet);
        }
    }

    /// Sends what the other side has room for, and the FIN behind the last byte.
    pub fn transmit(&mut self, id: Id) {
        let Some(other) = self.endpoint(id).other else { return };
        let window = self.endpoint(other).window_left();
        let endpoint = self.endpoint_mut(id);
        if endpoint.phase != Phase::Established || endpoint.dead {
            return;
        }
        let bytes: Vec<u8> = endpoint.unsent.drain(..window.min(endpoint.unsent.len())).collect();
        endpoint.flying += bytes.len();
        let fin = endpoint.unsent.is_empty() && endpoint.fin == Fin::Queued;
        if fin {
            endpoint.fin = Fin::Sent;
        }
        if !bytes.is_empty() {
            self.endpoint_mut(other).approaching += bytes.len();
            self.post(other, Packet::Data(bytes));
        }
        if fin {
            self.post(other, Packet::Fin);
        }
    }

    pub fn give(&mut self, id: Id, bytes: &[u8]) {
        self.endpoint_mut(id).give(bytes);
        self.transmit(id);
    }

    /// Takes bytes out of the socket; the window that opens lets the other side go on.
    pub fn take(&mut self, id: Id, bytes: usize) -> Vec<u8> {
        let taken = self.endpoint_mut(id).take(bytes);
        self.window_opened(id);
        taken
    }

    pub fn window_opened(&mut self, id: Id) {
        if let Some(other) = self.endpoint(id).other {
            self.transmit(other);
        }
    }

    /// The end of the sending half, behind what is queued.
    pub fn finish(&mut self, id: Id) {
        let endpoint = self.endpoint_mut(id);
        if endpoint.fin == Fin::No {
            endpoint.fin = Fin::Queued;
            self.transmit(id);
        }
    }

    /// Ends the connection by a reset: what is queued is lost.
    pub fn abort(&mut self, id: Id) {
        let endpoint = self.endpoint_mut(id);
        if !std::mem::replace(&mut endpoint.dead, true) {
            endpoint.die(None);
            self.answer(id, Packet::Reset);
        }
    }

    /// Closes the descriptor: with bytes unread, the kernel says so by a reset.
    pub fn close(&mut self, id: Id) {
        let endpoint = self.open_endpoint(id);
        endpoint.closed = true;
        if matches!(endpoint.incoming(), Incoming::Bytes(_)) {
            self.abort(id);
        } else {
            self.finish(id);
        }
    }
}
