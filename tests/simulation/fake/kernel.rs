//! What the kernel's side of one ring remembers between two enters.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringswitch::limits;
use ringswitch::ring::{BufferId, Completion, Segment, Socket, Token};
use ringswitch::time::Instant;

use super::endpoint::{Incoming, Phase};
use super::network::Network;

/// An operation under way.
#[derive(Debug)]
pub struct Pending {
    pub token: Token,
    pub socket: Socket,
    pub work: Work,
}

#[derive(Debug)]
pub enum Work {
    Accept,
    Connect,
    /// `left` bytes until it ends by itself, and at most `each` at a time.
    Receive {
        left: Option<usize>,
        each: usize,
    },
    Send {
        segments: Vec<Segment>,
        given: usize,
        wait: bool,
    },
}

impl Pending {
    /// Would its turn bring a completion, or move bytes?
    pub fn is_ready(&self, network: &Network) -> bool {
        match &self.work {
            Work::Accept => !network.listeners[&self.socket.0].waiting.is_empty(),
            Work::Connect => network.endpoint(self.socket.0).phase != Phase::Connecting,
            Work::Receive { .. } => network.endpoint(self.socket.0).incoming() != Incoming::Nothing,
            Work::Send { .. } => {
                let endpoint = network.endpoint(self.socket.0);
                endpoint.room() > 0 || endpoint.dead || endpoint.error.is_some()
            }
        }
    }
}

/// A completion that is on its way to the ring.
#[derive(Clone, Copy, Debug)]
pub struct Posted {
    pub due: Instant,
    pub socket: Option<Socket>,
    pub completion: Completion,
    /// Not to be left for a later enter.
    pub this_enter: bool,
}

/// The buffers that the ring has lent. One after the other they are filled bit by bit, for whichever socket.
#[derive(Debug)]
pub struct Buffers {
    lent: VecDeque<BufferId>,
    filled: usize,
    /// By buffer: it is with the kernel.
    with_kernel: Vec<bool>,
}

impl Buffers {
    pub fn new(count: u16) -> Self {
        let lent = (0..count).map(BufferId).collect();
        Self { lent, filled: 0, with_kernel: vec![true; usize::from(count)] }
    }

    pub fn lend(&mut self, buffer: BufferId) {
        let with_kernel = &mut self.with_kernel[usize::from(buffer.0)];
        assert!(!*with_kernel, "{buffer:?} was given back, but the kernel has it");
        *with_kernel = true;
        self.lent.push_back(buffer);
    }

    pub fn free(&self) -> usize {
        self.lent.len()
    }

    /// The place that is filled next.
    pub fn place(&self) -> Option<(BufferId, usize)> {
        self.lent.front().map(|buffer| (*buffer, self.filled))
    }

    /// Uses up `bytes` of the place; whether that was the last of the buffer.
    pub fn fill(&mut self, bytes: usize) -> bool {
        self.filled += bytes;
        let last = self.filled == limits::RECEIVE_BUFFER_BYTES;
        if last {
            let buffer = self.lent.pop_front().expect("a buffer was being filled");
            self.with_kernel[usize::from(buffer.0)] = false;
            self.filled = 0;
        }
        last
    }
}

/// What a ring last waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    pub deadline: Instant,
    pub want: u32,
}

#[derive(Debug)]
pub struct Kernel {
    pub pending: VecDeque<Pending>,
    pub posted: Vec<Posted>,
    pub buffers: Buffers,
    pub wish: Option<Wish>,
    /// Somebody has ended the wait since the last enter.
    pub woken: Arc<AtomicBool>,
    /// Its thread has ended: nobody enters the ring any more.
    pub retired: bool,
    in_flight: BTreeMap<i32, u32>,
    /// The last operation that was begun on each open socket.
    last: BTreeMap<i32, Token>,
}

impl Kernel {
    pub fn new(receive_buffers: u16) -> Self {
        Self {
            pending: VecDeque::new(),
            posted: Vec::new(),
            buffers: Buffers::new(receive_buffers),
            wish: None,
            woken: Arc::default(),
            retired: false,
            in_flight: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    pub fn begin(&mut self, token: Token, socket: Socket) {
        self.last.insert(socket.0, token);
        *self.in_flight.entry(socket.0).or_default() += 1;
    }

    pub fn end(&mut self, socket: Socket) {
        let count = self.in_flight.get_mut(&socket.0).expect("one end for each begin");
        *count -= 1;
        if *count == 0 {
            self.in_flight.remove(&socket.0);
        }
    }

    /// The socket is closed. The token of its last operation, if it had one.
    pub fn forget(&mut self, socket: Socket) -> Option<Token> {
        self.last.remove(&socket.0)
    }

    /// Operations on the socket of which the last completion has not been handed out.
    pub fn in_flight(&self, socket: Socket) -> u32 {
        self.in_flight.get(&socket.0).copied().unwrap_or(0)
    }

    pub fn sends_from(&self, buffer: BufferId) -> bool {
        let refers = |segment: &Segment| matches!(segment, Segment::Received { buffer: of, .. } if *of == buffer);
        self.pending.iter().any(|pending| match &pending.work {
            Work::Send { segments, .. } => segments.iter().any(refers),
            _ => false,
        })
    }

    /// Would an enter bring something now?
    pub fn is_due(&self, network: &Network) -> bool {
        self.woken.load(Ordering::Relaxed)
            || self.wish.is_some_and(|wish| wish.deadline <= network.now)
            || self.posted.iter().any(|posted| posted.due <= network.now)
            || self.pending.iter().any(|pending| pending.is_ready(network))
    }

    /// When an enter brings something, if nothing happens before.
    pub fn next_event(&self) -> Option<Instant> {
        if self.retired {
            return None;
        }
        let deadline = self.wish.map(|wish| wish.deadline).filter(|deadline| *deadline != Instant::NEVER);
        self.posted.iter().map(|posted| posted.due).chain(deadline).min()
    }
}
