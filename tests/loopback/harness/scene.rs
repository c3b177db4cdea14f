//! The scene most tests play: a NAC with terminals behind it, a host that answers them.

use super::frames::{addresses, answer_swapped, message, tpdu};
use super::peer::{Peer, receive_from_any};
use super::{Member, World};

/// The NII that terminals send to where a test has only one host.
pub const NII: u16 = 0x0003;

/// A NAC whose every request goes to one host.
pub fn payments(shards: u16, nac: &Member, host: &Member) -> World {
    World::new(shards).member(nac).member(host).route(&nac.id, &host.id)
}

/// Sends a request from the terminal with that address.
pub fn ask(terminal: &mut Peer, address: u16, text: &str) {
    terminal.send_frame(&tpdu(NII, address, text.as_bytes()));
}

/// A request and its answer, both checked; returns which of the host's lines was used.
pub fn round_trip(terminal: &mut Peer, hosts: &mut [&mut Peer], address: u16, text: &str) -> usize {
    ask(terminal, address, text);
    let (line, request) = receive_from_any(hosts);
    assert_eq!(addresses(&request).0, NII, "the destination stays");
    assert_eq!(message(&request), text.as_bytes(), "the request behind the TPDU stays");
    let answer = format!("answer to {text}");
    hosts[line].send_frame(&answer_swapped(&request, answer.as_bytes()));
    terminal.expect_frame(&tpdu(address, NII, answer.as_bytes()));
    line
}
