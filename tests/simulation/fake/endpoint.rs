//! One end of a connection: what its kernel holds and what it says of it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use ringswitch::ring::Health;
use ringswitch::time::Instant;

/// The number of a socket, unique in the world and never used again, so that a late use is noticed.
pub type Id = i32;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Made to connect with, not connected.
    Fresh,
    Connecting,
    Established,
    /// The connect failed, with that errno.
    Failed(i32),
}

/// The end of what this side sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fin {
    No,
    /// Behind what is still to be sent.
    Queued,
    Sent,
    Acknowledged,
}

#[derive(Debug)]
pub struct Endpoint {
    pub local: SocketAddr,
    pub remote: Option<SocketAddr>,
    pub phase: Phase,
    pub other: Option<Id>,
    /// A program of the test reads here by itself whenever something arrives.
    pub reads: bool,
    /// What that program has read.
    pub inbox: Vec<u8>,
    /// The descriptor is closed; the kernel may still be sending.
    pub closed: bool,

    pub unsent: VecDeque<u8>,
    /// Bytes sent and not acknowledged.
    pub flying: usize,
    pub given: u64,
    pub acknowledged: u64,
    pub send_buffer: usize,
    pub fin: Fin,

    pub arrived: VecDeque<u8>,
    /// Bytes on their way to here.
    pub approaching: usize,
    pub window: usize,
    pub fin_arrived: bool,
    /// Own shutdown of the receiving half.
    pub deaf: bool,
    /// When the last packet on the way arrives: the next one is not before it.
    pub last_arrival: Instant,

    /// Reset or given up.
    pub dead: bool,
    /// To be told once, to whoever asks first.
    pub error: Option<i32>,
    pub forgotten: bool,
}

/// What a receive finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Incoming {
    Nothing,
    Bytes(usize),
    End,
    Error(i32),
}

impl Endpoint {
    pub fn new(local: SocketAddr, send_buffer: usize, window: usize) -> Self {
        Self {
            local,
            remote: None,
            phase: Phase::Fresh,
            other: None,
            reads: false,
            inbox: Vec::new(),
            closed: false,
            unsent: VecDeque::new(),
            flying: 0,
            given: 0,
            acknowledged: 0,
            send_buffer,
            fin: Fin::No,
            arrived: VecDeque::new(),
            approaching: 0,
            window,
            fin_arrived: false,
            deaf: false,
            last_arrival: Instant(0),
            dead: false,
            error: None,
            forgotten: false,
        }
    }

    /// Bytes that a send can give now.
    pub fn room(&self) -> usize {
        self.send_buffer.saturating_sub(self.unsent.len() + self.flying)
    }

    /// May a send give bytes? The error is told once, after that the pipe is broken.
    pub const fn sendable(&mut self) -> Result<(), i32> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.dead || !matches!(self.phase, Phase::Established) || !matches!(self.fin, Fin::No) {
            return Err(libc::EPIPE);
        }
        Ok(())
    }

    pub fn give(&mut self, bytes: &[u8]) {
        self.unsent.extend(bytes);
        self.given += bytes.len() as u64;
    }

    /// Bytes come before the error that followed them, and that before the end.
    pub fn incoming(&self) -> Incoming {
        match self.error {
            _ if !self.arrived.is_empty() => Incoming::Bytes(self.arrived.len()),
            Some(error) => Incoming::Error(error),
            None if self.fin_arrived || self.dead || self.deaf => Incoming::End,
            None if self.phase == Phase::Fresh => Incoming::Error(libc::ENOTCONN),
            None => Incoming::Nothing,
        }
    }

    pub fn take(&mut self, bytes: usize) -> Vec<u8> {
        self.arrived.drain(..bytes).collect()
    }

    /// The program of the test reads what it can.
    pub fn read(&mut self) {
        if self.reads {
            self.inbox.extend(self.arrived.drain(..));
        }
    }

    pub fn die(&mut self, error: Option<i32>) {
        self.dead = true;
        self.error = error;
        self.unsent.clear();
        self.flying = 0;
    }

    /// Room that the other side may fill.
    pub fn window_left(&self) -> usize {
        self.window.saturating_sub(self.arrived.len() + self.approaching)
    }

    /// Both sides have finished, and this one knows it.
    pub fn is_over(&self) -> bool {
        self.fin_arrived && self.fin == Fin::Acknowledged
    }

    pub fn health(&self) -> Health {
        let over = self.is_over();
        Health {
            ended: self.fin_arrived || self.dead,
            dead: self.dead || over,
            // The kernel counts an acknowledged FIN, and at the end does not tell it from bytes.
            acknowledged: self.acknowledged + u64::from(over),
            outstanding: if self.forgotten { 0 } else { self.given - self.acknowledged },
            unread: self.arrived.len() as u64,
        }
    }
}
