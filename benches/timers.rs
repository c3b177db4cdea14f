//! The timer wheel: one entry a line, put where it belongs, moved, fired. `cargo bench --bench timers`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringswitch::switch::random::Random;
use ringswitch::switch::timers::{TICK, Wheel};
use ringswitch::time::{Instant, Span};

const LINES: u32 = 10_000;
const IDLE: Span = Span::from_secs(120);

/// A wheel with an entry for each line, spread over the time that lines may be idle.
fn idle_lines() -> (Wheel, Random) {
    let (mut wheel, mut random) = (Wheel::new(Instant(0)), Random::new(1));
    for line in 0..LINES {
        wheel.schedule(line, Instant(random.below(IDLE.0)));
    }
    (wheel, random)
}

fn scheduling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule");
    let (mut wheel, mut random) = idle_lines();
    group.bench_function("the same tick", |bencher| {
        bencher.iter(|| wheel.schedule(black_box(7), black_box(Instant(IDLE.0))));
    });
    group.bench_function("elsewhere", |bencher| {
        bencher.iter(|| {
            let line = random.below(u64::from(LINES)) as u32;
            wheel.schedule(black_box(line), Instant(random.below(IDLE.0)));
        });
    });
    group.bench_function("next", |bencher| bencher.iter(|| black_box(&wheel).next()));
}

/// 120 seconds of 10,000 idle lines: each fires once, on average, and is set again. The figure is
/// for one line fired and set again, wake-ups and moves between levels included.
fn expiring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expire");
    group.throughput(Throughput::Elements(u64::from(LINES)));
    group.bench_function("10,000 idle lines for 120 s", |bencher| {
        let (mut wheel, mut random) = idle_lines();
        let (mut now, mut due) = (Instant(0), Vec::with_capacity(LINES as usize));
        bencher.iter(|| {
            let (end, mut fired) = (now + IDLE, 0);
            while wheel.next() <= end {
                now = wheel.next().max(now);
                wheel.due(now, &mut due);
                fired += due.len();
                for line in due.drain(..) {
                    wheel.schedule(line, now + Span(IDLE.0 - random.below(TICK.0)));
                }
            }
            now = end;
            assert!(fired as u32 >= LINES / 10 * 9, "{fired} fired");
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = scheduling, expiring
}
criterion_main!(benches);
