//! The same script on the real ring and on the fake one: each says what it saw, and both must have seen the same.
//! So what the simulation proves over the fake ring holds for the kernel, as far as these scripts go.

#[path = "simulation/fake/mod.rs"]
mod fake;
#[path = "simulation/kernels.rs"]
mod kernels;

mod conformance;
