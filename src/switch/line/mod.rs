//! What one line does.

pub mod backoff;
