//! The atomics that loom replaces: built with `--cfg ringswitch_loom`, the lock-free tables run
//! under loom's scheduler with the very orderings written in them.
//!
//! Not loom's own cfg name: `--cfg loom` switches off parts of tokio.
//!
//! loom takes a SeqCst access for an AcqRel one, but knows SeqCst fences: the tables use fences
//! where they need that much, so that what loom tries is what runs.

#[cfg(not(ringswitch_loom))]
pub use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(ringswitch_loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
