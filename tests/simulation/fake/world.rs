//! The world of a test: one clock, one network, the kernels of all rings, and chance from one seed.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use ringswitch::ids::ShardId;
use ringswitch::limits;
use ringswitch::ring::{Listener, Socket};
use ringswitch::time::{Instant, Span};

use super::kernel::{Kernel, Wish};
use super::network::{Conditions, Network};
use super::{Fact, FakeRing, Faults, Id, Peer, Random, Route, Server};

/// One end of a connection, as a judge sees it.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub local: SocketAddr,
    pub remote: Option<SocketAddr>,
    /// The other end.
    pub peer: Option<Id>,
    /// Bytes that a send could give now.
    pub room: usize,
    /// Bytes that have arrived and wait to be read.
    pub unread: usize,
    pub given: u64,
    pub acknowledged: u64,
}

/// A handle to it; all handles are to the same world, in one thread.
#[derive(Clone, Debug)]
pub struct World(Rc<RefCell<State>>);

#[derive(Debug)]
pub struct State {
    pub network: Network,
    pub kernels: Vec<Kernel>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::with_conditions(seed, Conditions::default())
    }

    pub fn with_conditions(seed: u64, conditions: Conditions) -> Self {
        let network = Network::new(Random::new(seed), conditions, Faults::default());
        Self(Rc::new(RefCell::new(State { network, kernels: Vec::new() })))
    }

    pub(super) fn with<T>(&self, ask: impl FnOnce(&mut State) -> T) -> T {
        ask(&mut self.0.borrow_mut())
    }

    fn network<T>(&self, ask: impl FnOnce(&mut Network) -> T) -> T {
        self.with(|state| ask(&mut state.network))
    }

    pub fn set_faults(&self, faults: Faults) {
        self.network(|network| network.faults = faults);
    }

    /// A number from the seed, for the test's own choices.
    pub fn below(&self, end: u64) -> u64 {
        self.network(|network| network.random.below(end))
    }

    /// A ring with as much memory as a shard has. Its shard is the number of rings made before.
    pub fn ring(&self) -> FakeRing {
        self.ring_with(limits::RECEIVE_BUFFERS, 4 << 20)
    }

    pub fn ring_with(&self, receive_buffers: u16, chunk_bytes: usize) -> FakeRing {
        let shard = self.with(|state| {
            state.kernels.push(Kernel::new(receive_buffers));
            ShardId(state.kernels.len() as u16 - 1)
        });
        FakeRing::new(self.clone(), shard, receive_buffers, chunk_bytes)
    }

    /// A listening socket for a ring to accept from; port 0 chooses one. [`World::unlisten`] closes it.
    pub fn bind(&self, address: SocketAddr) -> io::Result<Listener> {
        let (id, local) = self.network(|network| network.listen(address))?;
        Ok(Listener { socket: Socket(id), local, owner: None })
    }

    pub fn unlisten(&self, listener: Socket) {
        let accepted_from = self.with(|state| state.kernels.iter().any(|kernel| kernel.in_flight(listener) > 0));
        assert!(!accepted_from, "{listener:?} is closed with an accept under way, which would keep it open");
        self.network(|network| network.unlisten(listener.0));
    }

    /// A program that listens at an address, and does what the test says.
    pub fn listen(&self, address: SocketAddr) -> Server {
        let (id, local) = self.network(|network| network.listen(address)).expect("a free address");
        Server::new(self.clone(), id, local)
    }

    /// A program that connects; port 0 in `from` chooses one.
    pub fn connect(&self, from: SocketAddr, to: SocketAddr) -> Peer {
        let id = self.network(|network| {
            let id = network.endpoint_at(from);
            network.endpoint_mut(id).reads = true;
            network.connect(id, to);
            network.settle();
            id
        });
        Peer::new(self.clone(), id)
    }

    /// What becomes of connects to an address; `None`: what the listener there, or its absence, makes of it.
    pub fn set_route(&self, to: SocketAddr, route: Option<Route>) {
        self.network(|network| match route {
            Some(route) => network.routes.insert(to, route),
            None => network.routes.remove(&to),
        });
    }

    /// From now on what happens to sockets of rings is written down.
    pub fn watch(&self) {
        self.network(|network| network.facts = Some(Vec::new()));
    }

    /// What happened since the last time.
    pub fn facts(&self) -> Vec<Fact> {
        self.network(|network| network.facts.as_mut().map(std::mem::take).unwrap_or_default())
    }

    /// How a socket of a ring looks from outside of the switch.
    pub fn view(&self, socket: Id) -> View {
        self.network(|network| {
            let endpoint = network.endpoint(socket);
            View {
                local: endpoint.local,
                remote: endpoint.remote,
                peer: endpoint.other,
                room: endpoint.room(),
                unread: endpoint.arrived.len(),
                given: endpoint.given,
                acknowledged: endpoint.acknowledged,
            }
        })
    }

    /// How many sockets of rings can be open at a time, from now on.
    pub fn set_descriptors(&self, most: usize) {
        self.network(|network| network.conditions.descriptors = most);
    }

    pub fn now(&self) -> Instant {
        self.network(|network| network.now)
    }

    pub fn advance(&self, span: Span) {
        self.advance_to(self.now() + span);
    }

    /// Moves the clock, and delivers what arrives until then, each at its time.
    pub fn advance_to(&self, until: Instant) {
        self.network(|network| {
            assert!(until >= network.now, "the clock is monotonic");
            while let Some(arrival) = network.next_arrival().filter(|arrival| *arrival <= until) {
                network.now = network.now.max(arrival);
                network.settle();
            }
            network.now = until;
        });
    }

    /// When something happens next: a packet arrives, a completion comes, a ring's deadline passes.
    pub fn next_event(&self) -> Option<Instant> {
        self.with(|state| {
            let kernels = state.kernels.iter().filter_map(Kernel::next_event);
            kernels.chain(state.network.next_arrival()).min()
        })
    }

    /// Jumps to what happens next, but not past `limit`. False if nothing does by then; the clock then shows `limit`.
    pub fn jump(&self, limit: Instant) -> bool {
        let next = self.next_event().filter(|next| *next <= limit);
        self.advance_to(next.unwrap_or(limit).max(self.now()));
        next.is_some()
    }

    /// Would the kernel end this ring's wait now? A driver that enters rings only then finds forgotten wake-ups.
    pub fn is_due(&self, shard: ShardId) -> bool {
        self.with(|state| state.kernels[shard.index()].is_due(&state.network))
    }

    /// What a ring waits for since its last enter; `None` if it did not mean to wait, or did not have to.
    pub fn wish(&self, shard: ShardId) -> Option<Wish> {
        self.with(|state| state.kernels[shard.index()].wish)
    }

    /// Operations of a ring that are under way on a socket.
    pub fn in_flight(&self, shard: ShardId, socket: Socket) -> u32 {
        self.with(|state| state.kernels[shard.index()].in_flight(socket))
    }

    /// The thread of a ring's shard has ended.
    pub fn retire(&self, shard: ShardId) {
        self.with(|state| state.kernels[shard.index()].retired = true);
    }

    /// Descriptors that rings have open: at the end of a test, as many as at its start.
    pub fn sockets_open(&self) -> usize {
        self.network(|network| network.sockets_open)
    }

    pub(super) fn on_network<T>(&self, ask: impl FnOnce(&mut Network) -> T) -> T {
        self.network(|network| {
            let answer = ask(network);
            network.settle();
            answer
        })
    }
}
