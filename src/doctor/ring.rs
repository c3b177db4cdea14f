//! Whether this kernel makes rings for this user, and what they lock.

use crate::limits::CHUNK_BYTES;
use crate::ring::uring::{Config, RingRefused, Uring};

/// Bytes of locked memory that the ring of a shard with so many connections takes.
pub const fn locked_bytes(connections: usize) -> u64 {
    config(connections).locked_bytes()
}

/// Makes one ring as a shard has it, and drops it.
///
/// # Errors
/// What the kernel lacks or forbids, with what mends it.
pub fn can_be_made(connections: usize) -> Result<(), String> {
    Uring::new(config(connections)).map(drop).map_err(|refused: RingRefused| refused.to_string())
}

/// The least memory to send from: it is reserved only, and what it is has no bearing here.
const fn config(connections: usize) -> Config {
    Config::new(connections, 4 * CHUNK_BYTES)
}
