//! Addresses that nobody else uses: each test process has a loopback address of its own, and ports
//! below the range from which the kernel takes the source ports of outgoing connections.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{LazyLock, Mutex};

const FIRST_PORT: u16 = 10_000;
const LAST_PORT: u16 = 32_000;

static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(|| Mutex::new(HashSet::new()));

/// The loopback address of this test process: `127.64-127.x.y`, from its process id.
pub fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    // Never ends in 0 or 255, which read as a network or a broadcast address to some.
    Ipv4Addr::new(127, 64 + (high.wrapping_mul(7) ^ middle) % 64, low, 1 + middle % 250)
}

/// An address on which nobody listens and which no other test of this process is given.
pub fn free() -> SocketAddr {
    free_on(IpAddr::V4(own_address()))
}

/// The same on `[::1]`, which all test processes share: a clash is met by taking the next port.
pub fn free_v6() -> SocketAddr {
    free_on(IpAddr::V6(Ipv6Addr::LOCALHOST))
}

fn free_on(ip: IpAddr) -> SocketAddr {
    let span = u32::from(LAST_PORT - FIRST_PORT);
    let start = std::process::id().wrapping_mul(7919) % span;
    for step in 0..span {
        let port = FIRST_PORT + u16::try_from((start + step) % span).expect("below 65536");
        let address = SocketAddr::new(ip, port);
        if GIVEN.lock().expect("no test panics in here").insert(port) && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port on {ip} between {FIRST_PORT} and {LAST_PORT}");
}
