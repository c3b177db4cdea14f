//! A relay as one writes it with tokio: a task for each line that copies both ways.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

/// Accepts `lines` connections, makes one to `host` for each, and copies until all have ended.
pub fn run(lines: usize, host: SocketAddr, listening: impl FnOnce(SocketAddr), up: impl FnOnce()) {
    let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listening(listener.local_addr().expect("bound"));
        let mut copies = JoinSet::new();
        for _ in 0..lines {
            let (mut incoming, _) = listener.accept().await.expect("the load connects");
            let mut outgoing = TcpStream::connect(host).await.expect("the host listens");
            incoming.set_nodelay(true).and_then(|()| outgoing.set_nodelay(true)).expect("TCP sockets");
            copies.spawn(async move { copy_bidirectional(&mut incoming, &mut outgoing).await });
        }
        up();
        while copies.join_next().await.is_some() {}
    });
}
