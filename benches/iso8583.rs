//! Reading the key of an ISO 8583 message, and finding who waits under it. `cargo bench --bench
//! iso8583`; figures are for one message.
//!
//! The messages are published ones (`tests/data/vectors.txt`). They lie in the first-level cache,
//! and the tables of `keys` mostly in the second: see `frames.rs` on what that leaves out.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ringswitch::message::iso8583::{Base, Dialect, KeyMaker, Setting};
use ringswitch::shared::atomics::{AtomicU64, Ordering};
use ringswitch::shared::key_table::KeyTable;

/// The published message of this name, without its length prefix.
fn vector(name: &str) -> Vec<u8> {
    let lines = include_str!("../tests/data/vectors.txt").lines().map(|line| line.split(" | ").collect::<Vec<_>>());
    let columns = lines.filter(|columns| columns.len() == 4).find(|columns| columns[0] == name).expect("a vector");
    let digits: Vec<u8> = columns[3].chars().map(|digit| digit.to_digit(16).expect("a hex digit") as u8).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let prefix = if columns[1].starts_with("ascii4") { 4 } else { 2 * usize::from(columns[1].starts_with("bin2")) };
    bytes[prefix..].to_vec()
}

fn dialect(base: Base, skip: u16) -> Dialect {
    Setting { skip, ..Setting::new(base) }.compile().expect("a dialect")
}

fn reading(criterion: &mut Criterion) {
    let maker = KeyMaker::new(0x5eed);
    let mut group = criterion.benchmark_group("iso8583/key");
    for (name, base, skip, what) in [
        ("C1", Base::Cups, 46, "network message, 2 fields"),
        ("C8", Base::Cups, 46, "purchase answer, 10 fields"),
        ("P6", Base::Pos, 11, "network message, 3 fields"),
        ("P15", Base::Pos, 11, "reversal, 8 fields"),
    ] {
        let (dialect, data) = (dialect(base, skip), vector(name));
        assert!(dialect.read(&data, &maker).is_ok(), "{name} has a key");
        group.bench_function(format!("{}/{what}", base.name()), |bencher| {
            bencher.iter(|| black_box(&dialect).read(black_box(&data), &maker));
        });
    }
}

/// Slots that wait, as the response table would tell it: the key of each, 0 for none.
struct Slots(Vec<AtomicU64>);

impl Slots {
    fn key_of(&self, slot: u16) -> Option<u64> {
        Some(self.0[usize::from(slot)].load(Ordering::Acquire)).filter(|key| *key != 0)
    }
}

fn key(nth: u64) -> u64 {
    let mixed = (nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 27).max(1)
}

/// A request and its answer: entered, found, ended, with so many others waiting. Slots are used in
/// ring order, as the response table does.
fn keeping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("iso8583/table");
    for depth in [1u64, 8_192, 60_000] {
        let slots = Slots((0..1 << 16).map(|_| AtomicU64::new(0)).collect());
        let table = KeyTable::new(1 << 16);
        let slot = |nth: u64| (1 + nth % 65_535) as u16;
        let ask = |nth: u64| {
            slots.0[usize::from(slot(nth))].store(key(nth), Ordering::Release);
            table.insert(key(nth), slot(nth), |slot| slots.key_of(slot)).expect("keys differ");
        };
        let end = |nth: u64| slots.0[usize::from(slot(nth))].store(0, Ordering::Release);
        // Two laps, so that places hold what ended before, as they do in a switch that runs.
        let mut next = 0;
        while next < depth + (1 << 17) {
            ask(next);
            next += 1;
            if next > depth {
                end(next - 1 - depth);
            }
        }
        group.bench_function(format!("ask and answer, {depth} wait"), |bencher| {
            bencher.iter(|| {
                ask(next);
                let oldest = next - depth;
                let found = table.find(key(oldest), |slot| (slots.key_of(slot)? == key(oldest)).then_some(slot));
                assert_eq!(found, Some(slot(oldest)));
                end(oldest);
                next += 1;
            });
        });
        group.bench_function(format!("find nobody, {depth} wait"), |bencher| {
            let mut nth = 1 << 40;
            bencher.iter(|| {
                nth += 1;
                assert_eq!(table.find(key(nth), |slot| slots.key_of(slot)), None);
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = reading, keeping
}
criterion_main!(benches);
