//! The shared state behind a plan's numbers: what stays keeps its counters, its live lines and its
//! waiting requests.

use std::collections::hash_map::RandomState;
use std::fmt::Debug;
use std::hash::BuildHasher;
use std::sync::Arc;

use super::kept::Keeper;
use crate::config::plan::{Group, Plan, Ways};
use crate::metrics::KnownLines;
use crate::shared::group_table::GroupTable;
use crate::shared::histogram::Histogram;
use crate::shared::key_table::KeyTable;
use crate::shared::published::{GroupShared, Keys, LineShared, Published};
use crate::shared::response_table::ResponseTable;

/// Numbers that a response table has at most: as many keys may wait.
const SLOTS: usize = 1 << 16;

/// What new tables begin with. Chance, but for what an earlier run left; apart from the tables,
/// because a simulation must have no chance but its own.
pub trait Beginnings: Debug + Send + Sync {
    /// Where `digits`, each half of a byte is a decimal digit.
    fn first_number(&self, group: &Group, digits: bool) -> u16;
    /// Whoever could foresee keys could make two messages with the same one.
    fn key_seed(&self) -> u64;
}

/// Numbers go on behind those of the run before. Where nothing is known of it, a random number makes
/// it unlikely that an old answer meets a new request.
impl Beginnings for Option<Arc<Keeper>> {
    fn first_number(&self, group: &Group, digits: bool) -> u16 {
        let known = self.as_ref().and_then(|keeper| keeper.start(group));
        known.unwrap_or_else(|| anywhere(digits))
    }

    fn key_seed(&self) -> u64 {
        random()
    }
}

fn random() -> u64 {
    // The standard library seeds this from the system's randomness.
    RandomState::new().hash_one(0u8)
}

fn anywhere(digits: bool) -> u16 {
    let number = random();
    if !digits {
        return (number & 0xffff) as u16;
    }
    // 1234 becomes 0x1234: each of them as likely as the next.
    (0..4).fold(0, |read, place| read + (number / 10u64.pow(place) % 10) as u16 * 16u16.pow(place))
}

/// The plan with the state behind it. `known` gains the plan's lines.
pub fn published(
    previous: Option<&Published>,
    plan: Arc<Plan>,
    known: &mut KnownLines,
    beginnings: &dyn Beginnings,
) -> Published {
    known.learn(&plan);
    let shards = usize::from(plan.settings.shards);
    let group = |group: &Arc<Group>| group_state(staying(previous, group), group, shards, beginnings);
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
        let digits_before = are_digits(&before.ways)?;
        let Ways::Tpdu(after) = &group.ways else { return None };
        (digits_before != after.digits)
            .then(|| format!("tpdu_digits of {}: a change needs a restart", group.member_name))
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
    beginnings: &dyn Beginnings,
) -> Arc<GroupShared> {
    let Some(old) = staying else {
        return Arc::new(GroupShared {
            table: Arc::new(GroupTable::new(group.lines.len(), shards)),
            responses: new_responses(group, beginnings),
            keys: new_keys(group, beginnings),
            answer_seconds: (0..shards).map(|_| Histogram::default()).collect(),
            resets: Arc::default(),
        });
    };
    if let Some(responses) = &old.responses {
        responses.set_pending(group.limits.pending);
        responses.set_rest(group.timers.answer_within);
        if needs_tags(group) {
            responses.keep_tags();
        }
    }
    let outgrown = group.lines.len() > old.table.capacity();
    let table = if outgrown { Arc::new(old.table.grown(group.lines.len())) } else { old.table.clone() };
    // Tables stay when no route leads to the group any more: answers are still due.
    let responses = old.responses.clone().or_else(|| new_responses(group, beginnings));
    let keys = old.keys.clone().or_else(|| new_keys(group, beginnings));
    let had_them = responses.is_some() == old.responses.is_some() && keys.is_some() == old.keys.is_some();
    if had_them && !outgrown {
        return old.clone();
    }
    let (answer_seconds, resets) = (old.answer_seconds.clone(), old.resets.clone());
    Arc::new(GroupShared { table, responses, keys, answer_seconds, resets })
}

/// The numbers of a group that answers under a header whose answers are matched by number or key.
fn new_responses(group: &Group, beginnings: &dyn Beginnings) -> Option<Arc<ResponseTable>> {
    let digits = are_digits(&group.ways)?;
    if !group.answers {
        return None;
    }
    let (pending, rest) = (group.limits.pending, group.timers.answer_within);
    let responses = ResponseTable::new(pending, rest, digits, beginnings.first_number(group, digits));
    if needs_tags(group) {
        responses.keep_tags();
    }
    Some(Arc::new(responses))
}

/// Whether the numbers of a group are digits; `None` if it has none.
const fn are_digits(ways: &Ways) -> Option<bool> {
    match ways {
        Ways::Tpdu(ways) => Some(ways.digits),
        Ways::Iso8583(_) => Some(false),
        Ways::Nowhere | Ways::Pair { .. } | Ways::Station(_) => None,
    }
}

/// Whether answers must fit more than a number.
fn needs_tags(group: &Group) -> bool {
    match &group.ways {
        Ways::Tpdu(ways) => ways.guard,
        Ways::Iso8583(_) => true,
        Ways::Nowhere | Ways::Pair { .. } | Ways::Station(_) => false,
    }
}

fn new_keys(group: &Group, beginnings: &dyn Beginnings) -> Option<Arc<Keys>> {
    let keyed = group.answers && matches!(group.ways, Ways::Iso8583(_));
    keyed.then(|| Arc::new(Keys { table: KeyTable::new(SLOTS), seed: beginnings.key_seed() }))
}
