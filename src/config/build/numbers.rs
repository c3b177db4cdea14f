//! Which numbers lines and groups have: the same as long as they are configured, and those of what
//! was removed rest before anything else gets them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::config::endpoint::GroupName;
use crate::config::plan::{Group, Line, Plan};
use crate::ids::{GroupId, LineId, ShardId};
use crate::time::{Instant, Span};

/// What travels beside a plan: the numbers that something may still name though the plan does not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Allocation {
    pub(super) lines: Vec<RestingLine>,
    pub(super) groups: Vec<RestingGroup>,
}

/// A line that a reload removed: waiting requests, held answers and its own drain still name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RestingLine {
    identity: LineIdentity,
    group: GroupId,
    seat: Seat,
    until: Instant,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RestingGroup {
    name: GroupName,
    id: GroupId,
    until: Instant,
}

/// What a line must share with another to be the same line. A line that moves to another group is
/// another one: an answer to what it asked before must not reach the new group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct LineIdentity {
    pub name: Arc<str>,
    pub group: GroupName,
}

/// What a line keeps for as long as it is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seat {
    pub id: LineId,
    pub position: u16,
    pub shard: ShardId,
}

/// More lines exist or rest than there are numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoNumbers;

impl fmt::Display for NoNumbers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = LineId::LIMIT;
        write!(out, "more than {limit} lines are configured or were removed a moment ago: reload again in some minutes")
    }
}

impl std::error::Error for NoNumbers {}

impl Allocation {
    /// What rests at `now`: what a plan removes must not have its number given away before
    /// `resting_span` has passed.
    pub(super) fn at(&self, now: Instant) -> Self {
        Self {
            lines: self.lines.iter().filter(|line| line.until > now).cloned().collect(),
            groups: self.groups.iter().filter(|group| group.until > now).cloned().collect(),
        }
    }

    /// Lets rest what `previous` has and the new plan has not; what came back rests no longer.
    pub(super) fn replaced(mut self, previous: Option<&Plan>, new: &Plan, until: Instant) -> Self {
        let lines: BTreeSet<LineId> = new.lines.iter().flatten().map(|line| line.id).collect();
        let groups: BTreeSet<GroupId> = new.groups.iter().flatten().map(|group| group.id).collect();
        self.lines.retain(|line| !lines.contains(&line.seat.id));
        self.groups.retain(|group| !groups.contains(&group.id));
        let Some(previous) = previous else { return self };
        let gone = previous.lines.iter().flatten().filter(|line| !lines.contains(&line.id));
        self.lines.extend(gone.map(|line| RestingLine {
            identity: identity(line),
            group: line.group,
            seat: seat(line),
            until,
        }));
        let gone = previous.groups.iter().flatten().filter(|group| !groups.contains(&group.id));
        let gone: Vec<RestingGroup> = gone.map(|group| self.resting_group(group, until)).collect();
        self.groups.extend(gone);
        self
    }

    /// A group rests at least as long as any of its lines, whose positions are its own.
    fn resting_group(&self, group: &Group, until: Instant) -> RestingGroup {
        let lines = self.lines.iter().filter(|line| line.group == group.id).map(|line| line.until);
        let name = GroupName { member: group.member_name.to_string(), group: group.name.to_string() };
        RestingGroup { name, id: group.id, until: lines.fold(until, Instant::max) }
    }
}

/// How long the number of a removed line or group rests. A request lives for `answer_within`, its
/// number rests for another, an answer may be held, and the line itself drains first.
pub(super) fn resting_span<'p>(plans: impl Iterator<Item = &'p Plan>) -> Span {
    let (mut answer, mut hold, mut drain) = (Span::ZERO, Span::ZERO, Span::ZERO);
    for plan in plans {
        let groups = plan.groups.iter().flatten().map(|group| group.timers);
        for timers in plan.lines.iter().flatten().map(|line| line.timers).chain(groups) {
            answer = answer.max(timers.answer_within);
            hold = hold.max(timers.hold_answer);
            drain = drain.max(timers.drain_within);
        }
    }
    Span(2 * answer.0 + hold.0 + drain.0)
}

pub(super) fn identity(line: &Line) -> LineIdentity {
    LineIdentity {
        name: line.name.clone(),
        group: GroupName { member: line.member_name.to_string(), group: line.group_name.to_string() },
    }
}

fn seat(line: &Line) -> Seat {
    Seat { id: line.id, position: line.position, shard: line.shard }
}

/// The seats that lines have already: of the plan that runs, and of what rests.
pub(super) fn known_seats(previous: Option<&Plan>, resting: &Allocation) -> BTreeMap<LineIdentity, Seat> {
    let resting = resting.lines.iter().map(|line| (line.identity.clone(), line.seat));
    let running = previous.into_iter().flat_map(|plan| plan.lines.iter().flatten());
    // The running ones come last and win: a line that came back is the one that runs.
    resting.chain(running.map(|line| (identity(line), seat(line)))).collect()
}

pub(super) fn known_groups(previous: Option<&Plan>, resting: &Allocation) -> BTreeMap<GroupName, GroupId> {
    let resting = resting.groups.iter().map(|group| (group.name.clone(), group.id));
    let running = previous.into_iter().flat_map(|plan| plan.groups.iter().flatten());
    let running = running
        .map(|group| (GroupName { member: group.member_name.to_string(), group: group.name.to_string() }, group.id));
    resting.chain(running).collect()
}

/// Gives the lowest numbers that are not taken.
#[derive(Debug)]
pub(super) struct Numbers {
    taken: BTreeSet<u32>,
    next: u32,
    limit: u32,
}

impl Numbers {
    pub fn new(taken: impl Iterator<Item = u32>, limit: u32) -> Self {
        Self { taken: taken.collect(), next: 0, limit }
    }

    pub fn take(&mut self) -> Result<u32, NoNumbers> {
        while self.taken.contains(&self.next) {
            self.next += 1;
        }
        if self.next >= self.limit {
            return Err(NoNumbers);
        }
        self.next += 1;
        Ok(self.next - 1)
    }
}
