//! (to come)

#![forbid(unsafe_code)]

pub mod line;
pub mod random;
pub mod timers;
