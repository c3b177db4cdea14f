//! One group's live lines, as every shard sees them.

use crate::config::plan::Tier;
use crate::ids::ShardId;

#[derive(Debug)]
pub struct GroupTable {
    _todo: (),
}

/// Which bit set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Set {
    /// Trunk lines that are up and can send to the member.
    Trunk,
    /// Backup lines that are up and can send to the member.
    Backup,
    /// Lines up over which the member can send to us.
    Receiving,
    /// Lines whose queue is full.
    Full,
    /// Lines that were picked since their owner last cleared the bit (every 100 ms).
    Used,
}

impl GroupTable {
    /// For positions `0..lines`, shards `0..shards`.
    pub fn new(lines: usize, shards: usize) -> Self {
        let _ = (lines, shards);
        todo!()
    }
    /// Positions it has room for.
    pub fn capacity(&self) -> usize {
        todo!()
    }
    /// A larger (or equal) table with the same bits: for a reload that outgrows this one.
    pub fn grown(&self, lines: usize) -> Self {
        let _ = lines;
        todo!()
    }
    /// Changes whenever a line joins or leaves: a pick made under one version holds under it.
    pub fn version(&self) -> u32 {
        todo!()
    }
    /// Words (of 64 positions) in each set.
    pub fn words(&self) -> usize {
        todo!()
    }
    pub fn word(&self, set: Set, at: usize) -> u64 {
        let _ = (set, at);
        todo!()
    }
    pub fn contains(&self, set: Set, position: u16) -> bool {
        let _ = (set, position);
        todo!()
    }
    /// The line is up. Called by its owner.
    pub fn join(&self, position: u16, tier: Tier, sends: bool, receives: bool) {
        let _ = (position, tier, sends, receives);
        todo!()
    }
    /// The line is no longer up (clears every set). Called by its owner before the socket closes.
    pub fn leave(&self, position: u16) {
        let _ = position;
        todo!()
    }
    /// No longer to be picked, but its frames still arrive.
    pub fn stop_sending(&self, position: u16) {
        let _ = position;
        todo!()
    }
    /// A line that can send is up and one that can receive.
    pub fn is_live(&self) -> bool {
        todo!()
    }
    /// The tier that carries now: trunk while a trunk line that can send is up, else backup.
    pub fn working_tier(&self) -> Set {
        todo!()
    }
    pub fn set_used(&self, position: u16) {
        let _ = position;
        todo!()
    }
    pub fn clear_used(&self, at: usize, mask: u64) {
        let _ = (at, mask);
        todo!()
    }
    pub fn set_full(&self, position: u16) {
        let _ = position;
        todo!()
    }
    pub fn clear_full(&self, position: u16) {
        let _ = position;
        todo!()
    }
    /// Registers a shard that has something for the group and found no way (full, or no line).
    /// The caller looks again afterwards: what changed before the registration wakes nobody.
    pub fn wait(&self, shard: ShardId) {
        let _ = shard;
        todo!()
    }
    /// Takes all waiting shards; called after a line joined or is no longer full.
    pub fn take_waiting(&self) -> impl Iterator<Item = ShardId> + '_ {
        std::iter::empty()
    }
    /// Bytes of answers queued for the group, on all shards.
    pub fn answer_bytes(&self) -> u64 {
        todo!()
    }
    pub fn add_answer_bytes(&self, change: i64) {
        let _ = change;
        todo!()
    }
}
