//! What an outside checker needs: a switch as a process of its own, members as plain sockets, and
//! the admin API read with nothing but a TCP connection. Nothing in here links to the product.
//!
//! Waiting is always for something that can be observed, and never longer than [`PATIENCE`].

#![allow(dead_code, unused_imports, reason = "two test programs share the harness and neither uses all of it")]

use std::time::{Duration, Instant};

pub mod command;
pub mod door;
pub mod frames;
pub mod host;
pub mod http;
pub mod iso8583;
pub mod kernel;
pub mod ledger;
pub mod metrics;
pub mod namespaces;
pub mod network;
pub mod peer;
pub mod ports;
pub mod scene;
pub mod switch;
pub mod vectors;
pub mod world;

pub use door::Door;
pub use frames::{answer_copied, answer_swapped, message, station, tpdu};
pub use host::AnsweringHost;
pub use ledger::fates_add_up;
pub use namespaces::Namespace;
pub use peer::{Arrival, Peer, Prefix, receive_from_any};
pub use scene::{NII, ask, payments, round_trip};
pub use switch::Switch;
pub use world::{Member, World};

/// How long anything that must happen may take on a busy machine. Never a measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a socket is watched for what must not come. Used only where no later event can prove it.
pub const ABSENCE: Duration = Duration::from_millis(300);

/// The pause between two looks at something that cannot be waited for.
pub const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Looks until `seen` gives a value; fails with `what` when [`PATIENCE`] is over.
pub fn eventually<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = seen() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Makes one test of a scenario for each number of shards: alone, one for each CPU, more than there are.
#[macro_export]
macro_rules! on_1_2_and_5_shards {
    ($($(#[$attribute:meta])* $scenario:ident),+ $(,)?) => {
        mod on_1_shard { $($(#[$attribute])* #[test] fn $scenario() { super::$scenario(1) })+ }
        mod on_2_shards { $($(#[$attribute])* #[test] fn $scenario() { super::$scenario(2) })+ }
        mod on_5_shards { $($(#[$attribute])* #[test] fn $scenario() { super::$scenario(5) })+ }
    };
}
