//! The steady path of a shard allocates nothing and asks the kernel for nothing but
//! io_uring_enter, and once for many answers what was acknowledged: both seen from outside, in a
//! whole switch under load.
//!
//! The shard's thread is told from the others by its number, so the load may allocate as it likes.
#![allow(clippy::disallowed_methods, reason = "a test waits")]

#[path = "steady/counting.rs"]
mod counting;
#[path = "../benches/load/mod.rs"]
mod load;
#[path = "../benches/plans/mod.rs"]
mod plans;
#[path = "steady/system_calls.rs"]
mod system_calls;

use std::process;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use load::{CpuTime, Generator, Hub, Shape, peers};
use ringswitch::app::{Embedded, host};
use ringswitch::control::configured::Configured;
use ringswitch::frame::Prefix;
use ringswitch::switch::step::Fate;

/// Queues, windows and partial frames have reached every size they will have.
const WARM_UP_FRAMES: u64 = 60_000;
const FRAMES: u64 = 60_000;

/// A burst larger than all before it makes a queue grow, once. What allocates again and again does
/// so in each of these.
const ATTEMPTS: usize = 5;

const LINES: usize = 16;
const WINDOW: usize = 16;

/// Both tests need a thread named `shard-0` that is theirs.
static ALONE: Mutex<()> = Mutex::new(());

/// A switch of this process and a warm load on it, handed to `then` with the shard's thread.
fn under_load(shape: Shape, then: impl FnOnce(&mut Generator, &mut Hub, u32)) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let plan = shape.plan(LINES);
    let source = Configured::text("steady.toml", &plan.text, host());
    let switch = Embedded::start(Arc::new(source)).unwrap_or_else(|refused| panic!("{refused}"));
    let mut hub = Hub::new(peers::through_switch(&plan));
    while switch.lines_up() < plan.terminals.len() + plan.hosts.len() {
        thread::sleep(Duration::from_millis(1));
    }
    // Not before: a thread gets its name after it has begun.
    let shard = CpuTime::of(process::id(), "shard-0").thread;
    let mut generator = Generator::new(shape.style(), 200, LINES, WINDOW);
    generator.start(&mut hub);
    generator.run_frames(&mut hub, WARM_UP_FRAMES);
    then(&mut generator, &mut hub, shard);
    generator.stop(&mut hub);
    drop(hub);
    switch.stop().expect("the switch stops");
}

fn allocates_nothing(shape: Shape) {
    under_load(shape, |generator, hub, shard| {
        let mut found = (0, String::new());
        for _ in 0..ATTEMPTS {
            counting::watch(shard);
            generator.run_frames(hub, FRAMES);
            found = counting::seen();
            if found.0 == 0 {
                return;
            }
        }
        let (count, first) = found;
        panic!("{count} allocations by the shard in {FRAMES} frames, after many more; the first:\n{first}");
    });
}

#[test]
fn requests_and_answers_allocate_nothing() {
    allocates_nothing(Shape::Terminals);
}

#[test]
fn frames_of_pairs_allocate_nothing() {
    allocates_nothing(Shape::Pairs);
}

/// The switch without a shard around it: requests that wait under keys, their repeats and answers.
#[test]
fn deciding_by_keys_allocates_nothing() {
    const FRAMES: usize = 100;
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut switch = plans::switch(&plans::banks());
    let (acquirer, issuer) = (plans::slot(&switch, "acquirer-1"), plans::slot(&switch, "issuer-1"));
    let messages = |message_type: &'static str, round: usize| {
        let heads = (round * FRAMES..(round + 1) * FRAMES).map(|trace| plans::bank_head(message_type, trace));
        plans::frames_of(Prefix::Ascii4, heads)
    };
    let rounds: Vec<_> = (0..20).map(|round| (messages("0200", round), messages("0210", round))).collect();
    let mut decide = |(requests, answers): &(Vec<u8>, Vec<u8>)| {
        for (slot, bytes) in [(acquirer, requests), (acquirer, requests), (issuer, answers)] {
            plans::turn(&mut switch);
            let mut at = 0;
            while at < bytes.len() {
                let step = switch.step(slot, &bytes[at..], switch.now);
                assert!(matches!(step.fate, Fate::Forward(_)), "{:?}", step.fate);
                at += step.len;
            }
        }
    };
    decide(&rounds[0]);
    counting::watch(CpuTime::own().thread);
    rounds[1..].iter().for_each(decide);
    assert_eq!(counting::seen(), (0, String::new()));
}

/// A counter that counts nothing would pass, too.
#[test]
fn an_allocation_of_the_watched_thread_is_seen() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    counting::watch(CpuTime::own().thread);
    drop(std::hint::black_box(Vec::<u8>::with_capacity(100)));
    assert_eq!(counting::seen().0, 1);
}

/// Frames to one question what was acknowledged (TCP_INFO, which a ring cannot ask); at least, for a line is busy or quiet by the clock.
const FRAMES_A_QUESTION: u64 = 20;

#[test]
fn the_steady_path_calls_only_io_uring_enter() {
    under_load(Shape::Terminals, |generator, hub, shard| {
        let Some(trace) = system_calls::Trace::of(shard) else { return };
        generator.run_frames(hub, FRAMES / 4);
        let calls = trace.end();
        let enters = calls.iter().filter(|name| *name == "io_uring_enter").count();
        assert!(enters > 100, "{enters} enters were seen: the trace saw nothing");
        let questions = calls.iter().filter(|name| *name == "getsockopt").count() as u64;
        assert!((1..FRAMES / 4 / FRAMES_A_QUESTION).contains(&questions), "{questions} in {} frames", FRAMES / 4);
        let others: Vec<_> =
            calls.iter().filter(|name| !["io_uring_enter", "getsockopt"].contains(&name.as_str())).collect();
        assert!(others.is_empty(), "{} other calls among {enters} enters: {others:?}", others.len());
    });
}
