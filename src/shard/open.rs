//! Beginnings: accepting, connecting, and who is let in.

use std::io;
use std::net::SocketAddr;

use super::Shard;
use super::connection::{CREDIT_MIN, Carried, Connection, Inlet};
use super::log::Log;
use super::queue::Queue;
use crate::config::plan::{Resend, Side};
use crate::limits;
use crate::reason::{Closed, Refusal};
use crate::ring::token::{Kind, Token};
use crate::ring::{Completion, Operation, Ring, Socket};
use crate::shared::counters::Cold;
use crate::shared::inbox::Event;
use crate::shared::status::Cause;
use crate::switch::admission::Admission;
use crate::switch::line::phase::Phase;
use crate::time::{Instant, Span};

/// Somebody who may come in as soon as the connection before is over and wholly read.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer {
    slot: u32,
    socket: Socket,
    remote: SocketAddr,
    since: Instant,
}

/// How long an owner's new connection may be ahead of the end of its old one. Over two paths, and
/// on a busy host even over loopback, a SYN overtakes the FIN or reset that was sent before it: up
/// to 26 ms were seen. A newcomer is refused only when the old connection outlives this.
const OVERTAKEN: Span = Span::from_millis(50);

/// How long the rest of an ended connection may take to be read.
const LAST_WORDS: Span = Span::from_millis(500);

impl<R: Ring> Shard<R> {
    /// Arms the accept of a listening line, unless it must wait for its old connection to drain.
    pub(super) fn listen(&mut self, slot: u32) {
        let wire = &mut self.wires[slot as usize];
        let Some(listener) = &wire.listener else { return };
        if wire.accepting {
            return;
        }
        wire.accepting = true;
        wire.accept_starved = false;
        let token = Token::new(Kind::Accept, slot, wire.accept_generation);
        self.ring.push(Operation::Accept { token, listener: listener.socket });
    }

    /// Stops accepting; the listener is let go of once the kernel has given the accept back.
    pub(super) fn stop_listening(&mut self, slot: u32) {
        let wire = &mut self.wires[slot as usize];
        let Some(listener) = wire.listener.take() else { return };
        if wire.accepting {
            let target = Token::new(Kind::Accept, slot, wire.accept_generation);
            let token = Token::new(Kind::Cancel, Token::SLOT_LIMIT - 1, wire.accept_generation);
            self.ring.push(Operation::Cancel { token, target });
            wire.retired.push((wire.accept_generation, listener));
            wire.accepting = false;
        }
        wire.accept_generation = wire.accept_generation.wrapping_add(1);
    }

    /// A completion of an accept: a connection, or the end of the accept.
    pub(super) fn accepted(&mut self, token: Token, completion: Completion) {
        let slot = token.slot();
        let current = self.wires[slot as usize].accept_generation == token.generation();
        if !completion.more {
            if current {
                self.wires[slot as usize].accepting = false;
            }
            self.wires[slot as usize].retired.retain(|(generation, _)| *generation != token.generation());
        }
        if completion.result >= 0 {
            // Newcomers come after everything else of the turn: what the connection before them
            // still brought is read first.
            self.accepted.push_back((slot, token.generation(), Socket(completion.result)));
        }
        if current && !completion.more {
            match -completion.result {
                libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS => {
                    // The connection stays in the backlog. Armed at once it would fail at once.
                    self.wires[slot as usize].accept_starved = true;
                    self.schedule_in(slot, super::clocks::ACCEPT_AGAIN);
                    self.tell_starved(slot, &io::Error::from_raw_os_error(-completion.result));
                }
                libc::ECANCELED => {}
                _ => self.listen(slot),
            }
        }
    }

    /// Somebody waits in the backlog and cannot be let in: the operator is to know why.
    fn tell_starved(&mut self, slot: u32, error: &io::Error) {
        let line = &self.switch.lines[slot as usize];
        let sentence = format!("a connection waits in the backlog: {error}");
        line.shared.status.update(|details| details.last_error = Some(sentence));
        let (at, name) = (self.switch.now, line.plan.name.clone());
        self.tell(Event::Starved { at, line: name, error: error.raw_os_error().unwrap_or_default() });
    }

    /// As many as a turn has time for; who is left waits for the next turn, and loses nothing: what he has sent lies in
    /// his socket. So in a storm of newcomers frames wait for a few of them, not for all.
    pub(super) fn admit_newcomers(&mut self) {
        for _ in 0..limits::NEWCOMERS_PER_TURN {
            let Some((slot, generation, socket)) = self.accepted.pop_front() else { break };
            let current = self.wires[slot as usize].accept_generation == generation;
            match self.ring.remote(socket) {
                Ok(remote) if current => self.admit(Newcomer { slot, socket, remote, since: self.switch.now }),
                // Gone again before it was looked at, or accepted for a listener that is closed.
                _ => self.ring.reset(socket),
            }
        }
        for _ in 0..self.doorstep.len().min(limits::NEWCOMERS_PER_TURN) {
            let Some(newcomer) = self.doorstep.pop_front() else { break };
            self.admit(newcomer);
        }
    }

    fn admit(&mut self, newcomer: Newcomer) {
        let Newcomer { slot, socket, remote, .. } = newcomer;
        match self.switch.admission(slot, remote.ip()) {
            Admission::Admit if self.connections_full() => self.refuse(newcomer, Refusal::Limit),
            Admission::Admit => self.come_in(slot, socket, remote),
            Admission::Refuse(reason) => self.refuse(newcomer, reason),
            Admission::AskWhetherOver { always } => self.ask_whether_over(newcomer, always),
        }
    }

    /// A connection whose FIN or reset has already arrived no longer occupies its port; what it
    /// still has to say is read first.
    fn ask_whether_over(&mut self, newcomer: Newcomer, always: bool) {
        let slot = newcomer.slot;
        let Some(index) = self.wires[slot as usize].connection else {
            return self.refuse(newcomer, Refusal::Occupied);
        };
        let health = self.ring.health(self.connections[index as usize].socket).unwrap_or_default();
        let waited = self.switch.now.since(newcomer.since);
        if !always && !health.ended {
            return if waited < OVERTAKEN {
                self.doorstep.push_back(newcomer)
            } else {
                self.refuse(newcomer, Refusal::Occupied)
            };
        }
        let paused = self.switch.lines[slot as usize].pause.is_some();
        if health.ended && health.unread > 0 && !paused && waited < LAST_WORDS {
            return self.doorstep.push_back(newcomer);
        }
        let reason = match (self.switch.lines[slot as usize].phase, health.ended, health.dead) {
            (Phase::Draining(drain), ..) => drain.closed(),
            (_, _, true) => Closed::Reset,
            (_, true, false) => Closed::Peer,
            (_, false, false) => Closed::Replaced,
        };
        self.sever(index, reason);
        self.admit(newcomer);
    }

    fn connections_full(&self) -> bool {
        let open: u64 =
            self.world.shards.iter().map(|shard| shard.connections.load(std::sync::atomic::Ordering::Relaxed)).sum();
        open >= u64::from(self.switch.plan.settings.connections)
    }

    /// Reset at once: no byte read, no memory kept (`MC6-4.3`).
    fn refuse(&mut self, newcomer: Newcomer, reason: Refusal) {
        // Counted first: who sees the reset may look at the counter.
        let line = &self.switch.lines[newcomer.slot as usize];
        line.shared.counters.add_refused(reason);
        self.ring.reset(newcomer.socket);
        let event =
            Event::Refused { at: self.switch.now, line: line.plan.name.clone(), remote: newcomer.remote, reason };
        self.tell(event);
    }

    fn come_in(&mut self, slot: u32, socket: Socket, remote: SocketAddr) {
        if self.ring.admitted(socket).is_err() {
            self.ring.reset(socket);
            return;
        }
        let counters = &self.switch.lines[slot as usize].shared.counters;
        counters.add_cold(Cold::ConnectionsAccepted, 1);
        let index = self.hold_connection(slot, socket);
        self.line_up(slot, index, Cause::Accepted, Some(remote));
    }

    /// The connection is the line now.
    fn line_up(&mut self, slot: u32, index: u32, cause: Cause, remote: Option<SocketAddr>) {
        let local = self.ring.local(self.connections[index as usize].socket).ok();
        self.switch.lines[slot as usize].shared.counters.add_cold(Cold::Connects, 1);
        self.switch.lines[slot as usize].shared.status.update(|details| {
            details.remote = remote;
            details.local = local.or(details.local);
            details.last_error = None;
        });
        self.switch.up(slot, cause, remote);
        self.arm(index);
        self.schedule(slot);
        self.tell_waiting(slot);
    }

    /// A slot for a new connection of the line.
    fn hold_connection(&mut self, slot: u32, socket: Socket) -> u32 {
        let line = &self.switch.lines[slot as usize].plan;
        let carried = Carried { line: line.id, group: line.group, framing: line.framing };
        let resends = line.resend == Resend::Unacked;
        let index = self.free.pop().unwrap_or(self.connections.len() as u32);
        let generation = self.connections.get(index as usize).map_or(0, |connection| connection.generation);
        let connection = Connection {
            socket,
            index,
            generation,
            line: Some(slot),
            carried,
            queue: Queue::default(),
            log: Log::default(),
            resends,
            orphans: None,
            inlet: Inlet::default(),
            receiving: false,
            sending: None,
            in_flight: 0,
            credit: CREDIT_MIN,
            starved: false,
            finished: false,
            closing: None,
        };
        match self.connections.get_mut(index as usize) {
            Some(free) => *free = connection,
            None => self.connections.push(connection),
        }
        self.wires[slot as usize].connection = Some(index);
        self.count_connections();
        index
    }

    /// `MC6-3.3`, `MC6-4.1.2a`: the switch is the client of this line. Past what a turn has time for the line goes on
    /// waiting, and its clock, which has run out, brings it here again.
    pub(super) fn connect(&mut self, slot: u32) {
        let Side::Connect { remote, bind } = self.switch.lines[slot as usize].plan.side else { return };
        if self.connects_begun == limits::CONNECTS_PER_TURN {
            return;
        }
        self.connects_begun += 1;
        self.switch.enter(slot, Phase::Connecting, Cause::Retry, None);
        match self.ring.open(remote, bind) {
            Ok(socket) => {
                let index = self.hold_connection(slot, socket);
                let connection = &mut self.connections[index as usize];
                connection.in_flight += 1;
                let token = connection.token(Kind::Connect);
                self.ring.push(Operation::Connect { token, socket, remote });
                self.schedule(slot);
            }
            Err(error) => self.connect_failed(slot, &error),
        }
    }

    pub(super) fn connected(&mut self, index: u32, completion: Completion) {
        let connection = &mut self.connections[index as usize];
        connection.in_flight -= 1;
        if connection.is_closing() {
            return self.close_if_joined(index);
        }
        let slot = connection.line.expect("a connection that is not closing has its line");
        // A result of 0 is not enough: a connect that an ICMP error met while the kernel held the socket ends
        // with it, too (6.18: prohibited on the way), and only the socket knows that it is not connected.
        let connected = match completion.result {
            error @ ..0 => Err(io::Error::from_raw_os_error(-error)),
            _ => self.ring.connected(connection.socket),
        };
        match connected {
            Ok(remote) => self.line_up(slot, index, Cause::Connected, Some(remote)),
            Err(error) => {
                self.abandon_connect(index, slot);
                self.connect_failed(slot, &error);
            }
        }
    }

    /// No answer within `connect_within`.
    pub(super) fn connect_timed_out(&mut self, slot: u32) {
        if let Some(index) = self.wires[slot as usize].connection {
            let connection = &mut self.connections[index as usize];
            let (token, target) = (connection.token(Kind::Cancel), connection.token(Kind::Connect));
            connection.in_flight += 1;
            self.ring.push(Operation::Cancel { token, target });
            self.abandon_connect(index, slot);
        }
        self.connect_failed(slot, &io::Error::from(io::ErrorKind::TimedOut));
    }

    /// The socket of a failed attempt is closed and never used again (`MC6-5.1`).
    pub(super) fn abandon_connect(&mut self, index: u32, slot: u32) {
        self.wires[slot as usize].connection = None;
        let connection = &mut self.connections[index as usize];
        connection.line = None;
        connection.closing = Some(super::connection::Closing::Reset);
        self.close_if_joined(index);
    }

    /// Timed out, refused and unreachable are told apart (`MC6-5.1`).
    fn connect_failed(&mut self, slot: u32, error: &io::Error) {
        let Side::Connect { remote, .. } = self.switch.lines[slot as usize].plan.side else { return };
        let (reason, text) = match error.raw_os_error() {
            None | Some(libc::ETIMEDOUT) => (Closed::ConnectTimeout, "timed out"),
            Some(libc::ECONNREFUSED | libc::ECONNRESET | libc::ENOTCONN) => (Closed::ConnectRefused, "refused"),
            Some(libc::EHOSTUNREACH | libc::EHOSTDOWN) => (Closed::ConnectUnreachable, "host unreachable"),
            Some(libc::ENETUNREACH | libc::ENETDOWN) => (Closed::ConnectUnreachable, "network unreachable"),
            Some(libc::EACCES | libc::EPERM) => (Closed::ConnectUnreachable, "prohibited on the way"),
            Some(_) => (Closed::ConnectLocal, "failed on this host"),
        };
        let detail = if reason == Closed::ConnectLocal { format!(" ({error})") } else { String::new() };
        let sentence = format!("connect to {remote} {text}{detail}");
        self.switch.lines[slot as usize].shared.status.update(|details| details.last_error = Some(sentence));
        self.switch.down(slot, reason);
        self.after_down(slot);
    }
}
