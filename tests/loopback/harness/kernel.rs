//! What this machine's kernel knows of a connection, read from `/proc/net`.

use std::net::{IpAddr, SocketAddr};

use super::eventually;

const ESTABLISHED: &str = "01";

/// Waits until the kernel no longer holds the connection for established as seen from `side`, whose
/// peer is `other`: the other's FIN or reset has then arrived, whether or not a program has looked.
pub fn wait_end_arrived(side: SocketAddr, other: SocketAddr) {
    eventually("the end of the connection has arrived in the kernel", || {
        (state(side, other).as_deref() != Some(ESTABLISHED)).then_some(())
    });
}

/// The connection's state in hexadecimal; `None` when there is none.
fn state(side: SocketAddr, other: SocketAddr) -> Option<String> {
    let table = if side.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let text = std::fs::read_to_string(table).expect("Linux");
    let (side, other) = (as_listed(side), as_listed(other));
    text.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns.get(1) == Some(&side.as_str()) && columns.get(2) == Some(&other.as_str()))
            .then(|| columns[3].to_owned())
    })
}

/// The address as the table has it: each four bytes of the IP as a number of this machine's.
fn as_listed(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes.chunks_exact(4).map(|four| u32::from_ne_bytes([four[0], four[1], four[2], four[3]]));
    let ip: String = words.map(|word| format!("{word:08X}")).collect();
    format!("{ip}:{:04X}", address.port())
}
