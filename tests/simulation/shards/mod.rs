//! `Shard<FakeRing>`: the shard's own code over a kernel, a network and a clock that come from a seed.

mod ledger;
mod member;
mod opening;
mod stage;
mod texts;
mod wire;

mod answers;
mod both_rings;
mod connecting;
mod keys;
mod queues;
mod random;
mod resend;
mod seconds;
mod silence;
mod storms;
