//! One line of the member: its socket, or the wait for one.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use super::sockets;
use super::stream::{Input, Output};
use super::verdict::{LineReport, LineState};
use crate::config::plan::{Line, Side};
use crate::time::{Instant, Span};

/// A connection that lived so long shows that the peer is well: the next pause is the first again.
const STEADY: Span = Span::from_secs(1);

#[derive(Debug)]
enum Phase {
    /// Waits to be connected to.
    Listening,
    Waiting {
        until: Instant,
    },
    Connecting {
        stream: TcpStream,
        until: Instant,
    },
    Up {
        stream: TcpStream,
        since: Instant,
    },
    /// Down until it is restored.
    Broken,
}

/// What one receive brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    Bytes,
    Nothing,
    /// The connection has ended, or failed.
    Ended,
}

#[derive(Debug)]
pub struct Connection {
    pub line: Arc<Line>,
    pub input: Input,
    pub output: Output,
    pub report: LineReport,
    token: Token,
    bind: Option<IpAddr>,
    listener: Option<TcpListener>,
    phase: Phase,
    pause: Span,
    attempts: u64,
    /// More may wait in the socket: events come for changes only.
    readable: bool,
    /// The peer's end has been announced: a short receive is not the last.
    ending: bool,
    writable: bool,
    last_received: Instant,
    last_sent: Instant,
}

impl Connection {
    /// The line with its listening socket, if it is the switch that connects.
    ///
    /// # Errors
    /// The listening socket cannot be bound.
    pub fn open(line: Arc<Line>, token: Token, bind: Option<IpAddr>, registry: &Registry) -> io::Result<Self> {
        let listener = match line.side {
            Side::Listen(_) => None,
            Side::Connect { remote, .. } => {
                let mut listener = sockets::listen(remote)?;
                registry.register(&mut listener, Token(token.0 + 1), Interest::READABLE)?;
                Some(listener)
            }
        };
        let phase = if listener.is_some() { Phase::Listening } else { Phase::Waiting { until: Instant(0) } };
        Ok(Self {
            input: Input::new(line.framing),
            output: Output::default(),
            report: new_report(&line),
            token,
            bind,
            listener,
            phase,
            pause: line.timers.reconnect_first,
            attempts: 0,
            readable: false,
            ending: false,
            writable: false,
            last_received: Instant(0),
            last_sent: Instant(0),
            line,
        })
    }

    /// The member may send on it: the switch receives.
    pub fn sends(&self) -> bool {
        self.line.flow.receives()
    }

    /// The member receives on it: the switch sends.
    pub fn receives(&self) -> bool {
        self.line.flow.sends()
    }

    pub fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up { .. })
    }

    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// Marks what an event of the connection's own token said. True: the line came up.
    pub fn on_event(&mut self, event: &mio::event::Event, now: Instant) -> bool {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.ending |= event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable();
        let Phase::Connecting { stream, .. } = &self.phase else { return false };
        let failed = matches!(stream.take_error(), Ok(Some(_)) | Err(_));
        if failed {
            self.wait(now);
            return false;
        }
        if stream.peer_addr().is_err() {
            return false; // not connected yet
        }
        let Phase::Connecting { stream, .. } = std::mem::replace(&mut self.phase, Phase::Broken) else {
            unreachable!("matched above");
        };
        self.up(stream, now);
        true
    }

    /// Takes the newest of the waiting connections.
    pub fn accept(&mut self, registry: &Registry) -> Option<TcpStream> {
        let mut newest = None;
        while let Some(Ok((stream, _))) = self.listener.as_ref().map(TcpListener::accept) {
            newest = Some(stream);
        }
        let mut stream = newest?;
        if matches!(self.phase, Phase::Broken) {
            sockets::reset(stream);
            return None;
        }
        stream.set_nodelay(true).ok()?;
        registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE).ok()?;
        Some(stream)
    }

    /// The line is up over `stream`.
    pub fn up(&mut self, stream: TcpStream, now: Instant) {
        self.phase = Phase::Up { stream, since: now };
        self.report.connects += 1;
        self.input.clear();
        (self.readable, self.writable, self.ending) = (true, true, false);
        (self.last_received, self.last_sent) = (now, now);
    }

    /// Connects, or gives up connecting, when it is time to.
    pub fn tick(&mut self, registry: &Registry, now: Instant) {
        match self.phase {
            Phase::Waiting { until } if now >= until => self.connect(registry, now),
            Phase::Connecting { until, .. } if now >= until => self.wait(now),
            _ => {}
        }
    }

    fn connect(&mut self, registry: &Registry, now: Instant) {
        let Side::Listen(address) = self.line.side else { unreachable!("the switch connects to the others") };
        let remote = sockets::reachable(address);
        let local = self.bind.or_else(|| sockets::source(remote, &self.line.allow));
        let begun = sockets::connect(remote, local).and_then(|mut stream| {
            registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        });
        match begun {
            Ok(stream) => {
                self.phase = Phase::Connecting { stream, until: now + self.line.timers.connect_within };
            }
            Err(_) => self.wait(now), // the address may come to exist; the state tells the operator
        }
    }

    /// Pauses before the next attempt: doubling, with up to a quarter more so that lines that broke
    /// together do not come back together.
    fn wait(&mut self, now: Instant) {
        self.attempts += 1;
        let scatter = super::pattern::mix(self.attempts ^ (self.token.0 as u64) << 32) % 256;
        let pause = Span(self.pause.0 + self.pause.0 / 1024 * scatter);
        self.pause = Span(self.pause.0 * 2).min(self.line.timers.reconnect_longest);
        self.phase = Phase::Waiting { until: now + pause };
    }

    /// One receive into the input.
    pub fn receive(&mut self, input: &mut Input, now: Instant) -> Received {
        let Phase::Up { stream, .. } = &mut self.phase else {
            self.readable = false;
            return Received::Nothing;
        };
        match input.receive(stream) {
            Ok((0, _)) => Received::Ended,
            Ok((_, full)) => {
                self.readable = full || self.ending;
                self.last_received = now;
                Received::Bytes
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Received::Nothing
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Received::Nothing,
            Err(_) => Received::Ended,
        }
    }

    /// Gives the kernel what waits. False: the connection has failed.
    pub fn flush(&mut self, now: Instant) -> bool {
        let Phase::Up { stream, .. } = &mut self.phase else { return true };
        if self.output.waiting() == 0 || !self.writable {
            return true;
        }
        self.last_sent = now;
        match self.output.flush(self.line.framing, stream) {
            Ok(all) => {
                self.writable = all;
                true
            }
            Err(_) => false,
        }
    }

    /// The probe that the switch expects from this member after `probe_after` of silence.
    pub fn probe(&mut self, now: Instant) {
        let silent = now.since(self.last_sent) >= self.line.timers.probe_after;
        if self.line.expect && self.sends() && self.is_up() && self.output.waiting() == 0 && silent {
            self.output.bytes().extend_from_slice(self.line.framing.prefix.probe());
            self.report.probes_out += 1;
        }
    }

    /// A switch that probes has been silent for longer than it may be (`MP1-4.5.5c`, `MC6-5.4.2`).
    pub fn is_silent(&self, now: Instant) -> bool {
        let silent = now.since(self.last_received) >= self.line.timers.silent_after;
        self.line.probe && self.receives() && self.is_up() && silent
    }

    /// Ends the connection; with `hard` by a reset. What was to be sent stays in `output`.
    pub fn close(&mut self, hard: bool, now: Instant) {
        let next = if self.listener.is_some() { Phase::Listening } else { Phase::Waiting { until: now } };
        if let Phase::Up { stream, since } = std::mem::replace(&mut self.phase, next) {
            self.report.breaks += 1;
            if hard {
                sockets::reset(stream);
            }
            if now.since(since) >= STEADY {
                self.pause = self.line.timers.reconnect_first;
            }
        }
        if self.listener.is_none() {
            self.wait(now);
        }
        self.readable = false;
    }

    /// Stays down until [`Connection::restore`]. The caller has closed it.
    pub fn keep_down(&mut self) {
        self.phase = Phase::Broken;
    }

    pub fn restore(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Broken) {
            self.pause = self.line.timers.reconnect_first;
            self.phase = if self.listener.is_some() { Phase::Listening } else { Phase::Waiting { until: now } };
        }
    }

    pub fn state(&self) -> LineState {
        match self.phase {
            Phase::Listening => LineState::Listening,
            Phase::Waiting { .. } => LineState::Waiting,
            Phase::Connecting { .. } => LineState::Connecting,
            Phase::Up { .. } => LineState::Up,
            Phase::Broken => LineState::Broken,
        }
    }
}

fn new_report(line: &Line) -> LineReport {
    LineReport {
        name: line.name.clone(),
        state: LineState::Waiting,
        frames_in: 0,
        frames_out: 0,
        probes_in: 0,
        probes_out: 0,
        in_flight: 0,
        connects: 0,
        breaks: 0,
        quiet: false,
    }
}
