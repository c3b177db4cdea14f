//! A hierarchical timer wheel: when each of many lines next wants to be looked at.
//!
//! Four levels of 64 slots; a slot of the first level is one tick of 8 ms, a slot of each further
//! level is all 64 slots of the one before (0.5 s, 33 s, 35 min; 37 hours together). An entry lies
//! on the lowest level whose 64 slots reach it and moves down as its time comes near. Whatever is
//! less than 64 ticks away thus lies in the slot of its very tick.
//!
//! Times are rounded **up** to ticks: nothing fires early, nothing later than one tick, and lines
//! whose times fall into one tick are looked at together. Each slot knows the earliest tick in it,
//! so the wheel can be slept by without waking for entries that merely have to move down.

use crate::time::{Instant, Span};

/// What times are rounded up to.
pub const TICK: Span = Span::from_millis(8);

const LEVELS: usize = 4;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;

/// The list of entries that were due when they were scheduled, behind the slots of all levels.
const OVERDUE: u16 = (LEVELS * SLOTS) as u16;
const LISTS: usize = LEVELS * SLOTS + 1;

/// The end of a list.
const NOBODY: u32 = u32::MAX;
/// The list of an entry that is in none.
const NOWHERE: u16 = u16::MAX;

/// One key's entry, a link of its list.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Instant,
    before: u32,
    after: u32,
    list: u16,
}

const UNSCHEDULED: Entry = Entry { at: Instant::NEVER, before: NOBODY, after: NOBODY, list: NOWHERE };

/// A list of entries in no order.
#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    /// No entry is due in an earlier tick. A removed entry may leave it too early, never too late.
    earliest: u64,
}

const EMPTY: List = List { first: NOBODY, earliest: u64::MAX };

/// At most one entry for each key. Keys are small numbers: memory goes by the largest.
#[derive(Debug)]
pub struct Wheel {
    /// The last tick that was wholly dealt with: what is scheduled for it or before is overdue.
    tick: u64,
    /// By key.
    entries: Vec<Entry>,
    lists: [List; LISTS],
    /// Which slots of a level hold entries.
    occupied: [u64; LEVELS],
}

impl Wheel {
    pub fn new(now: Instant) -> Self {
        Self { tick: tick_begun(now), entries: Vec::new(), lists: [EMPTY; LISTS], occupied: [0; LEVELS] }
    }

    /// Sets the key's one entry, whatever it was, to `at`. A time whose tick is over is due at the
    /// next call of [`Wheel::due`], whatever the time then is.
    #[inline]
    pub fn schedule(&mut self, key: u32, at: Instant) {
        let index = key as usize;
        if index >= self.entries.len() {
            self.entries.resize(index + 1, UNSCHEDULED);
        }
        let (list, tick) = self.place(at);
        if self.entries[index].list == list {
            self.entries[index].at = at;
            let earliest = &mut self.lists[usize::from(list)].earliest;
            *earliest = tick.min(*earliest);
            return;
        }
        self.unlink(key);
        self.link(key, at, list, tick);
    }

    /// Removes the key's entry, if it has one.
    pub fn cancel(&mut self, key: u32) {
        if (key as usize) < self.entries.len() {
            self.unlink(key);
        }
    }

    /// The time that was set for the key, unrounded.
    pub fn scheduled(&self, key: u32) -> Option<Instant> {
        let entry = self.entries.get(key as usize)?;
        (entry.list != NOWHERE).then_some(entry.at)
    }

    /// When to call [`Wheel::due`] next: the end of the earliest entry's tick, or earlier.
    /// [`Instant::NEVER`] if nothing is scheduled.
    ///
    /// It is earlier only if an entry was cancelled or moved since the last call of `due`, or for
    /// an entry more than 37 hours away; a call of `due` at that time puts it right.
    #[inline]
    pub fn next(&self) -> Instant {
        if self.lists[usize::from(OVERDUE)].first != NOBODY {
            return tick_end(self.tick);
        }
        let earliest = (0..LEVELS).filter_map(|level| self.earliest(level)).min();
        earliest.map_or(Instant::NEVER, tick_end)
    }

    /// Appends all keys whose time has come by `now`, in no order, and removes their entries.
    /// `now` must not go back between calls; if it does, nothing is due.
    pub fn due(&mut self, now: Instant, keys: &mut Vec<u32>) {
        self.empty(OVERDUE, keys);
        let passed = self.tick;
        let tick = tick_begun(now);
        if tick <= passed {
            return;
        }
        // First, so that what moves down is placed as seen from the new tick: on a lower level,
        // behind the slots that are emptied here.
        self.tick = tick;
        for level in 0..LEVELS {
            let mut slots = self.occupied[level] & slots_passed(level, passed, tick);
            while slots != 0 {
                self.empty((level * SLOTS) as u16 + slots.trailing_zeros() as u16, keys);
                slots &= slots - 1;
            }
        }
    }

    /// Takes a list apart: what is due goes to `keys`, the rest to where it belongs now.
    fn empty(&mut self, list: u16, keys: &mut Vec<u32>) {
        let mut key = std::mem::replace(&mut self.lists[usize::from(list)], EMPTY).first;
        self.mark(list, false);
        while key != NOBODY {
            let Entry { at, after, .. } = std::mem::replace(&mut self.entries[key as usize], UNSCHEDULED);
            if tick_rounded_up(at) <= self.tick {
                keys.push(key);
            } else {
                let (list, tick) = self.place(at);
                self.link(key, at, list, tick);
            }
            key = after;
        }
    }

    /// The list for an entry at `at`, and the tick in which that list must be looked at for it.
    #[inline]
    fn place(&self, at: Instant) -> (u16, u64) {
        let tick = tick_rounded_up(at);
        if tick <= self.tick {
            return (OVERDUE, tick);
        }
        for level in 0..LEVELS {
            let shift = SLOT_BITS * level as u32;
            if (tick >> shift) - (self.tick >> shift) <= SLOTS as u64 {
                return (slot(level, tick >> shift), tick);
            }
        }
        // Past the last slot: it waits there, and is placed again when that slot's time has come.
        let shift = SLOT_BITS * (LEVELS as u32 - 1);
        let last = (self.tick >> shift) + SLOTS as u64;
        (slot(LEVELS - 1, last), last << shift)
    }

    /// The earliest tick on a level.
    #[inline]
    fn earliest(&self, level: usize) -> Option<u64> {
        // Slots come in turn behind the one in which the present tick lies, that one last: it was
        // emptied when its time began, so what it holds now belongs to the next round.
        let turned = self.occupied[level].rotate_right(self.slot_behind(level));
        let ahead = u64::from(turned.trailing_zeros());
        let at = slot(level, u64::from(self.slot_behind(level)) + ahead);
        (turned != 0).then(|| self.lists[usize::from(at)].earliest)
    }

    /// The slot of a level behind that of the present tick.
    #[inline]
    fn slot_behind(&self, level: usize) -> u32 {
        (((self.tick >> (SLOT_BITS * level as u32)) + 1) % SLOTS as u64) as u32
    }

    #[inline]
    fn link(&mut self, key: u32, at: Instant, list: u16, tick: u64) {
        let head = &mut self.lists[usize::from(list)];
        let after = std::mem::replace(&mut head.first, key);
        head.earliest = head.earliest.min(tick);
        if after != NOBODY {
            self.entries[after as usize].before = key;
        }
        self.entries[key as usize] = Entry { at, before: NOBODY, after, list };
        self.mark(list, true);
    }

    fn unlink(&mut self, key: u32) {
        let Entry { before, after, list, .. } = std::mem::replace(&mut self.entries[key as usize], UNSCHEDULED);
        if list == NOWHERE {
            return;
        }
        if after != NOBODY {
            self.entries[after as usize].before = before;
        }
        if before != NOBODY {
            self.entries[before as usize].after = after;
        } else if after != NOBODY {
            self.lists[usize::from(list)].first = after;
        } else {
            self.lists[usize::from(list)] = EMPTY;
            self.mark(list, false);
        }
    }

    #[inline]
    fn mark(&mut self, list: u16, occupied: bool) {
        let (level, bit) = (usize::from(list) / SLOTS, 1 << (usize::from(list) % SLOTS));
        if level == LEVELS {
            return; // overdue: one list, no slot
        }
        if occupied {
            self.occupied[level] |= bit;
        } else {
            self.occupied[level] &= !bit;
        }
    }
}

/// The list of a level for this many of the level's slots since the start of time.
#[inline]
fn slot(level: usize, count: u64) -> u16 {
    (level * SLOTS) as u16 + (count % SLOTS as u64) as u16
}

/// The slots of a level that began when the wheel went on from one tick to another.
fn slots_passed(level: usize, from: u64, to: u64) -> u64 {
    let shift = SLOT_BITS * level as u32;
    let count = (to >> shift) - (from >> shift);
    if count >= SLOTS as u64 {
        return u64::MAX;
    }
    let first = ((from >> shift) + 1) % SLOTS as u64;
    ((1u64 << count) - 1).rotate_left(first as u32)
}

/// The tick that has begun, or ended, at `at`: an entry of this tick is due.
fn tick_begun(at: Instant) -> u64 {
    at.0 / TICK.0
}

#[inline]
fn tick_rounded_up(at: Instant) -> u64 {
    at.0.div_ceil(TICK.0)
}

/// When the entries of a tick are due.
fn tick_end(tick: u64) -> Instant {
    Instant(tick.saturating_mul(TICK.0))
}

#[cfg(test)]
mod tests;
