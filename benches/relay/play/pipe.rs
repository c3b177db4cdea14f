//! The yardstick: a pipe of bytes on the same ring code, without frames, routes, tables or
//! counters. What it costs is TCP, the kernel's part of io_uring and one copy.

use std::net::{SocketAddr, TcpListener, TcpStream};

use ringswitch::time::{Instant, Span};

use crate::load::Hub;
use crate::load::hub::{Out, Player};

/// Line `n` is what came in, line `lines + n` the connection made for it.
struct Pipe {
    lines: u32,
}

impl Player for Pipe {
    fn received(&mut self, out: &mut Out<'_>, line: u32, bytes: &[u8], _now: Instant) -> usize {
        let other = if line < self.lines { line + self.lines } else { line - self.lines };
        out.append(other, &[bytes]);
        bytes.len()
    }
}

/// Accepts `lines` connections, makes one to `host` for each, and pipes until one of them ends.
/// `listening` is told where it listens, `up` that all connections are there.
pub fn run(lines: usize, host: SocketAddr, listening: impl FnOnce(SocketAddr), up: impl FnOnce()) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listening(listener.local_addr().expect("bound"));
    let mut out = Vec::with_capacity(lines);
    let mut streams: Vec<_> = (0..lines)
        .map(|_| {
            let (incoming, _) = listener.accept().expect("the load connects");
            out.push(TcpStream::connect(host).expect("the host listens"));
            incoming
        })
        .collect();
    streams.append(&mut out);
    let mut hub = Hub::new(streams);
    let mut pipe = Pipe { lines: lines as u32 };
    up();
    while hub.closed() == 0 {
        hub.turn(&mut pipe, Span::from_secs(1));
    }
}
