//! Which line of a group carries the next bytes.
//!
//! Picked once a turn and after a quota of bytes, not once a frame: the sends become few and
//! large, which halves the cost where many lines talk (prototype: 222 to 121 ns a frame). The
//! order of preference keeps frames on their shard, yet no live line of the working tier goes
//! unused for longer than 100 ms.

use super::{Cursor, Group};
use crate::limits::PICK_QUOTA_BYTES;
use crate::shared::group_table::{GroupTable, Set};
use crate::switch::line::Line;
use crate::switch::step::{Place, Target};
use crate::time::Instant;

/// What came of looking for a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pick {
    Line(Target),
    /// Every line of the working tier is at its `line_queue`.
    Full,
    /// No line that can send is up.
    Nobody,
}

/// What a pick is for. Requests wait for room; answers never do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    Request,
    Answer,
}

/// What a pick needs to know beyond the group.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub lines: &'a [Line],
    /// Where each line lives, by its number.
    pub places: &'a [Place],
    pub turn: u64,
    pub now: Instant,
}

impl Group {
    /// A line for `bytes` more bytes.
    #[inline]
    pub fn pick(&mut self, purpose: Purpose, bytes: usize, around: Around<'_>) -> Pick {
        if let Some(cursor) = &mut self.cursor
            && cursor.turn == around.turn
            && cursor.bytes_left >= bytes
            && cursor.version == self.shared.table.version()
        {
            cursor.bytes_left -= bytes;
            return Pick::Line(cursor.target);
        }
        self.pick_anew(purpose, bytes, around)
    }

    /// Bytes that the line picked last still takes in this turn.
    pub fn quota_left(&self) -> usize {
        self.cursor.map_or(0, |cursor| cursor.bytes_left)
    }

    /// Takes `bytes` more from the quota of the line picked last: a run grew behind its first frame.
    pub fn extend(&mut self, bytes: usize) {
        if let Some(cursor) = &mut self.cursor {
            cursor.bytes_left = cursor.bytes_left.saturating_sub(bytes);
        }
    }

    #[cold]
    fn pick_anew(&mut self, purpose: Purpose, bytes: usize, around: Around<'_>) -> Pick {
        let table = &self.shared.table;
        let version = table.version();
        let tier = table.working_tier();
        let target = self
            .unused_local(tier, purpose, around)
            .or_else(|| self.unused_remote(tier, purpose, around))
            .or_else(|| self.local_with_room(tier, purpose, around))
            .or_else(|| self.remote_with_room(tier, purpose, around));
        match target {
            Some((position, target)) => {
                if !self.shared.table.contains(Set::Used, position) {
                    self.shared.table.set_used(position);
                }
                let bytes_left = PICK_QUOTA_BYTES.saturating_sub(bytes);
                self.cursor = Some(Cursor { turn: around.turn, version, target, bytes_left });
                Pick::Line(target)
            }
            None => {
                self.cursor = None;
                let somebody = (0..self.shared.table.words()).any(|at| self.shared.table.word(tier, at) != 0);
                if somebody { Pick::Full } else { Pick::Nobody }
            }
        }
    }

    /// Whether the bits that `word` gives name a line of this shard: a group may have hundreds, of
    /// which mostly all or none are looked for.
    fn is_local_among(&self, word: impl Fn(&GroupTable, usize) -> u64) -> bool {
        let table = &self.shared.table;
        self.local_words.iter().enumerate().any(|(at, mine)| mine & word(table, at) != 0)
    }

    fn unused_local(&mut self, tier: Set, purpose: Purpose, around: Around<'_>) -> Option<(u16, Target)> {
        if !self.is_local_among(|table, at| table.word(tier, at) & !table.word(Set::Used, at)) {
            return None;
        }
        let table = &self.shared.table;
        let count = self.local.len();
        for step in 0..count {
            let (position, slot) = self.local[(self.rotation + step) % count];
            let fits = table.contains(tier, position)
                && !table.contains(Set::Used, position)
                && has_room(&around.lines[slot as usize], purpose, around.now);
            if fits {
                self.rotation = (self.rotation + step + 1) % count;
                return Some((position, here(&around.lines[slot as usize], slot)));
            }
        }
        None
    }

    fn unused_remote(&self, tier: Set, purpose: Purpose, around: Around<'_>) -> Option<(u16, Target)> {
        self.remote(tier, purpose, around, |table, at| !table.word(Set::Used, at))
    }

    /// The next local line whose queue is short, else the one with the shortest queue.
    fn local_with_room(&mut self, tier: Set, purpose: Purpose, around: Around<'_>) -> Option<(u16, Target)> {
        if !self.is_local_among(|table, at| table.word(tier, at)) {
            return None;
        }
        let table = &self.shared.table;
        let count = self.local.len();
        let mut least: Option<(u64, u16, u32)> = None;
        for step in 0..count {
            let (position, slot) = self.local[(self.rotation + step) % count];
            let line = &around.lines[slot as usize];
            if !table.contains(tier, position) || !has_room(line, purpose, around.now) {
                continue;
            }
            let queued = line.outbox.bytes();
            if queued < PICK_QUOTA_BYTES as u64 {
                self.rotation = (self.rotation + step + 1) % count;
                return Some((position, here(line, slot)));
            }
            if least.is_none_or(|(shortest, ..)| queued < shortest) {
                least = Some((queued, position, slot));
            }
        }
        least.map(|(_, position, slot)| (position, here(&around.lines[slot as usize], slot)))
    }

    fn remote_with_room(&self, tier: Set, purpose: Purpose, around: Around<'_>) -> Option<(u16, Target)> {
        self.remote(tier, purpose, around, |_, _| u64::MAX)
    }

    /// A line of another shard; which one changes with the turn, so that they take turns.
    fn remote(
        &self,
        tier: Set,
        purpose: Purpose,
        around: Around<'_>,
        wanted: impl Fn(&GroupTable, usize) -> u64,
    ) -> Option<(u16, Target)> {
        let table = &self.shared.table;
        let words = table.words();
        let start = around.turn as usize % words.max(1);
        for step in 0..words {
            let at = (start + step) % words;
            let mut open = table.word(tier, at) & !self.local_words[at] & wanted(table, at);
            if purpose == Purpose::Request {
                open &= !table.word(Set::Full, at);
            }
            if open == 0 {
                continue;
            }
            let turned = open.rotate_right((around.turn % 64) as u32);
            let bit = (u64::from(turned.trailing_zeros()) + around.turn % 64) % 64;
            let position = (at * 64) as u16 + bit as u16;
            let line = self.plan.lines.get(usize::from(position)).copied().flatten()?;
            return Some((position, Target { line, place: around.places[line.index()] }));
        }
        None
    }
}

fn here(line: &Line, slot: u32) -> Target {
    Target { line: line.plan.id, place: Place::Here(slot) }
}

fn has_room(line: &Line, purpose: Purpose, now: Instant) -> bool {
    line.takes_requests(now)
        && (purpose == Purpose::Answer || line.outbox.request_bytes() < line.plan.limits.line_queue)
}
