//! Asks a running switch.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::address::Address;
use crate::control::admin::views::Error;

const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// A reload waits for every shard; nothing else takes long.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What the switch said.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

impl Answer {
    /// The body, if it is what this program understands.
    ///
    /// # Errors
    /// A sentence: the switch is of another version, or it is no switch.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body)
            .map_err(|error| format!("the answer cannot be read ({error}): is this a ringswitch of the same version?"))
    }

    /// The body of a success.
    ///
    /// # Errors
    /// The switch's own error and hint.
    pub fn success(self) -> Result<Self, String> {
        if self.status.is_success() {
            return Ok(self);
        }
        match serde_json::from_slice::<Error>(&self.body) {
            Ok(Error { error, hint }) => Err(format!("{error}: {hint}")),
            Err(_) => Err(format!("the switch answers {}", self.status)),
        }
    }
}

/// Asks once and waits for the answer.
///
/// # Errors
/// A sentence that says what to do.
pub fn ask(address: &Address, method: Method, path: &str) -> Result<Answer, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("this host refuses what asking needs: {error}"))?;
    runtime.block_on(async {
        match address {
            Address::Tcp(tcp) => {
                let stream = connected(address, TcpStream::connect(tcp)).await?;
                exchange(address, stream, method, path, &tcp.to_string()).await
            }
            Address::Unix(file) => {
                let stream = connected(address, UnixStream::connect(file)).await?;
                exchange(address, stream, method, path, "localhost").await
            }
        }
    })
}

async fn connected<S>(address: &Address, connecting: impl Future<Output = io::Result<S>>) -> Result<S, String> {
    match timeout(CONNECT_WITHIN, connecting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(format!("{address} may not be asked by this user: {error}"))
        }
        Ok(Err(error)) => Err(nobody(address, &error.to_string())),
        Err(_) => Err(nobody(address, "no answer to the connect request")),
    }
}

fn nobody(address: &Address, why: &str) -> String {
    format!("no switch answers at {address} ({why}): is it running? give --admin or -c")
}

async fn exchange<S>(address: &Address, stream: S, method: Method, path: &str, host: &str) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = Request::builder().method(method).uri(path).header("host", host).header("connection", "close");
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| format!("{path} cannot be asked: {error}"))?;
    match timeout(ANSWER_WITHIN, answer(stream, request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{address} does not answer as a switch does: {error}")),
        Err(_) => Err(format!("the switch at {address} has not answered within {} s", ANSWER_WITHIN.as_secs())),
    }
}

async fn answer<S>(stream: S, request: Request<Empty<Bytes>>) -> hyper::Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its end is seen by the request, too.
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok(Answer { status, body })
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
