//! Numbers that are never handed out: every NII that a route to or from a member matches. A number
//! under which a request waits just now is asked for again each second until it is free.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::plan::Ways;
use crate::ids::GroupId;
use crate::shared::published::Published;
use crate::shared::response_table::ResponseTable;

/// What a table of numbers lets one do to a number; apart from the table for the tests.
pub trait Numbers {
    /// False while a request waits under it.
    fn reserve(&self, number: u16) -> bool;
    fn unreserve(&self, number: u16);
}

impl Numbers for ResponseTable {
    fn reserve(&self, number: u16) -> bool {
        Self::reserve(self, number)
    }

    fn unreserve(&self, number: u16) {
        Self::unreserve(self, number);
    }
}

/// The reservations of every group.
#[derive(Debug)]
pub struct Reservations<N = ResponseTable> {
    groups: BTreeMap<GroupId, Reserved<N>>,
}

#[derive(Debug)]
struct Reserved<N> {
    numbers: Arc<N>,
    done: BTreeSet<u16>,
    waiting: BTreeSet<u16>,
    /// Reserved for a plan that some shard may still run by.
    outdated: BTreeSet<u16>,
}

impl<N> Default for Reservations<N> {
    fn default() -> Self {
        Self { groups: BTreeMap::new() }
    }
}

impl Reservations<ResponseTable> {
    /// Reserves what the plan asks for, before it is published.
    pub fn prepare(&mut self, published: &Published) {
        let mut wanted = BTreeMap::new();
        for group in published.plan.groups.iter().flatten() {
            let responses = published.group(group.id).and_then(|shared| shared.responses.clone());
            if let (Some(responses), Ways::Tpdu(ways)) = (responses, &group.ways) {
                wanted.insert(group.id, (responses, ways.reserved.iter().copied().collect()));
            }
        }
        self.want(wanted);
    }
}

impl<N: Numbers> Reservations<N> {
    fn want(&mut self, mut wanted: BTreeMap<GroupId, (Arc<N>, BTreeSet<u16>)>) {
        self.groups
            .retain(|id, reserved| wanted.get(id).is_some_and(|(numbers, _)| Arc::ptr_eq(numbers, &reserved.numbers)));
        while let Some((id, (numbers, set))) = wanted.pop_first() {
            self.groups.entry(id).or_insert_with(|| Reserved::new(numbers)).want(&set);
        }
    }

    /// Asks again for what could not be reserved. Returns how many numbers still wait.
    pub fn retry(&mut self) -> usize {
        self.groups.values_mut().map(Reserved::retry).sum()
    }

    /// Every shard runs by the new plan: what only the old one reserved may be handed out again.
    pub fn forget_outdated(&mut self) {
        for reserved in self.groups.values_mut() {
            for number in std::mem::take(&mut reserved.outdated) {
                reserved.numbers.unreserve(number);
            }
        }
    }
}

impl<N: Numbers> Reserved<N> {
    fn new(numbers: Arc<N>) -> Self {
        Self { numbers, done: BTreeSet::new(), waiting: BTreeSet::new(), outdated: BTreeSet::new() }
    }

    fn want(&mut self, wanted: &BTreeSet<u16>) {
        let dropped: Vec<u16> = self.done.difference(wanted).copied().collect();
        for number in dropped {
            self.done.remove(&number);
            self.outdated.insert(number);
        }
        // Wanted again before it was given back: it never stopped being reserved.
        let again: Vec<u16> = self.outdated.intersection(wanted).copied().collect();
        for number in again {
            self.outdated.remove(&number);
            self.done.insert(number);
        }
        self.waiting = wanted.difference(&self.done).copied().collect();
        self.retry();
    }

    fn retry(&mut self) -> usize {
        let Self { numbers, done, waiting, .. } = self;
        waiting.retain(|number| {
            let reserved = numbers.reserve(*number);
            if reserved {
                done.insert(*number);
            }
            !reserved
        });
        waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Default, Debug)]
    struct Table {
        busy: Mutex<BTreeSet<u16>>,
        reserved: Mutex<BTreeSet<u16>>,
    }

    impl Numbers for Table {
        fn reserve(&self, number: u16) -> bool {
            let free = !self.busy.lock().contains(&number);
            if free {
                assert!(self.reserved.lock().insert(number), "{number} reserved twice");
            }
            free
        }

        fn unreserve(&self, number: u16) {
            assert!(self.reserved.lock().remove(&number), "{number} was not reserved");
        }
    }

    fn wanted(table: &Arc<Table>, numbers: &[u16]) -> BTreeMap<GroupId, (Arc<Table>, BTreeSet<u16>)> {
        BTreeMap::from([(GroupId(0), (table.clone(), numbers.iter().copied().collect()))])
    }

    fn reserved(table: &Table) -> Vec<u16> {
        table.reserved.lock().iter().copied().collect()
    }

    #[test]
    fn a_number_in_use_is_reserved_once_it_is_free() {
        let table = Arc::new(Table::default());
        table.busy.lock().insert(3);
        let mut reservations = Reservations::default();
        reservations.want(wanted(&table, &[3, 6]));
        assert_eq!(reserved(&table), [6]);
        assert_eq!(reservations.retry(), 1);
        table.busy.lock().clear();
        assert_eq!(reservations.retry(), 0);
        assert_eq!(reserved(&table), [3, 6]);
    }

    #[test]
    fn a_number_is_given_back_only_when_no_shard_runs_by_the_old_plan() {
        let table = Arc::new(Table::default());
        let mut reservations = Reservations::default();
        reservations.want(wanted(&table, &[3, 6]));
        reservations.want(wanted(&table, &[6, 9]));
        assert_eq!(reserved(&table), [3, 6, 9]);
        reservations.forget_outdated();
        assert_eq!(reserved(&table), [6, 9]);
    }

    #[test]
    fn a_number_wanted_again_meanwhile_is_kept() {
        let table = Arc::new(Table::default());
        let mut reservations = Reservations::default();
        reservations.want(wanted(&table, &[3]));
        reservations.want(wanted(&table, &[]));
        reservations.want(wanted(&table, &[3]));
        reservations.forget_outdated();
        assert_eq!(reserved(&table), [3]);
    }
}
