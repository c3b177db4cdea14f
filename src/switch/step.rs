//! What the switch says of some received bytes: how many of them belong together, and their fate.

use crate::frame::Prefix;
use crate::ids::{GroupId, LineId, ShardId};
use crate::reason::{Drop, Malformed};
use crate::time::Instant;

/// One decision over the front of some bytes: a frame, or a run of frames with one fate.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Bytes it covers, prefixes included; 0 when the bytes must wait.
    pub len: usize,
    /// Frames it covers, probes included.
    pub frames: u32,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// Swallowed (`MP1-4.5.5a`); never answered.
    Probe,
    Forward(Forward),
    /// An answer whose group has no line up: it waits `hold_answer` for one.
    Hold {
        group: GroupId,
        frame: Forward,
    },
    Drop(Drop),
    /// The destination is full: the line is not read until it takes bytes again.
    Blocked(GroupId),
    /// The rest is the beginning of a frame of `needed` bytes.
    Part {
        needed: usize,
    },
    Malformed(Malformed),
}

/// What a frame is to the switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A frame of a pair or between stations: no pending entry, no deadline.
    Pair,
    Request,
    Answer,
    /// Our own: never forwarded, never held.
    Probe,
}

/// Where a frame goes and what is changed in it on the way.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    pub to: Target,
    pub kind: Kind,
    /// The group that the target line belongs to.
    pub group: GroupId,
    /// The target's prefix; the data is the same under either.
    pub prefix: Prefix,
    /// The bytes leave as they came: same prefix, nothing rewritten.
    pub unchanged: bool,
    /// An address to write into the data: offset and value.
    pub rewrite: Option<(u16, u16)>,
    /// After this moment it must not be sent any more.
    pub deadline: Instant,
    /// An answer that goes over another line than its request's, because that one is down.
    pub rerouted: bool,
}

impl Forward {
    /// An answer for the very line that asked, on another shard: until it is there, that line has
    /// something due, and must not be taken for drained.
    pub fn settles_there(&self) -> bool {
        self.kind == Kind::Answer && !self.rerouted && matches!(self.to.place, Place::There(_))
    }
}

/// A line to send over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    pub line: LineId,
    pub place: Place,
}

/// Where a line lives, seen from one shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// On this shard, in this slot.
    Here(u32),
    There(ShardId),
    /// Not in the plan.
    Nowhere,
}

impl Step {
    pub(super) const fn part(needed: usize) -> Self {
        Self { len: 0, frames: 0, fate: Fate::Part { needed } }
    }

    /// One frame; one that must wait covers nothing yet.
    // The length follows the fate here, once: every further look at a whole step copies it, in
    // pieces of another size than it was written in, and waits for its own stores.
    #[inline(always)]
    pub(super) const fn one(len: usize, fate: Fate) -> Self {
        let (len, frames) = if matches!(fate, Fate::Blocked(_)) { (0, 0) } else { (len, 1) };
        Self { len, frames, fate }
    }
}
