//! One enter of a ring: what was pushed is begun, what is ready gets its turn, what is complete is handed out.

use ringswitch::limits;
use ringswitch::ring::token::Kind;
use ringswitch::ring::{BufferId, Chunks, Completion, How, Operation, Received, Region, Segment, Socket, Token};

use super::endpoint::{Incoming, Phase};
use super::facts::BEHIND;
use super::kernel::{Kernel, Pending, Posted, Work};
use super::network::Network;
use super::{Fact, Faults};
use ringswitch::time::Span;

/// Sockets that have their turn in an enter, if no more are waited for.
const TURNS: u32 = 20;

/// Completions of one multishot before the next socket has its turn.
const SHOTS: usize = 33;

/// How long a completion may be under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// A send without waiting is over within its enter.
    ThisEnter,
    /// At the next enters, behind those that were there before.
    InOrder,
    Sometime,
}

pub struct Turn<'a> {
    pub network: &'a mut Network,
    pub kernel: &'a mut Kernel,
    pub received: &'a mut Received,
    pub chunks: &'a Chunks,
}

impl Turn<'_> {
    pub fn begin(&mut self, operation: Operation) {
        match operation {
            Operation::Accept { token, listener } => self.add(token, listener, Work::Accept),
            Operation::Connect { token, socket, remote } => {
                self.network.open_endpoint(socket.0);
                self.network.connect(socket.0, remote);
                self.add(token, socket, Work::Connect);
            }
            Operation::Receive { token, socket, limit } => self.begin_receive(token, socket, limit),
            Operation::Cancel { token, target } => self.cancel(token, target),
            Operation::Shutdown { token, socket, how } => {
                let result = self.shutdown(socket, how);
                self.post(token, Some(socket), result);
            }
            Operation::Wake { .. } => unreachable!("wakes other rings, not this one"),
        }
    }

    fn add(&mut self, token: Token, socket: Socket, work: Work) {
        let same = self.kernel.pending.iter().any(|pending| pending.token == token);
        assert!(!same, "two operations under way as {token:?}");
        self.kernel.pending.push_back(Pending { token, socket, work });
    }

    fn begin_receive(&mut self, token: Token, socket: Socket, limit: u32) {
        self.network.open_endpoint(socket.0);
        self.network.note(|| Fact::Armed { socket: socket.0 });
        let twice = self.kernel.pending.iter().any(|p| p.socket == socket && matches!(p.work, Work::Receive { .. }));
        assert!(!twice, "two receives at a time on {socket:?}");
        if self.kernel.buffers.place().is_none() {
            return self.post(token, Some(socket), -libc::ENOBUFS);
        }
        let left = (limit > 0).then_some(limit as usize);
        let each = left.map_or(limits::RECEIVE_BUFFER_BYTES, |limit| limit.min(limits::RECEIVE_BUFFER_BYTES));
        self.add(token, socket, Work::Receive { left, each });
    }

    pub fn begin_send(&mut self, token: Token, socket: Socket, segments: Vec<Segment>, wait: bool) {
        assert!((1..=limits::SEGMENTS_MAX).contains(&segments.len()), "{} segments in one send", segments.len());
        self.network.open_endpoint(socket.0);
        let twice = self.kernel.pending.iter().any(|p| p.socket == socket && matches!(p.work, Work::Send { .. }));
        assert!(!twice, "two sends at a time on {socket:?}: their bytes would mix");
        self.add(token, socket, Work::Send { segments, given: 0, wait });
        let pending = self.kernel.pending.pop_back().expect("just added");
        if let Some(pending) = self.send(pending) {
            self.kernel.pending.push_back(pending);
        }
    }

    fn shutdown(&mut self, socket: Socket, how: How) -> i32 {
        let endpoint = self.network.open_endpoint(socket.0);
        if endpoint.dead || endpoint.is_over() || endpoint.phase != Phase::Established {
            return -libc::ENOTCONN;
        }
        endpoint.deaf |= how == How::Both;
        self.network.note(|| match how {
            How::Write => Fact::Finished { socket: socket.0 },
            How::Both => Fact::Abandoned { socket: socket.0 },
        });
        self.network.finish(socket.0);
        0
    }

    fn cancel(&mut self, token: Token, target: Token) {
        let found = self.kernel.pending.iter().position(|pending| pending.token == target);
        let Some(pending) = found.and_then(|place| self.kernel.pending.remove(place)) else {
            self.note_abandoned(target);
            return self.post(token, None, -libc::ENOENT);
        };
        if matches!(pending.work, Work::Receive { .. }) {
            self.network.note(|| Fact::Abandoned { socket: pending.socket.0 });
        }
        let first = self.chance(|faults| faults.data_before_cancel) && pending.is_ready(self.network);
        let pending = if first && matches!(pending.work, Work::Receive { .. }) {
            self.receive(pending, 1)
        } else {
            Some(pending)
        };
        let Some(pending) = pending else {
            return self.post(token, None, -libc::ENOENT);
        };
        self.post(token, None, 0);
        let result = match pending.work {
            Work::Send { given, .. } if given > 0 => given as i32,
            _ => -libc::ECANCELED,
        };
        self.post_last(&pending, result);
    }

    /// The receive that is cancelled has ended, and its last completion is on its way.
    fn note_abandoned(&mut self, target: Token) {
        let posted = self.kernel.posted.iter().find(|posted| posted.completion.token == target);
        if let (Kind::Receive, Some(Socket(socket))) = (target.kind(), posted.and_then(|posted| posted.socket)) {
            self.network.note(|| Fact::Abandoned { socket });
        }
    }

    /// Gives those that are ready their turn, the ones that have waited longest first.
    pub fn serve(&mut self, want: u32) {
        let mut turns = TURNS.max(want);
        let mut served = Vec::new();
        let mut left = self.kernel.pending.len();
        while left > 0 {
            let pending = self.kernel.pending.pop_front().expect("counted");
            let others = self.kernel.pending.len();
            let ready = turns > 0 && pending.is_ready(self.network);
            if ready && !self.chance(|faults| faults.skipped_turn) {
                turns -= 1;
                served.extend(self.turn(pending));
            } else {
                self.kernel.pending.push_back(pending);
            }
            // A turn may have taken another operation along.
            left = left.saturating_sub(1 + others.saturating_sub(self.kernel.pending.len()));
        }
        self.kernel.pending.extend(served);
    }

    /// The operation, if it goes on.
    fn turn(&mut self, pending: Pending) -> Option<Pending> {
        match pending.work {
            Work::Accept => self.accept(pending),
            Work::Connect => {
                let result = match self.network.endpoint(pending.socket.0).phase {
                    Phase::Failed(errno) => -errno,
                    _ => 0,
                };
                self.post_last(&pending, result);
                None
            }
            Work::Receive { .. } => {
                self.let_the_send_hear_first(&pending);
                self.receive(pending, SHOTS)
            }
            Work::Send { .. } => self.send(pending),
        }
    }

    /// Who began to wait last is woken first, and that is the send as a rule: it then takes the error of a reset, and
    /// the receive finds a mere end.
    fn let_the_send_hear_first(&mut self, receive: &Pending) {
        if self.network.endpoint(receive.socket.0).error.is_none() || self.chance(|faults| faults.receive_hears_first) {
            return;
        }
        let send = |p: &Pending| p.socket == receive.socket && matches!(p.work, Work::Send { .. });
        let send = self.kernel.pending.iter().position(send);
        if let Some(send) = send.and_then(|place| self.kernel.pending.remove(place)) {
            let over = self.send(send);
            assert!(over.is_none(), "a broken connection takes no bytes");
        }
    }

    fn accept(&mut self, pending: Pending) -> Option<Pending> {
        while let Some(backlog) = self.network.listeners.get_mut(&pending.socket.0) {
            if backlog.waiting.is_empty() {
                break;
            }
            if self.network.sockets_open >= self.network.conditions.descriptors {
                self.post_last(&pending, -libc::EMFILE);
                return None;
            }
            let socket = backlog.waiting.pop_front().expect("just looked");
            self.network.sockets_open += 1;
            if self.is_full() || self.chance(|faults| faults.ends_early) {
                self.post_last(&pending, socket);
                return None;
            }
            self.post_more(&pending, socket, None);
        }
        Some(pending)
    }

    fn receive(&mut self, mut pending: Pending, shots: usize) -> Option<Pending> {
        for _ in 0..shots {
            let incoming = self.network.endpoint(pending.socket.0).incoming();
            let arrived = match incoming {
                Incoming::Nothing => return Some(pending),
                Incoming::Bytes(bytes) => bytes,
                Incoming::End => {
                    self.post_last(&pending, 0);
                    return None;
                }
                Incoming::Error(errno) => {
                    self.network.endpoint_mut(pending.socket.0).error = None;
                    self.post_last(&pending, -errno);
                    return None;
                }
            };
            pending = self.receive_bytes(pending, arrived)?;
        }
        Some(pending)
    }

    fn receive_bytes(&mut self, mut pending: Pending, arrived: usize) -> Option<Pending> {
        let place = self.kernel.buffers.place();
        let Some((buffer, offset)) = place.filter(|_| !self.chance(|faults| faults.no_buffers)) else {
            self.post_last(&pending, -libc::ENOBUFS);
            return None;
        };
        let Work::Receive { left, each } = &mut pending.work else { unreachable!("a receive") };
        let mut bytes = arrived.min(*each).min(limits::RECEIVE_BUFFER_BYTES - offset);
        if self.network.random.chance(self.network.faults.partial_receive) {
            bytes = self.network.random.some_of(bytes);
        }
        if let Some(left) = left {
            *left = left.saturating_sub(bytes);
        }
        let done = *left == Some(0) || self.is_full() || self.chance(|faults| faults.ends_early);
        let region = self.fill(&pending, buffer, offset, bytes);
        if done {
            self.post_with(&pending, bytes as i32, false, Some(region));
            return None;
        }
        self.post_more(&pending, bytes as i32, Some(region));
        Some(pending)
    }

    fn fill(&mut self, pending: &Pending, buffer: BufferId, offset: usize, bytes: usize) -> Region {
        let taken = self.network.take(pending.socket.0, bytes);
        self.received.write(buffer, offset as u32, &taken);
        let last = self.kernel.buffers.fill(bytes);
        Region { buffer, offset: offset as u32, len: bytes as u32, last }
    }

    /// Gives what there is room for. The memory is read now, not when the send was pushed.
    fn send(&mut self, mut pending: Pending) -> Option<Pending> {
        let id = pending.socket.0;
        let Work::Send { segments, given, wait } = &mut pending.work else { unreachable!("a send") };
        let total: usize = segments.iter().map(Segment::len).sum();
        if let Err(errno) = self.network.endpoint_mut(id).sendable() {
            let result = if *given > 0 { *given as i32 } else { -errno };
            self.post_last(&pending, result);
            return None;
        }
        let mut bytes = self.network.endpoint(id).room().min(total - *given);
        if bytes > 0 && self.network.random.chance(self.network.faults.partial_send) {
            bytes = self.network.random.some_of(bytes);
        }
        let gathered = gather(self.received, self.chunks, segments, *given, bytes);
        *given += bytes;
        if self.network.facts.is_some() && bytes > 0 {
            let rest = (total - *given).min(BEHIND);
            let behind = gather(self.received, self.chunks, segments, *given, rest);
            self.network.note(|| Fact::Given { socket: id, bytes: gathered.clone(), behind });
        }
        self.network.give(id, &gathered);
        if *given < total && *wait {
            return Some(pending);
        }
        let result = if *given == 0 && total > 0 { -libc::EAGAIN } else { *given as i32 };
        self.post_last(&pending, result);
        None
    }

    /// The completion queue has no room behind the completion that is about to be posted.
    fn is_full(&self) -> bool {
        let room = usize::from(self.network.faults.completions);
        room > 0 && self.kernel.posted.len() + 1 >= room
    }

    fn chance(&mut self, of: impl Fn(&Faults) -> u8) -> bool {
        self.network.random.chance(of(&self.network.faults))
    }

    fn post(&mut self, token: Token, socket: Option<Socket>, result: i32) {
        let completion = Completion { token, result, more: false, region: None };
        self.post_completion(socket, completion, When::Sometime);
    }

    fn post_more(&mut self, pending: &Pending, result: i32, region: Option<Region>) {
        self.post_with(pending, result, true, region);
    }

    fn post_last(&mut self, pending: &Pending, result: i32) {
        self.post_with(pending, result, false, None);
    }

    fn post_with(&mut self, pending: &Pending, result: i32, more: bool, region: Option<Region>) {
        let when = match pending.work {
            Work::Send { wait: false, .. } => When::ThisEnter,
            Work::Receive { .. } | Work::Accept => When::InOrder,
            Work::Send { .. } | Work::Connect => When::Sometime,
        };
        let completion = Completion { token: pending.token, result, more, region };
        self.post_completion(Some(pending.socket), completion, when);
    }

    fn post_completion(&mut self, socket: Option<Socket>, completion: Completion, when: When) {
        let mut due = self.network.now;
        if when == When::Sometime && self.chance(|faults| faults.delayed) {
            due.0 += self.network.random.below(self.network.faults.delay.0 + 1);
        }
        let this_enter = when == When::ThisEnter;
        self.kernel.posted.push(Posted { due, socket, completion, this_enter });
    }

    /// The completions whose time has come.
    pub fn hand_out(&mut self, into: &mut Vec<Completion>) {
        let now = self.network.now;
        let (mut ready, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.kernel.posted).into_iter().partition(|posted| posted.due <= now);
        if self.chance(|faults| faults.reordered) {
            self.reorder(&mut ready);
        }
        let mut rest = Vec::new();
        if !ready.is_empty() && self.chance(|faults| faults.split) {
            rest = ready.split_off(self.network.random.some_of(ready.len()));
            ready.extend(rest.extract_if(.., |posted| posted.this_enter));
        }
        self.kernel.posted = rest.into_iter().chain(later).collect();
        for posted in ready {
            if let (Some(socket), false) = (posted.socket, posted.completion.more) {
                self.kernel.end(socket);
            }
            self.note(&posted);
            into.push(posted.completion);
        }
    }

    fn note(&mut self, posted: &Posted) {
        let Completion { token, result, region, .. } = posted.completion;
        if let (Kind::Accept, 0..) = (token.kind(), result) {
            return self.network.note(|| Fact::Opened { socket: result });
        }
        let Some(Socket(socket)) = posted.socket else { return };
        if let (Kind::Connect, 0) = (token.kind(), result) {
            self.network.note(|| Fact::Opened { socket });
        }
        if let Some(Region { buffer, offset, len, .. }) = region {
            let bytes = self.received.bytes(buffer, offset, len).to_vec();
            self.network.note(|| Fact::Received { socket, bytes });
        }
    }

    /// Any order, but what belongs together keeps its own: all receives, and each other operation.
    fn reorder(&mut self, ready: &mut [Posted]) {
        let before = ready.to_vec();
        self.network.random.shuffle(ready);
        let together = |a: &Posted, b: &Posted| strand(a) == strand(b);
        let places = ready.to_vec();
        for (place, posted) in ready.iter_mut().enumerate() {
            let nth = places[..place].iter().filter(|earlier| together(earlier, &places[place])).count();
            let same = before.iter().filter(|candidate| together(candidate, &places[place])).nth(nth);
            *posted = *same.expect("as many as before");
        }
    }
}

/// A socket was closed. What comes of its operations after that names a slot that may be another's by then: a late
/// cancellation, as a rule.
pub fn ghost(network: &mut Network, kernel: &mut Kernel, socket: Socket) {
    let Some(token) = kernel.forget(socket).filter(|token| token.kind() != Kind::Accept) else { return };
    if network.random.chance(network.faults.late) {
        let due = network.now + Span(network.random.below(2_000_000));
        let completion = Completion { token, result: -libc::ECANCELED, more: false, region: None };
        kernel.posted.push(Posted { due, socket: None, completion, this_enter: false });
    }
}

/// What must keep its order: the receives of a ring as one, everything else by its token.
fn strand(posted: &Posted) -> Option<Token> {
    let token = posted.completion.token;
    (token.kind() != Kind::Receive).then_some(token)
}

fn gather(received: &Received, chunks: &Chunks, segments: &[Segment], skip: usize, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for segment in segments {
        bytes.extend_from_slice(match *segment {
            Segment::Received { buffer, offset, len } => received.bytes(buffer, offset, len),
            Segment::Chunk { chunk, offset, len } => chunks.bytes(chunk, offset, len),
        });
    }
    bytes.drain(..skip);
    bytes.truncate(len);
    bytes
}
