//! What happened to the switch's sockets, in order, for a judge that watches: what the kernel was given, what it
//! handed over, what it was told to end. It is written down where it happens, so it is true whatever the switch says.

use super::endpoint::Id;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// A connection was handed to the shard, accepted or connected.
    Opened { socket: Id },
    /// The shard began to receive on it: whoever is there has been let in.
    Armed { socket: Id },
    /// Bytes were handed to the shard.
    Received { socket: Id, bytes: Vec<u8> },
    /// The kernel took bytes of a send; `behind` begins what the same send still offers.
    Given { socket: Id, bytes: Vec<u8>, behind: Vec<u8> },
    /// The shard gave up receiving, or shut both halves down: it has done with the connection.
    Abandoned { socket: Id },
    /// The shard sends a FIN and reads on.
    Finished { socket: Id },
    /// The descriptor is closed; by a reset if it says so. So many bytes had been acknowledged then.
    Closed { socket: Id, reset: bool, acknowledged: u64 },
}

/// How much of a send that goes on is noted with what was given of it: enough to say which frame was begun.
pub const BEHIND: usize = 160;
