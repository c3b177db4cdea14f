//! What the fake kernel does that the real one does too rarely to be waited for, and what it refuses.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ringswitch::ids::ShardId;
use ringswitch::ring::buffers::Size;
use ringswitch::ring::token::Kind;
use ringswitch::ring::{Chunk, Completion, How, Listener, Operation, Region, Ring, Segment, Socket, Token, Wait};
use ringswitch::time::{Instant, Span};

use crate::fake::{Conditions, FakeRing, Faults, Peer, PeerState, Random, Route, World};
use crate::kernels::LOCALHOST;

const ACCEPT: Token = Token::new(Kind::Accept, 0, 0);
const RECEIVE: Token = Token::new(Kind::Receive, 0, 0);
const SEND: Token = Token::new(Kind::Send, 0, 0);
const CANCEL: Token = Token::new(Kind::Cancel, 0, 0);

fn enter(ring: &mut FakeRing) -> Vec<Completion> {
    let mut completions = Vec::new();
    ring.enter(Wait::Until { deadline: Instant::NEVER, want: 1, min_wait: Span::ZERO }, &mut completions);
    completions
}

/// A connection that was accepted, with nothing under way on it.
fn connection(world: &World, ring: &mut FakeRing) -> (Socket, Peer) {
    let listener = world.bind(LOCALHOST).expect("a free port");
    ring.push(Operation::Accept { token: ACCEPT, listener: listener.socket });
    let peer = world.connect(LOCALHOST, listener.local);
    let accepted = enter(ring)[0];
    assert!(accepted.more);
    ring.push(Operation::Cancel { token: CANCEL, target: ACCEPT });
    assert_eq!(enter(ring).len(), 2);
    (Socket(accepted.result), peer)
}

fn written(ring: &mut FakeRing, bytes: &[u8]) -> Chunk {
    let chunks = ring.memory().chunks;
    let chunk = chunks.take(Size::Large).expect("room");
    chunks.tail(chunk, 0)[..bytes.len()].copy_from_slice(bytes);
    chunk
}

/// An echo of one connection that keeps the rules: one send at a time, the buffer returned when it is sent.
struct Echo {
    ring: FakeRing,
    listener: Listener,
    socket: Option<Socket>,
    waiting: VecDeque<(Segment, bool)>,
    sending: Option<(Segment, bool)>,
    log: Vec<(u64, Completion)>,
}

impl Echo {
    fn new(world: &World) -> Self {
        let mut ring = world.ring();
        let listener = world.bind(LOCALHOST).expect("a free port");
        ring.push(Operation::Accept { token: ACCEPT, listener: listener.socket });
        Self { ring, listener, socket: None, waiting: VecDeque::new(), sending: None, log: Vec::new() }
    }

    fn turn(&mut self) {
        for completion in enter(&mut self.ring) {
            self.log.push((self.ring.now().0, completion));
            match completion.token.kind() {
                Kind::Accept => {
                    self.socket = Some(Socket(completion.result));
                    self.receive();
                }
                Kind::Receive => self.received(completion),
                Kind::Send => self.sent(completion.result),
                _ => {}
            }
        }
        let (None, Some(socket)) = (self.sending, self.socket) else { return };
        if let Some((segment, last)) = self.waiting.pop_front() {
            self.sending = Some((segment, last));
            self.ring.send(SEND, socket, &[segment], true);
        }
    }

    fn receive(&mut self) {
        let socket = self.socket.expect("accepted");
        self.ring.push(Operation::Receive { token: RECEIVE, socket, limit: 5_000 });
    }

    fn received(&mut self, completion: Completion) {
        if let Some(region) = completion.region {
            let segment = Segment::Received { buffer: region.buffer, offset: region.offset, len: region.len };
            self.waiting.push_back((segment, region.last));
        }
        assert!(completion.result > 0 || completion.result == -libc::ENOBUFS, "{completion:?}");
        if !completion.more {
            self.receive();
        }
    }

    fn sent(&mut self, result: i32) {
        let (segment, last) = self.sending.take().expect("one send at a time");
        assert_eq!(result as usize, segment.len(), "a waiting send gives all");
        if let (Segment::Received { buffer, .. }, true) = (segment, last) {
            // Every region of the buffer came before, and was sent before.
            self.ring.give_back(buffer);
        }
    }
}

fn run(seed: u64) -> (Vec<u8>, Vec<u8>, Vec<(u64, Completion)>) {
    let mut random = Random::new(seed);
    let conditions = Conditions {
        latency: Span::from_micros(random.below(300)),
        jitter: Span::from_micros(random.below(100)),
        send_buffer: 1 + random.below(20_000) as usize,
        window: 1 + random.below(20_000) as usize,
        ..Conditions::default()
    };
    let world = World::with_conditions(seed, conditions);
    world.set_faults(Faults { ends_early: 0, ..Faults::swarm(&mut random) });
    let mut echo = Echo::new(&world);
    let peer = world.connect(LOCALHOST, echo.listener.local);
    world.set_faults(Faults::swarm(&mut random));
    let (mut sent, mut back) = (Vec::new(), Vec::new());
    for round in 0..100_000 {
        if round < 100 {
            let bytes: Vec<u8> = (0..random.below(3_000)).map(|_| random.next() as u8).collect();
            peer.send(&bytes);
            sent.extend(bytes);
        }
        echo.turn();
        back.extend(peer.receive());
        if back.len() == sent.len() && round > 100 {
            break;
        }
        world.jump(world.now() + Span::from_millis(1));
    }
    (sent, back, echo.log)
}

#[test]
fn whatever_the_faults_a_stream_comes_back_whole() {
    for seed in 0..200 {
        let (sent, back, _) = run(seed);
        assert!(sent == back, "seed {seed}: {} bytes sent, {} came back", sent.len(), back.len());
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let log = |seed| format!("{:?}", run(seed).2);
    assert_eq!(log(3), log(3));
    assert_ne!(log(3), log(4));
}

#[test]
fn each_fault_is_seen() {
    let count = |faults: Faults, is: &dyn Fn(&Completion) -> bool| {
        let world = World::new(5);
        let mut echo = Echo::new(&world);
        let peer = world.connect(LOCALHOST, echo.listener.local);
        echo.turn();
        world.set_faults(faults);
        for _ in 0..500 {
            peer.send(&[7; 300]);
            echo.turn();
            world.jump(world.now() + Span::from_millis(1));
        }
        echo.log.iter().filter(|(_, completion)| is(completion)).count()
    };
    let quiet = Faults::default();
    let short = |c: &Completion| c.region.is_some_and(|region| region.len < 300);
    let early = |c: &Completion| c.token == RECEIVE && !c.more && c.result > 0;
    let none = |c: &Completion| c.result == -libc::ENOBUFS;
    let calm = count(quiet, &early);
    assert!(count(quiet, &short) * 10 < count(Faults { partial_receive: 50, ..quiet }, &short));
    assert!(calm + 50 < count(Faults { ends_early: 50, ..quiet }, &early));
    assert_eq!(count(quiet, &none), 0);
    assert!(count(Faults { no_buffers: 50, ..quiet }, &none) > 50);
}

#[test]
fn a_delayed_completion_is_waited_for_and_jumped_to() {
    let world = World::new(1);
    let mut ring = world.ring();
    let (socket, _peer) = connection(&world, &mut ring);
    world.set_faults(Faults { delayed: 100, delay: Span::from_millis(5), ..Faults::default() });
    ring.push(Operation::Shutdown { token: Token::new(Kind::Shutdown, 0, 0), socket, how: How::Write });
    assert!(enter(&mut ring).is_empty() && !world.is_due(ring.shard()));
    assert!(world.jump(Instant::NEVER) && world.is_due(ring.shard()));
    assert_eq!(enter(&mut ring).len(), 1);
}

#[test]
fn an_enter_says_what_it_would_have_waited_for() {
    let world = World::new(1);
    let mut rings = [world.ring(), world.ring()];
    let deadline = world.now() + Span::from_secs(3);
    rings[1].enter(Wait::Until { deadline, want: 4, min_wait: Span::ZERO }, &mut Vec::new());
    let wish = world.wish(ShardId(1)).expect("it waits");
    assert_eq!((wish.deadline, wish.want, world.wish(ShardId(0))), (deadline, 4, None));
    assert!(!world.is_due(ShardId(1)));
    rings[0].push(Operation::Wake { shard: ShardId(1) });
    enter(&mut rings[0]);
    assert!(world.is_due(ShardId(1)));
    rings[1].enter(Wait::Until { deadline, want: 4, min_wait: Span::ZERO }, &mut Vec::new());
    assert!(!world.is_due(ShardId(1)) && world.jump(Instant::NEVER));
    assert_eq!((world.now(), world.is_due(ShardId(1))), (deadline, true));
}

#[test]
fn a_cut_keeps_acknowledgements_away_and_a_reset_for_good() {
    let world = World::new(1);
    let mut ring = world.ring();
    let (socket, peer) = connection(&world, &mut ring);
    peer.cut_outward();
    let chunk = written(&mut ring, b"hello");
    ring.send(SEND, socket, &[Segment::Chunk { chunk, offset: 0, len: 5 }], true);
    assert_eq!(enter(&mut ring)[0].result, 5);
    let health = ring.health(socket).expect("open");
    assert_eq!((peer.receive(), health.acknowledged, health.outstanding), (b"hello".to_vec(), 0, 5));
    peer.reset();
    peer.heal();
    assert!(!ring.health(socket).expect("open").ended, "half open: the reset was lost");
    ring.send(SEND, socket, &[Segment::Chunk { chunk, offset: 0, len: 5 }], true);
    enter(&mut ring);
    assert!(ring.health(socket).expect("open").dead, "what is sent now is answered by a reset");
}

#[test]
fn connects_fail_as_they_do() {
    let world = World::new(1);
    let mut ring = world.ring();
    let unreachable = "10.0.0.1:1".parse().expect("an address");
    let silent = "10.0.0.2:1".parse().expect("an address");
    world.set_route(unreachable, Some(Route::Unreachable));
    world.set_route(silent, Some(Route::Silent));
    for (remote, errno) in [(unreachable, libc::EHOSTUNREACH), (silent, libc::ETIMEDOUT)] {
        let socket = ring.open(remote, None).expect("a socket");
        ring.push(Operation::Connect { token: Token::new(Kind::Connect, 0, 0), socket, remote });
        let mut completions = enter(&mut ring);
        if completions.is_empty() {
            assert!(world.jump(Instant::NEVER));
            completions = enter(&mut ring);
        }
        assert_eq!(completions[0].result, -errno);
        ring.close(socket);
    }
    assert_eq!(world.sockets_open(), 0);
}

#[test]
fn without_descriptors_an_accept_ends_and_the_connection_waits() {
    let world = World::with_conditions(1, Conditions { descriptors: 1, ..Conditions::default() });
    let mut ring = world.ring();
    let listener = world.bind(LOCALHOST).expect("a free port");
    ring.push(Operation::Accept { token: ACCEPT, listener: listener.socket });
    let peers = [(); 2].map(|()| world.connect(LOCALHOST, listener.local));
    let results: Vec<_> = enter(&mut ring).iter().map(|c| (c.result, c.more)).collect();
    assert_eq!((results.len(), results[0].1, results[1]), (2, true, (-libc::EMFILE, false)));
    assert_eq!(peers.map(|peer| peer.state()), [PeerState::Connected; 2]);
    ring.close(Socket(results[0].0));
    ring.push(Operation::Accept { token: ACCEPT, listener: listener.socket });
    assert!(enter(&mut ring)[0].more);
}

/// That it panics, with a message that holds `what`.
fn refused(what: &str, work: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err(what);
    let message =
        panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
    let message = message.expect("a message");
    assert!(message.contains(what), "{message}");
}

#[test]
fn what_the_kernel_would_punish_silently_is_refused_loudly() {
    let setup = || {
        let world = World::new(1);
        let mut ring = world.ring();
        let (socket, peer) = connection(&world, &mut ring);
        peer.stop_reading();
        let chunk = written(&mut ring, &[1; 60_000]);
        (ring, socket, peer, [Segment::Chunk { chunk, offset: 0, len: 60_000 }; 4])
    };
    refused("two sends at a time", || {
        let (mut ring, socket, _peer, much) = setup();
        ring.send(SEND, socket, &much, true);
        ring.send(Token::new(Kind::Send, 1, 0), socket, &much, true);
        enter(&mut ring);
    });
    refused("operations under way", || {
        let (mut ring, socket, ..) = setup();
        ring.push(Operation::Receive { token: RECEIVE, socket, limit: 0 });
        enter(&mut ring);
        ring.close(socket);
    });
    refused("after it was closed", || {
        let (mut ring, socket, ..) = setup();
        ring.close(socket);
        ring.push(Operation::Receive { token: RECEIVE, socket, limit: 0 });
        enter(&mut ring);
    });
    refused("but the kernel has it", || {
        let (mut ring, ..) = setup();
        ring.give_back(ringswitch::ring::BufferId(0));
    });
    refused("while a send reads it", || {
        let (mut ring, socket, peer, _) = setup();
        ring.push(Operation::Receive { token: RECEIVE, socket, limit: 0 });
        peer.send(&[1; 64 * 1024]);
        let region = enter(&mut ring)[0].region.expect("bytes");
        let Region { buffer, offset, len, .. } = region;
        ring.send(SEND, socket, &[Segment::Received { buffer, offset, len }; 4], true);
        enter(&mut ring);
        ring.give_back(buffer);
    });
}

#[test]
fn a_buffer_that_was_given_back_holds_garbage() {
    let world = World::new(1);
    let mut ring = world.ring();
    let (socket, peer) = connection(&world, &mut ring);
    ring.push(Operation::Receive { token: RECEIVE, socket, limit: 0 });
    peer.send(&[1; 64 * 1024]);
    let region = enter(&mut ring)[0].region.expect("bytes");
    assert!(region.last);
    ring.give_back(region.buffer);
    assert_eq!(ring.memory().received.bytes(region.buffer, 100, 2), [0xdb, 0xdb]);
}

#[test]
fn a_send_reads_its_memory_when_it_is_delivered() {
    let world = World::with_conditions(1, Conditions { send_buffer: 10, ..Conditions::default() });
    let mut ring = world.ring();
    let (socket, peer) = connection(&world, &mut ring);
    let chunk = written(&mut ring, &[b'a'; 20]);
    ring.send(SEND, socket, &[Segment::Chunk { chunk, offset: 0, len: 20 }], true);
    assert!(enter(&mut ring).len() <= 1);
    assert_eq!(peer.receive().len(), 20, "delivered");
    let chunk = written(&mut ring, &[b'a'; 20]);
    ring.send(SEND, socket, &[Segment::Chunk { chunk, offset: 0, len: 20 }], true);
    ring.memory().chunks.tail(chunk, 0)[..20].fill(b'b');
    enter(&mut ring);
    enter(&mut ring);
    assert_eq!(peer.receive(), [b'b'; 20], "it was written over before it was entered");
}

#[test]
fn a_full_completion_queue_ends_a_receive_on_a_success_and_leaves_the_rest() {
    let world = World::new(1);
    let mut ring = world.ring();
    let (socket, peer) = connection(&world, &mut ring);
    world.set_faults(Faults { completions: 5, partial_receive: 100, ..Faults::default() });
    ring.push(Operation::Receive { token: RECEIVE, socket, limit: 0 });
    peer.send(&[7; 60_000]);
    let first: Vec<_> = enter(&mut ring).iter().map(|c| (c.result > 0, c.more)).collect();
    assert_eq!(first, [(true, true), (true, true), (true, true), (true, true), (true, false)]);
    assert!(enter(&mut ring).is_empty(), "nobody asks any more");
    ring.push(Operation::Receive { token: RECEIVE, socket, limit: 0 });
    assert!(enter(&mut ring)[0].result > 0);
}

#[test]
fn a_push_that_meets_a_full_queue_submits_it_first() {
    let world = World::new(1);
    let mut ring = world.ring();
    let (socket, peer) = connection(&world, &mut ring);
    world.set_faults(Faults { submissions: 1, ..Faults::default() });
    let chunk = written(&mut ring, b"hello");
    ring.send(SEND, socket, &[Segment::Chunk { chunk, offset: 0, len: 5 }], true);
    assert!(peer.receive().is_empty(), "it waits to be submitted");
    ring.push(Operation::Receive { token: RECEIVE, socket, limit: 0 });
    assert_eq!(peer.receive(), b"hello");
    assert_eq!(world.in_flight(ring.shard(), socket), 2);
}

#[test]
fn an_interrupted_enter_leaves_what_it_did_not_take() {
    let world = World::new(1);
    let mut ring = world.ring();
    let (socket, peer) = connection(&world, &mut ring);
    world.set_faults(Faults { interrupted: 100, ..Faults::default() });
    let chunk = written(&mut ring, b"hello");
    ring.push(Operation::Receive { token: RECEIVE, socket, limit: 0 });
    ring.send(SEND, socket, &[Segment::Chunk { chunk, offset: 0, len: 5 }], true);
    assert!(enter(&mut ring).is_empty());
    assert_eq!(world.wish(ring.shard()), None, "it does not wait: it came back");
    world.set_faults(Faults::default());
    assert_eq!(enter(&mut ring)[0].result, 5);
    assert_eq!((peer.receive(), world.in_flight(ring.shard(), socket)), (b"hello".to_vec(), 1));
}

#[test]
fn something_comes_late_for_a_socket_that_was_closed() {
    let world = World::new(1);
    let mut ring = world.ring();
    let (socket, _peer) = connection(&world, &mut ring);
    world.set_faults(Faults { late: 100, ..Faults::default() });
    let shutdown = Token::new(Kind::Shutdown, 0, 0);
    ring.push(Operation::Shutdown { token: shutdown, socket, how: How::Both });
    assert_eq!(enter(&mut ring).len(), 1);
    ring.close(socket);
    world.advance(Span::from_millis(5));
    let late: Vec<_> = enter(&mut ring).iter().map(|c| (c.token, c.result, c.more)).collect();
    assert_eq!(late, [(shutdown, -libc::ECANCELED, false)]);
}
