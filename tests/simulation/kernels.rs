//! Two kernels behind one trait: the machine's own with programs on loopback, and the fake one. A script that is
//! generic over [`Kernel`] runs on both.
#![allow(dead_code, reason = "each test crate uses another part of it")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use ringswitch::ids::ShardId;
use ringswitch::limits;
use ringswitch::ring::uring::{Config, Uring};
use ringswitch::ring::{Completion, Listener, Ring, Socket, Wait, sockets};
use ringswitch::time::{Instant, Span};
use socket2::{Domain, SockRef, Type};

use crate::fake::{self, FakeRing, PeerState, World};

/// Bytes that the sockets of both kernels hold in each direction, so that a large send has to wait. (The machine's
/// doubles it and takes it as a hint.)
const SOCKET_BYTES: usize = 64 * 1024;

pub const LOCALHOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Rings, and the programs at the other ends.
pub trait Kernel {
    type Ring: Ring;
    type Program: Program;
    type Server: Server<Program = Self::Program>;

    fn new() -> Self;

    /// Rings that know each other; the first is shard 0.
    fn rings(&mut self, count: u16, receive_buffers: u16) -> Vec<Self::Ring>;

    /// A socket for rings to accept from.
    fn bind(&mut self) -> Listener;

    /// A program that connects.
    fn connect(&mut self, to: SocketAddr) -> Self::Program;

    /// A program that listens.
    fn listen(&mut self) -> Self::Server;

    /// An address at which nobody listens.
    fn nowhere(&mut self) -> SocketAddr;

    /// Gives a ring's socket a send buffer of a known size.
    fn small_buffer(&mut self, socket: Socket);

    /// Enters a ring and lets a moment pass.
    fn enter(&mut self, ring: &mut Self::Ring, into: &mut Vec<Completion>);

    /// Lets a moment pass.
    fn pass(&mut self);

    /// Does the ring's wait end by what was done before?
    fn ends_wait(&mut self, shard: ShardId, ring: &mut Self::Ring) -> bool;
}

/// A program's connection. It reads only when it is told to.
pub trait Program {
    fn local(&self) -> SocketAddr;
    fn send(&mut self, bytes: &[u8]);
    /// What is there now.
    fn receive(&mut self) -> Vec<u8>;
    /// A FIN behind what was sent.
    fn shutdown(&mut self);
    fn reset(self);
    /// Closes: in order, or by a reset if bytes lie unread.
    fn close(self);
    fn state(&mut self) -> PeerState;
}

pub trait Server {
    type Program: Program;
    fn address(&self) -> SocketAddr;
    fn accept(&mut self) -> Option<Self::Program>;
}

/// The machine's kernel.
pub struct Loopback;

impl Kernel for Loopback {
    type Ring = Uring;
    type Program = TcpStream;
    type Server = TcpListener;

    fn new() -> Self {
        Self
    }

    fn rings(&mut self, count: u16, receive_buffers: u16) -> Vec<Uring> {
        let config = Config { receive_buffers, ..Config::new(100, 4 << 20) };
        let mut rings: Vec<_> = (0..count).map(|_| Uring::new(config).expect("a ring")).collect();
        let peers: Vec<_> = rings.iter().map(ringswitch::ring::uring::Dormant::descriptor).collect();
        rings.iter_mut().for_each(|ring| ring.set_peers(&peers));
        rings.into_iter().map(|ring| ring.enable().expect("on this thread")).collect()
    }

    fn bind(&mut self) -> Listener {
        sockets::listen(LOCALHOST, sockets::BACKLOG).expect("a free port")
    }

    fn connect(&mut self, to: SocketAddr) -> TcpStream {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(SOCKET_BYTES).expect("an option");
        socket.connect(&to.into()).expect("somebody listens");
        socket.set_nonblocking(true).expect("an option");
        socket.into()
    }

    fn listen(&mut self) -> TcpListener {
        let listener = TcpListener::bind(LOCALHOST).expect("a free port");
        SockRef::from(&listener).set_recv_buffer_size(SOCKET_BYTES).expect("an option");
        listener.set_nonblocking(true).expect("an option");
        listener
    }

    fn nowhere(&mut self) -> SocketAddr {
        // Free a moment ago, and ports are not given out again that soon.
        let listener = TcpListener::bind(LOCALHOST).expect("a free port");
        listener.local_addr().expect("an address")
    }

    fn small_buffer(&mut self, socket: Socket) {
        // SAFETY: the test's ring has the socket open.
        let socket = unsafe { BorrowedFd::borrow_raw(socket.0) };
        SockRef::from(&socket).set_send_buffer_size(SOCKET_BYTES).expect("an option");
    }

    fn enter(&mut self, ring: &mut Uring, into: &mut Vec<Completion>) {
        let deadline = ring.now() + Span::from_millis(2);
        ring.enter(Wait::Until { deadline, want: 1, min_wait: Span::ZERO }, into);
    }

    #[allow(clippy::disallowed_methods, reason = "real time passes by itself")]
    fn pass(&mut self) {
        std::thread::sleep(Duration::from_millis(1));
    }

    fn ends_wait(&mut self, _shard: ShardId, ring: &mut Uring) -> bool {
        let deadline = ring.now() + Span::from_secs(30);
        ring.enter(Wait::Until { deadline, want: 1, min_wait: Span::ZERO }, &mut Vec::new());
        ring.now() < deadline
    }
}

impl Program for TcpStream {
    fn local(&self) -> SocketAddr {
        self.local_addr().expect("an address")
    }

    fn send(&mut self, bytes: &[u8]) {
        // What the tests send fits into the sockets of both sides, or they read meanwhile.
        self.set_nonblocking(false).expect("an option");
        self.set_write_timeout(Some(Duration::from_secs(10))).expect("an option");
        self.write_all(bytes).expect("room in the sockets");
        self.set_nonblocking(true).expect("an option");
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Ends with "would block", with the end or with a reset: which of them, `state` tells.
        let _ = self.read_to_end(&mut bytes);
        bytes
    }

    fn shutdown(&mut self) {
        Self::shutdown(self, std::net::Shutdown::Write).expect("connected");
    }

    fn reset(self) {
        SockRef::from(&self).set_linger(Some(Duration::ZERO)).expect("an option");
    }

    fn close(self) {}

    fn state(&mut self) -> PeerState {
        match self.peek(&mut [0]) {
            Ok(0) => PeerState::Ended,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => PeerState::Reset,
            Ok(_) => PeerState::Connected,
            Err(error) if error.kind() == ErrorKind::WouldBlock => PeerState::Connected,
            Err(error) => panic!("peek: {error}"),
        }
    }
}

impl Server for TcpListener {
    type Program = TcpStream;

    fn address(&self) -> SocketAddr {
        self.local_addr().expect("an address")
    }

    fn accept(&mut self) -> Option<TcpStream> {
        let (stream, _) = Self::accept(self).ok()?;
        stream.set_nonblocking(true).expect("an option");
        Some(stream)
    }
}

/// The fake kernel.
pub struct Simulated {
    pub world: World,
}

impl Kernel for Simulated {
    type Ring = FakeRing;
    type Program = fake::Peer;
    type Server = fake::Server;

    fn new() -> Self {
        Self { world: World::new(1) }
    }

    fn rings(&mut self, count: u16, receive_buffers: u16) -> Vec<FakeRing> {
        (0..count).map(|_| self.world.ring_with(receive_buffers, 4 << 20)).collect()
    }

    fn bind(&mut self) -> Listener {
        self.world.bind(LOCALHOST).expect("a free port")
    }

    fn connect(&mut self, to: SocketAddr) -> fake::Peer {
        let peer = self.world.connect(LOCALHOST, to);
        peer.stop_reading();
        peer
    }

    fn listen(&mut self) -> fake::Server {
        self.world.listen(LOCALHOST)
    }

    fn nowhere(&mut self) -> SocketAddr {
        SocketAddr::new(LOCALHOST.ip(), 9)
    }

    fn small_buffer(&mut self, _socket: Socket) {}

    fn enter(&mut self, ring: &mut FakeRing, into: &mut Vec<Completion>) {
        ring.enter(Wait::Until { deadline: Instant::NEVER, want: 1, min_wait: Span::ZERO }, into);
        self.world.advance(Span::from_millis(2));
    }

    fn pass(&mut self) {
        self.world.advance(Span::from_millis(1));
    }

    fn ends_wait(&mut self, shard: ShardId, ring: &mut FakeRing) -> bool {
        let due = self.world.is_due(shard);
        ring.enter(Wait::No, &mut Vec::new());
        due
    }
}

impl Program for fake::Peer {
    fn local(&self) -> SocketAddr {
        Self::local(self)
    }

    fn send(&mut self, bytes: &[u8]) {
        Self::send(self, bytes);
    }

    fn receive(&mut self) -> Vec<u8> {
        Self::receive(self)
    }

    fn shutdown(&mut self) {
        Self::shutdown(self);
    }

    fn reset(self) {
        Self::reset(&self);
    }

    fn close(self) {
        Self::close(&self);
    }

    fn state(&mut self) -> PeerState {
        Self::state(self)
    }
}

impl Server for fake::Server {
    type Program = fake::Peer;

    fn address(&self) -> SocketAddr {
        Self::address(self)
    }

    fn accept(&mut self) -> Option<fake::Peer> {
        let peer = Self::accept(self)?;
        peer.stop_reading();
        Some(peer)
    }
}

/// How often a script enters for something that must come.
pub const PATIENCE: usize = 5_000;

/// The receive buffers that a shard has.
pub const BUFFERS: u16 = limits::RECEIVE_BUFFERS;
