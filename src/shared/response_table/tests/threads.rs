//! Two shards on real threads: every request ends exactly once, with what was written.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::thread;

use crossbeam::queue::ArrayQueue;

use super::*;

const REQUESTS: usize = 40_000;

struct Traffic {
    table: ResponseTable,
    clock: AtomicU64,
    /// Numbers whose answer is on its way.
    answers: ArrayQueue<u16>,
    /// How often each request ended, by line.
    ended: Vec<AtomicU8>,
}

fn asked(line: u32, deadline: Instant) -> Waiting {
    Waiting { line: LineId(line), address: line as u16, nii: (line as u16).wrapping_mul(31), deadline }
}

impl Traffic {
    fn end(&self, waiting: Waiting) {
        assert_eq!(waiting, asked(waiting.line.0, waiting.deadline), "not what was written");
        self.ended[waiting.line.index()].fetch_add(1, Relaxed);
    }

    fn now(&self) -> Instant {
        at(self.clock.fetch_add(1, Relaxed))
    }

    fn answer(&self, hand: &mut Claimer) {
        let Some(number) = self.answers.pop() else { return };
        let now = self.now();
        if let Ok((waiting, seen)) = self.table.look(number, now)
            && self.table.take(hand, number, seen, now).is_ok()
        {
            self.end(waiting);
        }
    }

    /// One shard: asks, answers what either asked, leaves some unanswered, answers some twice.
    fn run(&self, lines: std::ops::Range<u32>) {
        let mut hand = Claimer::default();
        for line in lines {
            while !self.ask(&mut hand, line) {
                self.answer(&mut hand);
                let now = self.now();
                self.table.sweep(&mut hand, now, |_, waiting| self.end(waiting));
            }
            self.answer(&mut hand);
        }
        let end = self.now() + ticks(1_000_000);
        self.table.sweep(&mut hand, end, |_, waiting| self.end(waiting));
    }

    fn ask(&self, hand: &mut Claimer, line: u32) -> bool {
        let now = self.now();
        let Ok(number) = self.table.claim(hand, asked(line, now + ticks(200)), now) else { return false };
        if line.is_multiple_of(7) {
            return self.table.release(hand, number, now).is_none_or(|waiting| {
                self.end(waiting);
                true
            });
        }
        for _ in 0..line % 3 {
            self.answers.force_push(number);
        }
        true
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the table is made for threads")]
fn every_request_of_two_threads_ends_exactly_once() {
    let traffic = Traffic {
        table: ResponseTable::tiny(512, 32, 300, ticks(100)),
        clock: AtomicU64::new((1 << 28) - 10_000), // wraps on the way
        answers: ArrayQueue::new(64),
        ended: (0..2 * REQUESTS).map(|_| AtomicU8::new(0)).collect(),
    };
    thread::scope(|scope| {
        for shard in 0..2 {
            let lines = (shard * REQUESTS) as u32..((shard + 1) * REQUESTS) as u32;
            let traffic = &traffic;
            scope.spawn(move || traffic.run(lines));
        }
    });
    assert!(traffic.ended.iter().all(|times| times.load(Relaxed) == 1));
    assert_eq!(traffic.table.pending(), 0);
}
