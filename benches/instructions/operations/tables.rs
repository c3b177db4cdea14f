//! The memory between shards: numbers of requests, mailboxes.

use std::collections::VecDeque;
use std::hint::black_box;

use ringswitch::ids::LineId;
use ringswitch::shared::mailbox::{Consumer, Producer, mailbox};
use ringswitch::shared::response_table::{Claimer, ResponseTable, Waiting};
use ringswitch::time::{Instant, Span};

use super::Operation;
use crate::counter::Counter;
use crate::plans::DATA;

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "table/claim", run: claim },
    Operation { name: "table/answer", run: answer },
    Operation { name: "table/claim-answer/60000", run: |counter| claim_and_answer(counter, 60_000) },
    Operation { name: "table/sweep", run: sweep },
    Operation { name: "mailbox/push", run: push },
    Operation { name: "mailbox/pop", run: pop },
    Operation { name: "mailbox/one", run: one_at_a_time },
];

/// Requests, or letters, of one turn.
const BATCH: usize = 256;

const REST: Span = Span::from_secs(45);

/// A table with this shard's hand in it, at a million operations a second.
struct Desk {
    table: ResponseTable,
    hand: Claimer,
    now: Instant,
    waiting: VecDeque<u16>,
}

impl Desk {
    fn new() -> Self {
        Self {
            table: ResponseTable::new(65_000, REST, false, 0),
            hand: Claimer::default(),
            now: Instant(1 << 40),
            waiting: VecDeque::with_capacity(1 << 16),
        }
    }

    #[inline]
    fn claim(&mut self) {
        self.now = self.now + Span::from_micros(1);
        let waiting = Waiting { line: LineId(77), address: 0x1234, nii: 3, deadline: self.now + REST };
        let number = self.table.claim(&mut self.hand, black_box(waiting), self.now).expect("numbers are free");
        self.waiting.push_back(number);
    }

    /// Answers the oldest.
    #[inline]
    fn answer(&mut self) {
        let number = self.waiting.pop_front().expect("one waits");
        self.now = self.now + Span::from_micros(1);
        let (waiting, seen) = self.table.look(number, self.now).expect("a request waits");
        black_box(waiting);
        self.table.take(&mut self.hand, number, seen, self.now).expect("nobody else answers");
    }

    fn sweep(&mut self) {
        self.table.sweep(&mut self.hand, self.now, |_, _| panic!("every request was answered"));
    }
}

fn claim(counter: &mut Counter) {
    let mut desk = Desk::new();
    counter.mixed_rounds(|round| {
        round.count(BATCH as u64, || (0..BATCH).for_each(|_| desk.claim()));
        (0..BATCH).for_each(|_| desk.answer());
    });
}

fn answer(counter: &mut Counter) {
    let mut desk = Desk::new();
    counter.mixed_rounds(|round| {
        (0..BATCH).for_each(|_| desk.claim());
        round.count(BATCH as u64, || (0..BATCH).for_each(|_| desk.answer()));
    });
}

/// One is answered and one claimed, with nearly every number taken.
fn claim_and_answer(counter: &mut Counter, depth: usize) {
    let mut desk = Desk::new();
    (0..depth).for_each(|_| desk.claim());
    counter.rounds(BATCH as u64, || {
        for _ in 0..BATCH {
            desk.answer();
            desk.claim();
        }
    });
}

/// The sweep over what was answered in time, for each request that it passes.
fn sweep(counter: &mut Counter) {
    let mut desk = Desk::new();
    counter.mixed_rounds(|round| {
        (0..BATCH).for_each(|_| desk.claim());
        (0..BATCH).for_each(|_| desk.answer());
        desk.now = desk.now + REST + REST;
        round.count(BATCH as u64, || desk.sweep());
    });
}

/// Letters as a frame makes them: a head, a prefix, the data.
#[inline]
fn write(producer: &mut Producer, letters: usize, frame: &[u8]) {
    for nth in 0..letters as u64 {
        producer.push(black_box([nth; 4]), &[&frame[..4], &frame[4..]]).expect("a turn fits");
    }
    producer.publish();
}

#[inline]
fn read(consumer: &mut Consumer, out: &mut Vec<u8>) {
    while let Some((head, pieces)) = consumer.peek() {
        black_box(head);
        out.clear();
        out.extend_from_slice(pieces[0]);
        out.extend_from_slice(pieces[1]);
        consumer.pop();
    }
    consumer.release();
}

fn push(counter: &mut Counter) {
    let (mut producer, mut consumer) = mailbox(256 * 1024);
    let (frame, mut out) = (vec![7; 4 + DATA], Vec::new());
    counter.mixed_rounds(|round| {
        round.count(BATCH as u64, || write(&mut producer, BATCH, black_box(&frame)));
        read(&mut consumer, &mut out);
    });
    assert_eq!(out, frame);
}

fn pop(counter: &mut Counter) {
    let (mut producer, mut consumer) = mailbox(256 * 1024);
    let (frame, mut out) = (vec![7; 4 + DATA], Vec::new());
    counter.mixed_rounds(|round| {
        write(&mut producer, BATCH, &frame);
        round.count(BATCH as u64, || read(&mut consumer, black_box(&mut out)));
    });
    assert_eq!(out, frame);
}

/// Both ends of a letter that goes alone.
fn one_at_a_time(counter: &mut Counter) {
    let (mut producer, mut consumer) = mailbox(256 * 1024);
    let (frame, mut out) = (vec![7; 4 + DATA], Vec::new());
    counter.rounds(BATCH as u64, || {
        for _ in 0..BATCH {
            write(&mut producer, 1, black_box(&frame));
            read(&mut consumer, black_box(&mut out));
        }
    });
    assert_eq!(out, frame);
}
