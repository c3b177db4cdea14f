//! Ways to connect a load: to a switch, through something with one port, or to itself.

use std::net::{SocketAddr, TcpListener, TcpStream};

use super::plan::LoadPlan;

/// Connects to every line of a switch: terminals first, as the generator numbers them.
pub fn through_switch(plan: &LoadPlan) -> Vec<TcpStream> {
    plan.terminals.iter().chain(&plan.hosts).map(|address| connect(*address)).collect()
}

/// Connects so often to a relay that connects on to `host` for each, in turn.
pub fn through_relay(relay: SocketAddr, host: &TcpListener, lines: usize) -> Vec<TcpStream> {
    let mut hosts = Vec::with_capacity(lines);
    let mut terminals: Vec<_> = (0..lines)
        .map(|_| {
            let terminal = connect(relay);
            hosts.push(host.accept().expect("the relay connects on").0);
            terminal
        })
        .collect();
    terminals.append(&mut hosts);
    terminals
}

/// Terminals and hosts with nothing in between.
pub fn direct(lines: usize) -> Vec<TcpStream> {
    let host = TcpListener::bind("127.0.0.1:0").expect("a free port");
    through_relay(host.local_addr().expect("bound"), &host, lines)
}

fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"))
}
