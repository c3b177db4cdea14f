//! What only the real ring has; what it shares with the fake one is in `tests/ring`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;

use super::*;
use crate::ids::ShardId;
use crate::limits;
use crate::ring::buffers::Size;
use crate::ring::token::Kind;
use crate::ring::{Health, How, Listener};

fn config() -> Config {
    Config::new(100, 1 << 20)
}

fn ring() -> Uring {
    Uring::new(config()).expect("a ring").enable().expect("on this thread")
}

fn token(kind: Kind, slot: u32) -> Token {
    Token::new(kind, slot, 7)
}

/// The least RLIMIT_MEMLOCK under which a user without CAP_IPC_LOCK got a switch of one shard, to the page.
#[test]
fn locked_memory_is_what_the_kernel_was_seen_to_count() {
    assert_eq!(Config::new(9_000, 1 << 20).locked_bytes(), 1_122_304);
    assert_eq!(Config::new(1_000, 1 << 20).locked_bytes(), 204_800);
}

/// A ring and the completions that nobody has asked for yet.
struct Driver {
    ring: Uring,
    waiting: Vec<Completion>,
}

impl Driver {
    fn new() -> Self {
        Self { ring: ring(), waiting: Vec::new() }
    }

    /// The next completion of that kind, for which it enters for ten seconds at most.
    fn next(&mut self, kind: Kind) -> Completion {
        let deadline = self.ring.now() + Span::from_secs(10);
        while self.ring.now() < deadline {
            if let Some(place) = self.waiting.iter().position(|completion| completion.token.kind() == kind) {
                return self.waiting.remove(place);
            }
            self.ring.enter(Wait::Until { deadline, want: 1, min_wait: Span::ZERO }, &mut self.waiting);
        }
        panic!("nothing of {kind:?}, but {:?}", self.waiting);
    }

    fn accepted(&mut self) -> (Socket, TcpStream) {
        let listener = listener();
        self.ring.push(Operation::Accept { token: token(Kind::Accept, 1), listener: listener.socket });
        let peer = TcpStream::connect(listener.local).expect("a listener");
        let completion = self.next(Kind::Accept);
        assert!(completion.more);
        self.ring.push(Operation::Cancel { token: token(Kind::Cancel, 1), target: token(Kind::Accept, 1) });
        assert_eq!(self.next(Kind::Accept).result, -libc::ECANCELED);
        assert_eq!(self.next(Kind::Cancel).result, 0);
        (Socket(completion.result), peer)
    }

    fn receive(&mut self, socket: Socket) {
        self.ring.push(Operation::Receive { token: token(Kind::Receive, 1), socket, limit: 0 });
    }
}

fn listener() -> Listener {
    sockets::listen((Ipv4Addr::LOCALHOST, 0).into(), sockets::BACKLOG).expect("a port")
}

#[test]
fn a_ring_is_made_on_one_thread_and_lives_on_another() {
    let dormant = Uring::new(config()).expect("a ring");
    let waker = dormant.waker();
    let woken = thread::spawn(move || {
        let mut ring = dormant.enable().expect("on its thread");
        let mut completions = Vec::new();
        ring.enter(Wait::Until { deadline: Instant::NEVER, want: 1, min_wait: Span::ZERO }, &mut completions);
        completions.len()
    });
    waker.wake();
    assert_eq!(woken.join().expect("no panic"), 0, "a wake is no completion");
}

#[test]
fn rings_wake_each_other_and_again() {
    let mut first = Uring::new(config()).expect("a ring");
    let mut second = Uring::new(config()).expect("a ring");
    let peers = [first.descriptor(), second.descriptor()];
    first.set_peers(&peers);
    second.set_peers(&peers);
    let mut first = first.enable().expect("on this thread");
    let other = thread::spawn(move || {
        let mut second = second.enable().expect("on its thread");
        let mut completions = Vec::new();
        for _ in 0..3 {
            second.enter(Wait::Until { deadline: Instant::NEVER, want: 1, min_wait: Span::ZERO }, &mut completions);
            second.push(Operation::Wake { shard: ShardId(0) });
            second.enter(Wait::No, &mut completions);
        }
        completions.len()
    });
    let mut completions = Vec::new();
    // Until the other ring is enabled a message to it fails, without a completion here: send it again.
    while !other.is_finished() {
        first.push(Operation::Wake { shard: ShardId(1) });
        let deadline = first.now() + Span::from_millis(1);
        first.enter(Wait::Until { deadline, want: 1, min_wait: Span::ZERO }, &mut completions);
    }
    assert_eq!((completions.len(), other.join().expect("no panic")), (0, 0));
}

#[test]
fn an_echo_goes_there_and_back() {
    let mut driver = Driver::new();
    let (socket, mut peer) = driver.accepted();
    driver.ring.admitted(socket).expect("a TCP socket");
    assert_eq!(driver.ring.remote(socket).expect("a peer"), peer.local_addr().expect("an address"));
    driver.receive(socket);
    for round in 0..300_u32 {
        peer.write_all(&[round as u8; 300]).expect("sent");
        let mut left = 300;
        while left > 0 {
            left -= echo(&mut driver, socket, round.is_multiple_of(2));
        }
        let mut back = [0; 300];
        peer.read_exact(&mut back).expect("the echo");
        assert_eq!(back, [round as u8; 300]);
    }
    assert_eq!(driver.ring.buffers_free(), usize::from(limits::RECEIVE_BUFFERS));
}

/// Sends back what one completion brings, in one segment or in two.
fn echo(driver: &mut Driver, socket: Socket, in_two: bool) -> u32 {
    let completion = driver.next(Kind::Receive);
    let Region { buffer, offset, len, last } = completion.region.expect("bytes");
    let cut = if in_two { len / 2 } else { 0 };
    let segments = [
        Segment::Received { buffer, offset, len: cut },
        Segment::Received { buffer, offset: offset + cut, len: len - cut },
    ];
    driver.ring.send(token(Kind::Send, 1), socket, &segments[usize::from(!in_two)..], true);
    assert_eq!(driver.next(Kind::Send).result, len as i32);
    if last {
        driver.ring.give_back(buffer);
    }
    if !completion.more {
        driver.receive(socket);
    }
    len
}

#[test]
fn more_operations_than_the_queue_holds_are_all_taken() {
    let mut ring = ring();
    let mut completions = Vec::new();
    for slot in 0..20_000 {
        ring.push(Operation::Cancel { token: token(Kind::Cancel, slot), target: token(Kind::Send, slot) });
    }
    while completions.len() < 20_000 {
        ring.enter(Wait::No, &mut completions);
    }
    for (slot, completion) in completions.iter().enumerate() {
        assert_eq!((completion.token.slot() as usize, completion.result), (slot, -libc::ENOENT));
    }
}

#[test]
fn health_counts_bytes_and_neither_syn_nor_fin() {
    let mut driver = Driver::new();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let remote = listener.local_addr().expect("an address");
    let socket = driver.ring.open(remote, None).expect("a socket");
    driver.ring.push(Operation::Connect { token: token(Kind::Connect, 1), socket, remote });
    assert_eq!(driver.next(Kind::Connect).result, 0);
    let (mut peer, _) = listener.accept().expect("a connection");
    assert_eq!(driver.ring.health(socket).expect("health"), Health::default());
    let chunk = driver.ring.memory().chunks.take(Size::Small).expect("room");
    driver.ring.send(token(Kind::Send, 1), socket, &[Segment::Chunk { chunk, offset: 0, len: 100 }], true);
    assert_eq!(driver.next(Kind::Send).result, 100);
    driver.ring.push(Operation::Shutdown { token: token(Kind::Shutdown, 1), socket, how: How::Write });
    assert_eq!(driver.next(Kind::Shutdown).result, 0);
    assert_eq!(peer.read_to_end(&mut Vec::new()).expect("to the end"), 100);
    peer.write_all(b"12345").expect("sent");
    let health = settled(&driver.ring, socket, |health| health.acknowledged == 100 && health.unread == 5);
    assert_eq!(health, Health { acknowledged: 100, unread: 5, ..Health::default() });
    drop(peer);
    let health = settled(&driver.ring, socket, |health| health.ended);
    assert_eq!((health.ended, health.outstanding, health.unread), (true, 0, 5));
    driver.ring.reset(socket);
}

/// Asks until it is so, for ten seconds at most: packets on their way are not waited for by any other means.
fn settled(ring: &Uring, socket: Socket, is: impl Fn(&Health) -> bool) -> Health {
    let until = ring.now() + Span::from_secs(10);
    loop {
        let health = ring.health(socket).expect("health");
        if is(&health) || ring.now() > until {
            return health;
        }
    }
}

#[test]
fn a_ring_that_is_dropped_leaves_the_memory_alone() {
    let mut driver = Driver::new();
    let (socket, mut peer) = driver.accepted();
    driver.receive(socket);
    driver.ring.enter(Wait::No, &mut Vec::new());
    drop(driver);
    peer.write_all(b"late").expect("sent");
    assert_eq!(sockets::health(socket, false).expect("still open").unread, 4);
    sockets::close(socket);
}

#[cfg(any(ringswitch_asan, ringswitch_unreachable))]
mod canaries;
