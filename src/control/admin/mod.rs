//! The admin API: HTTP over TCP or a unix socket, on the control thread.
//!
//! Every client is bounded in what it can hold: connections in number, requests in size, reading
//! and writing in time.

mod answers;
mod api;
mod guard;
mod page;
mod render;
pub mod socket;
pub mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::Order;
use super::events::Pump;
use super::kept::Keeper;
use super::observed::Observed;
use super::source::PlanSource;
use crate::ids::ShardId;
use crate::ring::Wake;
use crate::shared::inbox::Command;
use crate::shared::published::World;
use socket::Socket;

/// Connections at once; who comes beyond waits in the backlog.
const CONNECTIONS_MAX: usize = 64;

/// For the header of a request, the first and every next one.
const HEADER_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of a request's line and header.
const HEADER_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;

/// After this long a connection takes no further request...
const CONNECTION_ENDS: Duration = Duration::from_secs(30);
/// ...and after this much more it is cut: a client that does not read its answer holds a place.
const CONNECTION_CUT: Duration = Duration::from_secs(30);

/// The pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the handlers see of the switch.
pub struct Admin {
    pub world: Arc<World>,
    pub observed: Arc<Observed>,
    pub wakers: Vec<Arc<dyn Wake>>,
    /// Where the plans come from: it knows the effective configuration.
    pub source: Arc<dyn PlanSource>,
    /// So that an answer knows everything that happened before it was asked for.
    pub pump: Arc<Mutex<Pump>>,
    /// To whoever reloads.
    pub orders: mpsc::Sender<Order>,
    /// Remembers lines that were taken out of service.
    pub keeper: Option<Arc<Keeper>>,
}

impl Admin {
    fn command(&self, shard: ShardId, command: Command) {
        self.world.inbox.commands[shard.index()].push(command);
        if let Some(waker) = self.wakers.get(shard.index()) {
            waker.wake();
        }
    }
}

/// Serves until the task is dropped.
///
/// # Errors
/// If the socket cannot be given to the runtime.
pub async fn serve(socket: Socket, admin: Arc<Admin>) -> std::io::Result<()> {
    let router = api::router(admin);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    match socket {
        Socket::Tcp(listener) => {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let place = a_place(&places).await;
                start(listener.accept().await.map(|(stream, _)| stream), &router, place).await;
            }
        }
        Socket::Unix(listener, _file) => {
            let listener = UnixListener::from_std(listener)?;
            loop {
                let place = a_place(&places).await;
                start(listener.accept().await.map(|(stream, _)| stream), &router, place).await;
            }
        }
    }
}

async fn a_place(places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    places.clone().acquire_owned().await.expect("never closed")
}

async fn start<S>(accepted: std::io::Result<S>, router: &Router, place: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match accepted {
        Ok(stream) => drop(tokio::spawn(connection(stream, router.clone(), place))),
        Err(error) => {
            tracing::warn!(%error, "the admin API cannot accept");
            sleep(ACCEPT_PAUSE).await;
        }
    }
}

async fn connection<S>(stream: S, router: Router, _place: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    // A client that breaks off or breaks the protocol has been answered by hyper: nothing to add.
    if timeout(CONNECTION_ENDS, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(CONNECTION_CUT, connection).await;
    }
}

#[cfg(test)]
mod tests;
