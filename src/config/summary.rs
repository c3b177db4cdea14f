//! What `check` says of a configuration that is fine: its size, what it may take, and how many
//! requests can really wait for each answering group.

use super::plan::{Group, Plan, Ways};
use super::written::readable;

/// Never handed out as numbers: `0000` and `FFFF` (PROTOCOL).
const NEVER: [u16; 2] = [0, u16::MAX];

/// The summary line, without the file's name: "2 members, 5 lines, 1 route, 2 shards; …".
pub fn summary(plan: &Plan, routes: usize) -> String {
    let settings = &plan.settings;
    let lines = plan.lines.iter().flatten().count();
    let mut summary = format!(
        "{}, {}, {}, {}; queues may take up to {} of memory {}",
        counted(plan.members.len(), "member"),
        counted(lines, "line"),
        counted(routes, "route"),
        counted(usize::from(settings.shards), "shard"),
        readable(queue_bytes(plan)),
        readable(settings.memory),
    );
    for group in plan.groups.iter().flatten() {
        summary.extend(fewer_numbers(group));
    }
    summary
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// What all queues may hold together: one on each line that we send on, and the answers of each
/// group that asks.
pub fn queue_bytes(plan: &Plan) -> u64 {
    let lines = plan.lines.iter().flatten().filter(|line| line.flow.sends()).map(|line| line.limits.line_queue);
    let asks = |group: &Group| match &group.ways {
        Ways::Tpdu(ways) => !ways.routes.is_empty(),
        Ways::Iso8583(ways) => !ways.to.is_empty(),
        Ways::Nowhere | Ways::Pair { .. } | Ways::Station(_) => false,
    };
    let groups = plan.groups.iter().flatten().filter(|group| asks(group)).map(|group| group.limits.answer_queue);
    lines.chain(groups).fold(0, u64::saturating_add)
}

/// How many numbers an answering group has for waiting requests; `None` if it needs none.
pub fn numbers(group: &Group) -> Option<u32> {
    if !group.answers {
        return None;
    }
    let ways = match &group.ways {
        Ways::Tpdu(ways) => ways,
        Ways::Iso8583(_) => return Some(65_536 - NEVER.len() as u32),
        Ways::Nowhere | Ways::Pair { .. } | Ways::Station(_) => return None,
    };
    let usable = |number: u16| !NEVER.contains(&number) && (!ways.digits || reads_as_digits(number));
    let all = if ways.digits { 9_999 } else { 65_536 - NEVER.len() as u32 };
    let reserved = ways.reserved.iter().filter(|number| usable(**number)).count();
    Some(all - reserved as u32)
}

/// Whether the four hexadecimal digits are decimal ones.
fn reads_as_digits(number: u16) -> bool {
    (0..4).all(|digit| (number >> (4 * digit)) & 0xf <= 9)
}

fn fewer_numbers(group: &Group) -> Option<String> {
    let numbers = numbers(group).filter(|numbers| *numbers < group.limits.pending)?;
    let (member, name, pending) = (&group.member_name, &group.name, group.limits.pending);
    Some(format!("; pending of {member}/{name} is {pending}, but there are {numbers} numbers"))
}
