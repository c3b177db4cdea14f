//! What the switch itself takes to decide a frame: scan, route, pick, claim and take.
//! `cargo bench --bench routing`; figures are per frame where a throughput is given.
//!
//! One turn is 100 frames (pairs: runs of 20) on one line, all in the first-level cache. Nothing is
//! copied, queued or sent: `tables` has the tables alone, `relay` the whole.

#[path = "plans/mod.rs"]
mod plans;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use plans::{ANSWER, DATA, REQUEST, STEP, frames, slot, switch, turn};
use ringswitch::frame::Prefix;
use ringswitch::ids::ShardId;
use ringswitch::message::tpdu;
use ringswitch::switch::Switch;
use ringswitch::switch::group::pick::{Pick, Purpose};
use ringswitch::switch::step::{Fate, Place};
use ringswitch::time::Span;

/// Frames of one turn.
const TURN: usize = 100;

fn requests_and_answers(criterion: &mut Criterion) {
    let mut switch = switch(&plans::cards(1, 2, 2));
    let (nac, host) = (slot(&switch, "nac-1"), slot(&switch, "host-1"));
    let requests = frames(Prefix::Bin2, TURN, &REQUEST);
    let mut answers = frames(Prefix::Ascii4, TURN, &ANSWER);
    let mut group = criterion.benchmark_group("tpdu");
    group.throughput(Throughput::Elements(2 * TURN as u64));
    group.bench_function("request and answer", |bencher| {
        bencher.iter(|| {
            turn(&mut switch);
            let mut answer = answers.chunks_exact_mut(Prefix::Ascii4.bytes() + DATA);
            let mut at = 0;
            while at < requests.len() {
                let now = switch.now;
                let step = switch.step(nac, black_box(&requests[at..]), now);
                let Fate::Forward(_) = step.fate else { panic!("{:?}", step.fate) };
                for cut in &switch.cuts {
                    let number = cut.rewrite.expect("a number for the host").value;
                    let answer = answer.next().expect("an answer for every request");
                    tpdu::write_address(&mut answer[Prefix::Ascii4.bytes()..], tpdu::DESTINATION, number);
                }
                at += step.len;
            }
            turn(&mut switch);
            every(&mut switch, host, &answers, TURN);
        });
    });
}

/// Steps through the bytes; so many frames must find a way.
#[inline]
fn every(switch: &mut Switch, slot: u32, bytes: &[u8], frames: usize) {
    let (mut at, mut found) = (0, 0);
    while at < bytes.len() {
        let step = switch.step(slot, black_box(&bytes[at..]), switch.now);
        let Fate::Forward(forward) = step.fate else { panic!("{:?}", step.fate) };
        black_box(forward);
        (at, found) = (at + step.len, found + step.frames as usize);
    }
    assert_eq!(found, frames);
}

fn runs_of_a_pair(criterion: &mut Criterion) {
    const RUN: usize = 20;
    let mut switch = switch(&plans::shop());
    let channel = slot(&switch, "channel-1");
    let run = frames(Prefix::Ascii4, RUN, b"");
    let mut group = criterion.benchmark_group("pair");
    group.throughput(Throughput::Elements(RUN as u64));
    group.bench_function("run of 20", |bencher| {
        bencher.iter(|| {
            turn(&mut switch);
            every(&mut switch, channel, &run, RUN);
        });
    });
}

fn between_stations(criterion: &mut Criterion) {
    let mut switch = switch(&plans::stations());
    let east = slot(&switch, "east-1");
    let bytes = frames(Prefix::Ascii4, TURN, &plans::station_head());
    let mut group = criterion.benchmark_group("station");
    group.throughput(Throughput::Elements(TURN as u64));
    group.bench_function("frame", |bencher| {
        bencher.iter(|| {
            turn(&mut switch);
            every(&mut switch, east, &bytes, TURN);
        });
    });
}

/// One pick a turn, as for the first frame of each turn: a line of this shard, or of another because
/// none here is up. Every 100 ms the lines used meanwhile may go unused again.
fn picks(criterion: &mut Criterion) {
    const CLEARED_EVERY: u64 = Span::from_millis(100).0 / STEP.0;
    let mut group = criterion.benchmark_group("pick");
    for (name, up_on) in [("local", ShardId(0)), ("remote", ShardId(1))] {
        for lines in [8, 512] {
            let published = Arc::new(plans::published(plans::plan(&plans::cards(2, 2, lines))));
            let is_up = |line: &str| published.plan.line(plans::line(&published.plan, line)).unwrap().shard == up_on;
            let [mut here, mut there] = [0, 1].map(|shard| plans::switch_of(ShardId(shard), &published, is_up));
            let host = plans::group(&published.plan, "host-1");
            group.bench_function(format!("{name}, {lines} lines"), |bencher| {
                bencher.iter(|| {
                    here.begin_turn(here.now + STEP);
                    if here.turn.is_multiple_of(CLEARED_EVERY) {
                        here.group_mut(host).clear_used();
                        there.group_mut(host).clear_used();
                    }
                    let Pick::Line(target) = here.pick(black_box(host), Purpose::Request, DATA) else {
                        panic!("a line is up");
                    };
                    assert_eq!(matches!(target.place, Place::Here(_)), up_on == ShardId(0));
                });
            });
        }
    }
    let mut switch = switch(&plans::cards(1, 2, 8));
    let host = plans::group(&switch.plan, "host-1");
    group.bench_function("again in the same turn", |bencher| {
        bencher.iter(|| {
            // A frame of no bytes leaves the quota as it is.
            assert!(matches!(switch.pick(black_box(host), Purpose::Request, 0), Pick::Line(_)));
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = requests_and_answers, runs_of_a_pair, between_stations, picks
}
criterion_main!(benches);
