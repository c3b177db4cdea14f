//! The kernel's own ring with somebody at its door: operations are added, completions come twice or
//! late, and what passes is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ringswitch::ring::token::Kind;
use ringswitch::ring::uring::Uring;
use ringswitch::ring::{BufferId, Completion, Health, Memory, Operation, Ring, Segment, Socket, Token, Wait, Wake};
use ringswitch::time::Instant;

/// What is done to the ring.
#[derive(Default, Debug)]
pub struct Orders {
    /// Cancels of nobody, pushed before the next enter: each is one entry of both queues.
    pub cancels: usize,
    /// Completions of operations whose slot is used by others now come once more.
    pub stale: bool,
    /// Sends that need not wait are cut to so many bytes.
    pub cut: Option<Cut>,
}

/// Every length in turn, from one byte on.
#[derive(Debug)]
pub struct Cut {
    pub next: usize,
    pub most: usize,
}

/// What was seen.
#[derive(Default, Debug)]
pub struct Seen {
    pub armed: usize,
    pub without_buffer: usize,
    /// Receives that ended on a success.
    pub ended_with_bytes: usize,
    pub cancels: usize,
    pub cancels_back: usize,
    pub most_in_an_enter: usize,
    pub again: usize,
    /// How often each descriptor was a connection's.
    pub descriptors: BTreeMap<i32, usize>,
    /// The lengths after which the kernel, or the cut, stopped a send.
    pub cuts: BTreeSet<usize>,
    pub faulted: usize,
}

/// The token of the cancels that are pushed here.
const NOBODY: Token = Token::new(Kind::Cancel, Token::SLOT_LIMIT - 2, 77);

pub struct Pressed {
    ring: Uring,
    pub orders: Orders,
    pub seen: Seen,
    /// The last completion of each kind and slot, to come again later.
    remembered: BTreeMap<(u8, u32), Completion>,
    again: Vec<Completion>,
    /// Sends under way: their bytes, and for how many enters they have been.
    asked: BTreeMap<u64, (usize, u32)>,
}

impl Pressed {
    pub fn new(ring: Uring) -> Self {
        let (orders, seen) = (Orders::default(), Seen::default());
        Self { ring, orders, seen, remembered: BTreeMap::new(), again: Vec::new(), asked: BTreeMap::new() }
    }

    /// Whether a send has been under way for so long that it waits for its peer.
    pub fn a_send_waits(&self) -> bool {
        self.asked.values().any(|(_, enters)| *enters > 20)
    }

    /// A slot is used by another generation: what the one before said comes once more.
    fn used_again(&mut self, token: Token) {
        if !self.orders.stale {
            return;
        }
        for kind in [Kind::Receive, Kind::Send, Kind::Cancel, Kind::Shutdown] {
            let key = (kind as u8, token.slot());
            let old = self.remembered.get(&key).is_some_and(|old| old.token.generation() != token.generation());
            if old && let Some(completion) = self.remembered.remove(&key) {
                self.again.push(completion);
            }
        }
    }

    fn note(&mut self, completion: &Completion) {
        let seen = &mut self.seen;
        seen.faulted += usize::from(completion.result == -libc::EFAULT);
        match completion.token.kind() {
            Kind::Accept if completion.result >= 0 => {
                *seen.descriptors.entry(completion.result).or_default() += 1;
            }
            Kind::Receive if !completion.more => {
                seen.without_buffer += usize::from(completion.result == -libc::ENOBUFS);
                seen.ended_with_bytes += usize::from(completion.result > 0);
            }
            Kind::Send => {
                let asked = self.asked.remove(&completion.token.to_bits());
                if let Some((asked, _)) = asked
                    && completion.result > 0
                    && (completion.result as usize) < asked
                {
                    self.seen.cuts.insert(completion.result as usize);
                }
            }
            _ => {}
        }
        // Without the bytes: the buffer they lay in is counted once.
        let over = Completion { more: false, region: None, ..*completion };
        if !completion.more && completion.token.kind() != Kind::Accept {
            self.remembered.insert((completion.token.kind() as u8, completion.token.slot()), over);
        }
    }
}

impl Ring for Pressed {
    fn now(&self) -> Instant {
        self.ring.now()
    }

    fn push(&mut self, operation: Operation) {
        if let Operation::Receive { token, .. } = operation {
            self.seen.armed += 1;
            self.used_again(token);
        }
        self.ring.push(operation);
    }

    fn send(&mut self, token: Token, socket: Socket, segments: &[Segment], wait: bool) {
        self.used_again(token);
        let whole: usize = segments.iter().map(length).sum();
        self.asked.insert(token.to_bits(), (whole, 0));
        let Some(cut) = self.orders.cut.as_mut().filter(|_| !wait) else {
            return self.ring.send(token, socket, segments, wait);
        };
        let most = cut.next;
        cut.next = cut.next % cut.most + 1;
        self.ring.send(token, socket, &shortened(segments, most), wait);
    }

    fn enter(&mut self, wait: Wait, into: &mut Vec<Completion>) {
        for _ in 0..std::mem::take(&mut self.orders.cancels) {
            let target = Token::new(Kind::Receive, Token::SLOT_LIMIT - 3, 77);
            self.ring.push(Operation::Cancel { token: NOBODY, target });
            self.seen.cancels += 1;
        }
        let mut came = Vec::new();
        self.ring.enter(wait, &mut came);
        self.asked.values_mut().for_each(|(_, enters)| *enters += 1);
        self.seen.most_in_an_enter = self.seen.most_in_an_enter.max(came.len());
        for completion in came {
            if completion.token == NOBODY {
                self.seen.cancels_back += 1;
                continue;
            }
            self.note(&completion);
            into.push(completion);
        }
        self.seen.again += self.again.len();
        into.append(&mut self.again);
    }

    fn submit(&mut self) {
        self.ring.submit();
    }

    fn memory(&mut self) -> Memory<'_> {
        self.ring.memory()
    }

    fn give_back(&mut self, buffer: BufferId) {
        self.ring.give_back(buffer);
    }

    fn buffers_free(&self) -> usize {
        self.ring.buffers_free()
    }

    fn open(&mut self, remote: SocketAddr, bind: Option<SocketAddr>) -> io::Result<Socket> {
        self.ring.open(remote, bind)
    }

    fn admitted(&mut self, socket: Socket) -> io::Result<()> {
        self.ring.admitted(socket)
    }

    fn connected(&self, socket: Socket) -> io::Result<SocketAddr> {
        self.ring.connected(socket)
    }

    fn remote(&self, socket: Socket) -> io::Result<SocketAddr> {
        self.ring.remote(socket)
    }

    fn local(&self, socket: Socket) -> io::Result<SocketAddr> {
        self.ring.local(socket)
    }

    fn health(&self, socket: Socket) -> io::Result<Health> {
        self.ring.health(socket)
    }

    fn unacknowledged(&self, socket: Socket) -> io::Result<u64> {
        self.ring.unacknowledged(socket)
    }

    fn reset(&mut self, socket: Socket) {
        self.ring.reset(socket);
    }

    fn close(&mut self, socket: Socket) {
        self.ring.close(socket);
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.ring.waker()
    }
}

const fn length(segment: &Segment) -> usize {
    match *segment {
        Segment::Received { len, .. } | Segment::Chunk { len, .. } => len as usize,
    }
}

/// The first `most` bytes of the segments.
fn shortened(segments: &[Segment], mut most: usize) -> Vec<Segment> {
    let mut kept = Vec::new();
    for segment in segments {
        let take = length(segment).min(most) as u32;
        most -= take as usize;
        match *segment {
            _ if take == 0 => break,
            Segment::Received { buffer, offset, .. } => kept.push(Segment::Received { buffer, offset, len: take }),
            Segment::Chunk { chunk, offset, .. } => kept.push(Segment::Chunk { chunk, offset, len: take }),
        }
    }
    kept
}
