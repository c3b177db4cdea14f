//! Sockets as the simulator wants them.

#![expect(clippy::disallowed_types, reason = "an address is this host's if it can be bound")]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::config::allowlist::Allowlist;

/// Begins to connect to `remote` from `local`; it is done when the socket becomes writable.
///
/// # Errors
/// What the kernel says at once: no such local address, no descriptor, no route.
pub fn connect(remote: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(ip) = local {
        socket.bind(&SocketAddr::new(ip, 0).into())?;
    }
    match socket.connect(&remote.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// Listens at `local`.
///
/// A port in use is waited for a little: after a switch was killed the kernel gives the sockets of
/// its rings back late.
#[expect(clippy::disallowed_methods, reason = "before anything runs there is nothing to hold up")]
pub fn listen(local: SocketAddr) -> io::Result<TcpListener> {
    let mut looks = 40;
    loop {
        match TcpListener::bind(local) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && looks > 0 => {
                looks -= 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            settled => return settled,
        }
    }
}

/// Closes with a reset instead of a FIN.
pub fn reset(stream: TcpStream) {
    // An error here leaves a plain close; the peer sees the end of the connection either way.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

/// Where to connect to for a switch that listens at `listen`.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The local address to connect from: the kernel's own choice (`None`) where that is allowed, else
/// the first allowed one that this host can be. Nothing allowed: the kernel's choice, and the
/// switch's refusal.
pub fn source(remote: SocketAddr, allow: &Allowlist) -> Option<IpAddr> {
    let usual: IpAddr = match remote.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_loopback() => Ipv6Addr::LOCALHOST.into(),
        _ => return allowed_local(remote, allow),
    };
    if allow.contains(usual) { None } else { allowed_local(remote, allow) }
}

/// A local address from which `remote` can be reached and which is not allowed; `None` if there is none to be
/// found. Of the loopback network every address is this host's.
pub fn stranger(remote: SocketAddr, allow: &Allowlist) -> Option<IpAddr> {
    let candidates: Vec<IpAddr> = match remote.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => (1..=254).map(|end| Ipv4Addr::new(127, 0, 0, end).into()).collect(),
        ip => usual_local(SocketAddr::new(ip, remote.port())).into_iter().collect(),
    };
    candidates.into_iter().find(|&ip| !allow.contains(ip))
}

/// The address that the kernel would connect from. Nothing is sent for it.
fn usual_local(remote: SocketAddr) -> Option<IpAddr> {
    let socket = Socket::new(Domain::for_address(remote), Type::DGRAM, Some(Protocol::UDP)).ok()?;
    socket.connect(&remote.into()).ok()?;
    Some(socket.local_addr().ok()?.as_socket()?.ip())
}

fn allowed_local(remote: SocketAddr, allow: &Allowlist) -> Option<IpAddr> {
    let candidates = allow.prefixes().iter().filter_map(|prefix| prefix.hosts().next());
    let mut same_kind =
        candidates.filter(|ip| ip.is_ipv4() == remote.is_ipv4() && ip.is_loopback() == remote.ip().is_loopback());
    same_kind.find(|&ip| std::net::TcpListener::bind((ip, 0)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(text: &[&str]) -> Allowlist {
        Allowlist::new(text.iter().map(|prefix| prefix.parse().unwrap()).collect())
    }

    #[test]
    fn an_allowed_local_address_is_found() {
        let remote: SocketAddr = "127.0.0.1:7001".parse().unwrap();
        assert_eq!(source(remote, &allow(&["127.0.0.0/8"])), None);
        let other = source(remote, &allow(&["10.8.1.0/24", "127.0.0.9/32"]));
        assert_eq!(other, Some("127.0.0.9".parse().unwrap()));
        assert_eq!(source(remote, &allow(&["10.8.1.0/24"])), None);
    }

    #[test]
    fn a_stranger_is_an_address_that_is_not_allowed() {
        let remote: SocketAddr = "127.0.0.1:7001".parse().unwrap();
        assert_eq!(stranger(remote, &allow(&["127.0.0.1/32"])), Some("127.0.0.2".parse().unwrap()));
        assert_eq!(stranger(remote, &allow(&["127.0.0.0/25"])), Some("127.0.0.128".parse().unwrap()));
        assert_eq!(stranger(remote, &allow(&["127.0.0.0/8"])), None);
        let remote: SocketAddr = "[::1]:7001".parse().unwrap();
        assert_eq!(stranger(remote, &allow(&["::1/128"])), None);
    }

    #[test]
    fn a_switch_that_listens_everywhere_is_reached_over_loopback() {
        assert_eq!(reachable("0.0.0.0:7001".parse().unwrap()), "127.0.0.1:7001".parse().unwrap());
        assert_eq!(reachable("[::]:7001".parse().unwrap()), "[::1]:7001".parse().unwrap());
    }
}
