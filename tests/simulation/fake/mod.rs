//! A kernel for tests: rings, a network and a clock in one thread, all of it from one seed.
//!
//! [`World`] makes rings ([`FakeRing`], for the shards) and peers ([`Peer`], for the test). The clock moves only by
//! [`World::advance`] and [`World::jump`]; an enter of a ring never waits but notes what it would have waited for.
//! What a real kernel was seen to do is done here, and asserted is what it punishes silently: two sends at a time
//! on a socket, closing with an operation under way, giving a buffer back twice or too early. What happened to the
//! switch's sockets can be watched as [`Fact`]s.
//!
//! Used by the simulation and by the test that compares the fake ring with the real one.
#![allow(dead_code, unused_imports, reason = "each test crate uses another part of it")]

mod endpoint;
mod facts;
mod faults;
mod handshake;
mod kernel;
mod network;
mod peer;
mod random;
mod ring;
mod turn;
mod world;

pub use endpoint::Id;
pub use facts::Fact;
pub use faults::Faults;
pub use handshake::Route;
pub use kernel::Wish;
pub use network::Conditions;
pub use peer::{Peer, PeerState, Server};
pub use random::Random;
pub use ring::FakeRing;
pub use world::{View, World};
