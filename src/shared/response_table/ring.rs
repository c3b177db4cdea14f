//! The order in which numbers are used: round and round, so that each rests as long as possible,
//! whichever shard is busy.
//!
//! A hand takes the numbers of one chunk at a time. The shared cursor names the next chunk; a mark
//! on the chunk keeps other hands out while it is being filled. The mark is courtesy, not safety
//! (every slot is claimed by compare-exchange), so when nothing else is left the numbers of a
//! marked chunk are taken too: an idle hand holds none hostage.
//!
//! A chunk that a slow hand has only just left holds numbers that were used a moment ago, although
//! the cursor may be about to come by. Such a chunk sits out a lap, for the same reason.

use crate::shared::atomics::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// No hand has filled the chunk yet.
const FRESH: u64 = 0;
/// A hand is filling it.
const HELD: u64 = 1;
/// Added to the cursor's value at which the last hand left the chunk.
const LEFT: u64 = 2;

// All Relaxed: nothing is read on the strength of a mark or of the cursor.
#[derive(Debug)]
pub struct Ring {
    slots: u32,
    chunk_slots: u32,
    /// Counts chunks handed out and never wraps; modulo `chunks` it names the next one.
    cursor: AtomicU64,
    marks: Box<[AtomicU64]>,
    hands: AtomicU32,
}

/// Where a hand is: the slots of a chunk that it has not tried yet.
#[derive(Debug, Default)]
pub struct Place {
    pub chunk: usize,
    next: u32,
    end: u32,
    /// What the chunk's mark was before this hand put its own there; none if it did not.
    before: Option<u64>,
    /// Whether this hand has used a number of it.
    used: bool,
}

/// How choosy a hand is about the next chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Those that have rested, and that nobody else is filling.
    Rested,
    /// Those that `Rested` leaves out.
    LeftOut,
}

impl Place {
    /// The next slot to try.
    #[inline]
    pub fn next_slot(&mut self) -> Option<usize> {
        (self.next < self.end).then(|| {
            self.next += 1;
            self.next as usize - 1
        })
    }

    #[inline]
    pub fn set_used(&mut self) {
        self.used = true;
    }
}

impl Ring {
    /// `start`: a slot; the first chunk handed out is the first that begins there or behind.
    pub fn new(slots: u32, chunk_slots: u32, start: u32) -> Self {
        assert!(chunk_slots > 0 && slots > 0);
        let chunks = slots.div_ceil(chunk_slots);
        Self {
            slots,
            chunk_slots,
            cursor: AtomicU64::new(u64::from(start.div_ceil(chunk_slots) % chunks)),
            marks: (0..chunks).map(|_| AtomicU64::new(FRESH)).collect(),
            hands: AtomicU32::new(0),
        }
    }

    pub fn chunks(&self) -> usize {
        self.marks.len()
    }

    /// The slots of a chunk.
    pub fn range(&self, chunk: usize) -> std::ops::Range<usize> {
        let start = chunk as u32 * self.chunk_slots;
        start as usize..(start + self.chunk_slots).min(self.slots) as usize
    }

    /// Another hand fills chunks from now on.
    pub fn add_hand(&self) {
        self.hands.fetch_add(1, Relaxed);
    }

    pub fn cursor(&self) -> u64 {
        self.cursor.load(Relaxed)
    }

    /// The first slot of the chunk at a turn of the cursor.
    pub fn slot_at(&self, turn: u64) -> usize {
        self.range(self.chunk_at(turn)).start
    }

    fn chunk_at(&self, turn: u64) -> usize {
        (turn % self.marks.len() as u64) as usize
    }

    /// Puts the hand at the chunk of a turn of the cursor, if the choice allows it.
    pub fn enter(&self, place: &mut Place, turn: u64, choice: Choice) -> bool {
        let chunk = self.chunk_at(turn);
        let mark = self.marks[chunk].load(Relaxed);
        if self.has_rested(mark, turn) != (choice == Choice::Rested) {
            return false;
        }
        let marked = mark != HELD && self.marks[chunk].compare_exchange(mark, HELD, Relaxed, Relaxed).is_ok();
        if !marked && choice == Choice::Rested {
            return false; // another hand was faster
        }
        self.cursor.fetch_max(turn + 1, Relaxed);
        let slots = self.range(chunk);
        let (next, end) = (slots.start as u32, slots.end as u32);
        *place = Place { chunk, next, end, before: marked.then_some(mark), used: false };
        true
    }

    /// Takes the hand's mark off the chunk it is at.
    pub fn leave(&self, place: &mut Place) {
        if let Some(before) = place.before.take() {
            let mark = if place.used { self.cursor() + LEFT } else { before };
            self.marks[place.chunk].store(mark, Relaxed);
        }
        place.end = place.next;
    }

    /// Whether the cursor has gone nearly a whole lap since a hand last used the chunk. Hands that
    /// take turns leave a chunk when the cursor is as many chunks ahead as there are hands.
    fn has_rested(&self, mark: u64, turn: u64) -> bool {
        if mark < LEFT {
            return mark == FRESH;
        }
        let chunks = self.marks.len() as u64;
        let slack = (chunks / 8).max(2 * u64::from(self.hands.load(Relaxed)));
        turn.saturating_sub(mark - LEFT) >= chunks.saturating_sub(slack)
    }
}

#[cfg(all(test, not(ringswitch_loom)))]
mod tests {
    use super::*;

    fn enter_next(ring: &Ring, place: &mut Place) -> usize {
        ring.leave(place);
        let start = ring.cursor();
        let turn = (start..start + ring.chunks() as u64).find(|&turn| ring.enter(place, turn, Choice::Rested));
        turn.expect("a rested chunk");
        place.set_used();
        place.chunk
    }

    #[test]
    fn hands_that_take_turns_go_round_in_order() {
        let ring = Ring::new(160, 10, 0);
        let (mut one, mut other) = (Place::default(), Place::default());
        ring.add_hand();
        ring.add_hand();
        for round in 0..100 {
            assert_eq!(enter_next(&ring, &mut one), 2 * round % 16);
            assert_eq!(enter_next(&ring, &mut other), (2 * round + 1) % 16);
        }
    }

    #[test]
    fn a_chunk_that_is_held_is_skipped_and_one_just_left_sits_out_a_lap() {
        let ring = Ring::new(160, 10, 0);
        let (mut busy, mut slow) = (Place::default(), Place::default());
        ring.add_hand();
        ring.add_hand();
        assert_eq!(enter_next(&ring, &mut slow), 0);
        for round in 0..15 * 3 {
            assert_eq!(enter_next(&ring, &mut busy), 1 + round % 15, "chunk 0 is held");
        }
        assert_eq!(enter_next(&ring, &mut slow), 1, "the cursor stands behind chunk 0, which was just left");
        for chunk in 2..16 {
            assert_eq!(enter_next(&ring, &mut busy), chunk);
        }
        assert_eq!(enter_next(&ring, &mut busy), 0, "a lap later it has rested");
    }

    #[test]
    fn what_the_orderly_choice_leaves_out_can_still_be_had() {
        let ring = Ring::new(20, 10, 0);
        let (mut one, mut other) = (Place::default(), Place::default());
        assert!(ring.enter(&mut one, 0, Choice::Rested));
        assert!(!ring.enter(&mut other, 0, Choice::Rested));
        assert!(!ring.enter(&mut other, 1, Choice::LeftOut), "not left out");
        assert!(ring.enter(&mut other, 0, Choice::LeftOut));
        ring.leave(&mut other);
        assert!(!ring.enter(&mut other, 2, Choice::Rested), "still marked by the first hand");
    }

    #[test]
    fn a_chunk_of_which_nothing_was_used_counts_as_rested() {
        let ring = Ring::new(160, 10, 0);
        let mut place = Place::default();
        assert!(ring.enter(&mut place, 0, Choice::Rested));
        ring.leave(&mut place);
        assert!(ring.enter(&mut place, 0, Choice::Rested));
    }

    #[test]
    fn every_slot_lies_in_one_chunk_and_the_start_is_rounded_up() {
        let ring = Ring::new(25, 10, 11);
        let slots: Vec<usize> = (0..ring.chunks()).flat_map(|chunk| ring.range(chunk)).collect();
        assert_eq!(slots, (0..25).collect::<Vec<_>>());
        assert_eq!(ring.slot_at(ring.cursor()), 20);
        assert_eq!(ring.slot_at(ring.cursor() + 1), 0);
        assert_eq!(Ring::new(25, 10, 21).cursor(), 0);
    }
}
