//! Sockets as files: what is asked of them with plain system calls, seldom and off the path of frames.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Type};

use super::{Health, Listener, Socket};

/// Connections that may wait to be accepted. The kernel cuts it down to `net.core.somaxconn`.
pub const BACKLOG: u16 = 4096;

// States of a TCP connection in `tcpi_state` (the kernel's include/net/tcp_states.h).
const FIN_WAIT_1: u8 = 4;
const FIN_WAIT_2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;
const LAST_ACK: u8 = 9;
const CLOSING: u8 = 11;

/// Binds and listens. An IPv6 address is IPv6 only, `[::]` too: an IPv4 listener is a line of its own.
pub fn listen(address: SocketAddr, backlog: u16) -> io::Result<Listener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::from(backlog))?;
    let local = ip(socket.local_addr()?)?;
    let owner = OwnedFd::from(socket);
    Ok(Listener { socket: Socket(owner.as_raw_fd()), local, owner: Some(owner) })
}

/// A socket to connect with.
pub fn open(remote: SocketAddr, bind: Option<SocketAddr>) -> io::Result<Socket> {
    let socket = socket2::Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    if let Some(local) = bind {
        if local.port() == 0 {
            // The port is chosen at the connect, where one that is in use towards others will do.
            bind_address_no_port(&socket)?;
        } else {
            // The port of the connection before may still rest in TIME_WAIT.
            socket.set_reuse_address(true)?;
        }
        socket.bind(&local.into())?;
    }
    Ok(Socket(socket.into_raw_fd()))
}

/// Sends what is written at once: frames are gathered before they are written.
pub fn no_delay(socket: Socket) -> io::Result<()> {
    with(socket, |socket| socket.set_tcp_nodelay(true))
}

pub fn remote(socket: Socket) -> io::Result<SocketAddr> {
    ip(with(socket, |socket| socket.peer_addr())?)
}

/// The same of a socket whose connect has ended: if it is not connected, why, as far as the kernel still knows.
pub fn connected(socket: Socket) -> io::Result<SocketAddr> {
    with(socket, |socket| match socket.peer_addr() {
        Ok(address) => ip(address),
        Err(error) => Err(socket.take_error()?.unwrap_or(error)),
    })
}

pub fn local(socket: Socket) -> io::Result<SocketAddr> {
    ip(with(socket, |socket| socket.local_addr())?)
}

/// Closes. What the kernel still has to send is sent.
pub fn close(socket: Socket) {
    // SAFETY: a `Socket` of this ring is a descriptor that it owns, and its holder gives it up here.
    drop(unsafe { OwnedFd::from_raw_fd(socket.0) });
}

/// Closes with a reset instead of a FIN.
pub fn reset(socket: Socket) {
    // Fails only for what is no socket; then there is nothing to reset.
    let _ = with(socket, |socket| socket.set_linger(Some(Duration::ZERO)));
    close(socket);
}

/// What the kernel knows. `opened`: this side connected, so the peer has acknowledged a SYN of ours as well.
///
/// The FIN that this side sent is not counted, except that after the end of the connection (`dead`) it cannot be told
/// whether it was acknowledged: `acknowledged` may then be one too many for a side that has shut down.
pub fn health(socket: Socket, opened: bool) -> io::Result<Health> {
    let info = tcp_info(socket)?;
    let state = info.tcpi_state;
    let queued = outgoing(socket)?;
    let syn = u64::from(opened);
    let syn_unanswered = u64::from(opened && info.tcpi_bytes_acked == 0);
    let fin_acknowledged = u64::from(matches!(state, FIN_WAIT_2 | TIME_WAIT));
    let fin_queued = u64::from(matches!(state, FIN_WAIT_1 | CLOSING | LAST_ACK));
    Ok(Health {
        ended: matches!(state, CLOSE_WAIT | CLOSE | LAST_ACK | TIME_WAIT | CLOSING),
        dead: state == CLOSE,
        acknowledged: info.tcpi_bytes_acked.saturating_sub(syn + fin_acknowledged),
        outstanding: queued.saturating_sub(syn_unanswered + fin_queued),
        unread: unread(socket)?,
    })
}

/// The address of a peer in the form the kernel reads.
#[derive(Debug)]
pub struct Address(SockAddr);

impl Address {
    pub fn new(address: SocketAddr) -> Self {
        Self(address.into())
    }

    pub fn as_ptr(&self) -> *const libc::sockaddr {
        self.0.as_ptr().cast()
    }

    pub fn size(&self) -> libc::socklen_t {
        self.0.len()
    }
}

fn with<T>(socket: Socket, ask: impl FnOnce(SockRef<'_>) -> io::Result<T>) -> io::Result<T> {
    assert!(socket.0 >= 0, "not a descriptor");
    // SAFETY: a `Socket` of this ring is open until its holder closes it through the ring.
    let borrowed = unsafe { BorrowedFd::borrow_raw(socket.0) };
    ask(SockRef::from(&borrowed))
}

fn ip(address: SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
}

fn bind_address_no_port(socket: &socket2::Socket) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = mem::size_of_val(&on) as libc::socklen_t;
    let value = (&raw const on).cast();
    // SAFETY: the kernel reads `size` bytes of `on`, which outlives the call.
    let failed =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, value, size) };
    checked(failed)
}

fn tcp_info(socket: Socket) -> io::Result<libc::tcp_info> {
    // SAFETY: `tcp_info` is made of integers, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut size = mem::size_of_val(&info) as libc::socklen_t;
    let place = (&raw mut info).cast();
    // SAFETY: the kernel writes at most `size` bytes into `info`.
    let failed = unsafe { libc::getsockopt(socket.0, libc::IPPROTO_TCP, libc::TCP_INFO, place, &raw mut size) };
    checked(failed).map(|()| info)
}

/// Bytes given to the kernel and not acknowledged, a FIN included.
pub fn outgoing(socket: Socket) -> io::Result<u64> {
    queue(socket, libc::TIOCOUTQ)
}

fn unread(socket: Socket) -> io::Result<u64> {
    queue(socket, libc::FIONREAD)
}

fn queue(socket: Socket, request: libc::Ioctl) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: both requests write one int.
    let failed = unsafe { libc::ioctl(socket.0, request, &raw mut bytes) };
    checked(failed).map(|()| u64::try_from(bytes).unwrap_or(0))
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
