//! What a reload does to each line, and why: the answer of `reload --plan` and the log line of a
//! reload that was applied.

use serde::{Deserialize, Serialize};

use crate::config::Difference;
use crate::config::difference::{self, LineChange};
use crate::config::plan::Plan;

/// The difference between two plans, by line, in the order of the configuration, as the admin API
/// gives it.
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
        let difference = Difference::new(old, new);
        let mut changes = Self::default();
        difference.lines.iter().for_each(|line| changes.add(line));
        changes.other = difference.settings.iter().map(|name| (*name).to_owned()).collect();
        if old.stations != new.stations {
            changes.other.push("stations".to_owned());
        }
        if changes.is_empty() && old != new {
            // Whatever a plan comes to hold: what this list cannot name is applied all the same.
            changes.other.push("details".to_owned());
        }
        changes
    }

    fn add(&mut self, line: &LineChange) {
        let (list, reason) = match &line.change {
            difference::Change::Keep => (&mut self.keep, UNCHANGED.to_owned()),
            difference::Change::InPlace(reasons) => (&mut self.keep, reasons.join(", ")),
            difference::Change::Reopen(reasons) => (&mut self.rebind, reasons.join(", ")),
            difference::Change::Open => (&mut self.open, "new".to_owned()),
            difference::Change::Close => (&mut self.close, "removed".to_owned()),
        };
        list.push(Change { line: line.name.to_string(), reason });
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
    fn settings_that_take_effect_at_once_are_named() {
        let old = plan(&[]);
        let mut new = plan(&[]);
        new.settings.events += 1;
        assert_eq!(Changes::between(&old, &new).other, ["events"]);
    }
}
