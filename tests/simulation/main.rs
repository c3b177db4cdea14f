//! The simulation: shards over a fake kernel, from one seed.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests stand outside of the switch: real clocks, threads and sockets are their business"
)]

mod fake;
mod fake_ring;
mod kernels;
mod runs;
mod shards;
