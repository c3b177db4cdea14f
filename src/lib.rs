#![doc = include_str!("ARCHITECTURE.md")]
#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "unit tests play peers and make threads")
)]

#[macro_use]
pub mod plant;

pub mod ids;
pub mod limits;
pub mod prefetch;
pub mod reason;
pub mod time;

pub mod frame;
pub mod message;

pub mod config;

pub mod shared;

pub mod ring;
pub mod switch;

pub mod shard;

pub mod metrics;

pub mod control;
pub mod simulate;

pub mod certify;

pub mod doctor;

pub mod app;
pub mod cli;
