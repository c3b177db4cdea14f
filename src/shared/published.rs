//! What every thread sees: the plan, and the shared state of the lines and groups it names.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::config::plan::Plan;
use crate::ids::{GroupId, LineId};
use crate::shared::counters::{LineCounters, ShardCounters};
use crate::shared::group_table::GroupTable;
use crate::shared::histogram::Histogram;
use crate::shared::inbox::Inbox;
use crate::shared::key_table::KeyTable;
use crate::shared::mailbox::Sleeper;
use crate::shared::resets::Resets;
use crate::shared::response_table::ResponseTable;
use crate::shared::status::LineStatus;

/// One line's shared state. It belongs to the line's name and survives every reload.
#[derive(Debug, Default)]
pub struct LineShared {
    pub counters: LineCounters,
    pub status: LineStatus,
}

/// One group's shared state; it survives reloads that keep the group. Each part is counted apart,
/// so that a reload can replace one (a table that was outgrown) and keep the others as they are.
#[derive(Clone, Debug)]
pub struct GroupShared {
    pub table: Arc<GroupTable>,
    /// Of a group that answers under a header whose answers are matched by number.
    pub responses: Option<Arc<ResponseTable>>,
    /// Where the slots of those `responses` are found that wait under a key.
    pub keys: Option<Arc<Keys>>,
    /// Time from a request's arrival to its answer's, by the shard that took the answer.
    pub answer_seconds: Arc<[Histogram]>,
    pub resets: Arc<Resets>,
}

/// The keys under which requests to a group wait.
#[derive(Debug)]
pub struct Keys {
    pub table: KeyTable,
    /// From which every shard makes the same keys, and nobody outside.
    pub seed: u64,
}

/// A plan with the state behind its numbers. Immutable; replaced as a whole.
#[derive(Debug)]
pub struct Published {
    /// Counts up from 1.
    pub epoch: u64,
    pub plan: Arc<Plan>,
    /// By [`LineId`], as the plan's.
    pub lines: Vec<Option<Arc<LineShared>>>,
    /// By [`GroupId`], as the plan's.
    pub groups: Vec<Option<Arc<GroupShared>>>,
}

impl Published {
    pub fn line(&self, id: LineId) -> Option<&Arc<LineShared>> {
        self.lines.get(id.index())?.as_ref()
    }

    pub fn group(&self, id: GroupId) -> Option<&Arc<GroupShared>> {
        self.groups.get(id.index())?.as_ref()
    }
}

/// What the threads of one switch share for as long as it runs.
#[derive(Debug)]
pub struct World {
    current: ArcSwap<Published>,
    /// The epoch of `current`, so that a shard learns with one load a turn whether to look.
    epoch: AtomicU64,
    pub shards: Vec<ShardCounters>,
    /// Where each shard sleeps, and whether a way has opened for something that it holds.
    pub beds: Vec<Bed>,
    /// Time inside the switch, by the shard that sent.
    pub transit_seconds: Vec<Histogram>,
    pub inbox: Inbox,
    /// For frames of lines that left the plan while the frames were under way.
    pub strays: LineCounters,
}

impl World {
    pub fn new(first: Published, shards: usize) -> Self {
        Self {
            epoch: AtomicU64::new(first.epoch),
            current: ArcSwap::from_pointee(first),
            shards: (0..shards).map(|_| ShardCounters::default()).collect(),
            beds: (0..shards).map(|_| Bed::default()).collect(),
            transit_seconds: (0..shards).map(|_| Histogram::default()).collect(),
            inbox: Inbox::new(shards),
            strays: LineCounters::default(),
        }
    }

    /// Makes `next` the plan. The caller wakes the shards and waits for their `applied`.
    pub fn publish(&self, next: impl Into<Arc<Published>>) {
        let next = next.into();
        let epoch = next.epoch;
        self.current.store(next);
        // Release, partner: the Acquire in `epoch`; a shard that sees the number sees the plan.
        self.epoch.store(epoch, Ordering::Release);
    }

    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire) // partner: the Release in `publish`
    }

    pub fn current(&self) -> Arc<Published> {
        self.current.load_full()
    }

    /// The shards that have not wholly applied `epoch` (or a later one) yet.
    pub fn behind(&self, epoch: u64) -> Vec<usize> {
        // Acquire, partner: the shard's store of `applied`; what it did to get there is done.
        let behind = |shard: &ShardCounters| shard.applied.load(Ordering::Acquire) < epoch;
        (0..self.shards.len()).filter(|at| behind(&self.shards[*at])).collect()
    }
}

/// A shard's bed, and the note on it. On cache lines of its own: a shard lies down and gets up in
/// every turn, and without room between them 64 beds are one line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Bed {
    pub sleeper: Sleeper,
    nudged: AtomicBool,
}

impl Bed {
    /// Tells the shard that a line came up or is no longer full. The caller wakes it if it sleeps.
    pub fn nudge(&self) {
        // SeqCst, partner: `take_nudge` between lying down and sleeping (as with mail).
        self.nudged.store(true, Ordering::SeqCst);
    }

    pub fn is_nudged(&self) -> bool {
        self.nudged.load(Ordering::SeqCst)
    }

    pub fn take_nudge(&self) -> bool {
        // The plain load first: a swap every turn would own the cache line.
        self.is_nudged() && self.nudged.swap(false, Ordering::SeqCst)
    }
}
