use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::thread;

use proptest::prelude::*;

use super::*;

/// What a response table says of its slots: the key that each waits under, 0 for none.
struct Slots(Vec<AtomicU64>);

impl Slots {
    fn new(slots: usize) -> Self {
        Self((0..slots).map(|_| AtomicU64::new(0)).collect())
    }

    fn key_of(&self, slot: u16) -> Option<u64> {
        Some(self.0[usize::from(slot)].load(SeqCst)).filter(|key| *key != 0)
    }

    fn set(&self, slot: u16, key: u64) {
        self.0[usize::from(slot)].store(key, SeqCst);
    }

    /// As the switch does: the slot is claimed first, and given back if the key is refused.
    fn ask(&self, table: &KeyTable, key: u64, slot: u16) -> Result<(), Refused> {
        self.set(slot, key);
        let entered = table.insert(key, slot, |slot| self.key_of(slot));
        if entered.is_err() {
            self.set(slot, 0);
        }
        entered
    }

    fn find(&self, table: &KeyTable, key: u64) -> Option<u16> {
        table.find(key, |slot| (self.key_of(slot) == Some(key)).then_some(slot))
    }
}

/// A key of a small world: well mixed, as real ones are.
fn key(nth: u64) -> u64 {
    let mixed = (nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 27).max(1)
}

#[test]
fn who_waits_is_found_and_who_was_answered_is_not() {
    let (table, slots) = (KeyTable::new(64), Slots::new(64));
    assert_eq!(slots.ask(&table, key(1), 7), Ok(()));
    assert_eq!(slots.find(&table, key(1)), Some(7));
    assert_eq!(slots.find(&table, key(2)), None);
    slots.set(7, 0);
    assert_eq!(slots.find(&table, key(1)), None);
    // The slot goes to another key; the old entry still names it.
    assert_eq!(slots.ask(&table, key(2), 7), Ok(()));
    assert_eq!((slots.find(&table, key(1)), slots.find(&table, key(2))), (None, Some(7)));
}

#[test]
fn a_key_in_use_names_its_slot() {
    let (table, slots) = (KeyTable::new(64), Slots::new(64));
    assert_eq!(slots.ask(&table, key(1), 7), Ok(()));
    assert_eq!(slots.ask(&table, key(1), 8), Err(Refused::InUse(7)));
    assert_eq!(slots.find(&table, key(1)), Some(7), "the first one is not disturbed");
    assert_eq!(table.holder(key(1), 8, |slot| slots.key_of(slot)), Some(7));
    slots.set(7, 0);
    assert_eq!(slots.ask(&table, key(1), 8), Ok(()), "a repeat takes over once the first copy is given up");
    assert_eq!(slots.find(&table, key(1)), Some(8));
}

#[test]
fn the_same_slot_may_wait_under_the_same_key_again() {
    let (table, slots) = (KeyTable::new(64), Slots::new(64));
    for _ in 0..100_000 {
        assert_eq!(slots.ask(&table, key(1), 7), Ok(()));
        assert_eq!(slots.find(&table, key(1)), Some(7));
        slots.set(7, 0);
    }
}

#[test]
fn sixteen_keys_of_two_buckets_and_no_more() {
    let (table, slots) = (KeyTable::new(1 << 12), Slots::new(64));
    // All choose the same two buckets; only their fingerprints differ.
    let crowd = |nth: u64| nth << 32 | 5 << 16 | 9;
    for nth in 1..=16u16 {
        assert_eq!(slots.ask(&table, crowd(nth.into()), nth), Ok(()));
    }
    assert_eq!(slots.ask(&table, crowd(17), 17), Err(Refused::Full));
    assert_eq!(slots.find(&table, crowd(16)), Some(16));
    slots.set(3, 0);
    assert_eq!(slots.ask(&table, crowd(17), 17), Ok(()), "a dead entry gives up its place");
    for nth in (1..=17u16).filter(|nth| *nth != 3) {
        assert_eq!(slots.find(&table, crowd(nth.into())), Some(nth));
    }
}

#[test]
fn keys_that_share_buckets_and_fingerprint_are_told_apart_by_the_slot() {
    let (table, slots) = (KeyTable::new(1 << 4), Slots::new(64));
    let (one, other) = (77 << 32 | 1 << 12, 77 << 32 | 2 << 12);
    assert_eq!(slots.ask(&table, one, 1), Ok(()));
    assert_eq!(slots.ask(&table, other, 2), Ok(()));
    assert_eq!((slots.find(&table, one), slots.find(&table, other)), (Some(1), Some(2)));
}

/// As many requests as can wait at all, ending in no order for five million turns: with these
/// keys both buckets of one are never full.
#[test]
fn a_full_response_table_fits() {
    let (table, slots) = (KeyTable::new(1 << 16), Slots::new(1 << 16));
    for slot in 1..=u16::MAX {
        assert_eq!(slots.ask(&table, key(slot.into()), slot), Ok(()));
    }
    let mut dice = 1u64;
    for nth in 0..5_000_000u64 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let slot = (dice >> 48) as u16;
        if slot == 0 {
            continue;
        }
        slots.set(slot, 0);
        assert_eq!(slots.ask(&table, key(nth + (1 << 20)), slot), Ok(()), "after {nth} turns");
    }
    for slot in 1..=u16::MAX {
        let key = slots.key_of(slot).expect("all wait");
        assert_eq!(slots.find(&table, key), Some(slot));
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Ask { key: u64, slot: u16 },
    End { slot: u16 },
    Find { key: u64 },
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => (0..12u64, 1..10u16).prop_map(|(key, slot)| Operation::Ask { key, slot }),
        2 => (1..10u16).prop_map(|slot| Operation::End { slot }),
        2 => (0..12u64).prop_map(|key| Operation::Find { key }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a map from keys to slots. Keys are few, some share fingerprints and buckets.
    #[test]
    fn it_is_a_map_of_what_waits(operations in proptest::collection::vec(operation(), 0..120), alike: bool) {
        let key = |nth: u64| if alike { (nth % 3) << 32 | (nth / 3 + 1) << 20 | 3 } else { key(nth) };
        let (table, slots) = (KeyTable::new(16), Slots::new(16));
        let mut oracle: BTreeMap<u64, u16> = BTreeMap::new();
        for operation in operations {
            match operation {
                Operation::Ask { key: nth, slot } => {
                    if oracle.values().any(|taken| *taken == slot) {
                        continue; // a response table hands out free slots only
                    }
                    let expected = oracle.get(&key(nth)).map_or(Ok(()), |holder| Err(Refused::InUse(*holder)));
                    prop_assert_eq!(slots.ask(&table, key(nth), slot), expected);
                    oracle.entry(key(nth)).or_insert(slot);
                }
                Operation::End { slot } => {
                    slots.set(slot, 0);
                    oracle.retain(|_, taken| *taken != slot);
                }
                Operation::Find { key: nth } => {
                    prop_assert_eq!(slots.find(&table, key(nth)), oracle.get(&key(nth)).copied());
                }
            }
        }
    }
}

/// Two shards with few keys between them: no key is ever held twice, and whoever holds one is found.
#[test]
fn two_shards_never_hold_one_key() {
    const KEYS: u64 = 5;
    const TURNS: u64 = 200_000;
    let (table, slots) = (KeyTable::new(64), Slots::new(64));
    let holders: Vec<AtomicU32> = (0..KEYS).map(|_| AtomicU32::new(0)).collect();
    let run = |shard: u16| {
        let mut entered = 0u64;
        for turn in 0..TURNS {
            let nth = (turn * (u64::from(shard) + 2)) % KEYS;
            let slot = 1 + shard * 16 + (turn % 16) as u16;
            match slots.ask(&table, key(nth), slot) {
                Ok(()) => {
                    assert_eq!(holders[nth as usize].fetch_add(1, SeqCst), 0, "key {nth} is held twice");
                    assert_eq!(slots.find(&table, key(nth)), Some(slot));
                    entered += 1;
                    holders[nth as usize].fetch_sub(1, SeqCst);
                    slots.set(slot, 0);
                }
                Err(Refused::InUse(holder)) => assert_ne!(holder, slot),
                Err(Refused::Full) => panic!("never more than two keys"),
            }
        }
        entered
    };
    let entered: u64 = thread::scope(|scope| {
        let other = scope.spawn(|| run(1));
        run(0) + other.join().expect("a shard")
    });
    assert!(entered > TURNS, "one at a time always gets through: {entered}");
}
