//! The timer wheel: one entry a line, put where it belongs, moved, fired. `cargo bench --bench timers`.

#[path = "wheel/mod.rs"]
mod wheel;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringswitch::time::Instant;
use wheel::{IDLE, IdleLines};

/// A busy switch, and one at the limit of its descriptors.
const SIZES: [u32; 2] = [9_000, 20_000];

fn scheduling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule");
    for lines in SIZES {
        let mut idle = IdleLines::new(lines);
        group.bench_function(format!("the same tick of {lines} lines"), |bencher| {
            bencher.iter(|| idle.wheel.schedule(black_box(7), black_box(Instant(IDLE.0))));
        });
        group.bench_function(format!("elsewhere of {lines} lines"), |bencher| bencher.iter(|| idle.move_one()));
        group.bench_function(format!("next of {lines} lines"), |bencher| {
            bencher.iter(|| black_box(&idle.wheel).next());
        });
    }
}

/// The figure is for one line fired and set again.
fn expiring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expire");
    for lines in SIZES {
        group.throughput(Throughput::Elements(u64::from(lines)));
        group.bench_function(format!("{lines} idle lines for 120 s"), |bencher| {
            let mut idle = IdleLines::new(lines);
            bencher.iter(|| idle.pass());
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = scheduling, expiring
}
criterion_main!(benches);
