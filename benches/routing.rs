//! What the switch itself takes to decide a frame: scan, route, pick, claim and take.
//! `cargo bench --bench routing`; figures are per frame where a throughput is given.
//!
//! One turn is 100 frames (pairs: runs of 20) on one line, all in the first-level cache. Nothing is
//! copied, queued or sent: `tables` has the tables alone, `relay` the whole.

use std::hint::black_box;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringswitch::config::plan::Plan;
use ringswitch::config::{self, Host, Source};
use ringswitch::frame::Prefix;
use ringswitch::ids::{LineId, ShardId};
use ringswitch::message::{station, tpdu};
use ringswitch::shared::group_table::GroupTable;
use ringswitch::shared::histogram::Histogram;
use ringswitch::shared::published::{GroupShared, LineShared, Published};
use ringswitch::shared::response_table::ResponseTable;
use ringswitch::shared::status::Cause;
use ringswitch::switch::Switch;
use ringswitch::switch::line::phase::Phase;
use ringswitch::switch::plan_change::LineChange;
use ringswitch::switch::step::{Fate, Place};
use ringswitch::time::{Instant, Span};

/// Frames of one turn.
const TURN: usize = 100;

/// Data bytes of a frame.
const DATA: usize = 200;

/// From one turn to the next.
const STEP: Span = Span::from_micros(10);

/// A switch of one shard with all lines of the configuration up.
fn switch(text: &str) -> Switch {
    let sources = [Source { name: "bench.toml".to_owned(), text: text.to_owned() }];
    let reading = config::read(&sources, &Host { name: "bench".to_owned(), cpus: 1 }, None);
    assert_eq!(reading.faults, []);
    let built = config::build(&reading.configuration.expect("no fault"), None, Instant(0)).expect("few lines");
    let published = Arc::new(published(built.plan));
    let mut switch = Switch::new(ShardId(0), Arc::clone(&published), Instant(1), 7);
    for change in switch.apply(published) {
        let LineChange::Open(slot) = change else { panic!("a first plan opens lines") };
        switch.enter(slot, Phase::Listening, Cause::Opened, None);
        switch.up(slot, Cause::Accepted, None);
    }
    switch.changes.clear();
    switch
}

/// A plan with shared state behind it, all of it new.
fn published(plan: Arc<Plan>) -> Published {
    let group = |group: &Arc<config::plan::Group>| {
        let rest = group.timers.answer_within;
        Arc::new(GroupShared {
            table: Arc::new(GroupTable::new(group.lines.len(), 1)),
            responses: group.answers.then(|| Arc::new(ResponseTable::new(group.limits.pending, rest, false, 1))),
            answer_seconds: iter::once(Histogram::default()).collect(),
        })
    };
    let lines = plan.lines.iter().map(|line| line.as_ref().map(|_| Arc::new(LineShared::default()))).collect();
    let groups = plan.groups.iter().map(|planned| planned.as_ref().map(group)).collect();
    Published { epoch: 1, plan, lines, groups }
}

/// Begins a turn as a shard does, sweep included.
fn turn(switch: &mut Switch) {
    switch.begin_turn(switch.now + STEP);
    if switch.now < switch.sweep_at {
        return;
    }
    switch.sweep_at = Instant::NEVER;
    for group in switch.groups.iter_mut().flatten() {
        if let Some(table) = &group.shared.responses {
            table.sweep(&mut group.hand, switch.now, |_, _| panic!("every request was answered"));
            switch.sweep_at = switch.sweep_at.min(ResponseTable::sweep_due(&group.hand));
        }
    }
}

fn slot(switch: &Switch, name: &str) -> u32 {
    let line = switch.plan.lines.iter().flatten().find(|line| &*line.name == name).expect("a line of the plan");
    match switch.place(LineId(line.id.0)) {
        Place::Here(slot) => slot,
        other => panic!("{name} is {other:?}"),
    }
}

/// Frames behind each other, made of a head and filling.
fn frames(prefix: Prefix, count: usize, head: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        let start = bytes.len();
        bytes.resize(start + prefix.bytes() + DATA, b'x');
        prefix.write(DATA, &mut bytes[start..]);
        bytes[start + prefix.bytes()..][..head.len()].copy_from_slice(head);
    }
    bytes
}

fn member(id: &str, profile: &str, header: &str, port: u16, more: &str) -> String {
    let lines = format!("{{ listen = \"127.0.0.1:{port}\" }}, {{ listen = \"127.0.0.1:{}\" }}", port + 1);
    format!(
        "[[member]]\nid = \"{id}\"\nprofile = \"{profile}\"\nheader = \"{header}\"\nallow = [\"127.0.0.1\"]\n\
         line = [{lines}]\n{more}\n"
    )
}

fn requests_and_answers(criterion: &mut Criterion) {
    let text = member("nac", "terminal", "tpdu", 7001, "")
        + &member("host", "institution", "tpdu", 7101, "")
        + "[[route]]\nfrom = [\"nac\"]\nto = [\"host\"]\nmatch = { nii = [\"0003\"] }\n";
    let mut switch = switch(&text);
    let (nac, host) = (slot(&switch, "nac-1"), slot(&switch, "host-1"));
    let requests = frames(Prefix::Bin2, TURN, &[0x60, 0x00, 0x03, 0x12, 0x34]);
    let mut answers = frames(Prefix::Ascii4, TURN, &[0x60, 0, 0, 0x00, 0x03]);
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
    let text = member("channel", "channel", "none", 7001, "")
        + &member("merchant", "merchant", "none", 7101, "")
        + "[[route]]\nfrom = [\"channel\"]\nto = [\"merchant\"]\n";
    let mut switch = switch(&text);
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
    let text = member("east", "institution", "station", 7001, "station = [\"48410000\"]")
        + &member("west", "institution", "station", 7101, "station = [\"00010344\"]");
    let mut switch = switch(&text);
    let east = slot(&switch, "east-1");
    let head = format!("\x2e\x020200{:<11}{:<11}000\x00{:0>14}", "00010344", "48410000", "");
    assert_eq!(head.len(), station::BYTES);
    let bytes = frames(Prefix::Ascii4, TURN, head.as_bytes());
    let mut group = criterion.benchmark_group("station");
    group.throughput(Throughput::Elements(TURN as u64));
    group.bench_function("frame", |bencher| {
        bencher.iter(|| {
            turn(&mut switch);
            every(&mut switch, east, &bytes, TURN);
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = requests_and_answers, runs_of_a_pair, between_stations
}
criterion_main!(benches);
