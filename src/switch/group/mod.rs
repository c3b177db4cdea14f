//! A group as one shard sees it: the shared table, its own lines in it, and where it stands.

pub mod pick;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::plan;
use crate::frame::Framing;
use crate::ids::LineId;
use crate::message::iso8583::KeyMaker;
use crate::shared::group_table::Set;
use crate::shared::published::GroupShared;
use crate::shared::response_table::Claimer;
use crate::switch::Switch;
use crate::switch::step::{Kind, Target};
use crate::time::Instant;

#[derive(Debug)]
pub struct Group {
    pub plan: Arc<plan::Group>,
    pub shared: Arc<GroupShared>,
    /// How the member frames its messages.
    pub framing: Framing,
    /// This shard's lines of the group: position and slot.
    pub local: Vec<(u16, u32)>,
    /// The same as a bit set.
    local_words: Vec<u64>,
    cursor: Option<Cursor>,
    /// Whose turn among the local lines is next.
    rotation: usize,
    /// This shard's hand in the response table.
    pub hand: Claimer,
    /// Makes the keys of requests to the group.
    pub maker: KeyMaker,
    /// What does not fit is dropped: a feeder was paused for `pause_within`, and the group was full. Over with the
    /// next change of the room there is, on whichever shard: then a feeder waits anew.
    dropping_since: Option<u32>,
    /// Answers that wait for a line.
    pub held: VecDeque<Held>,
    /// When this shard's `used` bits are cleared next.
    pub used_until: Instant,
}

/// A line picked in this turn, and how much more it takes in it.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    turn: u64,
    version: u32,
    target: Target,
    bytes_left: usize,
}

/// A whole answer, with the prefix of the group it is for.
#[derive(Debug)]
pub struct Held {
    pub origin: LineId,
    /// [`Kind::Answer`] or [`Kind::Resent`].
    pub kind: Kind,
    pub frame: Box<[u8]>,
    pub arrived: Instant,
    pub deadline: Instant,
    /// Dropped then (`hold_answer`, or its deadline if that is earlier).
    pub until: Instant,
}

impl Group {
    pub fn new(plan: Arc<plan::Group>, shared: Arc<GroupShared>, framing: Framing) -> Self {
        let maker = maker(&shared);
        Self {
            plan,
            shared,
            framing,
            local: Vec::new(),
            local_words: Vec::new(),
            cursor: None,
            rotation: 0,
            hand: Claimer::default(),
            maker,
            dropping_since: None,
            held: VecDeque::new(),
            used_until: Instant(0),
        }
    }

    /// The same group under a new plan: its place in the turn, its hand in the table and what it
    /// holds stay.
    pub fn replanned(self, plan: Arc<plan::Group>, shared: Arc<GroupShared>, framing: Framing) -> Self {
        let maker = maker(&shared);
        Self { plan, shared, framing, cursor: None, maker, ..self }
    }

    /// Notes which of the group's lines are on this shard.
    pub fn set_local(&mut self, local: Vec<(u16, u32)>) {
        self.local_words = vec![0; self.shared.table.words()];
        for &(position, _) in &local {
            self.local_words[usize::from(position) / 64] |= 1 << (position % 64);
        }
        self.local = local;
        self.cursor = None;
    }

    /// A line of this shard picked since the bits were last cleared may go unused again.
    pub fn clear_used(&mut self) {
        for (at, &mask) in self.local_words.iter().enumerate() {
            if mask & self.shared.table.word(Set::Used, at) != 0 {
                self.shared.table.clear_used(at, mask);
            }
        }
    }

    /// A feeder has waited long enough: what does not fit is dropped until there is room again.
    pub fn drop_what_does_not_fit(&mut self) {
        self.dropping_since = Some(self.shared.table.room_changes());
    }

    /// Asked when the group is full: since [`Self::drop_what_does_not_fit`] it has always been.
    pub fn drops(&self) -> bool {
        self.dropping_since == Some(self.shared.table.room_changes())
    }

    /// Half of `answer_queue` is used: the group's own requests are not read.
    pub fn takes_no_answers(&self) -> bool {
        self.shared.table.answer_bytes() >= self.plan.limits.answer_queue / 2
    }
}

/// Of a group that nobody asks by key, one that is never used.
fn maker(shared: &GroupShared) -> KeyMaker {
    KeyMaker::new(shared.keys.as_ref().map_or(0, |keys| keys.seed))
}

/// The sum of a group's queued answers is told in steps of this, or when a queue runs empty.
const TELL_STEP_BYTES: u64 = 16 * 1024;

impl Switch {
    /// Keeps the group's sum of queued answers up to date with the line's queue. True: it fell
    /// below half of `answer_queue`, and who waits for that may go on.
    pub fn tell_answer_bytes(&mut self, slot: u32) -> bool {
        let line = &mut self.lines[slot as usize];
        let (now, told) = (line.outbox.answer_bytes(), line.answer_bytes_told);
        if now.abs_diff(told) < TELL_STEP_BYTES && (now != 0 || told == 0) {
            return false;
        }
        line.answer_bytes_told = now;
        let group = line.plan.group;
        let group = self.group(group);
        let half = group.plan.limits.answer_queue / 2;
        let before = group.shared.table.answer_bytes();
        group.shared.table.add_answer_bytes(now as i64 - told as i64);
        before >= half && group.shared.table.answer_bytes() < half
    }
}
