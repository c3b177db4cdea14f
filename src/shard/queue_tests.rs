use super::*;
use crate::ring::Received;

fn chunks() -> Chunks {
    Chunks::new(1 << 20).expect("memory")
}

fn append(queue: &mut Queue, chunks: &mut Chunks, bytes: &[u8]) {
    queue.append(chunks, &[bytes]).expect("room");
}

/// What would be sent now.
fn next(queue: &Queue, chunks: &Chunks, received: &Received) -> Vec<u8> {
    let mut segments = Vec::new();
    queue.segments(&mut segments);
    let bytes = |segment: &Segment| match *segment {
        Segment::Chunk { chunk, offset, len } => chunks.bytes(chunk, offset, len).to_vec(),
        Segment::Received { buffer, offset, len } => received.bytes(buffer, offset, len).to_vec(),
    };
    segments.iter().flat_map(bytes).collect()
}

#[test]
fn without_a_log_an_emptied_chunk_goes_back_at_once() {
    let (mut queue, mut chunks) = (Queue::default(), chunks());
    append(&mut queue, &mut chunks, b"abc");
    queue.give(&mut chunks, 3, 0, Emptied::GivenBack);
    assert_eq!((chunks.in_use(), queue.is_empty()), (0, true));
}

#[test]
fn what_is_kept_can_be_read_until_it_is_released_and_is_not_sent_again() {
    let (mut queue, mut chunks, received) = (Queue::default(), chunks(), Received::new(1).expect("memory"));
    append(&mut queue, &mut chunks, b"abc");
    queue.give(&mut chunks, 3, 100, Emptied::Kept);
    append(&mut queue, &mut chunks, b"defg");
    assert_eq!(chunks.in_use(), SMALL_CHUNK_BYTES, "it goes on in the same chunk");
    assert_eq!(next(&queue, &chunks, &received), b"defg");
    queue.give(&mut chunks, 2, 103, Emptied::Kept);
    assert_eq!(queue.kept(&chunks, 101, 105).as_deref(), Some(&b"bcde"[..]));
    assert_eq!(queue.kept(&chunks, 101, 106), None, "the last was not given");
    assert_eq!(queue.kept(&chunks, 99, 103), None, "the first is not there");
    queue.release(&mut chunks, 105);
    assert_eq!(next(&queue, &chunks, &received), b"fg", "a chunk with something to send stays");
    queue.give(&mut chunks, 2, 105, Emptied::Kept);
    queue.release(&mut chunks, 106);
    assert!(chunks.in_use() > 0);
    queue.release(&mut chunks, 107);
    assert_eq!(chunks.in_use(), 0);
}

#[test]
fn bytes_of_several_chunks_are_kept_in_order_and_released_one_by_one() {
    let (mut queue, mut chunks) = (Queue::default(), chunks());
    queue.busy = true;
    let bytes: Vec<u8> = (0..3 * CHUNK_BYTES).map(|at| (at % 251) as u8).collect();
    for part in bytes.chunks(CHUNK_BYTES / 2) {
        append(&mut queue, &mut chunks, part);
    }
    let mut position = 0;
    for step in [CHUNK_BYTES / 3, CHUNK_BYTES, CHUNK_BYTES * 5 / 3 - 1] {
        queue.give(&mut chunks, step, position, Emptied::Kept);
        position += step as u64;
    }
    assert_eq!(queue.kept(&chunks, 0, position).as_deref(), Some(&bytes[..position as usize]));
    queue.release(&mut chunks, CHUNK_BYTES as u64 + 5);
    assert_eq!(chunks.in_use(), 2 * CHUNK_BYTES);
    let from = CHUNK_BYTES + 5;
    assert_eq!(queue.kept(&chunks, from as u64, position).as_deref(), Some(&bytes[from..position as usize]));
    queue.clear(&mut chunks);
    assert_eq!((chunks.in_use(), queue.is_empty()), (0, true));
}

#[test]
fn what_was_not_given_can_be_taken_out_and_what_was_given_stays() {
    let (mut queue, mut chunks, received) = (Queue::default(), chunks(), Received::new(1).expect("memory"));
    append(&mut queue, &mut chunks, b"given, not given");
    queue.give(&mut chunks, 5, 0, Emptied::Kept);
    queue.clear_unsent(&mut chunks, Emptied::Kept);
    assert!(queue.is_empty());
    append(&mut queue, &mut chunks, b" anew");
    assert_eq!(next(&queue, &chunks, &received), b" anew");
    queue.give(&mut chunks, 5, 5, Emptied::Kept);
    assert_eq!(queue.kept(&chunks, 0, 10).as_deref(), Some(&b"given anew"[..]));
    queue.give_up(&mut chunks);
    assert_eq!((chunks.in_use(), queue.kept(&chunks, 0, 10)), (0, None));
}

#[test]
fn runs_are_lent_behind_what_is_kept() {
    let (mut queue, mut chunks, mut received) = (Queue::default(), chunks(), Received::new(1).expect("memory"));
    received.write(BufferId(0), 0, b"lent");
    append(&mut queue, &mut chunks, b"kept");
    assert!(!queue.may_lend(), "copied bytes wait");
    queue.give(&mut chunks, 4, 0, Emptied::Kept);
    assert!(queue.may_lend());
    queue.lend(BufferId(0), 0, 4);
    append(&mut queue, &mut chunks, b"copied");
    assert_eq!(next(&queue, &chunks, &received), b"lentcopied");
    queue.give(&mut chunks, 1, 4, Emptied::Kept);
    queue.copy_lent(&received, &mut chunks).expect("room");
    assert_eq!(next(&queue, &chunks, &received), b"entcopied");
    queue.give(&mut chunks, 9, 5, Emptied::Kept);
    assert_eq!(queue.kept(&chunks, 0, 4).as_deref(), Some(&b"kept"[..]));
    assert_eq!(queue.kept(&chunks, 5, 14).as_deref(), Some(&b"entcopied"[..]));
    assert_eq!(queue.kept(&chunks, 3, 6), None, "what was lent is nowhere");
    queue.release(&mut chunks, 14);
    assert_eq!(chunks.in_use(), 0);
}
