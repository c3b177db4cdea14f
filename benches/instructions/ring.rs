//! A ring whose kernel is the bench: received bytes and completions are laid out for it, sends
//! complete at once and whole. It does next to nothing, so that what is counted is the shard's.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;

use ringswitch::limits;
use ringswitch::ring::{
    BufferId, Chunks, Completion, Health, Memory, Operation, Received, Region, Ring, Segment, Socket, Token, Wait, Wake,
};
use ringswitch::time::Instant;

const CHUNK_BYTES: usize = 8 << 20;

#[derive(Debug)]
pub struct ScriptedRing {
    pub now: Instant,
    received: Received,
    chunks: Chunks,
    free: VecDeque<BufferId>,
    /// The buffer that is being filled, and how far.
    filling: (BufferId, usize),
    accepts: Vec<(Socket, Token)>,
    /// By socket.
    receives: Vec<Option<Receive>>,
    completions: Vec<Completion>,
    sends: Vec<(Socket, Range<usize>)>,
    segments: Vec<Segment>,
}

/// A receive that is armed.
#[derive(Clone, Copy, Debug)]
struct Receive {
    token: Token,
    left: usize,
}

impl ScriptedRing {
    pub fn new(now: Instant) -> Self {
        let mut free: VecDeque<_> = (0..limits::RECEIVE_BUFFERS).map(BufferId).collect();
        let first = free.pop_front().expect("there are buffers");
        Self {
            now,
            received: Received::new(limits::RECEIVE_BUFFERS).expect("memory"),
            chunks: Chunks::new(CHUNK_BYTES).expect("memory"),
            free,
            filling: (first, 0),
            accepts: Vec::new(),
            receives: Vec::new(),
            completions: Vec::new(),
            sends: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// Somebody connects to a listener; his socket is `socket`.
    pub fn connects(&mut self, listener: Socket, socket: Socket) {
        let (_, token) = self.accepts.iter().find(|(at, _)| *at == listener).expect("the line accepts");
        self.completions.push(Completion { token: *token, result: socket.0, more: true, region: None });
    }

    /// Bytes arrive at a socket: in one piece, but where a receive buffer ends.
    pub fn arrives(&mut self, socket: Socket, mut bytes: &[u8]) {
        let armed = self.receives[socket.0 as usize].as_mut().expect("the line is read");
        let token = armed.token;
        armed.left = armed.left.saturating_sub(bytes.len());
        let goes_on = armed.left > 0;
        if !goes_on {
            self.receives[socket.0 as usize] = None;
        }
        while !bytes.is_empty() {
            let (buffer, offset) = self.filling;
            let room = limits::RECEIVE_BUFFER_BYTES - offset;
            let (piece, rest) = bytes.split_at(bytes.len().min(room));
            self.received.write(buffer, offset as u32, piece);
            let last = piece.len() == room;
            let region = Some(Region { buffer, offset: offset as u32, len: piece.len() as u32, last });
            let more = goes_on || !rest.is_empty();
            self.completions.push(Completion { token, result: piece.len() as i32, more, region });
            self.filling = match last {
                true => (self.free.pop_front().expect("buffers come back"), 0),
                false => (buffer, offset + piece.len()),
            };
            bytes = rest;
        }
    }

    /// What was sent since the last time. To be asked before the next turn, which uses the memory
    /// again.
    pub fn take_sent(&mut self) -> Vec<(Socket, Vec<u8>)> {
        let bytes = |segment: &Segment| match *segment {
            Segment::Received { buffer, offset, len } => self.received.bytes(buffer, offset, len),
            Segment::Chunk { chunk, offset, len } => self.chunks.bytes(chunk, offset, len),
        };
        let whole = |range: &Range<usize>| self.segments[range.clone()].iter().flat_map(bytes).copied().collect();
        let sent = self.sends.iter().map(|(socket, range)| (*socket, whole(range))).collect();
        self.sends.clear();
        self.segments.clear();
        sent
    }
}

impl Ring for ScriptedRing {
    fn now(&self) -> Instant {
        self.now
    }

    #[inline(never)]
    fn push(&mut self, operation: Operation) {
        match operation {
            Operation::Accept { token, listener } => self.accepts.push((listener, token)),
            Operation::Receive { token, socket, limit } => {
                self.receives[socket.0 as usize] = Some(Receive { token, left: limit as usize });
            }
            Operation::Wake { .. } => {}
            other => panic!("not in the script: {other:?}"),
        }
    }

    #[inline(never)]
    fn send(&mut self, token: Token, socket: Socket, segments: &[Segment], _wait: bool) {
        let start = self.segments.len();
        self.segments.extend_from_slice(segments);
        self.sends.push((socket, start..self.segments.len()));
        let bytes: usize = segments.iter().map(Segment::len).sum();
        self.completions.push(Completion { token, result: bytes as i32, more: false, region: None });
    }

    #[inline(never)]
    fn enter(&mut self, _wait: Wait, into: &mut Vec<Completion>) {
        into.append(&mut self.completions);
    }

    fn submit(&mut self) {}

    fn memory(&mut self) -> Memory<'_> {
        Memory { received: &self.received, chunks: &mut self.chunks }
    }

    #[inline(never)]
    fn give_back(&mut self, buffer: BufferId) {
        self.free.push_back(buffer);
    }

    fn buffers_free(&self) -> usize {
        self.free.len()
    }

    fn open(&mut self, _remote: SocketAddr, _bind: Option<SocketAddr>) -> io::Result<Socket> {
        panic!("not in the script: every line listens");
    }

    fn admitted(&mut self, socket: Socket) -> io::Result<()> {
        let sockets = self.receives.len().max(socket.0 as usize + 1);
        self.receives.resize(sockets, None);
        Ok(())
    }

    fn connected(&self, socket: Socket) -> io::Result<SocketAddr> {
        self.remote(socket)
    }

    fn remote(&self, socket: Socket) -> io::Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, 40_000 + socket.0 as u16).into())
    }

    fn local(&self, _socket: Socket) -> io::Result<SocketAddr> {
        Ok((Ipv4Addr::LOCALHOST, 7_000).into())
    }

    fn health(&self, _socket: Socket) -> io::Result<Health> {
        Ok(Health::default())
    }

    /// Every peer is quick.
    fn unacknowledged(&self, _socket: Socket) -> io::Result<u64> {
        Ok(0)
    }

    fn reset(&mut self, socket: Socket) {
        panic!("not in the script: {socket:?} is reset");
    }

    fn close(&mut self, socket: Socket) {
        panic!("not in the script: {socket:?} is closed");
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(Awake)
    }
}

/// Shards here turn when the bench says so.
#[derive(Debug)]
struct Awake;

impl Wake for Awake {
    fn wake(&self) {}
}
