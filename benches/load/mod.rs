//! A load for the switch, as fast as one thread can be: terminals and hosts on one ring, in a
//! closed loop, every byte that comes back compared.
//!
//! It is part of the relay bench and of the tests of the steady path, and stands for itself: it
//! knows addresses to connect to, not what listens there.
#![allow(clippy::disallowed_types, reason = "lines are set up with blocking sockets before anything is measured")]
#![allow(dead_code, unused_imports, reason = "each program that plays a load uses its part")]

pub mod cpu_time;
pub mod cutting;
pub mod dialogue;
pub mod frames;
pub mod generator;
pub mod hub;
pub mod peers;
pub mod plan;
pub mod process;

pub use cpu_time::CpuTime;
pub use generator::Generator;
pub use hub::Hub;
pub use plan::Shape;
pub use process::Processes;
