//! One group's live lines, as every shard sees them.
//!
//! Membership changes rarely and is read for every pick, so it is counted by a version: bits and
//! counts are changed first, then the version (Release); who has read a version (Acquire) sees at
//! least the bits that belong to it, and a pick remembered with it is good until it changes.
//!
//! Only a line's owner changes the line's bits, except that any shard sets `Used`.

use crossbeam::utils::CachePadded;

use crate::config::plan::Tier;
use crate::ids::ShardId;
use crate::shared::atomics::{AtomicI64, AtomicU32, Ordering};

mod bits;
#[cfg(all(test, not(ringswitch_loom)))]
mod tests;
mod waiters;

use bits::Bits;
use waiters::Waiters;

/// The shared state of one group.
#[derive(Debug)]
pub struct GroupTable {
    trunk: Bits,
    backup: Bits,
    receiving: Bits,
    full: Bits,
    used: Bits,
    counts: CachePadded<Counts>,
    waiters: Waiters,
    answer_bytes: CachePadded<AtomicI64>,
    lines: usize,
    shards: usize,
}

/// Lines in the bit sets of the same names, so that nobody has to count them.
#[derive(Debug, Default)]
struct Counts {
    version: AtomicU32,
    trunk: AtomicU32,
    backup: AtomicU32,
    receiving: AtomicU32,
    room_changes: AtomicU32,
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

/// The sets that a line is a member of; the rest of its bits say how it fares.
const MEMBERSHIP: [Set; 3] = [Set::Trunk, Set::Backup, Set::Receiving];

impl GroupTable {
    /// For positions `0..lines`, shards `0..shards`.
    ///
    /// # Panics
    /// With more than 256 shards.
    pub fn new(lines: usize, shards: usize) -> Self {
        Self {
            trunk: Bits::new(lines),
            backup: Bits::new(lines),
            receiving: Bits::new(lines),
            full: Bits::new(lines),
            used: Bits::new(lines),
            counts: CachePadded::default(),
            waiters: Waiters::new(shards),
            answer_bytes: CachePadded::default(),
            lines,
            shards,
        }
    }

    /// Positions it has room for.
    pub fn capacity(&self) -> usize {
        self.lines
    }

    /// A larger (or equal) table with the same bits and waiting shards: for a reload that
    /// outgrows this one. What is changed in this one meanwhile or afterwards is not in it: an
    /// owner joins its lines again when it takes up the new table (joining twice does no harm),
    /// and tells it the answers queued on them, of which it knows none.
    pub fn grown(&self, lines: usize) -> Self {
        let larger = Self::new(lines.max(self.lines), self.shards);
        for set in [Set::Trunk, Set::Backup, Set::Receiving, Set::Full, Set::Used] {
            larger.bits(set).copy(self.bits(set));
        }
        for set in MEMBERSHIP {
            if let Some(count) = larger.count(set) {
                count.store(larger.bits(set).count(), Ordering::Relaxed); // Relaxed: nobody else has it yet
            }
        }
        larger.waiters.copy(&self.waiters);
        // Far ahead, so that no change made to this table meanwhile leads to the same number.
        // Relaxed: nobody else has the new table yet.
        larger.counts.version.store(self.version().wrapping_add(1 << 16), Ordering::Relaxed);
        larger.counts.room_changes.store(self.room_changes().wrapping_add(1 << 16), Ordering::Relaxed);
        larger
    }

    /// Changes whenever a line joins or leaves: a pick made under one version holds under it.
    #[inline]
    pub fn version(&self) -> u32 {
        self.counts.version.load(Ordering::Acquire) // partner: the Release in `changed`
    }

    /// Words (of 64 positions) in each set.
    pub fn words(&self) -> usize {
        self.lines.div_ceil(64)
    }

    /// The bits of positions `64 * at ..`; at least as new as the version read before.
    #[inline]
    pub fn word(&self, set: Set, at: usize) -> u64 {
        self.bits(set).word(at)
    }

    #[inline]
    pub fn contains(&self, set: Set, position: u16) -> bool {
        self.bits(set).contains(position)
    }

    /// The line is up. Called by its owner; says the same again at no harm, and changes what was
    /// said before. Wake [`Self::take_waiting`] afterwards.
    pub fn join(&self, position: u16, tier: Tier, sends: bool, receives: bool) {
        let changed = [
            self.put(Set::Trunk, position, sends && tier == Tier::Trunk),
            self.put(Set::Backup, position, sends && tier == Tier::Backup),
            self.put(Set::Receiving, position, receives),
        ];
        self.changed(changed);
    }

    /// The line is no longer up (clears every set). Called by its owner before the socket closes.
    /// Wake [`Self::take_waiting`] afterwards: the last trunk line makes way for the backup.
    pub fn leave(&self, position: u16) {
        self.changed(MEMBERSHIP.map(|set| self.put(set, position, false)));
        self.full.clear(position);
        self.used.clear(position);
    }

    /// No longer to be picked, but its frames still arrive. As after `leave`, wake who waits.
    pub fn stop_sending(&self, position: u16) {
        self.changed([Set::Trunk, Set::Backup].map(|set| self.put(set, position, false)));
    }

    /// A line that can send is up and one that can receive.
    #[inline]
    pub fn is_live(&self) -> bool {
        // Relaxed: one look at what may change the next moment.
        let some = |count: &AtomicU32| count.load(Ordering::Relaxed) > 0;
        (some(&self.counts.trunk) || some(&self.counts.backup)) && some(&self.counts.receiving)
    }

    /// The tier that carries now: trunk while a trunk line that can send is up, else backup.
    #[inline]
    pub fn working_tier(&self) -> Set {
        // Relaxed: as in `is_live`; at least as new as the version read before.
        if self.counts.trunk.load(Ordering::Relaxed) > 0 { Set::Trunk } else { Set::Backup }
    }

    #[inline]
    pub fn set_used(&self, position: u16) {
        // Looked at first: it is set at each pick and cleared every 100 ms, and all shards share it.
        if !self.used.contains(position) {
            self.used.set(position);
        }
    }

    pub fn clear_used(&self, at: usize, mask: u64) {
        self.used.clear_mask(at, mask);
    }

    /// The line takes no more. Called by its owner.
    pub fn set_full(&self, position: u16) {
        self.room_changed();
        self.full.set(position);
    }

    /// The line takes frames again. Called by its owner, which then calls [`Self::take_waiting`].
    pub fn clear_full(&self, position: u16) {
        self.room_changed();
        self.full.clear(position);
    }

    /// Stays the same for as long as no line became full, took frames again, joined or left: a group that was full
    /// then has been so ever since, for every shard.
    pub fn room_changes(&self) -> u32 {
        // Relaxed: nothing else is read by it. Who sees an older number goes on with what it did for a full group.
        self.counts.room_changes.load(Ordering::Relaxed)
    }

    fn room_changed(&self) {
        self.counts.room_changes.fetch_add(1, Ordering::Relaxed); // Relaxed: as in `room_changes`
    }

    /// Registers a shard that has something for the group and found no way (full, or no line).
    /// The caller looks again afterwards: what changed before the registration wakes nobody.
    pub fn wait(&self, shard: ShardId) {
        self.waiters.add(shard);
    }

    /// Takes all waiting shards; called after a line joined, left, or is no longer full. Each is
    /// the caller's to resume; they are taken even if the iterator is not used up.
    #[must_use = "the shards taken wait for nobody else"]
    pub fn take_waiting(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.waiters.take()
    }

    /// Bytes of answers queued for the group, on all shards.
    #[inline]
    pub fn answer_bytes(&self) -> u64 {
        // Relaxed: a level. Shards that add and subtract at once may let it seem below zero.
        self.answer_bytes.load(Ordering::Relaxed).max(0) as u64
    }

    /// Adds to them; once for a run of answers, since all shards share the number.
    #[inline]
    pub fn add_answer_bytes(&self, change: i64) {
        self.answer_bytes.fetch_add(change, Ordering::Relaxed); // Relaxed: a level
    }

    #[inline]
    fn bits(&self, set: Set) -> &Bits {
        match set {
            Set::Trunk => &self.trunk,
            Set::Backup => &self.backup,
            Set::Receiving => &self.receiving,
            Set::Full => &self.full,
            Set::Used => &self.used,
        }
    }

    fn count(&self, set: Set) -> Option<&AtomicU32> {
        match set {
            Set::Trunk => Some(&self.counts.trunk),
            Set::Backup => Some(&self.counts.backup),
            Set::Receiving => Some(&self.counts.receiving),
            Set::Full | Set::Used => None,
        }
    }

    /// Sets or clears one bit and counts it; whether it was otherwise before.
    fn put(&self, set: Set, position: u16, member: bool) -> bool {
        let bits = self.bits(set);
        let changed = if member { bits.set(position) } else { bits.clear(position) };
        if changed && let Some(count) = self.count(set) {
            // Relaxed: published by `changed`. Wraps back when a line leaves.
            count.fetch_add(if member { 1 } else { u32::MAX }, Ordering::Relaxed);
        }
        changed
    }

    /// The last step of a change of membership.
    fn changed<const N: usize>(&self, changes: [bool; N]) {
        if changes.contains(&true) {
            self.room_changed();
            // Release, partner: the Acquire in `version`; the bits and counts changed before it.
            self.counts.version.fetch_add(1, Ordering::Release);
        }
    }
}
