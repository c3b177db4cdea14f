//! Reads the shared counters into a [`Snapshot`].

use std::array;
use std::sync::atomic::Ordering::Relaxed;

use super::snapshot::{GroupFacts, LineCounts, LineFacts, LinePlace, NumberFacts, ShardFacts, Snapshot, SwitchFacts};
use super::{Distribution, KnownLine, KnownLines};
use crate::config::plan::{Group, Plan, Tier};
use crate::reason::{Closed, Drop, Malformed, Refusal, Rejected, ResendFailed};
use crate::shared::counters::{Cold, Hot, LineCounters, ShardCounters};
use crate::shared::group_table::{GroupTable, Set};
use crate::shared::published::{GroupShared, Published, World};
use crate::shared::response_table::ResponseTable;
use crate::time::Instant;

impl Snapshot {
    /// Reads everything, at the moment `now` of the monotonic clock.
    pub fn take(world: &World, known: &KnownLines, switch: SwitchFacts, now: Instant) -> Self {
        let published = world.current();
        // What went out first: in the other order a frame that passes meanwhile would make less
        // than nothing.
        let held_out: u64 = world.shards.iter().map(|shard| shard.held_out.load(Relaxed)).sum();
        let held_in: u64 = world.shards.iter().map(|shard| shard.held_in.load(Relaxed)).sum();
        Self {
            taken: now,
            switch: SwitchFacts { epoch: published.epoch, ..switch },
            shards: ShardFacts::of(world, now),
            frames_held: held_in.saturating_sub(held_out),
            lines: line_facts(&published.plan, known),
            groups: group_facts(&published),
            transit: Distribution::sum_of(&world.transit_seconds),
        }
    }
}

impl ShardFacts {
    /// Of all shards, and nothing of the lines: cheap enough to be asked every second.
    pub fn of(world: &World, now: Instant) -> Vec<Self> {
        world.shards.iter().map(|shard| shard_facts(shard, now)).collect()
    }
}

// Every Relaxed below reads a statistic: nothing is published through it, any value will do.

fn shard_facts(shard: &ShardCounters, now: Instant) -> ShardFacts {
    let last_turn = shard.last_turn.load(Relaxed);
    ShardFacts {
        turns: shard.turns.load(Relaxed),
        last_turn_ago: (last_turn != 0).then(|| now.since(Instant(last_turn))),
        applied: shard.applied.load(Relaxed),
        connections: shard.connections.load(Relaxed),
        memory_bytes: shard.memory.load(Relaxed),
        events_lost: shard.events_lost.load(Relaxed),
    }
}

/// Known lines are in the order of their names; so are the plan's once sorted, and one walk over
/// both finds each line's place.
fn line_facts(plan: &Plan, known: &KnownLines) -> Vec<LineFacts> {
    let mut planned: Vec<_> = plan.lines.iter().flatten().collect();
    planned.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let mut planned = planned.into_iter().peekable();
    let place_of = |line: &KnownLine| {
        while planned.next_if(|next| next.name < line.labels.line).is_some() {}
        let next = planned.next_if(|next| next.name == line.labels.line)?;
        Some(LinePlace { id: next.id.0, tier: next.tier, flow: next.flow, shard: next.shard.0 })
    };
    let places: Vec<_> = known.iter().map(place_of).collect();
    known.iter().zip(places).map(|(line, place)| line_fact(line, place)).collect()
}

fn line_fact(line: &KnownLine, place: Option<LinePlace>) -> LineFacts {
    let status = &line.shared.status;
    let details = status.details();
    LineFacts {
        labels: line.labels.clone(),
        place,
        state: status.state(),
        since: details.since,
        local: details.local,
        remote: details.remote,
        last_error: details.last_error,
        queued_bytes: status.queued_bytes(),
        counts: counts(&line.shared.counters),
        changes: line.changes.clone(),
    }
}

fn counts(counters: &LineCounters) -> LineCounts {
    LineCounts {
        hot: array::from_fn(|at| counters.hot(Hot::ALL[at])),
        cold: array::from_fn(|at| counters.cold(Cold::ALL[at])),
        dropped: array::from_fn(|at| counters.dropped(Drop::ALL[at])),
        rejected: array::from_fn(|at| counters.rejected(Rejected::ALL[at])),
        resend_failed: array::from_fn(|at| counters.resend_failed(ResendFailed::ALL[at])),
        malformed: array::from_fn(|at| counters.malformed(Malformed::ALL[at])),
        refused: array::from_fn(|at| counters.refused(Refusal::ALL[at])),
        closed: array::from_fn(|at| counters.closed(Closed::ALL[at])),
    }
}

fn group_facts(published: &Published) -> Vec<GroupFacts> {
    let mut groups: Vec<_> = published
        .plan
        .groups
        .iter()
        .flatten()
        .map(|group| group_fact(&published.plan, group, published.group(group.id).map(|shared| &**shared)))
        .collect();
    groups.sort_by(|a, b| (&a.member, &a.name).cmp(&(&b.member, &b.name)));
    groups
}

fn group_fact(plan: &Plan, group: &Group, shared: Option<&GroupShared>) -> GroupFacts {
    let table = shared.map(|shared| &*shared.table);
    GroupFacts {
        member: group.member_name.clone(),
        name: group.name.clone(),
        live: table.is_some_and(GroupTable::is_live),
        working_tier: table.and_then(working_tier),
        lines: group.lines.iter().flatten().filter_map(|id| Some(plan.line(*id)?.name.clone())).collect(),
        answer_bytes: table.map_or(0, GroupTable::answer_bytes),
        numbers: shared.and_then(|shared| shared.responses.as_deref()).map(|responses| numbers(group, responses)),
        answer_seconds: shared
            .filter(|shared| group.answers && shared.responses.is_some())
            .map(|shared| Distribution::sum_of(&shared.answer_seconds)),
    }
}

/// The tier that has a live line that can send; the table says "backup" also when neither has one.
fn working_tier(table: &GroupTable) -> Option<Tier> {
    let set = table.working_tier();
    let any = (0..table.words()).any(|at| table.word(set, at) != 0);
    any.then_some(if set == Set::Trunk { Tier::Trunk } else { Tier::Backup })
}

fn numbers(group: &Group, responses: &ResponseTable) -> NumberFacts {
    NumberFacts {
        pending: responses.pending(),
        limit: group.limits.pending,
        numbers: responses.numbers(),
        shortest_rest: responses.shortest_rest(),
    }
}
