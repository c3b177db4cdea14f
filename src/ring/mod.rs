//! The kernel as a shard sees it.
//!
//! A [`Ring`] takes operations and gives completions, owns the memory that the kernel reads and
//! writes, and tells the time. Two things implement it: `uring::Uring`, and the fake ring of the
//! tests, whose network, clock and faults come from a seed. Operations carry regions of the ring's
//! own memory and never pointers, so that the fake reads what it sends at the moment of delivery
//! and scribbles over what came back.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

pub mod buffers;
mod chunks;
mod mapping;
pub mod sockets;
pub mod token;
pub mod uring;

pub use buffers::{BufferId, Chunk, Chunks, Received, Region, Segment};
pub use token::Token;

use crate::ids::ShardId;
use crate::time::{Instant, Span};

/// A socket of this ring: a descriptor in the real one, a number in the fake.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Socket(pub i32);

/// A bound, listening socket. It is closed when the last holder drops it.
#[derive(Debug)]
pub struct Listener {
    pub socket: Socket,
    /// The address it is really bound to (the port, if 0 was asked for).
    pub local: SocketAddr,
    /// `None` in the fake ring, which has no descriptors.
    pub owner: Option<OwnedFd>,
}

/// What a shard asks of the kernel. Sends have a call of their own, [`Ring::send`].
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    /// Multishot: a completion for each connection, its result the new [`Socket`].
    Accept {
        token: Token,
        listener: Socket,
    },
    /// Connects a socket from [`Ring::open`]; result 0 or a negative errno.
    Connect {
        token: Token,
        socket: Socket,
        remote: SocketAddr,
    },
    /// Multishot into provided buffers. Ends (completion without `more`) after `limit` bytes, or
    /// when buffers or completion slots run out, or at the end of the stream: arm again.
    /// A plain multishot may pass `limit` by one receive.
    Receive {
        token: Token,
        socket: Socket,
        limit: u32,
    },
    /// Asks for the end of an operation; both complete, in either order.
    Cancel {
        token: Token,
        target: Token,
    },
    Shutdown {
        token: Token,
        socket: Socket,
        how: How,
    },
    /// Ends the wait of another shard's ring.
    Wake {
        shard: ShardId,
    },
}

/// Which half of a connection to shut down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Sends FIN behind what is queued in the kernel; receiving goes on.
    Write,
    Both,
}

/// The end, or with `more` a step, of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    pub token: Token,
    /// Bytes, a socket, 0, or a negative errno.
    pub result: i32,
    /// The operation goes on. Without it, whatever the result: it is over.
    pub more: bool,
    /// Where received bytes lie.
    pub region: Option<Region>,
}

/// How long [`Ring::enter`] may wait.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// Submit, take what is there.
    No,
    /// Until `want` completions are there, or `deadline`; with `min_wait` above zero, after that
    /// time since the enter one completion is enough.
    Until { deadline: Instant, want: u32, min_wait: Span },
}

/// What the kernel knows of a connection, for the questions that bytes cannot answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Health {
    /// The peer's FIN or reset has arrived, or the connection is otherwise over.
    pub ended: bool,
    /// Reset or given up: nothing can be written any more.
    pub dead: bool,
    /// Bytes that the peer's TCP has acknowledged since the connection began.
    pub acknowledged: u64,
    /// Bytes given to the kernel and not acknowledged yet, sent or not.
    pub outstanding: u64,
    /// Bytes that lie received and unread in the socket.
    pub unread: u64,
}

/// The memory of a ring: received bytes to look at, chunks to write into.
pub struct Memory<'a> {
    pub received: &'a Received,
    pub chunks: &'a mut Chunks,
}

pub trait Ring {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// Queues an operation for the next [`Ring::enter`]. Never fails: a full submission queue is
    /// submitted.
    fn push(&mut self, operation: Operation);

    /// Queues a send of `segments` in order. With `wait` it completes when all was given to the
    /// kernel or the connection broke (MSG_WAITALL); without, it completes within the next enter
    /// with what the kernel took at once, `-EAGAIN` if nothing (MSG_DONTWAIT). The result is the
    /// number of bytes given, also when it was cancelled. At most one send may be in flight on a
    /// socket: two would mix their bytes.
    fn send(&mut self, token: Token, socket: Socket, segments: &[Segment], wait: bool);

    /// Submits what was pushed, waits as told and appends the completions to `into`.
    fn enter(&mut self, wait: Wait, into: &mut Vec<Completion>);

    /// Submits what was pushed and takes nothing: neither completions nor bytes of any socket.
    fn submit(&mut self);

    fn memory(&mut self) -> Memory<'_>;

    /// Gives a receive buffer back to the kernel. Call once for each region with `last` set, when
    /// nothing refers to the buffer any more.
    fn give_back(&mut self, buffer: BufferId);

    /// Receive buffers that the kernel may fill now.
    fn buffers_free(&self) -> usize;

    /// A socket to connect with, bound to `bind` if given.
    fn open(&mut self, remote: SocketAddr, bind: Option<SocketAddr>) -> io::Result<Socket>;

    /// Sets up a connection that was accepted (no delay) and says who it is.
    fn admitted(&mut self, socket: Socket) -> io::Result<()>;

    /// Whether a connect that ended with 0 made a connection: to whom, or why it did not.
    fn connected(&self, socket: Socket) -> io::Result<SocketAddr>;

    fn remote(&self, socket: Socket) -> io::Result<SocketAddr>;

    fn local(&self, socket: Socket) -> io::Result<SocketAddr>;

    fn health(&self, socket: Socket) -> io::Result<Health>;

    /// Bytes given to the kernel and not acknowledged, sent or not; a FIN of ours counts as one.
    /// The one question of [`Ring::health`] that is asked often: once for many frames.
    fn unacknowledged(&self, socket: Socket) -> io::Result<u64>;

    /// Closes with a reset. No operation may be in flight on the socket.
    fn reset(&mut self, socket: Socket);

    /// Closes. No operation may be in flight on the socket.
    fn close(&mut self, socket: Socket);

    /// A handle with which other threads end this ring's wait.
    fn waker(&self) -> Arc<dyn Wake>;
}

/// Ends the wait of a ring, from any thread.
pub trait Wake: Send + Sync + Debug {
    fn wake(&self);
}
