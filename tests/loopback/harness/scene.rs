//! The scene most tests play: a NAC with terminals behind it, a host that answers them.

use std::time::{Duration, Instant};

use super::frames::{addresses, answer_swapped, message, tpdu};
use super::peer::{Arrival, Peer};
use super::{Member, PATIENCE, World};

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

/// The request on whichever line it comes; fails at once when the requester's own line breaks.
fn receive_request(terminal: &mut Peer, hosts: &mut [&mut Peer]) -> (usize, Vec<u8>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for (line, host) in hosts.iter_mut().enumerate() {
            match host.arrival(Duration::from_millis(2)) {
                Arrival::Frame(request) => return (line, request),
                Arrival::Nothing => {}
                other => panic!("a request was due; line {line} of the host gave {other:?}"),
            }
        }
        let back = terminal.arrival(Duration::from_millis(1));
        assert_eq!(back, Arrival::Nothing, "no request came out, and this came back to the terminal");
        assert!(Instant::now() < deadline, "no request on any of {} lines, nothing at the terminal", hosts.len());
    }
}

/// A request and its answer, both checked; returns which of the host's lines was used.
pub fn round_trip(terminal: &mut Peer, hosts: &mut [&mut Peer], address: u16, text: &str) -> usize {
    ask(terminal, address, text);
    let (line, request) = receive_request(terminal, hosts);
    assert_eq!(addresses(&request).0, NII, "the destination stays");
    assert_eq!(message(&request), text.as_bytes(), "the request behind the TPDU stays");
    let answer = format!("answer to {text}");
    hosts[line].send_frame(&answer_swapped(&request, answer.as_bytes()));
    terminal.expect_frame(&tpdu(address, NII, answer.as_bytes()));
    line
}
