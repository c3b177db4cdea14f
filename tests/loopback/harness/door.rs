//! A member's side of a line on which the switch connects.

use std::net::{SocketAddr, TcpListener};

use super::peer::{Peer, Prefix};
use super::{eventually, ports};

/// Where a member waits for the switch to connect.
pub struct Door {
    listener: TcpListener,
    prefix: Prefix,
}

impl Door {
    pub fn open(prefix: Prefix) -> Self {
        Self::open_at(ports::free(), prefix)
    }

    pub fn open_at(address: SocketAddr, prefix: Prefix) -> Self {
        let listener = eventually("the port is free again", || TcpListener::bind(address).ok());
        listener.set_nonblocking(true).expect("a socket");
        Self { listener, prefix }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound")
    }

    pub fn try_accept(&self) -> Option<Peer> {
        let (stream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(false).expect("a socket");
        Some(Peer::over(stream, self.prefix))
    }

    /// The switch's next connection, which must come.
    pub fn accept(&self) -> Peer {
        eventually("the switch connects", || self.try_accept())
    }
}
