use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const SETS: [Set; 5] = [Set::Trunk, Set::Backup, Set::Receiving, Set::Full, Set::Used];

fn waiting(table: &GroupTable) -> Vec<u16> {
    table.take_waiting().map(|shard| shard.0).collect()
}

#[test]
fn the_backup_carries_only_while_no_trunk_line_can_send() {
    let table = GroupTable::new(10, 2);
    assert!(!table.is_live());
    table.join(3, Tier::Backup, true, true);
    assert!(table.is_live());
    assert_eq!(table.working_tier(), Set::Backup);
    table.join(1, Tier::Trunk, false, true);
    assert_eq!(table.working_tier(), Set::Backup, "a trunk line that only receives");
    table.join(0, Tier::Trunk, true, false);
    assert_eq!(table.working_tier(), Set::Trunk);
    table.stop_sending(0);
    assert_eq!(table.working_tier(), Set::Backup);
    table.leave(3);
    assert!(!table.is_live(), "nobody can send");
}

#[test]
fn a_group_of_simplex_lines_is_live_with_one_of_each() {
    let table = GroupTable::new(2, 1);
    table.join(0, Tier::Trunk, true, false);
    assert!(!table.is_live());
    table.join(1, Tier::Trunk, false, true);
    assert!(table.is_live());
    table.leave(0);
    assert!(!table.is_live());
}

#[test]
fn saying_the_same_again_changes_nothing() {
    let table = GroupTable::new(100, 1);
    table.join(70, Tier::Trunk, true, true);
    let version = table.version();
    table.join(70, Tier::Trunk, true, true);
    table.leave(71);
    table.stop_sending(71);
    assert_eq!(table.version(), version);
    table.leave(70);
    table.leave(70);
    assert_ne!(table.version(), version);
    assert!(!table.is_live());
}

#[test]
fn waiting_shards_are_taken_once() {
    let table = GroupTable::new(1, 256);
    for shard in [0, 63, 64, 255, 64] {
        table.wait(ShardId(shard));
    }
    assert_eq!(waiting(&table), [0, 63, 64, 255]);
    assert_eq!(waiting(&table), [0; 0]);
    table.wait(ShardId(7));
    drop(table.take_waiting());
    assert_eq!(waiting(&table), [0; 0], "taken, though not looked at");
}

#[test]
fn what_room_there_is_changes_with_every_line_that_fills_empties_joins_or_leaves() {
    let table = GroupTable::new(2, 1);
    let mut seen = vec![table.room_changes()];
    let changes: [fn(&GroupTable); 4] = [
        |table| table.join(0, Tier::Trunk, true, true),
        |table| table.set_full(0),
        |table| table.clear_full(0),
        |table| table.leave(0),
    ];
    for change in changes {
        change(&table);
        assert!(!seen.contains(&table.room_changes()), "after {seen:?}");
        seen.push(table.room_changes());
    }
    table.leave(0);
    table.set_used(0);
    assert_eq!(seen.last(), Some(&table.room_changes()), "nothing of it is room");
    assert!(!seen.contains(&table.grown(9).room_changes()));
}

#[test]
fn a_grown_table_has_the_same_lines_and_another_version() {
    let table = GroupTable::new(60, 3);
    table.join(59, Tier::Trunk, true, true);
    table.join(2, Tier::Backup, true, false);
    table.set_full(59);
    table.set_used(2);
    table.wait(ShardId(2));
    table.add_answer_bytes(77);
    let larger = table.grown(9_000);
    assert_eq!((larger.capacity(), larger.words()), (9_000, 141));
    assert_ne!(larger.version(), table.version());
    for set in SETS {
        for position in 0..60 {
            assert_eq!(larger.contains(set, position), table.contains(set, position));
        }
        assert!((1..141).all(|at| larger.word(set, at) == 0));
    }
    assert!(larger.is_live());
    assert_eq!(larger.answer_bytes(), 0, "the owners tell it");
    assert_eq!(waiting(&larger), [2]);
    larger.join(8_999, Tier::Trunk, true, true);
    larger.leave(59);
    assert_eq!(larger.working_tier(), Set::Trunk);
    larger.leave(8_999);
    assert_eq!(larger.working_tier(), Set::Backup);
}

#[test]
fn bytes_of_answers_are_the_sum_over_the_shards() {
    let table = GroupTable::new(1, 2);
    table.add_answer_bytes(-100);
    assert_eq!(table.answer_bytes(), 0, "the other shard's addition is still to come");
    table.add_answer_bytes(300);
    assert_eq!(table.answer_bytes(), 200);
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Join(u16, bool, bool, bool),
    Leave(u16),
    StopSending(u16),
    SetUsed(u16),
    ClearUsed(usize, u64),
    SetFull(u16),
    ClearFull(u16),
    Wait(u16),
    Take,
    Grow(usize),
}

const LINES: u16 = 200;
const SHARDS: u16 = 130;

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    // Few enough positions that the same ones come again, over all words.
    let position = (0..LINES / 20).prop_map(|n| n * 20 + 1);
    prop_oneof![
        4 => (position.clone(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(at, t, s, r)| Join(at, t, s, r)),
        3 => position.clone().prop_map(Leave),
        1 => position.clone().prop_map(StopSending),
        2 => position.clone().prop_map(SetUsed),
        1 => (0..4usize, any::<u64>()).prop_map(|(at, mask)| ClearUsed(at, mask)),
        2 => position.clone().prop_map(SetFull),
        1 => position.prop_map(ClearFull),
        2 => (0..SHARDS).prop_map(Wait),
        1 => Just(Take),
        1 => (1..400usize).prop_map(Grow),
    ]
}

/// The same with sets of numbers.
#[derive(Default)]
struct Model {
    sets: [BTreeSet<u16>; 5],
    waiting: BTreeSet<u16>,
}

impl Model {
    fn set(&mut self, set: Set) -> &mut BTreeSet<u16> {
        &mut self.sets[set as usize]
    }

    fn put(&mut self, set: Set, position: u16, member: bool) {
        if member {
            self.set(set).insert(position)
        } else {
            self.set(set).remove(&position)
        };
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Join(at, trunk, sends, receives) => {
                self.put(Set::Trunk, at, sends && trunk);
                self.put(Set::Backup, at, sends && !trunk);
                self.put(Set::Receiving, at, receives);
            }
            Operation::Leave(at) => SETS.iter().for_each(|&set| self.put(set, at, false)),
            Operation::StopSending(at) => [Set::Trunk, Set::Backup].iter().for_each(|&set| self.put(set, at, false)),
            Operation::SetUsed(at) => self.put(Set::Used, at, true),
            Operation::ClearUsed(word, mask) => {
                self.set(Set::Used).retain(|at| usize::from(at / 64) != word || mask >> (at % 64) & 1 == 0);
            }
            Operation::SetFull(at) => self.put(Set::Full, at, true),
            Operation::ClearFull(at) => self.put(Set::Full, at, false),
            Operation::Wait(shard) => drop(self.waiting.insert(shard)),
            Operation::Take => self.waiting.clear(),
            Operation::Grow(_) => {}
        }
    }
}

fn apply(table: &mut GroupTable, operation: Operation) {
    match operation {
        Operation::Join(at, trunk, sends, receives) => {
            table.join(at, if trunk { Tier::Trunk } else { Tier::Backup }, sends, receives);
        }
        Operation::Leave(at) => table.leave(at),
        Operation::StopSending(at) => table.stop_sending(at),
        Operation::SetUsed(at) => table.set_used(at),
        Operation::ClearUsed(word, mask) => table.clear_used(word, mask),
        Operation::SetFull(at) => table.set_full(at),
        Operation::ClearFull(at) => table.clear_full(at),
        Operation::Wait(shard) => table.wait(ShardId(shard)),
        Operation::Take => drop(table.take_waiting()),
        Operation::Grow(lines) => *table = table.grown(lines),
    }
}

fn members(table: &GroupTable) -> [Vec<u64>; 3] {
    MEMBERSHIP.map(|set| (0..4).map(|at| table.word(set, at)).collect())
}

proptest! {
    #[test]
    fn the_table_does_what_sets_of_numbers_do(operations in prop::collection::vec(operation(), 1..200)) {
        let mut table = GroupTable::new(LINES.into(), SHARDS.into());
        let mut model = Model::default();
        for operation in operations {
            let before = (table.version(), members(&table));
            if let Operation::Take = operation {
                prop_assert_eq!(waiting(&table), model.waiting.iter().copied().collect::<Vec<_>>());
            }
            apply(&mut table, operation);
            model.apply(operation);
            for set in SETS {
                for at in 0..LINES {
                    prop_assert_eq!(table.contains(set, at), model.set(set).contains(&at), "{:?} {}", set, at);
                }
            }
            let changed = members(&table) != before.1 || matches!(operation, Operation::Grow(_));
            prop_assert_eq!(table.version() != before.0, changed);
            let [trunk, backup, receiving] = [0, 1, 2].map(|set: usize| !model.sets[set].is_empty());
            prop_assert_eq!(table.is_live(), (trunk || backup) && receiving);
            prop_assert_eq!(table.working_tier() == Set::Trunk, trunk);
        }
    }
}
