//! How connections come to be, or do not.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use ringswitch::time::Span;

use super::endpoint::{Endpoint, Id, Phase};
use super::network::{Network, Packet};

/// What becomes of a connect to an address that is not simply listened on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// A router says that the host is not there: EHOSTUNREACH.
    Unreachable,
    /// No answer. The kernel gives up after some two minutes: ETIMEDOUT.
    Silent,
}

/// How long the kernel sends SYNs (`net.ipv4.tcp_syn_retries` of 6).
const SYN_PATIENCE: Span = Span::from_secs(127);

/// A listening socket: connections that nobody has accepted yet.
#[derive(Debug)]
pub struct Backlog {
    pub address: SocketAddr,
    pub waiting: VecDeque<Id>,
    pub limit: usize,
}

impl Network {
    /// Port 0: one of the network's choice.
    pub fn listen(&mut self, mut address: SocketAddr) -> io::Result<(Id, SocketAddr)> {
        if address.port() == 0 {
            address.set_port(self.free_port());
        }
        if self.listeners.values().any(|listener| listener.address == address) {
            return Err(io::Error::from_raw_os_error(libc::EADDRINUSE));
        }
        self.last_id += 1;
        self.listeners.insert(self.last_id, Backlog { address, waiting: VecDeque::new(), limit: 4096 });
        Ok((self.last_id, address))
    }

    /// Closes a listening socket: who waits in its backlog is reset.
    pub fn unlisten(&mut self, id: Id) {
        let listener = self.listeners.remove(&id).unwrap_or_else(|| panic!("{id} does not listen"));
        for waiting in listener.waiting {
            self.abort(waiting);
        }
        self.settle();
    }

    fn free_port(&mut self) -> u16 {
        self.last_port = self.last_port.checked_add(1).unwrap_or(10_000);
        self.last_port
    }

    pub fn endpoint_at(&mut self, local: SocketAddr) -> Id {
        let conditions = self.conditions;
        self.insert(Endpoint::new(local, conditions.send_buffer, conditions.window))
    }

    /// Sets out to connect. The endpoint's phase says what came of it.
    pub fn connect(&mut self, id: Id, remote: SocketAddr) {
        let route = self.routes.get(&remote).copied();
        if self.endpoint(id).local.port() == 0 {
            let port = self.free_port();
            self.endpoint_mut(id).local.set_port(port);
        }
        let endpoint = self.endpoint_mut(id);
        endpoint.phase = Phase::Connecting;
        endpoint.remote = Some(remote);
        match route {
            None => self.post(id, Packet::Syn(remote)),
            Some(Route::Unreachable) => self.post(id, Packet::Failure(libc::EHOSTUNREACH)),
            Some(Route::Silent) => self.post_at(id, Packet::Failure(libc::ETIMEDOUT), self.now + SYN_PATIENCE),
        }
    }

    /// A SYN arrives: at a listener with room, at one without (it is not answered), or nowhere.
    pub fn knock(&mut self, from: Id, address: SocketAddr) {
        let Some(listener) = self.listener_at(address) else {
            return self.post(from, Packet::Failure(libc::ECONNREFUSED));
        };
        let backlog = &self.listeners[&listener];
        if backlog.waiting.len() >= backlog.limit {
            return self.post_at(from, Packet::Failure(libc::ETIMEDOUT), self.now + SYN_PATIENCE);
        }
        let accepted = self.endpoint_at(address);
        let remote = self.endpoint(from).local;
        let endpoint = self.endpoint_mut(accepted);
        endpoint.remote = Some(remote);
        endpoint.other = Some(from);
        endpoint.phase = Phase::Established;
        self.listeners.get_mut(&listener).expect("just found").waiting.push_back(accepted);
        self.post(from, Packet::SynAck(accepted));
    }

    pub fn established(&mut self, id: Id, other: Id) {
        let endpoint = self.endpoint_mut(id);
        if endpoint.phase == Phase::Connecting && !endpoint.closed {
            endpoint.phase = Phase::Established;
            endpoint.other = Some(other);
            self.transmit(id);
        } else {
            self.post(other, Packet::Reset);
        }
    }

    pub fn connect_failed(&mut self, id: Id, errno: i32) {
        let endpoint = self.endpoint_mut(id);
        if endpoint.phase == Phase::Connecting {
            endpoint.phase = Phase::Failed(errno);
            endpoint.die(None);
        }
    }

    fn listener_at(&self, address: SocketAddr) -> Option<Id> {
        let exact = |listener: &Backlog| listener.address == address;
        let any = |listener: &Backlog| {
            let own = listener.address;
            own.ip().is_unspecified() && own.port() == address.port() && own.is_ipv4() == address.is_ipv4()
        };
        let find = |fits: &dyn Fn(&Backlog) -> bool| {
            self.listeners.iter().find(|(_, listener)| fits(listener)).map(|(id, _)| *id)
        };
        find(&exact).or_else(|| find(&any))
    }
}
