//! The same script on the real ring and on the fake one: each says what it saw, and both must have seen the same.
//! So what the simulation proves over the fake ring holds for the kernel, as far as these scripts go.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests stand outside of the switch: real clocks, threads and sockets are their business"
)]

#[path = "../simulation/fake/mod.rs"]
mod fake;
#[path = "../simulation/kernels.rs"]
mod kernels;

mod conformance;
mod matrix;
