//! The few fields of a message that routing may look at. Nothing else is ever read (`MP1-4.4`).

#![forbid(unsafe_code)]

pub mod guard;
pub mod iso8583;
pub mod station;
pub mod tpdu;
