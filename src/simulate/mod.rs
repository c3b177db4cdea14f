#![forbid(unsafe_code)]
//! A member played over real sockets: a client that asks, a host that answers, or both.
//!
//! It reads the same plan as the switch and shares nothing else with it but the framing: what it
//! says of the switch must not follow from what the switch decided. Every message proves its own
//! journey ([`message`]), every request is accounted for ([`ledger`]), and the count of what went
//! wrong is the [`verdict`].

pub mod clock;
pub mod latency;
pub mod ledger;
pub mod live;
pub mod load;
pub mod message;
pub mod ports;
pub mod role;
pub mod verdict;

mod client;
mod connection;
mod host;
mod pattern;
mod simulation;
pub(crate) mod sockets;
pub(crate) mod stream;

#[cfg(test)]
pub(crate) mod fake_switch;
#[cfg(test)]
pub(crate) mod test_plan;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::{fmt, io};

pub use live::{Command, LiveStats, Snapshot};
pub use load::Demand;
pub use message::Addresses;
pub use role::Part;
pub use simulation::Simulation;
pub use verdict::Report;

use crate::time::Span;

/// Bytes of a message when nothing else was asked for.
pub const SIZE: usize = 200;

/// How a member is played.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    pub demand: Demand,
    /// Data bytes of every request and answer.
    pub size: usize,
    /// Connect from here instead of an allowed local address.
    pub bind: Option<IpAddr>,
    /// A request without an answer for so long is lost. Default: the plan's `answer_within` and a
    /// second more, so that it is the switch that gives up first.
    pub answer_within: Option<Span>,
    pub addresses: Addresses,
    pub part: Part,
    /// How long to go on listening, at the end, for what should not come any more: second answers,
    /// or requests.
    pub linger: Span,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            demand: Demand { window: None, rate: None, count: None },
            size: SIZE,
            bind: None,
            answer_within: None,
            addresses: Addresses::default(),
            part: Part::default(),
            linger: Span::from_millis(300),
        }
    }
}

/// Why a member cannot be played.
#[derive(Debug)]
pub enum Unplayable {
    UnknownMember {
        known: Vec<String>,
    },
    /// No route leads from or to it, or not in the part that was asked for.
    NoRole,
    /// The size is outside what header and lines allow.
    Size {
        least: usize,
        most: usize,
    },
    Rate,
    Window,
    Listen {
        address: SocketAddr,
        error: io::Error,
    },
    Poll(io::Error),
}

impl fmt::Display for Unplayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownMember { known } => write!(f, "no such member; there are: {}", known.join(", ")),
            Self::NoRole => write!(f, "no route leads from or to this member"),
            Self::Size { least, most } => write!(f, "size must be between {least} and {most} bytes"),
            Self::Rate => write!(f, "rate must be above zero"),
            Self::Window => write!(f, "window must be above zero"),
            Self::Listen { address, error } => write!(f, "cannot listen at {address}: {error}"),
            Self::Poll(error) => write!(f, "cannot wait for sockets: {error}"),
        }
    }
}

impl std::error::Error for Unplayable {}
