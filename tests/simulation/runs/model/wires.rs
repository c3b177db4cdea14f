//! Connections, as the fake kernel saw them come and go.

use super::super::cast::{SECOND, STRANGER};
use super::super::message::Id;
use super::super::player::Key;
use super::health::SETTLED;
use super::{MILLI, Model};
use crate::fake::{Fact, Id as Socket};

/// A connection of the switch's, by the switch's socket.
#[derive(Debug)]
pub struct Wire {
    pub key: Key,
    /// The member's socket.
    pub peer: Option<Socket>,
    /// The switch began to read it: it is the line.
    pub up_at: Option<u64>,
    /// The operator took it out, or the configuration changed.
    pub told: Option<(u64, &'static str)>,
    /// The switch has done with it.
    pub abandoned: Option<u64>,
    pub finished: bool,
    pub closed: Option<u64>,
    /// Bytes handed to the switch that are no whole frame yet.
    pub inbound: Vec<u8>,
    /// Bytes given to the kernel in all.
    pub given: u64,
    /// What the peer's TCP had acknowledged when it was looked at last, and the time before.
    pub acknowledged: [u64; 2],
    /// Answers that were given whole, and where each ended, for as long as they may be needed.
    pub answers: Vec<(Id, u64)>,
    /// Bytes given to the kernel of the frame that is under way.
    pub outbound: Vec<u8>,
    /// Which one that is, once it is known, and since when.
    pub begun_at: Option<u64>,
    /// Since when half a frame has been inside.
    pub half_since: Option<u64>,
    pub current: Option<super::frames::Current>,
    /// Bytes lie in the socket, and none has been read since.
    pub unread_since: Option<u64>,
    pub stranger: bool,
    pub second_address: bool,
}

impl Wire {
    /// Still the line, for all that the switch has done.
    pub fn is_open(&self) -> bool {
        self.up_at.is_some() && self.abandoned.is_none() && self.closed.is_none()
    }
}

impl Model {
    pub(super) fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Opened { socket } => self.opened(socket),
            Fact::Armed { socket } => self.armed(socket),
            Fact::Received { socket, bytes } => self.received(socket, &bytes),
            Fact::Given { socket, bytes, behind } => self.given(socket, &bytes, &behind),
            Fact::Abandoned { socket } => self.abandoned(socket),
            Fact::Finished { socket } => self.finished(socket),
            Fact::Closed { socket, reset: _, acknowledged } => self.closed(socket, acknowledged),
        }
    }

    fn opened(&mut self, socket: Socket) {
        let view = self.kernel.view(socket);
        let port = |address: std::net::SocketAddr| self.ports.get(&address.port()).copied();
        let key = port(view.local).or_else(|| port(view.remote?)).expect("each connection is a line's");
        let from = |octets: [u8; 4]| view.remote.is_some_and(|remote| remote.ip() == std::net::IpAddr::from(octets));
        let cast = self.cast();
        let here = cast.line_present(key.0, key.1) && {
            let line = &cast.members[key.0].lines[key.1];
            line.port == view.local.port() || view.remote.is_some_and(|remote| remote.port() == line.port)
        };
        let told = (!here).then(|| (self.now(), "the line has gone"));
        let wire = Wire {
            key,
            peer: view.peer,
            up_at: None,
            told,
            abandoned: None,
            finished: false,
            closed: None,
            inbound: Vec::new(),
            given: 0,
            acknowledged: [0; 2],
            answers: Vec::new(),
            outbound: Vec::new(),
            begun_at: None,
            half_since: None,
            current: None,
            unread_since: None,
            stranger: from(STRANGER),
            second_address: from(SECOND),
        };
        self.wires.insert(socket, wire);
    }

    /// Guarantee 5, and that a line has one connection.
    pub(super) fn armed(&mut self, socket: Socket) {
        let now = self.now();
        let Some(wire) = self.wires.get_mut(&socket) else { return };
        if wire.up_at.is_some() {
            return;
        }
        wire.up_at = Some(now);
        let (key, stranger, second) = (wire.key, wire.stranger, wire.second_address);
        if stranger {
            self.fault(format!("somebody who is not allowed is let in on {}", self.name(key)));
        }
        let allowed = self.casts_since(now.saturating_sub(SETTLED)).any(|cast| cast.members[key.0].second_address);
        if second && !allowed {
            self.fault(format!("an address that is no longer allowed is let in on {}", self.name(key)));
        }
        let other = |(of, wire): (&Socket, &Wire)| *of != socket && wire.key == key && self.is_solid_since(*of, now);
        if self.wires.iter().any(other) {
            self.fault(format!("{} has two connections", self.name(key)));
        }
        self.changed(key.0);
    }

    /// Whether there is a reason to end a connection: where all of a group are closed when one breaks, any of them.
    fn reason_to_end(&self, socket: Socket) -> bool {
        let member = self.wires[&socket].key.0;
        let group = self.casts[0].1.members[member].resets_group;
        let of = |(other, wire): (&Socket, &Wire)| {
            (*other == socket || group && wire.key.0 == member && wire.closed.is_none())
                && self.own_reason_to_end(*other)
        };
        self.wires.iter().any(of)
    }

    fn own_reason_to_end(&self, socket: Socket) -> bool {
        let (wire, now) = (&self.wires[&socket], self.now());
        let settings = self.cast().settings.clone();
        let speech = wire.peer.and_then(|peer| self.speeches.get(&peer));
        let half = wire.half_since.is_some_and(|since| now - since + 700 * MILLI >= settings.partial_within * MILLI);
        // Who accepts late has said nothing since the switch has had the connection.
        let heard_at = |said: u64| wire.up_at.map_or(now, |up_at| up_at.max(said));
        let silent = |said| now - heard_at(said) + 700 * MILLI >= settings.silent_after * MILLI;
        let silent = speech.is_none_or(|speech| silent(speech.spoke_at));
        let ended = speech.is_some_and(|speech| speech.ended.is_some() || speech.was_unwell || speech.spoilt);
        self.stopping || wire.told.is_some() || ended || silent || half || self.health.disabled.contains(&wire.key)
    }

    fn abandoned(&mut self, socket: Socket) {
        let (now, reason) = (self.now(), self.wires.contains_key(&socket) && self.reason_to_end(socket));
        let Some(wire) = self.wires.get_mut(&socket) else { return };
        wire.abandoned.get_or_insert(now);
        let key = wire.key;
        if !reason {
            self.fault(format!("a connection of {} is ended without a reason", self.name(key)));
        }
        self.changed(key.0);
        self.excuse_begun(socket);
        self.may_reset_group(key);
    }

    fn finished(&mut self, socket: Socket) {
        let reason = self.wires.contains_key(&socket) && self.reason_to_end(socket);
        let Some(wire) = self.wires.get_mut(&socket) else { return };
        wire.finished = true;
        let key = wire.key;
        if !reason {
            self.fault(format!("{} is drained without a reason", self.name(key)));
        }
    }

    fn closed(&mut self, socket: Socket, acknowledged: u64) {
        if !self.wires.contains_key(&socket) {
            return;
        }
        let now = self.now();
        let (reason, was_up) = (self.reason_to_end(socket), self.wires[&socket].up_at.is_some());
        let reason = reason || (!was_up && self.may_be_refused(socket));
        let wire = self.wires.get_mut(&socket).expect("just looked");
        wire.closed = Some(now);
        wire.abandoned.get_or_insert(now);
        let key = wire.key;
        if !reason {
            let what = if was_up { "closed" } else { "refused" };
            self.fault(format!("a connection of {} is {what} without a reason", self.name(key)));
        }
        self.changed(key.0);
        self.excuse_begun(socket);
        self.settle_partial(socket);
        self.must_go_again(socket, acknowledged);
        if was_up {
            self.may_reset_group(key);
        }
    }

    /// Strangers, a port that is taken, an address that may not connect any more.
    fn may_be_refused(&self, socket: Socket) -> bool {
        let wire = &self.wires[&socket];
        let taken =
            self.wires.iter().any(|(of, other)| *of != socket && other.key == wire.key && other.closed.is_none());
        let second = wire.second_address && !self.cast().members[wire.key.0].second_address;
        let gone = wire.peer.is_none_or(|peer| !self.speeches.contains_key(&peer));
        wire.stranger || taken || second || gone
    }
}
