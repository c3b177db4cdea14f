//! Slots, descriptors and memory that are used again while the kernel may still speak of the one before.

use std::io::Write;

use ringswitch::ring::token::{Kind, Token};
use ringswitch::ring::uring::{Config, Uring};
use ringswitch::ring::{Operation, Ring, Segment, buffers::Size};
use ringswitch::ring::{Socket, Wait};
use ringswitch::shared::counters::Cold;

use super::bed::{Bed, Stream, frames};
use super::rows::report;
use crate::kernels::{Kernel, Loopback, Program};

/// Breaks lines whose send waits and whose receive is armed, and lets another pair's newcomer in at once.
fn broken_and_replaced(bed: &mut Bed, turns: usize) -> usize {
    const FLOOD: usize = 12_000;
    let floods = [0, 1].map(|pair| std::sync::Arc::new(frames(pair, 0..FLOOD)));
    let mut whole = 0;
    for turn in 0..turns {
        let (stuck, other) = (turn % 2, 1 - turn % 2);
        let (from, to) = (bed.join(stuck, 0), bed.join(stuck, 1));
        let mut writer = from.try_clone().expect("a descriptor");
        writer.set_nonblocking(false).expect("an option");
        // More than sockets hold, to a peer that does not read: a send waits.
        let bytes = floods[stuck].clone();
        let flood = std::thread::spawn(move || writer.write_all(&bytes));
        bed.until("a send waits", |bed| bed.shard.ring().a_send_waits());
        // The end, and with it at once a newcomer, whose descriptor may be the old one's.
        Program::reset(to);
        Program::reset(from);
        let mut sender = bed.join(other, 0);
        let mut receiver = bed.join(other, 1);
        let mut stream = Stream::default();
        sender.send(&frames(other, 0..50));
        bed.until("the newcomers' frames have come", |bed| {
            bed.take(&mut receiver, &mut stream, other);
            stream.came == 50
        });
        whole += stream.came;
        let _ = flood.join().expect("it ends");
        Program::close(sender);
        Program::close(receiver);
        for (pair, side) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            bed.until_listening(pair, side);
        }
    }
    whole
}

#[test]
fn row_43_a_descriptor_used_again_at_once() {
    const TURNS: usize = 40;
    let mut bed = Bed::new(2, 32);
    let whole = broken_and_replaced(&mut bed, TURNS);
    let seen = &bed.shard.ring().seen;
    let again: usize = seen.descriptors.values().map(|times| times - 1).sum();
    assert!(again > TURNS, "{seen:?}");
    assert_eq!((seen.faulted, bed.shard.ring().buffers_free()), (0, 32), "nothing of the kernel's is left over");
    report(
        43,
        &format!(
            "{TURNS} lines broken with a send waiting and a receive armed; descriptors used again {again} times; {whole} frames of newcomers, 0 of another's (tests/ring/matrix)"
        ),
    );
}

#[test]
fn row_45_completions_that_come_again_after_the_slot_was_used_again() {
    const TURNS: usize = 40;
    let mut bed = Bed::new(2, 32);
    bed.shard.ring_mut().orders.stale = true;
    let whole = broken_and_replaced(&mut bed, TURNS);
    let again = bed.shard.ring().seen.again;
    assert!(again > TURNS, "{again}");
    let connects = bed.cold(Cold::Connects);
    assert_eq!(connects, 4 * TURNS as u64, "nobody was closed by another's completion");
    report(45, &format!("{again} late completions ignored, {whole} frames of newcomers, 0 lost (tests/ring/matrix)"));
}

/// The memory of a ring that is dropped in the middle of its work is unmapped. What is mapped there next must stay as it is.
#[test]
fn row_46_memory_that_is_given_back() {
    const ROUNDS: usize = 20;
    const LINES: usize = 8;
    const PATTERN: u8 = 0x5a;
    let mut kernel = Loopback::new();
    let bytes = 16 << 20;
    for _ in 0..ROUNDS {
        let mut ring = Uring::new(Config { receive_buffers: 4, ..Config::new(100, bytes) })
            .expect("a ring")
            .enable()
            .expect("here");
        let listener = kernel.bind();
        let mut programs = Vec::new();
        let mut sockets = Vec::new();
        ring.push(Operation::Accept { token: Token::new(Kind::Accept, 0, 1), listener: listener.socket });
        let mut came = Vec::new();
        for _ in 0..LINES {
            programs.push(kernel.connect(listener.local));
        }
        while sockets.len() < LINES {
            let deadline = ring.now() + ringswitch::time::Span::from_millis(5);
            ring.enter(Wait::Until { deadline, want: 1, min_wait: ringswitch::time::Span::ZERO }, &mut came);
            sockets.extend(
                came.drain(..).filter(|completion| completion.result >= 0).map(|completion| Socket(completion.result)),
            );
        }
        for (slot, socket) in sockets.iter().enumerate() {
            ring.push(Operation::Receive {
                token: Token::new(Kind::Receive, slot as u32, 1),
                socket: *socket,
                limit: 0,
            });
            kernel.small_buffer(*socket);
            let segments: Vec<Segment> = (0..12)
                .map(|_| {
                    let chunks = ring.memory().chunks;
                    let chunk = chunks.take(Size::Large).expect("within the bound");
                    let len = chunks.tail(chunk, 0).len() as u32;
                    Segment::Chunk { chunk, offset: 0, len }
                })
                .collect();
            ring.send(Token::new(Kind::Send, slot as u32, 1), *socket, &segments, true);
        }
        ring.enter(Wait::No, &mut came);
        assert!(came.iter().all(|completion| completion.result != -libc::EFAULT));
        drop(ring);
        // Memory of the same size lands where the ring's was.
        let mapped: Vec<Vec<u8>> = (0..4).map(|_| vec![PATTERN; bytes]).collect();
        for program in &mut programs {
            program.send(&[0xee; 4000]);
            while !program.receive().is_empty() {}
        }
        kernel.pass();
        assert!(mapped.iter().all(|memory| memory.iter().all(|byte| *byte == PATTERN)), "nobody writes there any more");
        sockets.into_iter().for_each(ringswitch::ring::sockets::reset);
    }
    report(
        46,
        &format!(
            "{ROUNDS} rings dropped with {LINES} receives and {LINES} sends under way: 0 bytes written behind them, 0 -EFAULT (tests/ring/matrix); lent and given-back memory is scribbled over in tests/simulation; ASan: scripts/fuzz.sh"
        ),
    );
}
