//! One line at our end: its socket, or the wait for one, and what has been seen on it.

#![expect(clippy::disallowed_methods, reason = "a socket that takes no bytes is waited for in naps")]

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};

use super::Part;
use crate::config::plan::{Line, Side};
use crate::simulate::clock::Clock;
use crate::simulate::sockets;
use crate::simulate::stream::{Input, Next};
use crate::time::{Instant, Span};

/// How long a peer may take no bytes of what is sent.
const SEND_WITHIN: Span = Span::from_secs(5);

pub const NAP: Span = Span::from_micros(500);

enum State {
    Down { until: Instant },
    Connecting { stream: TcpStream, until: Instant },
    Up { stream: TcpStream },
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Fin,
    Reset,
    /// By us.
    Ours,
}

/// All that the peer did on one line. Clauses compare two looks.
#[derive(Clone, Default, Debug)]
pub struct Seen {
    pub connections: u64,
    pub frames: u64,
    pub probes: u64,
    /// Connections that ended.
    pub ends: u64,
    pub last_end: Option<(Instant, End)>,
    /// Bytes of a frame that had begun when the last connection ended.
    pub begun: usize,
    /// The silence of the peer in front of its last probe.
    pub probe_gap: Option<Span>,
    /// The first length prefix that was none, or what of it had come.
    pub malformed: Option<Vec<u8>>,
    /// Connections from addresses that `allow` does not hold.
    pub foreign: u64,
    /// Connections while there was one already.
    pub seconds: u64,
    pub last_received: Instant,
}

pub struct Wire {
    pub line: Arc<Line>,
    part: Part,
    clock: Clock,
    listener: Option<TcpListener>,
    bind: Option<IpAddr>,
    state: State,
    input: Input,
    pub seen: Seen,
    /// Frames that nobody has looked at yet.
    pub frames: Vec<Vec<u8>>,
    /// We send nothing, probes included.
    pub mute: bool,
    /// Once down, it is left down.
    pub left_down: bool,
    /// It did not come back: it is not waited for again.
    pub gone: bool,
    last_sent: Instant,
}

impl Wire {
    pub fn open(line: Arc<Line>, part: Part, bind: Option<IpAddr>, clock: Clock) -> io::Result<Self> {
        let (Side::Listen(address) | Side::Connect { remote: address, .. }) = line.side;
        let listener = if part.listens(&line) { Some(sockets::listen(address)?) } else { None };
        Ok(Self {
            input: Input::new(line.framing),
            line,
            part,
            clock,
            listener,
            bind,
            state: State::Down { until: Instant(0) },
            seen: Seen::default(),
            frames: Vec::new(),
            mute: false,
            left_down: false,
            gone: false,
            last_sent: Instant(0),
        })
    }

    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    pub fn last_sent(&self) -> Instant {
        self.last_sent
    }

    /// Does what is due and takes what has come.
    pub fn turn(&mut self) {
        let now = self.clock.now();
        self.receive(now);
        self.accept(now);
        self.connect(now);
        if self.part.probes(&self.line) && now.since(self.last_sent) >= self.line.timers.probe_after && !self.mute {
            self.send(self.line.framing.prefix.probe());
        }
    }

    fn accept(&mut self, now: Instant) {
        while let Some(Ok((stream, remote))) = self.listener.as_ref().map(TcpListener::accept) {
            if self.part == Part::Switch && !self.line.allow.contains(remote.ip()) {
                self.seen.foreign += 1;
                sockets::reset(stream);
            } else if self.is_up() || self.left_down {
                self.seen.seconds += u64::from(self.is_up());
                sockets::reset(stream);
            } else {
                let _ = stream.set_nodelay(true); // pieces may then be joined, no more
                self.up(stream, now);
            }
        }
    }

    fn connect(&mut self, now: Instant) {
        match &self.state {
            State::Down { until } if self.listener.is_none() && !self.left_down && now >= *until => {
                self.state = match self.dial() {
                    Ok(stream) => State::Connecting { stream, until: now + self.line.timers.connect_within },
                    Err(_) => self.pause(now),
                };
            }
            State::Connecting { stream, until } => {
                let failed = matches!(stream.take_error(), Ok(Some(_)) | Err(_));
                if failed || now >= *until {
                    self.state = self.pause(now);
                } else if stream.peer_addr().is_ok()
                    && let State::Connecting { stream, .. } =
                        std::mem::replace(&mut self.state, State::Down { until: now })
                {
                    self.up(stream, now);
                }
            }
            _ => {}
        }
    }

    fn pause(&self, now: Instant) -> State {
        State::Down { until: now + self.line.timers.reconnect_first }
    }

    /// Where we connect to.
    pub fn remote(&self) -> SocketAddr {
        let (Side::Listen(address) | Side::Connect { remote: address, .. }) = self.line.side;
        sockets::reachable(address)
    }

    /// Begins a connection to the peer's port from an address of our choice.
    pub fn dial_from(&self, local: IpAddr) -> io::Result<TcpStream> {
        sockets::connect(self.remote(), Some(local))
    }

    /// Begins another connection to the peer's port.
    pub fn dial(&self) -> io::Result<TcpStream> {
        let remote = self.remote();
        let configured = match self.line.side {
            Side::Connect { bind, .. } => bind.map(|address| address.ip()),
            Side::Listen(_) => sockets::source(remote, &self.line.allow),
        };
        sockets::connect(remote, self.bind.or(configured))
    }

    fn up(&mut self, stream: TcpStream, now: Instant) {
        self.state = State::Up { stream };
        self.input.clear();
        self.frames.clear();
        self.seen.connections += 1;
        self.seen.last_received = now;
        self.last_sent = now;
        self.gone = false;
    }

    fn receive(&mut self, now: Instant) {
        loop {
            let State::Up { stream } = &mut self.state else { return };
            match self.input.receive(stream) {
                Ok((0, _)) => return self.ended(End::Fin, now),
                Ok(_) => self.take_frames(now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.ended(End::Reset, now),
            }
        }
    }

    fn take_frames(&mut self, now: Instant) {
        let mut at = 0;
        loop {
            match self.input.next(self.line.framing, &mut at) {
                Next::Frame(data) => {
                    self.frames.push(data.to_vec());
                    self.seen.frames += 1;
                }
                Next::Probe => {
                    self.seen.probes += 1;
                    self.seen.probe_gap = Some(now.since(self.seen.last_received));
                }
                Next::Part => break,
                Next::Malformed => {
                    let rest = self.input.rest(at);
                    let prefix = rest[..rest.len().min(self.line.framing.prefix.bytes())].to_vec();
                    self.seen.malformed.get_or_insert(prefix);
                    return self.reset();
                }
            }
            self.seen.last_received = now;
        }
        self.input.forget(at);
    }

    fn ended(&mut self, end: End, now: Instant) {
        self.seen.ends += 1;
        self.seen.last_end = Some((now, end));
        self.seen.begun = self.input.rest(0).len();
        self.state = self.pause(now);
    }

    /// Gives the bytes to the kernel at once. False: the line is not up, or fails.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        let State::Up { stream } = &mut self.state else { return false };
        let until = self.clock.now() + SEND_WITHIN;
        let mut sent = 0;
        while sent < bytes.len() {
            match stream.write(&bytes[sent..]) {
                Ok(0) => return false,
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.clock.now() < until => {
                    std::thread::sleep(NAP.as_duration());
                }
                Err(_) => return false, // the next receive says what has become of it
            }
        }
        self.last_sent = self.clock.now();
        true
    }

    /// Requests the disconnect (`MP1-4.5.3`); what the peer sends is still taken.
    pub fn finish(&mut self) {
        self.mute = true;
        if let State::Up { stream } = &self.state {
            let _ = stream.shutdown(Shutdown::Write); // a connection that has gone shows by the receive
        }
    }

    /// Breaks the connection.
    pub fn reset(&mut self) {
        let now = self.clock.now();
        let state = self.pause(now);
        if let State::Up { stream } = std::mem::replace(&mut self.state, state) {
            sockets::reset(stream);
            self.seen.ends += 1;
            self.seen.last_end = Some((now, End::Ours));
        }
    }
}

/// Whether the peer has ended a connection that is no wire's.
pub fn has_ended(stream: &mut TcpStream) -> bool {
    let mut scratch = [0; 4096];
    loop {
        match stream.read(&mut scratch) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}
