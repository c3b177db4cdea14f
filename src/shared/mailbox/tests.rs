use std::collections::VecDeque;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::limits::{FRAME_BYTES_MAX, MAILBOX_BYTES_MIN};

const CAPACITY: usize = 256;

fn joined((head, pieces): (Head, [&[u8]; 2])) -> (Head, Vec<u8>) {
    (head, pieces.concat())
}

fn letter(nth: u64, bytes: usize) -> (Head, Vec<u8>) {
    let head = [nth, !nth, nth << 32, bytes as u64];
    (head, (0..bytes).map(|at| (at as u64 ^ nth.wrapping_mul(37)) as u8).collect())
}

#[test]
fn a_letter_is_seen_only_once_it_is_published() {
    let (mut producer, mut consumer) = mailbox(CAPACITY);
    assert!(!producer.publish());
    producer.push([1, 2, 3, 4], &[b"abc", b"", b"defghi"]).unwrap();
    assert!(!consumer.has_mail() && consumer.peek().is_none());
    assert!(producer.publish());
    assert!(!producer.publish());
    assert!(consumer.has_mail());
    assert_eq!(consumer.peek().map(joined), Some(([1, 2, 3, 4], b"abcdefghi".to_vec())));
    consumer.pop();
    assert!(!consumer.has_mail());
    assert!(consumer.release());
    assert!(!consumer.release());
}

#[test]
fn any_letter_up_to_the_capacity_less_64_fits_into_an_empty_mailbox_wherever_that_begins() {
    for begin in (0..CAPACITY as u64).step_by(8) {
        let (mut producer, mut consumer) = mailbox(CAPACITY);
        for _ in 0..begin / 8 {
            // Five words of head and a payload that makes up one lap and one word.
            producer.push([0; 4], &[&[0; CAPACITY - 40]]).unwrap();
            producer.publish();
            consumer.peek().unwrap();
            consumer.pop();
            consumer.release();
            producer.push([0; 4], &[&[0; 8]]).unwrap();
            producer.publish();
            consumer.peek().unwrap();
            consumer.pop();
            consumer.release();
        }
        let (head, bytes) = letter(begin, CAPACITY - 64);
        producer.push(head, &[&bytes[..7], &bytes[7..]]).unwrap();
        producer.publish();
        assert_eq!(consumer.peek().map(joined), Some((head, bytes)));
    }
}

#[test]
fn the_largest_frame_fits_into_the_least_mailbox() {
    let (mut producer, mut consumer) = mailbox(MAILBOX_BYTES_MIN);
    let (head, bytes) = letter(3, FRAME_BYTES_MAX);
    producer.push(head, &[&bytes]).unwrap();
    assert_eq!(producer.push(head, &[&bytes]), Err(Full));
    producer.publish();
    assert_eq!(consumer.peek().map(joined), Some((head, bytes)));
}

#[test]
#[should_panic(expected = "a letter of 217 bytes in a mailbox of 256")]
fn a_letter_that_never_fits_is_a_fault_of_the_program() {
    let _ = mailbox(CAPACITY).0.push([0; 4], &[&[0; CAPACITY - 39]]);
}

#[test]
#[should_panic(expected = "no letter was shown")]
fn popping_nothing_is_a_fault_of_the_program() {
    mailbox(CAPACITY).1.pop();
}

#[derive(Clone, Debug)]
enum Operation {
    Push(usize),
    Publish,
    Pop,
    Release,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..80usize).prop_map(Operation::Push),
        1 => (0..CAPACITY - 40).prop_map(Operation::Push),
        2 => Just(Operation::Publish),
        5 => Just(Operation::Pop),
        2 => Just(Operation::Release),
    ]
}

#[derive(Default)]
struct Model {
    unpublished: VecDeque<(Head, Vec<u8>)>,
    published: VecDeque<(Head, Vec<u8>)>,
    /// Bytes of records popped, but not given back.
    unreleased: usize,
}

impl Model {
    fn taken_bytes(&self) -> usize {
        let letters = self.unpublished.iter().chain(&self.published);
        self.unreleased + letters.map(|(_, bytes)| Self::size(bytes)).sum::<usize>()
    }

    fn size(bytes: &[u8]) -> usize {
        40 + bytes.len().div_ceil(8) * 8
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn a_mailbox_does_what_a_queue_does(
        operations in prop::collection::vec(operation(), 1..400), cut in 0..300usize,
    ) {
        let (mut producer, mut consumer) = mailbox(CAPACITY);
        let mut model = Model::default();
        for (nth, operation) in (0..).zip(operations) {
            match operation {
                Operation::Push(size) => {
                    let (head, bytes) = letter(nth, size);
                    let (first, second) = bytes.split_at(cut.min(size));
                    let fits = model.taken_bytes() + Model::size(&bytes) <= CAPACITY;
                    prop_assert_eq!(producer.push(head, &[first, second]).is_ok(), fits);
                    if fits {
                        model.unpublished.push_back((head, bytes));
                    }
                }
                Operation::Publish => {
                    prop_assert_eq!(producer.publish(), !model.unpublished.is_empty());
                    model.published.append(&mut model.unpublished);
                }
                Operation::Pop => {
                    prop_assert_eq!(consumer.peek().map(joined), model.published.front().cloned());
                    if let Some((_, bytes)) = model.published.pop_front() {
                        consumer.pop();
                        model.unreleased += Model::size(&bytes);
                    }
                }
                Operation::Release => {
                    prop_assert_eq!(consumer.release(), model.unreleased > 0);
                    model.unreleased = 0;
                }
            }
            prop_assert_eq!(consumer.has_mail(), !model.published.is_empty());
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a mailbox is made for threads")]
fn letters_arrive_whole_and_in_order_on_another_thread() {
    const LETTERS: u64 = 30_000;
    let (mut producer, mut consumer) = mailbox(1_024);
    let size = |nth: u64| (nth.wrapping_mul(2_654_435_761) % 700) as usize;
    thread::scope(|scope| {
        scope.spawn(move || {
            for nth in 0..LETTERS {
                let (head, bytes) = letter(nth, size(nth));
                while producer.push(head, &[&bytes]).is_err() {
                    producer.publish();
                    thread::yield_now();
                }
            }
            producer.publish();
        });
        for nth in 0..LETTERS {
            while !consumer.has_mail() {
                consumer.release();
                thread::yield_now();
            }
            assert_eq!(consumer.peek().map(joined), Some(letter(nth, size(nth))));
            consumer.pop();
        }
        assert!(!consumer.has_mail());
    });
}
