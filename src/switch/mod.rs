//! Decisions: who may connect, what a frame is, which line carries it, what a silent line means.
//!
//! Nothing here reads a clock, opens a socket or knows a thread: bytes, events and a time come in,
//! and what is said is "these bytes of that buffer go to that line". The shard owns the bytes and
//! does what the switch says.

pub mod admission;
pub mod group;
pub mod line;
pub mod phases;
pub mod plan_change;
pub mod random;
pub mod route;
pub mod step;
pub mod timers;

use std::sync::Arc;

use crate::config::plan::Plan;
use crate::frame::Framing;
use crate::ids::{GroupId, LineId, ShardId};
use crate::limits::RUN_FRAMES_MAX;
use crate::shared::group_table::Set;
use crate::shared::published::Published;
use crate::time::Instant;
use group::Group;
use group::pick::{Around, Pick, Purpose};
use line::Line;
use line::phase::Phase;
use phases::Change;
use random::Random;
use step::{Cut, Place, Target};

/// The decisions of one shard.
#[derive(Debug)]
pub struct Switch {
    pub shard: ShardId,
    pub now: Instant,
    /// Counts turns of the loop: a destination is picked once in each.
    pub turn: u64,
    pub published: Arc<Published>,
    pub plan: Arc<Plan>,
    /// This shard's lines, by slot.
    pub lines: Vec<Line>,
    /// By [`GroupId`]. Every group is here: any shard may have frames for it.
    pub groups: Vec<Option<Group>>,
    /// By [`LineId`].
    places: Vec<Place>,
    /// By [`LineId`]: the group of every line that a waiting request may still name, also of one
    /// that a reload removed from a group that stays.
    line_groups: Vec<Option<GroupId>>,
    /// Groups that left the plan; the shard settles what they still hold.
    pub gone: Vec<Group>,
    /// Changes of state since the shard last took them.
    pub changes: Vec<Change>,
    /// Before this no request of this shard's can have timed out.
    pub sweep_at: Instant,
    /// No new requests: the process stops.
    pub stopping: bool,
    /// The frames of the run decided last, if they do not leave as they came. Emptied by the next
    /// step; its memory is the switch's for good, so that deciding allocates nothing.
    pub cuts: Vec<Cut>,
    random: Random,
}

impl Switch {
    pub fn new(shard: ShardId, published: Arc<Published>, now: Instant, seed: u64) -> Self {
        let mut switch = Self {
            shard,
            now,
            turn: 0,
            plan: Arc::clone(&published.plan),
            published,
            lines: Vec::new(),
            groups: Vec::new(),
            places: Vec::new(),
            line_groups: Vec::new(),
            gone: Vec::new(),
            changes: Vec::new(),
            sweep_at: Instant::NEVER,
            stopping: false,
            cuts: Vec::with_capacity(RUN_FRAMES_MAX),
            random: Random::new(seed),
        };
        switch.refresh_groups();
        switch
    }

    pub fn begin_turn(&mut self, now: Instant) {
        self.now = now;
        self.turn += 1;
    }

    /// A group of the plan. A route, a line or a waiting request names it, so it is there.
    #[inline]
    pub fn group(&self, id: GroupId) -> &Group {
        self.groups[id.index()].as_ref().expect("a plan names only groups that it has")
    }

    #[inline]
    pub fn group_mut(&mut self, id: GroupId) -> &mut Group {
        self.groups[id.index()].as_mut().expect("a plan names only groups that it has")
    }

    /// Whether the group can be asked. Lines that drain behind a reload have the routes of before, and
    /// where those lead may have gone.
    #[inline]
    fn is_live(&self, id: GroupId) -> bool {
        self.groups.get(id.index()).and_then(Option::as_ref).is_some_and(|group| group.shared.table.is_live())
    }

    #[inline]
    pub fn framing_of(&self, group: GroupId) -> Framing {
        self.group(group).framing
    }

    pub fn place(&self, line: LineId) -> Place {
        self.places.get(line.index()).copied().unwrap_or(Place::Nowhere)
    }

    /// The group whose member waits for what the line asked; `None` if a reload removed it.
    fn group_of(&self, line: LineId) -> Option<GroupId> {
        self.line_groups.get(line.index()).copied().flatten()
    }

    fn target(&self, line: LineId) -> Target {
        Target { line, place: self.place(line) }
    }

    /// A line of `group` for `bytes` bytes.
    #[inline]
    pub fn pick(&mut self, group: GroupId, purpose: Purpose, bytes: usize) -> Pick {
        let around = Around { lines: &self.lines, places: &self.places, turn: self.turn, now: self.now };
        let group = self.groups[group.index()].as_mut().expect("a plan names only groups that it has");
        group.pick(purpose, bytes, around)
    }

    /// Whether an answer may go out over the very line that its request came in on.
    fn lives(&self, group: GroupId, own: Target) -> bool {
        // Answers too go over backup lines only while no trunk line is up.
        // A draining line takes requests no more, and still gets the answers due to it.
        let tier = self.group(group).shared.table.working_tier();
        match own.place {
            Place::Here(slot) => {
                let line = &self.lines[slot as usize];
                let draining = matches!(line.phase, Phase::Draining(_)) && line.takes_answers() && !line.peer_finished;
                let carries = draining || self.bit_of(group, own.line, tier);
                carries && line.outbox.bytes() < line.plan.limits.line_queue
            }
            Place::There(_) => self.bit_of(group, own.line, tier) || self.drains_there(group, own.line),
            Place::Nowhere => false,
        }
    }

    /// A line of another shard that receives and, though it could, takes nothing new.
    fn drains_there(&self, group: GroupId, line: LineId) -> bool {
        let sends = self.plan.line(line).is_some_and(|line| line.flow.sends());
        let bit = |set| self.bit_of(group, line, set);
        sends && bit(Set::Receiving) && !bit(Set::Trunk) && !bit(Set::Backup)
    }

    /// With no other line of the group up: the request's own, after its peer's FIN, for a
    /// half-closed connection can still be written to. Of a line elsewhere its shard knows best;
    /// if it cannot be written to, the answer is held where the next connection will be.
    fn last_resort(&self, own: Target) -> Option<Target> {
        let writable = match own.place {
            Place::Here(slot) => self.lines[slot as usize].takes_answers(),
            Place::There(_) => true,
            Place::Nowhere => false,
        };
        writable.then_some(own)
    }

    fn bit_of(&self, group: GroupId, line: LineId, set: Set) -> bool {
        self.plan.line(line).is_some_and(|line| self.group(group).shared.table.contains(set, line.position))
    }
}
