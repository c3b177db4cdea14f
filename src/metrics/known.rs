//! Every line that ever was: counters belong to a line's name, survive reconnects and reloads, and
//! stay exported when a reload removes the line.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::plan::{Line, Plan};
use crate::shared::published::LineShared;
use crate::shared::status::{Cause, LineState};

/// What a line's counters are labelled with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labels {
    pub member: Arc<str>,
    pub group: Arc<str>,
    pub line: Arc<str>,
}

impl Labels {
    pub fn of(line: &Line) -> Self {
        Self { member: line.member_name.clone(), group: line.group_name.clone(), line: line.name.clone() }
    }
}

/// One line's memory: its shared state, and how often it went where and why.
#[derive(Clone, Debug)]
pub struct KnownLine {
    /// As in the last plan that had the line.
    pub labels: Labels,
    pub shared: Arc<LineShared>,
    /// A line meets a handful of these, so a list is enough.
    pub changes: Vec<(LineState, Cause, u64)>,
}

/// The lines by name.
#[derive(Clone, Debug, Default)]
pub struct KnownLines {
    lines: BTreeMap<Arc<str>, KnownLine>,
}

impl KnownLines {
    /// Makes every line of `plan` known. Lines that were known keep their counters.
    pub fn learn(&mut self, plan: &Plan) {
        for line in plan.lines.iter().flatten() {
            let labels = Labels::of(line);
            match self.lines.get_mut(&line.name) {
                Some(known) => known.labels = labels,
                None => {
                    let known = KnownLine { labels, shared: Arc::default(), changes: Vec::new() };
                    self.lines.insert(line.name.clone(), known);
                }
            }
        }
    }

    /// The shared state of a line that was learnt.
    pub fn shared(&self, name: &str) -> Option<&Arc<LineShared>> {
        self.lines.get(name).map(|known| &known.shared)
    }

    /// Counts a change of state (`line_state_changes_total`). A line nobody knows is not counted:
    /// it cannot be labelled.
    pub fn count_change(&mut self, name: &str, to: LineState, cause: Cause) {
        let Some(known) = self.lines.get_mut(name) else { return };
        match known.changes.iter_mut().find(|change| (change.0, change.1) == (to, cause)) {
            Some(change) => change.2 += 1,
            None => known.changes.push((to, cause, 1)),
        }
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &KnownLine> {
        self.lines.values()
    }
}
