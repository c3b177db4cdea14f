//! A ring over the world of the test. It has the memory; the rest of its kernel lies in the world.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringswitch::ring::{
    BufferId, Chunks, Completion, Health, Memory, Operation, Received, Ring, Segment, Socket, Token, Wait, Wake,
};
use ringswitch::time::Instant;
use ringswitch::{ids::ShardId, limits};

use super::Fact;
use super::endpoint::Phase;
use super::kernel::{Kernel, Wish};
use super::turn::{Turn, ghost};
use super::world::{State, World};

/// What a buffer is overwritten with when it is given back: nothing may still point into it.
static GARBAGE: [u8; limits::RECEIVE_BUFFER_BYTES] = [0xdb; limits::RECEIVE_BUFFER_BYTES];

#[derive(Debug)]
enum Pushed {
    Operation(Operation),
    Send { token: Token, socket: Socket, segments: Vec<Segment>, wait: bool },
}

#[derive(Debug)]
pub struct FakeRing {
    world: World,
    shard: ShardId,
    received: Received,
    chunks: Chunks,
    pushed: Vec<Pushed>,
}

impl FakeRing {
    pub(super) fn new(world: World, shard: ShardId, receive_buffers: u16, chunk_bytes: usize) -> Self {
        let received = Received::new(receive_buffers).expect("memory");
        let chunks = Chunks::new(chunk_bytes).expect("memory");
        Self { world, shard, received, chunks, pushed: Vec::new() }
    }

    pub const fn shard(&self) -> ShardId {
        self.shard
    }

    fn with<T>(&self, ask: impl FnOnce(&mut State) -> T) -> T {
        self.world.with(ask)
    }

    /// The kernel of this ring and the network, which lie side by side in the world.
    fn kernel<T>(&self, ask: impl FnOnce(&mut Kernel) -> T) -> T {
        self.with(|state| ask(&mut state.kernels[self.shard.index()]))
    }

    fn begin(&mut self, token: Token, socket: Socket) {
        let room = self.with(|state| usize::from(state.network.faults.submissions));
        if room > 0 && self.pushed.len() >= room {
            self.submit();
        }
        self.kernel(|kernel| kernel.begin(token, socket));
    }

    /// Begins what was pushed, or the first `most` of it.
    fn submit_some(&mut self, most: usize) {
        let Self { world, shard, received, chunks, pushed } = self;
        world.with(|state| {
            let State { network, kernels } = state;
            for pushed in pushed.drain(..most.min(pushed.len())) {
                if let Pushed::Operation(Operation::Wake { shard }) = pushed {
                    kernels[shard.index()].woken.store(true, Ordering::Relaxed);
                    continue;
                }
                let kernel = &mut kernels[shard.index()];
                let mut turn = Turn { network, kernel, received, chunks };
                match pushed {
                    Pushed::Operation(operation) => turn.begin(operation),
                    Pushed::Send { token, socket, segments, wait } => turn.begin_send(token, socket, segments, wait),
                }
                turn.network.settle();
            }
        });
    }

    /// Whether this enter is cut short, and how many of the pushed operations it takes.
    fn interrupted(&self) -> Option<usize> {
        self.with(|state| {
            let State { network, .. } = state;
            let cut_short = network.random.chance(network.faults.interrupted);
            cut_short.then(|| network.random.below(self.pushed.len() as u64 + 1) as usize)
        })
    }

    /// The socket is given up: nothing may be under way on it, or the kernel would go on with it.
    fn give_up(&mut self, socket: Socket) {
        let in_flight = self.kernel(|kernel| kernel.in_flight(socket));
        assert_eq!(in_flight, 0, "{socket:?} is closed with operations under way");
        let pushed =
            self.pushed.iter().any(|pushed| matches!(pushed, Pushed::Send { socket: of, .. } if *of == socket));
        assert!(!pushed, "{socket:?} is closed with a send that was just pushed");
        let shard = self.shard.index();
        self.with(|state| {
            let State { network, kernels } = state;
            network.sockets_open -= 1;
            ghost(network, &mut kernels[shard], socket);
        });
    }
}

impl Ring for FakeRing {
    fn now(&self) -> Instant {
        self.world.now()
    }

    fn push(&mut self, operation: Operation) {
        match operation {
            Operation::Accept { token, listener: socket }
            | Operation::Connect { token, socket, .. }
            | Operation::Receive { token, socket, .. }
            | Operation::Shutdown { token, socket, .. } => self.begin(token, socket),
            Operation::Cancel { .. } | Operation::Wake { .. } => {}
        }
        self.pushed.push(Pushed::Operation(operation));
    }

    fn send(&mut self, token: Token, socket: Socket, segments: &[Segment], wait: bool) {
        self.begin(token, socket);
        self.pushed.push(Pushed::Send { token, socket, segments: segments.to_vec(), wait });
    }

    fn enter(&mut self, wait: Wait, into: &mut Vec<Completion>) {
        if let Some(taken) = self.interrupted() {
            self.submit_some(taken);
            return self.kernel(|kernel| kernel.wish = None);
        }
        self.kernel(|kernel| kernel.woken.store(false, Ordering::Relaxed));
        self.submit();
        let Self { world, shard, received, chunks, .. } = self;
        let want = match wait {
            Wait::No => 0,
            Wait::Until { want, .. } => want,
        };
        world.with(|state| {
            let State { network, kernels } = state;
            let kernel = &mut kernels[shard.index()];
            kernel.wish = match wait {
                Wait::No => None,
                Wait::Until { deadline, want, .. } => Some(Wish { deadline, want }),
            };
            let mut turn = Turn { network, kernel, received, chunks };
            turn.serve(want);
            turn.network.settle();
            let before = into.len();
            turn.hand_out(into);
            if into.len() > before {
                // It did not have to wait, and has something to do.
                turn.kernel.wish = None;
            }
        });
    }

    fn submit(&mut self) {
        self.submit_some(usize::MAX);
    }

    fn memory(&mut self) -> Memory<'_> {
        Memory { received: &self.received, chunks: &mut self.chunks }
    }

    fn give_back(&mut self, buffer: BufferId) {
        let pushed = |pushed: &Pushed| match pushed {
            Pushed::Send { segments, .. } => {
                segments.iter().any(|s| matches!(s, Segment::Received { buffer: of, .. } if *of == buffer))
            }
            Pushed::Operation(_) => false,
        };
        let sends = self.pushed.iter().any(pushed) || self.kernel(|kernel| kernel.sends_from(buffer));
        assert!(!sends, "{buffer:?} is given back while a send reads it");
        self.received.renew(buffer);
        self.received.write(buffer, 0, &GARBAGE);
        self.kernel(|kernel| kernel.buffers.lend(buffer));
    }

    fn buffers_free(&self) -> usize {
        self.kernel(|kernel| kernel.buffers.free())
    }

    fn open(&mut self, remote: SocketAddr, bind: Option<SocketAddr>) -> io::Result<Socket> {
        let any: IpAddr = if remote.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { IpAddr::from(Ipv6Addr::LOCALHOST) };
        self.with(|state| {
            if state.network.sockets_open >= state.network.conditions.descriptors {
                return Err(io::Error::from_raw_os_error(libc::EMFILE));
            }
            state.network.sockets_open += 1;
            Ok(Socket(state.network.endpoint_at(bind.unwrap_or_else(|| SocketAddr::new(any, 0)))))
        })
    }

    fn admitted(&mut self, socket: Socket) -> io::Result<()> {
        self.with(|state| {
            state.network.open_endpoint(socket.0);
        });
        Ok(())
    }

    fn connected(&self, socket: Socket) -> io::Result<SocketAddr> {
        self.remote(socket)
    }

    fn remote(&self, socket: Socket) -> io::Result<SocketAddr> {
        self.with(|state| {
            let endpoint = state.network.open_endpoint(socket.0);
            let connected = endpoint.phase == Phase::Established && !endpoint.dead && !endpoint.is_over();
            endpoint.remote.filter(|_| connected).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOTCONN))
        })
    }

    fn local(&self, socket: Socket) -> io::Result<SocketAddr> {
        self.with(|state| Ok(state.network.open_endpoint(socket.0).local))
    }

    fn health(&self, socket: Socket) -> io::Result<Health> {
        self.with(|state| Ok(state.network.open_endpoint(socket.0).health()))
    }

    fn acknowledged(&self, socket: Socket) -> io::Result<u64> {
        self.with(|state| Ok(state.network.open_endpoint(socket.0).health().acknowledged))
    }

    fn reset(&mut self, socket: Socket) {
        self.give_up(socket);
        self.with(|state| {
            state.network.note_closed(socket.0, true);
            state.network.abort(socket.0);
            state.network.close(socket.0);
            state.network.settle();
        });
    }

    fn close(&mut self, socket: Socket) {
        self.give_up(socket);
        self.with(|state| {
            state.network.note_closed(socket.0, false);
            state.network.close(socket.0);
            state.network.settle();
        });
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(Flag(self.kernel(|kernel| kernel.woken.clone())))
    }
}

#[derive(Debug)]
struct Flag(Arc<AtomicBool>);

impl Wake for Flag {
    fn wake(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
