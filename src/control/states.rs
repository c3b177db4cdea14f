//! The shared state behind a plan's numbers: what stays keeps its counters, its live lines and its
//! waiting requests.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use crate::config::plan::{Group, Plan, Ways};
use crate::metrics::KnownLines;
use crate::shared::group_table::GroupTable;
use crate::shared::histogram::Histogram;
use crate::shared::published::{GroupShared, LineShared, Published};
use crate::shared::response_table::ResponseTable;

/// The plan with the state behind it. `known` gains the plan's lines; `first_number` says where the
/// numbers of a new table begin.
pub fn published(
    previous: Option<&Published>,
    plan: Arc<Plan>,
    known: &mut KnownLines,
    first_number: fn() -> u16,
) -> Published {
    known.learn(&plan);
    let shards = usize::from(plan.settings.shards);
    let group = |group: &Arc<Group>| group_state(staying(previous, group), group, shards, first_number);
    Published {
        epoch: previous.map_or(1, |previous| previous.epoch + 1),
        lines: plan.lines.iter().map(|line| line_state(line.as_ref()?.name.as_ref(), known)).collect(),
        groups: plan.groups.iter().map(|slot| slot.as_ref().map(group)).collect(),
        plan,
    }
}

/// What a running group cannot come to be: its waiting requests lie in a table made for the numbers
/// that its hosts can read.
pub fn fixed(old: &Plan, new: &Plan) -> Vec<String> {
    let changes = |group: &Group| {
        let before = old.group(group.id).filter(|before| before.answers && same_group(before, group))?;
        match (&before.ways, &group.ways) {
            (Ways::Tpdu(before), Ways::Tpdu(after)) if before.digits != after.digits => {
                Some(format!("tpdu_digits of {}: a change needs a restart", group.member_name))
            }
            _ => None,
        }
    };
    new.groups.iter().flatten().filter_map(|group| changes(group)).collect()
}

fn same_group(one: &Group, other: &Group) -> bool {
    one.member_name == other.member_name && one.name == other.name
}

fn line_state(name: &str, known: &KnownLines) -> Option<Arc<LineShared>> {
    Some(known.shared(name).expect("every line of the plan was learnt").clone())
}

/// The state of the same group under the previous plan: same number, same name.
fn staying<'p>(previous: Option<&'p Published>, group: &Group) -> Option<&'p Arc<GroupShared>> {
    let previous = previous?;
    let old = previous.plan.group(group.id)?;
    if same_group(old, group) { previous.group(group.id) } else { None }
}

fn group_state(
    staying: Option<&Arc<GroupShared>>,
    group: &Group,
    shards: usize,
    first_number: fn() -> u16,
) -> Arc<GroupShared> {
    let Some(old) = staying else {
        return Arc::new(GroupShared {
            table: Arc::new(GroupTable::new(group.lines.len(), shards)),
            responses: new_responses(group, first_number),
            answer_seconds: (0..shards).map(|_| Histogram::default()).collect(),
        });
    };
    if let Some(responses) = &old.responses {
        responses.set_pending(group.limits.pending);
        responses.set_rest(group.timers.answer_within);
    }
    let outgrown = group.lines.len() > old.table.capacity();
    let table = if outgrown { Arc::new(old.table.grown(group.lines.len())) } else { old.table.clone() };
    // A table of numbers stays when no route leads to the group any more: answers are still due.
    let responses = old.responses.clone().or_else(|| new_responses(group, first_number));
    let as_it_was = !outgrown && responses.is_some() == old.responses.is_some();
    if as_it_was {
        return old.clone();
    }
    Arc::new(GroupShared { table, responses, answer_seconds: old.answer_seconds.clone() })
}

/// The numbers of a group that answers under a header whose answers are matched by number.
fn new_responses(group: &Group, first_number: fn() -> u16) -> Option<Arc<ResponseTable>> {
    let Ways::Tpdu(ways) = &group.ways else { return None };
    if !group.answers {
        return None;
    }
    let (pending, rest) = (group.limits.pending, group.timers.answer_within);
    Some(Arc::new(ResponseTable::new(pending, rest, ways.digits, first_number())))
}

/// A number to begin near. Without memory of the previous run a random start makes it unlikely that
/// an old answer meets a new request.
pub fn anywhere() -> u16 {
    // The standard library seeds this from the system's randomness.
    (RandomState::new().hash_one(0u8) & 0xffff) as u16
}
