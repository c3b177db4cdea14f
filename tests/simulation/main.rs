//! The simulation: shards over a fake kernel, from one seed.

mod fake;
mod fake_ring;
mod kernels;
mod shards;
