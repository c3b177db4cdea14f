//! What a reload does to each line, and why: the answer of `reload --plan` and the log line of a
//! reload that was applied.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::plan::{Group, Header, Line, Plan, Settings};

/// The difference between two plans, by line. Everything is in the order of names.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Lines whose connection is not touched.
    pub keep: Vec<Change>,
    /// New lines.
    pub open: Vec<Change>,
    /// Lines that are drained and opened anew.
    pub rebind: Vec<Change>,
    /// Lines that are drained and closed for good.
    pub close: Vec<Change>,
    /// What changed beside lines: groups' routes, settings.
    pub other: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    pub line: String,
    pub reason: String,
}

const UNCHANGED: &str = "unchanged";

impl Changes {
    pub fn between(old: &Plan, new: &Plan) -> Self {
        let (before, after) = (by_name(old), by_name(new));
        let mut changes = Self::default();
        for (name, line) in &after {
            match before.get(name) {
                None => changes.open.push(change(name, "new")),
                Some(previous) => changes.compare(name, (old, previous), (new, line)),
            }
        }
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        changes.close.extend(gone.map(|name| change(name, "removed")));
        changes.other = settings(&old.settings, &new.settings);
        changes.other.extend(groups(old, new));
        if changes.is_empty() && !same(old, new) {
            // Whatever a plan comes to hold: what this list cannot name is applied all the same.
            changes.other.push("details".to_owned());
        }
        changes
    }

    fn compare(&mut self, name: &str, old: (&Plan, &Line), new: (&Plan, &Line)) {
        let reopening = reopening(old, new);
        if reopening.is_empty() {
            let keeping = keeping(old.1, new.1);
            let reason = if keeping.is_empty() { UNCHANGED.to_owned() } else { keeping.join(", ") };
            self.keep.push(change(name, &reason));
        } else {
            self.rebind.push(change(name, &reopening.join(", ")));
        }
    }

    /// Nothing would change at all.
    pub fn is_empty(&self) -> bool {
        let kept_as_it_is = self.keep.iter().all(|change| change.reason == UNCHANGED);
        kept_as_it_is && self.open.len() + self.rebind.len() + self.close.len() + self.other.len() == 0
    }

    /// One line for the log.
    pub fn summary(&self) -> String {
        let changed = self.keep.iter().filter(|change| change.reason != UNCHANGED).count();
        let mut text = format!(
            "lines: {} opened, {} re-bound, {} closed, {changed} changed in place, {} untouched",
            self.open.len(),
            self.rebind.len(),
            self.close.len(),
            self.keep.len() - changed
        );
        if !self.other.is_empty() {
            text.push_str("; ");
            text.push_str(&self.other.join(", "));
        }
        text
    }
}

/// Settings that only a restart can change, and that `new` changes.
pub fn needs_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    listed(&[
        (old.shards != new.shards, "shards"),
        (old.admin != new.admin, "admin"),
        (old.spin != new.spin, "spin"),
        (old.memory != new.memory, "memory"),
    ])
}

fn same(old: &Plan, new: &Plan) -> bool {
    old.settings == new.settings
        && old.members == new.members
        && old.stations == new.stations
        && old.lines.iter().flatten().eq(new.lines.iter().flatten())
        && old.groups.iter().flatten().eq(new.groups.iter().flatten())
}

fn by_name(plan: &Plan) -> BTreeMap<&str, &Line> {
    plan.lines.iter().flatten().map(|line| (&*line.name, &**line)).collect()
}

fn change(line: &str, reason: &str) -> Change {
    Change { line: line.to_owned(), reason: reason.to_owned() }
}

/// Why the line cannot keep its connection (INTERFACE, Signals).
fn reopening((old_plan, old): (&Plan, &Line), (new_plan, new): (&Plan, &Line)) -> Vec<&'static str> {
    listed(&[
        (old.member_name != new.member_name, "member"),
        (old.side != new.side, "address"),
        (old.profile != new.profile, "profile"),
        (old.framing != new.framing, "prefix"),
        (header(old_plan, old) != header(new_plan, new), "header"),
        (old.flow != new.flow, "flow"),
        (old.group_name != new.group_name, "group"),
        (old.tier != new.tier, "tier"),
        (old.id != new.id || old.shard != new.shard || old.position != new.position, "place"),
    ])
}

/// What changes at once, with the connection kept.
fn keeping(old: &Line, new: &Line) -> Vec<&'static str> {
    listed(&[
        (old.timers != new.timers, "timers"),
        (old.limits != new.limits, "limits"),
        (old.allow != new.allow, "allow"),
        (old.second != new.second, "second"),
        (old.probe != new.probe, "probe"),
        (old.expect != new.expect, "expect"),
    ])
}

fn header(plan: &Plan, line: &Line) -> Option<Header> {
    plan.group(line.group).map(|group| group.header)
}

fn settings(old: &Settings, new: &Settings) -> Vec<String> {
    let changed = listed(&[
        (old.name != new.name, "name"),
        (old.log != new.log, "log"),
        (old.connections != new.connections, "connections"),
        (old.events != new.events, "events"),
        (old.drain_within != new.drain_within, "drain_within"),
    ]);
    changed.into_iter().map(str::to_owned).collect()
}

fn groups(old: &Plan, new: &Plan) -> Vec<String> {
    let (before, after) = (groups_by_name(old), groups_by_name(new));
    let what = |(name, group): (&(&str, &str), &Group)| {
        let Some(previous) = before.get(name) else { return Some(format!("group {}/{} is new", name.0, name.1)) };
        let routes = previous.ways != group.ways || previous.answers != group.answers || previous.id != group.id;
        let of_all = previous.timers != group.timers || previous.limits != group.limits;
        let parts = listed(&[(routes, "routes"), (of_all, "timers or limits")]);
        (!parts.is_empty()).then(|| format!("{} of group {}/{}", parts.join(" and "), name.0, name.1))
    };
    let mut texts: Vec<String> = after.iter().filter_map(|(name, group)| what((name, group))).collect();
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    texts.extend(gone.map(|name| format!("group {}/{} is gone", name.0, name.1)));
    if old.stations != new.stations {
        texts.push("stations".to_owned());
    }
    texts
}

fn groups_by_name(plan: &Plan) -> BTreeMap<(&str, &str), &Group> {
    plan.groups.iter().flatten().map(|group| ((&*group.member_name, &*group.name), &**group)).collect()
}

fn listed(parts: &[(bool, &'static str)]) -> Vec<&'static str> {
    parts.iter().filter(|part| part.0).map(|part| part.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::{Second, Tier};
    use crate::control::testing::{connecting, listening, plan};
    use crate::time::Span;

    fn pairs(changes: &[Change]) -> Vec<(&str, &str)> {
        changes.iter().map(|change| (&*change.line, &*change.reason)).collect()
    }

    #[test]
    fn the_same_plan_changes_nothing() {
        let one = plan(&[listening("a", 1), connecting("b", 2)]);
        let changes = Changes::between(&one, &one.clone());
        assert!(changes.is_empty());
        assert_eq!(pairs(&changes.keep), [("a", "unchanged"), ("b", "unchanged")]);
    }

    #[test]
    fn each_line_is_kept_opened_rebound_or_closed_with_its_reason() {
        let mut timed = listening("timed", 3);
        let mut moved = listening("moved", 4);
        let old = plan(&[timed.clone(), moved.clone(), listening("gone", 5)]);
        timed.timers.probe_after = Span::from_secs(7);
        timed.second = Second::Replace { after: Span::ZERO };
        moved.side = listening("moved", 6).side;
        moved.tier = Tier::Backup;
        let new = plan(&[timed, moved, listening("new", 7)]);
        let changes = Changes::between(&old, &new);
        assert_eq!(pairs(&changes.keep), [("timed", "timers, second")]);
        assert_eq!(pairs(&changes.rebind), [("moved", "address, tier")]);
        assert_eq!(pairs(&changes.open), [("new", "new")]);
        assert_eq!(pairs(&changes.close), [("gone", "removed")]);
        assert_eq!(changes.summary(), "lines: 1 opened, 1 re-bound, 1 closed, 1 changed in place, 0 untouched");
    }

    #[test]
    fn settings_are_told_apart_by_whether_they_need_a_restart() {
        let old = plan(&[]);
        let mut new = plan(&[]);
        new.settings.events += 1;
        assert_eq!(Changes::between(&old, &new).other, ["events"]);
        assert!(needs_restart(&old.settings, &new.settings).is_empty());
        new.settings.shards += 1;
        new.settings.memory += 1;
        assert_eq!(needs_restart(&old.settings, &new.settings), ["shards", "memory"]);
    }
}
