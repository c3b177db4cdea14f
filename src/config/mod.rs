//! What the operator wrote, and what it means. Text in, plan out: this module opens no file.

pub mod allowlist;
pub mod plan;
