//! What the switch says of some received bytes: how many of them belong together, and their fate.

use crate::frame::Prefix;
use crate::ids::{GroupId, LineId, ShardId};
use crate::message::station::RejectCode;
use crate::reason::{Drop, Malformed, Rejected};
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
    /// Dropped, and a rejected message goes back to the station that sent it.
    Reject(Reject),
    /// The destination is full: the line is not read until it takes bytes again.
    Blocked(GroupId),
    /// The rest is the beginning of a frame of `needed` bytes.
    Part {
        needed: usize,
    },
    Malformed(Malformed),
}

/// A frame that its sender gets back.
#[derive(Clone, Copy, Debug)]
pub struct Reject {
    /// The fate of the frame itself.
    pub drop: Drop,
    pub reason: Rejected,
    pub code: RejectCode,
    /// The group of the sending station, and the line of it that the rejected message leaves by.
    pub group: GroupId,
    pub to: Target,
}

/// What a frame is to the switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A frame of a pair or between stations: no pending entry, no deadline.
    Pair,
    Request,
    Answer,
    /// An answer that goes out again: a line had taken it, and broke before the peer's TCP had
    /// acknowledged it. It has met its fate as an answer and is neither held nor forwarded again.
    Resent,
    /// Our own: never forwarded, never held.
    Probe,
    /// A rejected message, our own likewise.
    Reject,
}

impl Kind {
    /// For the first time or again.
    #[inline]
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Answer | Self::Resent)
    }
}

/// Where a frame or a run of frames goes and what is changed on the way.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    pub to: Target,
    pub kind: Kind,
    /// The group that the target line belongs to.
    pub group: GroupId,
    /// The target's prefix; the data is the same under either.
    pub prefix: Prefix,
    /// The bytes leave as they came: same prefix, nothing rewritten. Else [`Switch::cuts`] has
    /// every frame of the run.
    ///
    /// [`Switch::cuts`]: crate::switch::Switch::cuts
    pub unchanged: bool,
    /// After this moment it must not be sent any more: the earliest of the run's deadlines.
    pub deadline: Instant,
    /// An answer that goes over another line than its request's, because that one is down.
    pub rerouted: bool,
}

/// One frame of a run that does not leave as it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// Where its data begins, from the front of the run.
    pub at: u32,
    /// Data bytes, without the prefix.
    pub len: u16,
    /// An address to write into the data.
    pub rewrite: Option<Rewrite>,
}

impl Cut {
    /// Writes the frame as it leaves to the front of `into`: the prefix, and the data out of the
    /// run's `bytes` with what is rewritten in it. Says how many bytes that were; `None` if there
    /// is no room.
    #[inline(always)]
    pub fn write(&self, prefix: Prefix, bytes: &[u8], into: &mut [u8]) -> Option<usize> {
        let (start, len) = (prefix.bytes(), usize::from(self.len));
        let into = into.get_mut(..start + len)?;
        prefix.write(len, into);
        let data = &mut into[start..];
        data.copy_from_slice(&bytes[self.at as usize..self.at as usize + len]);
        if let Some(rewrite) = self.rewrite {
            data[usize::from(rewrite.at)..][..2].copy_from_slice(&rewrite.value.to_be_bytes());
        }
        Some(start + len)
    }

    /// The same behind what `into` holds.
    pub fn write_to(&self, prefix: Prefix, bytes: &[u8], into: &mut Vec<u8>) {
        let start = into.len();
        into.resize(start + prefix.bytes() + usize::from(self.len), 0);
        self.write(prefix, bytes, &mut into[start..]).expect("as much room as the frame needs");
    }
}

/// Two bytes of a frame's data that change on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rewrite {
    /// Offset in the data.
    pub at: u16,
    pub value: u16,
}

impl Forward {
    /// Every frame of it is cut out and rewritten.
    pub(super) fn changed(self) -> Self {
        Self { unchanged: false, ..self }
    }

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
