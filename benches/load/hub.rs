//! Connections on a ring and whoever plays them: receives, queues, one send a line and turn.

use std::net::TcpStream;
use std::os::fd::IntoRawFd;

use ringswitch::ring::token::{Kind, Token};
use ringswitch::ring::uring::{Config, Uring};
use ringswitch::ring::{BufferId, Chunks, Completion, Operation, Ring, Socket, Wait};
use ringswitch::shard::queue::Queue;
use ringswitch::time::{Instant, Span};

/// Queues of all lines together; address space until it is used.
const QUEUES_BYTES: usize = 256 * 1024 * 1024;

/// Who answers what comes in.
pub trait Player {
    /// Bytes of a line, from a boundary on that the player chose itself. Returns how many it is
    /// done with; the rest comes again, with more behind it.
    fn received(&mut self, out: &mut Out<'_>, line: u32, bytes: &[u8], now: Instant) -> usize;
}

pub struct Hub {
    ring: Uring,
    lines: Vec<Line>,
    dirty: Vec<u32>,
    to_arm: Vec<u32>,
    passed: Vec<BufferId>,
    completions: Vec<Completion>,
    closed: usize,
}

struct Line {
    socket: Socket,
    queue: Queue,
    /// The beginning of what the player could not take yet.
    rest: Vec<u8>,
    sending: Option<usize>,
    dirty: bool,
}

/// What a player writes to.
pub struct Out<'a> {
    lines: &'a mut [Line],
    dirty: &'a mut Vec<u32>,
    chunks: &'a mut Chunks,
}

impl Out<'_> {
    /// Queues bytes on a line; they leave at the next turn.
    pub fn append(&mut self, line: u32, parts: &[&[u8]]) {
        let index = line as usize;
        self.lines[index].queue.append(self.chunks, parts).expect("room for what a closed loop has under way");
        mark(&mut self.lines[index], self.dirty, line);
    }
}

fn mark(line: &mut Line, dirty: &mut Vec<u32>, index: u32) {
    if !line.dirty {
        line.dirty = true;
        dirty.push(index);
    }
}

impl Hub {
    /// Lines over connected sockets, numbered in their order.
    pub fn new(streams: Vec<TcpStream>) -> Self {
        let ring = Uring::new(Config::new(streams.len(), QUEUES_BYTES)).expect("a ring");
        let ring = ring.enable().expect("a ring of this thread");
        let lines: Vec<Line> = streams.into_iter().map(Line::new).collect();
        let to_arm = (0..lines.len() as u32).collect();
        let (dirty, passed, completions) = (Vec::new(), Vec::new(), Vec::new());
        Self { ring, lines, dirty, to_arm, passed, completions, closed: 0 }
    }

    pub fn now(&self) -> Instant {
        self.ring.now()
    }

    /// Lines whose peer has closed.
    pub fn closed(&self) -> usize {
        self.closed
    }

    /// For what a player says unasked.
    pub fn out(&mut self) -> Out<'_> {
        Out { lines: &mut self.lines, dirty: &mut self.dirty, chunks: self.ring.memory().chunks }
    }

    /// Sends what is queued, waits until something comes or the time is over, and plays it.
    pub fn turn(&mut self, player: &mut impl Player, longest: Span) {
        let deadline = self.ring.now() + longest;
        self.turn_with(player, Wait::Until { deadline, want: 1, min_wait: Span::ZERO });
    }

    /// The same without waiting, for a load that has a processor to itself and must not be late.
    pub fn poll(&mut self, player: &mut impl Player) {
        self.turn_with(player, Wait::No);
    }

    fn turn_with(&mut self, player: &mut impl Player, wait: Wait) {
        self.flush();
        self.passed.drain(..).for_each(|buffer| self.ring.give_back(buffer));
        self.arm();
        self.ring.enter(wait, &mut self.completions);
        let now = self.ring.now();
        let mut completions = std::mem::take(&mut self.completions);
        for completion in completions.drain(..) {
            match completion.token.kind() {
                Kind::Send => self.sent(completion),
                _ => self.received(player, completion, now),
            }
        }
        self.completions = completions;
    }

    fn flush(&mut self) {
        let mut segments = Vec::new();
        for index in self.dirty.drain(..) {
            let line = &mut self.lines[index as usize];
            line.dirty = false;
            if line.sending.is_some() || line.queue.is_empty() {
                continue;
            }
            line.sending = Some(line.queue.segments(&mut segments));
            self.ring.send(Token::new(Kind::Send, index, 0), line.socket, &segments, true);
        }
    }

    fn arm(&mut self) {
        for index in self.to_arm.drain(..) {
            let (token, socket) = (Token::new(Kind::Receive, index, 0), self.lines[index as usize].socket);
            self.ring.push(Operation::Receive { token, socket, limit: 0 });
        }
    }

    fn sent(&mut self, completion: Completion) {
        let index = completion.token.slot();
        let line = &mut self.lines[index as usize];
        let asked = line.sending.take().expect("one send in flight");
        let given = completion.result.max(0) as usize;
        line.queue.consume(self.ring.memory().chunks, given);
        if given < asked {
            self.closed += 1;
            line.queue.clear(self.ring.memory().chunks);
        } else if !line.queue.is_empty() {
            mark(line, &mut self.dirty, index);
        }
    }

    fn received(&mut self, player: &mut impl Player, completion: Completion, now: Instant) {
        let index = completion.token.slot();
        if let Some(region) = completion.region {
            let memory = self.ring.memory();
            let bytes = memory.received.bytes(region.buffer, region.offset, region.len);
            let mut rest = std::mem::take(&mut self.lines[index as usize].rest);
            let mut out = Out { lines: &mut self.lines, dirty: &mut self.dirty, chunks: memory.chunks };
            if rest.is_empty() {
                let taken = player.received(&mut out, index, bytes, now);
                rest.extend_from_slice(&bytes[taken..]);
            } else {
                rest.extend_from_slice(bytes);
                let taken = player.received(&mut out, index, &rest, now);
                rest.drain(..taken);
            }
            self.lines[index as usize].rest = rest;
            if region.last {
                self.passed.push(region.buffer);
            }
        }
        if completion.more {
            return;
        }
        if completion.result > 0 || completion.result == -libc::ENOBUFS {
            self.to_arm.push(index);
        } else {
            self.closed += 1;
        }
    }
}

impl Line {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        let socket = Socket(stream.into_raw_fd());
        Self { socket, queue: Queue::default(), rest: Vec::new(), sending: None, dirty: false }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Shut down first: a socket with a receive armed sends no FIN when it is closed.
        for (index, line) in self.lines.iter().enumerate() {
            let token = Token::new(Kind::Shutdown, index as u32, 0);
            self.ring.push(Operation::Shutdown { token, socket: line.socket, how: ringswitch::ring::How::Both });
        }
        self.completions.clear();
        self.ring.enter(Wait::No, &mut self.completions);
        for line in &self.lines {
            self.ring.close(line.socket);
        }
    }
}
