//! What the shared tables cost: claiming and freeing numbers, picking a line, passing letters.
//!
//! Two-thread figures are of two shards at once, each on a processor of its own, per operation of one
//! of them; on a host with two processors they carry whatever else runs there.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and starts threads")]

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant as Clock};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringswitch::config::plan::Tier;
use ringswitch::ids::{LineId, ShardId};
use ringswitch::shard::cpu;
use ringswitch::shared::group_table::{GroupTable, Set};
use ringswitch::shared::mailbox::{Consumer, Sleeper, mailbox};
use ringswitch::shared::response_table::{Claimer, ResponseTable, Waiting};
use ringswitch::time::{Instant, Span};

const REST: Span = Span::from_secs(45);
const NOW: Instant = Instant(1 << 40);

fn table() -> ResponseTable {
    ResponseTable::new(65_000, REST, false, 0)
}

/// A million operations a second: what a busy shard does. It matters where most numbers wait,
/// since a hand passes only so many of them in a millisecond.
fn now(nth: u64) -> Instant {
    NOW + Span::from_micros(nth)
}

fn request(nth: u64) -> Waiting {
    Waiting { line: LineId(nth as u32 & 0xffff), address: nth as u16, nii: 3, deadline: now(nth) + REST }
}

fn claim(table: &ResponseTable, hand: &mut Claimer, nth: u64) -> u16 {
    table.claim(hand, request(nth), now(nth)).expect("numbers are free")
}

fn answer(table: &ResponseTable, hand: &mut Claimer, number: u16, nth: u64) {
    let (_, seen) = table.look(number, now(nth)).expect("a request waits");
    table.take(hand, number, seen, now(nth)).expect("nobody else answers");
}

/// Claims, and answers the oldest of `depth` that wait. A hand lives as long as its table, so each
/// run has a table of its own.
fn claim_and_answer(table: &ResponseTable, depth: usize, times: u64) -> Duration {
    let mut hand = Claimer::default();
    let mut waiting: Vec<u16> = (0..depth as u64).map(|nth| claim(table, &mut hand, nth)).collect();
    let start = Clock::now();
    let mut oldest = 0;
    for nth in (depth as u64..).take(times as usize) {
        answer(table, &mut hand, waiting[oldest], nth);
        waiting[oldest] = claim(table, &mut hand, nth);
        oldest = if oldest + 1 == depth { 0 } else { oldest + 1 };
    }
    start.elapsed()
}

/// The same with answers in an order that no cache foresees.
fn claim_and_answer_shuffled(table: &ResponseTable, depth: usize, times: u64) -> Duration {
    let mut hand = Claimer::default();
    let mut waiting: Vec<u16> = (0..depth as u64).map(|nth| claim(table, &mut hand, nth)).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let start = Clock::now();
    for nth in (depth as u64..).take(times as usize) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let which = (((random >> 32) * depth as u64) >> 32) as usize;
        answer(table, &mut hand, waiting[which], nth);
        waiting[which] = claim(table, &mut hand, nth);
    }
    start.elapsed()
}

/// Two threads, each on a processor of its own, that begin together; the longer time. With one
/// processor they take turns, and the figure is none: it is said.
fn together(one: impl FnOnce() -> Duration + Send, other: impl FnOnce() -> Duration + Send) -> Duration {
    let barrier = Barrier::new(2);
    let cpus = cpu::allowed().expect("processors to run on");
    if cpus.len() < 2 {
        eprintln!("one processor: two threads do not run at once here");
    }
    let on = |cpu: usize| {
        cpu::pin(cpu).expect("an allowed processor");
        barrier.wait();
    };
    thread::scope(|scope| {
        let one = scope.spawn(|| {
            on(cpus[0]);
            one()
        });
        let other = scope.spawn(|| {
            on(cpus[cpus.len() - 1]);
            other()
        });
        let times = [one.join(), other.join()].map(|time| time.expect("no panic"));
        times.into_iter().max().expect("two")
    })
}

/// The same on both.
fn on_two_threads(run: impl Fn() -> Duration + Sync) -> Duration {
    together(&run, &run)
}

/// One shard claims, another answers up to a batch of requests later: what a claim and
/// its answer cost together when their cache lines move. The time is that of whoever is slower.
fn claim_here_and_answer_there(times: u64) -> Duration {
    const BATCH: u64 = 256;
    let table = &table();
    let (mut numbers, mut asked) = mailbox(64 * 1024);
    let answering = move || {
        let mut hand = Claimer::default();
        let start = Clock::now();
        let mut left = times;
        while left > 0 {
            while let Some((head, _)) = asked.peek() {
                answer(table, &mut hand, head[0] as u16, head[1]);
                asked.pop();
                left -= 1;
            }
            asked.release();
            std::hint::spin_loop();
        }
        start.elapsed()
    };
    let claiming = move || {
        let mut hand = Claimer::default();
        let start = Clock::now();
        for nth in 0..times {
            let number = loop {
                if let Ok(number) = table.claim(&mut hand, request(nth), now(nth)) {
                    break number;
                }
                numbers.publish();
                std::hint::spin_loop();
            };
            while numbers.push([number.into(), nth, 0, 0], &[]).is_err() {
                numbers.publish();
                std::hint::spin_loop();
            }
            if nth.is_multiple_of(BATCH) {
                numbers.publish();
            }
        }
        numbers.publish();
        start.elapsed()
    };
    together(answering, claiming)
}

fn responses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("claim_and_answer");
    group.throughput(Throughput::Elements(1));
    group.bench_function("depth_1", |bench| bench.iter_custom(|times| claim_and_answer(&table(), 1, times)));
    for depth in [256, 8_192, 60_000] {
        group.bench_function(format!("depth_{depth}_in_order"), |bench| {
            bench.iter_custom(|times| claim_and_answer(&table(), depth, times));
        });
        group.bench_function(format!("depth_{depth}_shuffled"), |bench| {
            bench.iter_custom(|times| claim_and_answer_shuffled(&table(), depth, times));
        });
    }
    group.bench_function("two_threads_depth_256", |bench| {
        bench.iter_custom(|times| {
            let table = table();
            on_two_threads(|| claim_and_answer(&table, 256, times))
        });
    });
    group.bench_function("claimed_by_one_answered_by_the_other", |bench| {
        bench.iter_custom(claim_here_and_answer_there);
    });
    group.finish();
    criterion.bench_function("look_for_nobody", |bench| {
        let table = table();
        bench.iter(|| black_box(&table).look(black_box(77), NOW).is_err());
    });
    criterion.bench_function("claim_from_a_full_table", |bench| {
        let table = ResponseTable::new(100_000, REST, false, 0);
        let mut hand = Claimer::default();
        while table.claim(&mut hand, request(0), NOW).is_ok() {}
        // The hand remembers it for a millisecond, in which a busy shard may ask a thousand times.
        let mut nth = 0;
        bench.iter(|| {
            nth += 1;
            table.claim(&mut hand, request(0), NOW + Span::from_micros(nth)).is_err()
        });
    });
    criterion.bench_function("sweep_one_chunk", |bench| {
        let table = table();
        let mut hand = Claimer::default();
        let deadline = NOW + Span::from_secs(60);
        bench.iter_custom(|times| {
            let mut time = Duration::ZERO;
            for _ in 0..times {
                // What was claimed was answered, as nearly always: the sweep finds nothing.
                let number = table.claim(&mut hand, Waiting { deadline, ..request(1) }, NOW).expect("numbers are free");
                answer(&table, &mut hand, number, 0);
                let start = Clock::now();
                table.sweep(&mut hand, deadline, |_, _| unreachable!("it was answered"));
                time += start.elapsed();
            }
            time
        });
    });
}

/// Reads a group's table about as a pick does: the version, the working tier, then a live line that
/// was not used of late and is not full. The pick itself is in `routing`.
fn pick(table: &GroupTable, from: usize) -> Option<u16> {
    black_box(table.version());
    let tier = table.working_tier();
    let words = table.words();
    (0..words).map(|word| (from + word) % words).find_map(|at| {
        let free = table.word(tier, at) & !table.word(Set::Full, at) & !table.word(Set::Used, at);
        (free != 0).then(|| (64 * at) as u16 + free.trailing_zeros() as u16)
    })
}

fn group_of(lines: u16) -> GroupTable {
    let table = GroupTable::new(lines.into(), 2);
    for position in 0..lines {
        table.join(position, Tier::Trunk, true, true);
    }
    table
}

fn groups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("group");
    for lines in [8, 9_000] {
        let table = group_of(lines);
        group.bench_function(format!("pick_of_{lines}"), |bench| bench.iter(|| pick(black_box(&table), 0)));
        group.bench_function(format!("is_live_of_{lines}"), |bench| bench.iter(|| black_box(&table).is_live()));
        group.bench_function(format!("pick_of_{lines}_on_two_threads_marking"), |bench| {
            bench.iter_custom(|times| {
                on_two_threads(|| {
                    let start = Clock::now();
                    for _ in 0..times {
                        match pick(&table, 0) {
                            Some(position) => table.set_used(position),
                            None => (0..table.words()).for_each(|at| table.clear_used(at, u64::MAX)),
                        }
                    }
                    start.elapsed()
                })
            });
        });
    }
    let table = group_of(1);
    group.bench_function("wait_and_take_waiting", |bench| {
        bench.iter(|| {
            table.wait(ShardId(1));
            table.take_waiting().count()
        });
    });
    group.finish();
}

/// One turn's letters at a time, written and read on one thread: the copying alone.
fn letters_of_a_turn(bytes: usize, batch: u64, times: u64) -> Duration {
    let (mut producer, mut consumer) = mailbox(256 * 1024);
    let payload = vec![7u8; bytes];
    let mut out = vec![0u8; bytes];
    let start = Clock::now();
    for _ in 0..times.div_ceil(batch) {
        for nth in 0..batch {
            producer.push([nth; 4], &[&payload[..5], &payload[5..]]).expect("a turn fits");
        }
        producer.publish();
        while let Some((_, [first, second])) = consumer.peek() {
            out[..first.len()].copy_from_slice(first);
            out[first.len()..].copy_from_slice(second);
            consumer.pop();
        }
        consumer.release();
    }
    black_box(out);
    start.elapsed()
}

/// The same between two threads that run all the time, published `batch` at a time.
fn letters_between_threads(bytes: usize, batch: u64, times: u64) -> Duration {
    let (mut producer, mut consumer) = mailbox(256 * 1024);
    let reading = move || {
        let mut out = vec![0u8; bytes];
        let start = Clock::now();
        let mut left = times;
        while left > 0 {
            while let Some((_, [first, second])) = consumer.peek() {
                out[..first.len()].copy_from_slice(first);
                out[first.len()..].copy_from_slice(second);
                consumer.pop();
                left -= 1;
            }
            consumer.release();
            std::hint::spin_loop();
        }
        black_box(out);
        start.elapsed()
    };
    let writing = move || {
        let payload = vec![7u8; bytes];
        let start = Clock::now();
        for nth in 1..=times {
            while producer.push([nth; 4], &[&payload[..5], &payload[5..]]).is_err() {
                producer.publish();
                std::hint::spin_loop();
            }
            if nth.is_multiple_of(batch) {
                producer.publish();
            }
        }
        producer.publish();
        start.elapsed()
    };
    together(reading, writing)
}

/// One letter at a time to another thread and back: what a lone frame waits for two crossings.
fn there_and_back(bytes: usize, times: u64) -> Duration {
    let (mut asks, mut asked) = mailbox(256 * 1024);
    let (mut replies, mut replied) = mailbox(256 * 1024);
    let payload = &vec![7u8; bytes];
    let echo = move || {
        for nth in 0..times {
            await_letter(&mut asked, bytes);
            replies.push([nth; 4], &[payload]).expect("it is alone");
            replies.publish();
        }
        Duration::ZERO
    };
    let asking = move || {
        let start = Clock::now();
        for nth in 0..times {
            asks.push([nth; 4], &[payload]).expect("it is alone");
            asks.publish();
            await_letter(&mut replied, bytes);
        }
        start.elapsed()
    };
    together(echo, asking)
}

fn await_letter(consumer: &mut Consumer, bytes: usize) {
    let mut out = [0u8; 2_048];
    loop {
        if let Some((_, [first, second])) = consumer.peek() {
            out[..first.len()].copy_from_slice(first);
            out[first.len()..bytes].copy_from_slice(second);
            black_box(&out);
            break;
        }
        std::hint::spin_loop();
    }
    consumer.pop();
    consumer.release();
}

fn mailboxes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mailbox");
    group.throughput(Throughput::Elements(1));
    for (bytes, batch) in [(200, 1), (200, 64), (1_024, 64)] {
        group.bench_function(format!("copies_of_{bytes}_bytes_in_batches_of_{batch}"), |bench| {
            bench.iter_custom(|times| letters_of_a_turn(bytes, batch, times));
        });
        group.bench_function(format!("between_threads_{bytes}_bytes_in_batches_of_{batch}"), |bench| {
            bench.iter_custom(|times| letters_between_threads(bytes, batch, times));
        });
    }
    group.bench_function("there_and_back_alone_200_bytes", |bench| {
        bench.iter_custom(|times| there_and_back(200, times));
    });
    let sleeper = Sleeper::default();
    group.bench_function("must_wake_nobody", |bench| bench.iter(|| black_box(&sleeper).must_wake()));
    group.finish();
}

criterion_group!(benches, responses, groups, mailboxes);
criterion_main!(benches);
