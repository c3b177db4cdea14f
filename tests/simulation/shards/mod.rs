//! `Shard<FakeRing>`: the shard's own code over a kernel, a network and a clock that come from a seed.

pub mod opening;
pub mod stage;
mod texts;
pub mod wire;

mod answers;
mod both_rings;
mod connecting;
mod keys;
mod queues;
mod reloading;
mod resend;
mod seconds;
mod silence;
mod storms;
