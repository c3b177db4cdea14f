//! ringswitch: the communication core of a central payment switch.

pub mod ids;
pub mod limits;
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

pub mod app;
pub mod cli;
