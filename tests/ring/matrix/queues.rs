//! Rings that are too small for what comes.

use std::io::Write;

use ringswitch::ring::Ring;

use super::bed::{Bed, Stream, frames};
use super::pressed::Cut;
use super::rows::{lasting, report};

const FRAMES: usize = 400;

/// A burst of every pair at once; the shard is pressed before each turn until all has come.
fn bursts(bed: &mut Bed, pairs: usize, rounds: usize, size: usize, press: impl Fn(&mut Bed)) {
    let mut lines: Vec<_> = (0..pairs).map(|pair| (bed.join(pair, 0), bed.join(pair, 1))).collect();
    let mut streams: Vec<Stream> = (0..pairs).map(|_| Stream::default()).collect();
    for _ in 0..rounds {
        for (pair, ((from, _), stream)) in lines.iter_mut().zip(&mut streams).enumerate() {
            let burst = frames(pair, stream.sent..stream.sent + size);
            stream.sent += size;
            let mut writer = from.try_clone().expect("a descriptor");
            writer.set_nonblocking(false).expect("an option");
            // A thread writes: the shard reads only while it is turned.
            std::thread::spawn(move || writer.write_all(&burst));
        }
        bed.until("every frame has come", |bed| {
            press(bed);
            for (pair, ((_, to), stream)) in lines.iter_mut().zip(&mut streams).enumerate() {
                bed.take(to, stream, pair);
            }
            streams.iter().all(|stream| stream.came == stream.sent)
        });
    }
}

#[test]
fn row_30_no_receive_buffer_left() {
    const PAIRS: usize = 10;
    let mut bed = Bed::new(PAIRS, 2);
    bursts(&mut bed, PAIRS, 3, FRAMES, |_| {});
    let seen = &bed.shard.ring().seen;
    assert!(seen.without_buffer > 0, "two buffers are too few for ten lines: {seen:?}");
    assert_eq!(bed.shard.ring().buffers_free(), 2, "every buffer is back");
    assert_eq!(seen.faulted, 0);
    // Each end without a buffer is armed again once, and not before there is one.
    assert!(seen.armed < 20 * (seen.without_buffer + seen.ended_with_bytes + 2 * PAIRS), "{seen:?}");
    report(
        30,
        &format!(
            "2 buffers, {PAIRS} lines: {} frames, 0 lost; {} receives found no buffer, {} armed in all, 2 of 2 buffers back (tests/ring/matrix)",
            3 * PAIRS * FRAMES,
            seen.without_buffer,
            seen.armed
        ),
    );
}

#[test]
fn row_31_the_completion_queue_overflows() {
    const PAIRS: usize = 10;
    /// What a ring for 100 connections has (`Config::completion_entries`).
    const ENTRIES: usize = 4096;
    let mut bed = Bed::new(PAIRS, 32);
    let pressed = std::cell::Cell::new(0);
    bursts(&mut bed, PAIRS, 3, FRAMES, |bed| {
        if pressed.get() < 10 {
            pressed.set(pressed.get() + 1);
            bed.shard.ring_mut().orders.cancels = 2 * ENTRIES;
        }
    });
    bed.turns(2);
    let seen = &bed.shard.ring().seen;
    assert!(seen.most_in_an_enter > ENTRIES, "no more than the queue holds: {seen:?}");
    assert_eq!(seen.cancels_back, seen.cancels, "no completion is lost");
    report(
        31,
        &format!(
            "queue of {ENTRIES}, {} completions in one enter; {} of {} back, {} frames, 0 lost, {} receives ended on a success and went on (tests/ring/matrix)",
            seen.most_in_an_enter,
            seen.cancels_back,
            seen.cancels,
            3 * PAIRS * FRAMES,
            seen.ended_with_bytes
        ),
    );
}

#[test]
fn row_32_the_submission_queue_is_full() {
    const PAIRS: usize = 4;
    /// Below the completion queue, several times the submission queue of 1,024.
    const MORE: usize = 3000;
    let mut bed = Bed::new(PAIRS, 32);
    bursts(&mut bed, PAIRS, 3, FRAMES, |bed| bed.shard.ring_mut().orders.cancels = MORE);
    bed.turns(2);
    let seen = &bed.shard.ring().seen;
    assert_eq!(seen.cancels_back, seen.cancels, "every operation was taken");
    report(
        32,
        &format!(
            "{} operations, {MORE} at a time into 1,024 entries: all taken; {} frames, 0 lost (tests/ring/matrix)",
            seen.cancels,
            3 * PAIRS * FRAMES
        ),
    );
}

#[test]
fn row_44_sends_cut_at_every_byte() {
    const MOST: usize = 600;
    const BURST: usize = 24;
    let mut bed = Bed::new(2, 32);
    bed.shard.ring_mut().orders.cut = Some(Cut { next: 1, most: MOST });
    let rounds = lasting(200, 1000);
    bursts(&mut bed, 2, rounds, BURST, |_| {});
    let seen = &bed.shard.ring().seen;
    let short = (1..MOST).filter(|len| seen.cuts.contains(len)).count();
    assert!(short > 0, "{seen:?}");
    report(
        44,
        &format!(
            "sends that ended after {short} different lengths below {MOST}: {} frames, whole and in order (tests/ring/matrix); every cut of a frame: tests/simulation",
            2 * rounds * BURST
        ),
    );
}
