//! The programs of the members: one for each line, which connects or listens, sends, reads and breaks.

use std::net::SocketAddr;

use super::cast::{Cast, Flow, HOME, Header, STRANGER};
use super::message::{Id, Told, told};
use super::model::Model;
use crate::fake::{self, Peer, PeerState, Random, Server};
use crate::shards::wire::Lengths;

/// How long a member takes to send the rest of a frame.
const HALF_A_FRAME: u64 = 400_000_000;

/// A line by its member's place and its own.
pub type Key = (usize, usize);

/// A request as the host has it: what it needs for the answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub id: Id,
    pub number: u16,
    pub nii: u16,
}

pub struct Player {
    pub key: Key,
    header: Header,
    lengths: Lengths,
    flow: Flow,
    /// Where the switch may connect to it, under one configuration or another.
    servers: Vec<Server>,
    home: [u8; 4],
    pub peer: Option<Peer>,
    /// The rest of a frame of which a part is sent.
    rest: Vec<u8>,
    unread: Vec<u8>,
    pub slow: bool,
    pub cut: bool,
    pub half_closed: bool,
    /// What it sends is no longer read by anybody.
    pub spoilt: bool,
    sent_at: u64,
}

impl Player {
    /// Listens at every port at which one of the configurations has the switch connect.
    pub fn new(kernel: &fake::World, key: Key, casts: &[Cast], home: [u8; 4]) -> Self {
        let mut ports: Vec<u16> = Vec::new();
        for line in casts.iter().map(|cast| &cast.members[key.0].lines[key.1]).filter(|line| line.connects) {
            if !ports.contains(&line.port) {
                ports.push(line.port);
            }
        }
        let servers = ports.into_iter().map(|port| kernel.listen(SocketAddr::from(([127, 0, 0, 1], port)))).collect();
        let member = &casts[0].members[key.0];
        Self {
            key,
            header: member.header,
            lengths: member.lengths,
            flow: member.lines[key.1].flow,
            servers,
            home,
            peer: None,
            rest: Vec::new(),
            unread: Vec::new(),
            slow: false,
            cut: false,
            half_closed: false,
            spoilt: false,
            sent_at: 0,
        }
    }

    pub fn is_up(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.state() == PeerState::Connected)
    }

    /// Whether the switch lets it connect.
    pub fn is_allowed(&self, cast: &Cast) -> bool {
        let member = &cast.members[self.key.0];
        member.second_address || self.home == HOME || member.lines[self.key.1].connects
    }

    pub fn can_send(&self) -> bool {
        self.flow.receives() && self.is_up() && !self.half_closed && !self.spoilt
    }

    /// A new connection, if there is none or the last one is over.
    pub fn begin(&mut self, kernel: &fake::World, cast: &Cast, model: &mut Model) {
        let accepted = self.servers.iter().find_map(Server::accept);
        let next = accepted.or_else(|| self.connect(kernel, cast));
        let Some(next) = next else { return };
        self.drop_connection(model);
        model.speaks(next.id(), self.key);
        self.peer = Some(next);
    }

    fn connect(&self, kernel: &fake::World, cast: &Cast) -> Option<Peer> {
        let line = &cast.members[self.key.0].lines[self.key.1];
        let free = self.peer.as_ref().is_none_or(|peer| {
            self.half_closed || !matches!(peer.state(), PeerState::Connected | PeerState::Connecting)
        });
        let wanted = !line.connects && cast.line_present(self.key.0, self.key.1);
        let to = SocketAddr::from(([127, 0, 0, 1], line.port));
        (free && wanted).then(|| kernel.connect(SocketAddr::from((self.home, 0)), to))
    }

    /// Lets go of the connection, whatever its state.
    pub fn drop_connection(&mut self, model: &mut Model) {
        if let Some(old) = self.peer.take() {
            model.ends(old.id(), "the member has another connection");
            if old.state() != PeerState::Closed {
                old.close();
            }
        }
        self.rest.clear();
        self.unread.clear();
        (self.slow, self.cut, self.half_closed, self.spoilt) = (false, false, false, false);
    }

    /// Sends what is left of a frame, then `data` as a frame, or the beginning of it. No data: a probe.
    pub fn send(&mut self, data: &[u8], random: &mut Random, now: u64) {
        let Some(peer) = &self.peer else { return };
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend(self.lengths.frame(data));
        if random.chance(15) && bytes.len() > 1 {
            self.rest = bytes.split_off(random.below(bytes.len() as u64) as usize);
        }
        self.sent_at = now;
        peer.send(&bytes);
    }

    /// Bytes that are no frame.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Some(peer) = &self.peer {
            peer.send(&std::mem::take(&mut self.rest));
            peer.send(bytes);
        }
    }

    pub fn bad_length(&self) -> &'static [u8] {
        match self.lengths {
            Lengths::Binary => &[0xff, 0xff, 0, 0],
            Lengths::Digits => b"00x1",
        }
    }

    pub fn finish_frame(&mut self, now: u64) {
        if let (Some(peer), false) = (&self.peer, self.rest.is_empty()) {
            peer.send(&std::mem::take(&mut self.rest));
            self.sent_at = now;
        }
    }

    /// A member that has nothing to send says so before its silence is taken for an end; half a frame is completed.
    pub fn keep_alive(&mut self, now: u64, silence: u64, model: &mut Model) {
        let silence = if self.rest.is_empty() { silence } else { HALF_A_FRAME };
        if now - self.sent_at < silence || !self.can_send() {
            return;
        }
        self.sent_at = now;
        let Some(peer) = &self.peer else { return };
        if self.rest.is_empty() {
            model.probes(peer.id());
            peer.send(&self.lengths.frame(&[]));
        } else {
            peer.send(&std::mem::take(&mut self.rest));
        }
    }

    /// Reads until now; gives what hosts were asked.
    pub fn read(&mut self, model: &Model) -> Vec<Asked> {
        let Some(peer) = self.peer.as_ref().filter(|_| !self.slow) else { return Vec::new() };
        self.unread.extend(peer.receive());
        let frames = self.lengths.take_all(&mut self.unread);
        let asked = |data: &Vec<u8>| match told(self.header, data) {
            Told::Message(id) if self.header.is_cards() && model.is_request(id) => Some(Asked {
                id,
                number: u16::from_be_bytes([data[3], data[4]]),
                nii: u16::from_be_bytes([data[1], data[2]]),
            }),
            _ => None,
        };
        frames.iter().filter(|data| !data.is_empty()).filter_map(asked).collect()
    }

    /// Somebody else at this line's port.
    pub fn intrude(&self, kernel: &fake::World, cast: &Cast, stranger: bool) -> Option<Peer> {
        let line = &cast.members[self.key.0].lines[self.key.1];
        if line.connects || !cast.line_present(self.key.0, self.key.1) {
            return None;
        }
        let from = if stranger { STRANGER } else { self.home };
        let peer = kernel.connect(SocketAddr::from((from, 0)), SocketAddr::from(([127, 0, 0, 1], line.port)));
        Some(peer)
    }
}
