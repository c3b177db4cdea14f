//! Members of a random run: each line has a program that connects or listens, sends, reads and breaks.

use std::collections::VecDeque;

use super::ledger::{Asked, Ledger, Wire};
use super::stage::{Stage, address};
use super::wire::Lengths;
use crate::fake::{Peer, PeerState, Random, Server};

/// What a member is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Half of a pair; the other half is that member.
    Pair {
        to: usize,
    },
    /// Asks the hosts, each of which answers one NII.
    Requester,
    Host {
        nii: u16,
    },
}

pub struct Line {
    pub wire: Wire,
    pub port: u16,
    /// Of a line that the switch connects to.
    server: Option<Server>,
    pub peer: Option<Peer>,
    /// The rest of a frame of which a part is sent.
    rest: Vec<u8>,
    unread: Vec<u8>,
    pub half_closed: bool,
    /// Lets arriving bytes lie for a while.
    pub slow: bool,
    /// The member sends on it: not if it is a simplex line of the switch's.
    pub sends: bool,
}

pub struct Member {
    pub role: Role,
    pub lengths: Lengths,
    pub lines: Vec<Line>,
    /// Requests that wait for an answer, of a host.
    pub asked: VecDeque<Asked>,
}

impl Line {
    pub fn new(stage: &Stage, member: usize, line: usize, port: u16, switch_connects: bool) -> Self {
        let server = switch_connects.then(|| stage.kernel.listen(address(port)));
        let wire = Wire { member, line, nth: 0 };
        Self {
            wire,
            port,
            server,
            peer: None,
            rest: Vec::new(),
            unread: Vec::new(),
            half_closed: false,
            slow: false,
            sends: true,
        }
    }

    /// Has a connection that is not known to be over.
    pub fn is_up(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.state() == PeerState::Connected)
    }

    /// Can send a frame.
    pub fn can_send(&self) -> bool {
        self.sends && self.is_up() && !self.half_closed
    }

    /// A new connection, if there is none or the last one is over.
    pub fn begin(&mut self, stage: &mut Stage, ledger: &mut Ledger) {
        let over = !self.is_up() || self.half_closed;
        let next = match &self.server {
            Some(server) => server.accept(),
            None if over => Some(stage.kernel.connect(address(0), address(self.port))),
            None => None,
        };
        let Some(next) = next else { return };
        if let Some(old) = self.peer.replace(next) {
            ledger.broke(self.wire.member);
            if !matches!(old.state(), PeerState::Closed) {
                old.close();
            }
        }
        self.wire.nth += 1;
        self.rest.clear();
        self.unread.clear();
        self.half_closed = false;
        self.slow = false;
    }

    /// Sends what is left of a frame, then `frame`, or the beginning of it.
    pub fn send(&mut self, frame: &[u8], random: &mut Random) {
        let Some(peer) = &self.peer else { return };
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(frame);
        if random.chance(15) && bytes.len() > 1 {
            self.rest = bytes.split_off(random.below(bytes.len() as u64) as usize);
        }
        peer.send(&bytes);
    }

    pub fn finish_frame(&mut self) {
        if let Some(peer) = &self.peer {
            peer.send(&std::mem::take(&mut self.rest));
        }
    }

    /// Every whole frame that has come since the last time; no probes.
    fn frames(&mut self, lengths: Lengths) -> Vec<Vec<u8>> {
        let Some(peer) = &self.peer else { return Vec::new() };
        self.unread.extend(peer.receive());
        let frames = lengths.take_all(&mut self.unread);
        frames.into_iter().filter(|frame| !frame.is_empty()).collect()
    }

    /// Reads until now and notes what came. A program that has stopped reading reads too: at an odd moment.
    pub fn read(&mut self, role: Role, lengths: Lengths, asked: &mut VecDeque<Asked>, ledger: &mut Ledger) {
        for frame in self.frames(lengths) {
            match role {
                Role::Pair { .. } => ledger.pair_arrived(self.wire, &frame),
                Role::Requester => ledger.answer_arrived(self.wire, &frame),
                Role::Host { .. } => asked.extend(ledger.request_arrived(self.wire, &frame)),
            }
        }
    }
}

impl Member {
    pub fn read(&mut self, ledger: &mut Ledger) {
        for line in self.lines.iter_mut().filter(|line| !line.slow) {
            line.read(self.role, self.lengths, &mut self.asked, ledger);
        }
    }
}
