//! What a line has of the kernel: its listener and the connection that carries it.

use std::sync::Arc;

use crate::ring::Listener;

/// By slot, beside the switch's line of the same slot.
#[derive(Default, Debug)]
pub struct Wire {
    pub listener: Option<Arc<Listener>>,
    /// Counts listeners, so that a late completion of an old one is recognised.
    pub accept_generation: u32,
    /// An accept is armed.
    pub accepting: bool,
    /// Descriptors or memory ran out: accepting is tried again at the next tick.
    pub accept_starved: bool,
    /// An accept that was cancelled has not come back yet, and its listener waits for that.
    pub retired: Vec<(u32, Arc<Listener>)>,
    /// The connection that is the line now, or is being made for it.
    pub connection: Option<u32>,
    /// In the list of lines to flush.
    pub dirty: bool,
}
