//! The names of lines that have no `id` of their own: `MEMBER-1`, `MEMBER-2`, …

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use super::model::Model;
use super::plan::{Plan, Side};

/// An address as lines are recognised by it: whether we listen there, and where.
type Address = (bool, SocketAddr);

/// Gives names that are free; a line that already runs at the same address keeps its own.
#[derive(Debug)]
pub struct LineNames {
    /// By member and address; several lines may share one only where the kernel picks the port.
    running: BTreeMap<(String, Address), VecDeque<Arc<str>>>,
    /// Names that the operator gave in the new configuration, and all of the running one.
    taken: BTreeSet<String>,
    /// The next number to try for each member.
    next: BTreeMap<String, usize>,
}

impl LineNames {
    pub fn new(model: &Model, previous: Option<&Plan>) -> Self {
        let given = model.members.iter().flat_map(|member| member.lines()).filter_map(|line| line.id.get());
        let mut names = Self { running: BTreeMap::new(), taken: given.cloned().collect(), next: BTreeMap::new() };
        let given = names.taken.clone();
        for line in previous.iter().flat_map(|plan| plan.lines.iter().flatten()) {
            if !given.contains(&*line.name) {
                let key = (line.member_name.to_string(), address(line.side));
                names.running.entry(key).or_default().push_back(line.name.clone());
            }
            names.taken.insert(line.name.to_string());
        }
        names
    }

    /// The name of the next line of `member` that has none of its own.
    pub fn name(&mut self, member: &str, side: Side) -> Arc<str> {
        let running = self.running.get_mut(&(member.to_owned(), address(side)));
        running.and_then(VecDeque::pop_front).unwrap_or_else(|| self.fresh(member))
    }

    fn fresh(&mut self, member: &str) -> Arc<str> {
        let next = self.next.entry(member.to_owned()).or_insert(1);
        loop {
            let name = format!("{member}-{next}");
            *next += 1;
            if self.taken.insert(name.clone()) {
                return name.into();
            }
        }
    }
}

fn address(side: Side) -> Address {
    match side {
        Side::Listen(local) => (true, local),
        Side::Connect { remote, .. } => (false, remote),
    }
}
