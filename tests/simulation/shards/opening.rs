//! From a configuration's text to what shards are started with. By hand and not by the control thread, because that
//! begins to count numbers at random and a simulation must not.

use std::sync::Arc;

use ringswitch::config::plan::{Group, Plan, Ways};
use ringswitch::config::{Host, Source, build, read};
use ringswitch::ids::LineId;
use ringswitch::shared::group_table::GroupTable;
use ringswitch::shared::histogram::Histogram;
use ringswitch::shared::key_table::KeyTable;
use ringswitch::shared::published::{GroupShared, Keys, LineShared, Published, World};
use ringswitch::shared::response_table::ResponseTable;
use ringswitch::time::Instant;

/// The number that the first request gets.
const FIRST_NUMBER: u16 = 0x0100;

pub fn plan(text: &str) -> Arc<Plan> {
    let source = Source { name: "simulated.toml".to_owned(), text: text.to_owned() };
    let reading = read(&[source], &Host { name: "sw1".to_owned(), cpus: 1 }, None);
    let Some(configuration) = &reading.configuration else {
        panic!("{:#?} in\n{text}", reading.faults);
    };
    build(configuration, None, Instant(0)).expect("numbers for all").plan
}

pub fn world(plan: Arc<Plan>) -> Arc<World> {
    let shards = usize::from(plan.settings.shards);
    let first = Published {
        epoch: 1,
        lines: plan.lines.iter().map(|line| line.as_ref().map(|_| Arc::<LineShared>::default())).collect(),
        groups: plan.groups.iter().map(|group| group.as_ref().map(|group| Arc::new(shared(group, shards)))).collect(),
        plan,
    };
    Arc::new(World::new(first, shards))
}

fn shared(group: &Group, shards: usize) -> GroupShared {
    GroupShared {
        table: Arc::new(GroupTable::new(group.lines.len(), shards)),
        responses: responses(group),
        keys: keys(group),
        answer_seconds: (0..shards).map(|_| Histogram::default()).collect(),
        resets: Arc::default(),
    }
}

fn responses(group: &Group) -> Option<Arc<ResponseTable>> {
    if !group.answers {
        return None;
    }
    let (pending, rest) = (group.limits.pending, group.timers.answer_within);
    let (digits, reserved) = match &group.ways {
        Ways::Tpdu(ways) => (ways.digits, ways.reserved.as_slice()),
        Ways::Iso8583(_) => (false, [].as_slice()),
        Ways::Nowhere | Ways::Pair { .. } | Ways::Station(_) => return None,
    };
    let table = ResponseTable::new(pending, rest, digits, FIRST_NUMBER);
    for nii in reserved {
        assert!(table.reserve(*nii), "nobody waits yet");
    }
    if matches!(group.ways, Ways::Iso8583(_)) {
        table.keep_tags();
    }
    Some(Arc::new(table))
}

fn keys(group: &Group) -> Option<Arc<Keys>> {
    let keyed = group.answers && matches!(group.ways, Ways::Iso8583(_));
    keyed.then(|| Arc::new(Keys { table: KeyTable::new(1 << 16), seed: 5 }))
}

/// A line by its name.
pub fn line(plan: &Plan, name: &str) -> LineId {
    let named = plan.lines.iter().flatten().find(|line| *line.name == *name);
    named.unwrap_or_else(|| panic!("no line {name}")).id
}
