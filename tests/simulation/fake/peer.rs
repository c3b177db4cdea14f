//! The programs at the other ends, moved by the test.

use std::net::SocketAddr;

use super::endpoint::{Endpoint, Id, Phase};
use super::world::World;

/// How a connection looks from the program's side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerState {
    Connecting,
    /// The connect failed, with that errno.
    Failed(i32),
    Connected,
    /// The other side has sent its FIN; this one can still send.
    Ended,
    /// The other side has reset the connection.
    Reset,
    /// Closed or reset from here.
    Closed,
}

/// One connection of a program. It reads whatever arrives, until it is told to stop.
#[derive(Clone, Debug)]
pub struct Peer {
    world: World,
    id: Id,
}

impl Peer {
    pub(super) const fn new(world: World, id: Id) -> Self {
        Self { world, id }
    }

    fn ask<T>(&self, ask: impl FnOnce(&mut Endpoint) -> T) -> T {
        self.world.on_network(|network| ask(network.endpoint_mut(self.id)))
    }

    pub const fn id(&self) -> Id {
        self.id
    }

    pub fn local(&self) -> SocketAddr {
        self.ask(|endpoint| endpoint.local)
    }

    /// Sends; the program has room for any number of bytes. On a connection that is over they are lost.
    pub fn send(&self, bytes: &[u8]) {
        self.world.on_network(|network| {
            if !network.endpoint(self.id).dead {
                network.give(self.id, bytes);
            }
        });
    }

    /// What has been read since the last time. While reading is stopped: takes what lies in the socket.
    pub fn receive(&self) -> Vec<u8> {
        self.world.on_network(|network| {
            let endpoint = network.endpoint_mut(self.id);
            let mut read = std::mem::take(&mut endpoint.inbox);
            read.extend(endpoint.arrived.drain(..));
            network.window_opened(self.id);
            read
        })
    }

    /// Lets arriving bytes lie, until the window is full and the other side has to wait.
    pub fn stop_reading(&self) {
        self.ask(|endpoint| endpoint.reads = false);
    }

    pub fn resume_reading(&self) {
        self.world.on_network(|network| {
            let endpoint = network.endpoint_mut(self.id);
            endpoint.reads = true;
            endpoint.read();
            network.window_opened(self.id);
        });
    }

    /// A FIN behind what was sent.
    pub fn shutdown(&self) {
        self.world.on_network(|network| network.finish(self.id));
    }

    /// Closes in order, or by a reset if bytes lie unread.
    pub fn close(&self) {
        self.world.on_network(|network| network.close(self.id));
    }

    pub fn reset(&self) {
        self.world.on_network(|network| network.abort(self.id));
    }

    /// Nothing reaches this end any more; what it sends still arrives.
    pub fn cut_inward(&self) {
        self.world.on_network(|network| network.cut(self.id));
    }

    /// Nothing of this end arrives any more; what is sent to it does.
    pub fn cut_outward(&self) {
        self.world.on_network(|network| {
            if let Some(other) = network.endpoint(self.id).other {
                network.cut(other);
            }
        });
    }

    /// Mends both directions. What was sent meanwhile arrives now, but for resets.
    pub fn heal(&self) {
        self.world.on_network(|network| {
            network.heal(self.id);
            if let Some(other) = network.endpoint(self.id).other {
                network.heal(other);
            }
        });
    }

    pub fn state(&self) -> PeerState {
        self.ask(|endpoint| match endpoint.phase {
            _ if endpoint.closed => PeerState::Closed,
            Phase::Fresh | Phase::Connecting => PeerState::Connecting,
            Phase::Failed(errno) => PeerState::Failed(errno),
            Phase::Established if endpoint.error.is_some() => PeerState::Reset,
            Phase::Established if endpoint.dead => PeerState::Closed,
            Phase::Established if endpoint.fin_arrived => PeerState::Ended,
            Phase::Established => PeerState::Connected,
        })
    }

    /// Bytes sent that the other side's kernel has not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        self.ask(|endpoint| endpoint.given - endpoint.acknowledged)
    }
}

/// A listening program.
#[derive(Clone, Debug)]
pub struct Server {
    world: World,
    id: Id,
    address: SocketAddr,
}

impl Server {
    pub(super) const fn new(world: World, id: Id, address: SocketAddr) -> Self {
        Self { world, id, address }
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connection that has waited longest, if one does.
    pub fn accept(&self) -> Option<Peer> {
        let id = self.world.on_network(|network| {
            let id = network.listeners.get_mut(&self.id)?.waiting.pop_front()?;
            let endpoint = network.endpoint_mut(id);
            endpoint.reads = true;
            endpoint.read();
            network.window_opened(id);
            Some(id)
        })?;
        Some(Peer::new(self.world.clone(), id))
    }

    /// Stops listening: who was not accepted is reset, who comes later refused.
    pub fn close(self) {
        self.world.unlisten(ringswitch::ring::Socket(self.id));
    }
}
