//! One TCP connection as its shard holds it: the socket, what the kernel still has of it, the
//! bytes queued on it and the bytes that wait to be decided.

use std::collections::VecDeque;

use super::log::Log;
use super::queue::Queue;
use crate::frame::Framing;
use crate::ids::{GroupId, LineId};
use crate::reason::Closed;
use crate::ring::Socket;
use crate::ring::token::{Kind, Token};
use crate::switch::line::outbox::Outbox;
use crate::time::Instant;

#[derive(Debug)]
pub struct Connection {
    pub socket: Socket,
    pub index: u32,
    pub generation: u32,
    /// The line that it carries; `None` once it is being closed.
    pub line: Option<u32>,
    /// Which line and group it carried: what is left in its queue is theirs.
    pub carried: Carried,
    pub queue: Queue,
    /// The answers that it was given and may have to go again.
    pub log: Log,
    /// Whether answers are logged (`resend`).
    pub resends: bool,
    /// What its queue holds, once the line itself has gone on without it.
    pub orphans: Option<Outbox>,
    pub inlet: Inlet,
    /// A receive is armed.
    pub receiving: bool,
    pub sending: Option<Sending>,
    /// Operations that the kernel has not given back: the socket is closed only at zero.
    pub in_flight: u8,
    /// Bytes that the next receive may bring before it must be armed again.
    pub credit: u32,
    /// Waits in the list of those that had no receive buffer.
    pub starved: bool,
    /// Our FIN is out, or asked for.
    pub finished: bool,
    /// How to close once nothing is in flight.
    pub closing: Option<Closing>,
}

#[derive(Clone, Copy, Debug)]
pub struct Carried {
    pub line: LineId,
    pub group: GroupId,
    pub framing: Framing,
}

/// The one send in flight.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    pub bytes: usize,
    /// It waits until the kernel took all; a short result then means that the line broke.
    pub waits: bool,
    /// It was cancelled so that what passed its deadline can leave the queue.
    pub cancelled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// FIN, as far as the kernel lets us; the kernel goes on with what it was given.
    Finish,
    /// FIN too, but the peer's has come: what it has not acknowledged it may never take.
    Reply,
    Reset,
}

impl Closing {
    pub const fn after(reason: Closed) -> Self {
        match reason {
            Closed::Drained | Closed::GroupReset => Self::Finish,
            Closed::Peer => Self::Reply,
            _ => Self::Reset,
        }
    }
}

/// Bytes received and not decided: the beginning of a frame, or what a full destination left.
#[derive(Default, Debug)]
pub struct Inlet {
    pub bytes: Vec<u8>,
    /// Up to which byte (counted in the stream of the inlet) bytes came when, oldest first.
    arrivals: VecDeque<(usize, Instant)>,
}

impl Inlet {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn push(&mut self, bytes: &[u8], now: Instant) {
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len();
        match self.arrivals.back_mut() {
            Some((last, at)) if *at == now => *last = end,
            _ => self.arrivals.push_back((end, now)),
        }
    }

    /// The first arrival after `last`: when it was, and how many bytes wait up to its end.
    pub fn arrival_after(&self, last: Option<Instant>) -> Option<(usize, Instant)> {
        self.arrivals.iter().find(|(_, at)| last.is_none_or(|last| *at > last)).copied()
    }

    /// When the first waiting byte came.
    pub fn oldest(&self) -> Option<Instant> {
        self.arrivals.front().map(|(_, at)| *at)
    }

    pub fn consume(&mut self, len: usize) {
        self.bytes.drain(..len);
        self.arrivals.retain_mut(|(end, _)| {
            *end = end.saturating_sub(len);
            *end > 0
        });
    }
}

/// Credit of a quiet line, and of one that used up its last.
pub const CREDIT_MIN: u32 = 16 * 1024;
pub const CREDIT_MAX: u32 = 256 * 1024;

impl Connection {
    pub fn token(&self, kind: Kind) -> Token {
        Token::new(kind, self.index, self.generation)
    }

    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inlet_knows_when_each_byte_came() {
        let mut inlet = Inlet::default();
        inlet.push(b"0012", Instant(1));
        inlet.push(b"abcd", Instant(2));
        assert_eq!(inlet.arrival_after(None), Some((4, Instant(1))));
        assert_eq!(inlet.arrival_after(Some(Instant(1))), Some((8, Instant(2))));
        assert_eq!(inlet.oldest(), Some(Instant(1)));
        inlet.consume(5);
        assert_eq!((inlet.bytes.as_slice(), inlet.oldest()), (&b"bcd"[..], Some(Instant(2))));
        inlet.consume(3);
        assert!(inlet.is_empty() && inlet.oldest().is_none());
    }
}
