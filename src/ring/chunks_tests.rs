use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

fn take_all(chunks: &mut Chunks, size: Size) -> Vec<Chunk> {
    std::iter::from_fn(|| chunks.take(size)).collect()
}

#[test]
fn the_bound_holds_for_both_sizes_together() {
    let mut chunks = Chunks::new(3 * CHUNK_BYTES).expect("memory");
    let small = chunks.take(Size::Small).expect("the first");
    let large = take_all(&mut chunks, Size::Large);
    assert_eq!(large.len(), 2);
    assert_eq!(take_all(&mut chunks, Size::Small).len(), 15);
    assert_eq!(chunks.in_use(), chunks.bound());
    assert_eq!((chunks.capacity(small), chunks.capacity(large[0])), (SMALL_CHUNK_BYTES, CHUNK_BYTES));
}

#[test]
fn small_chunks_that_came_back_become_large_ones() {
    let mut chunks = Chunks::new(4 * CHUNK_BYTES).expect("memory");
    let mut small = take_all(&mut chunks, Size::Small);
    assert_eq!(small.len(), 64);
    let kept = small.swap_remove(20);
    for chunk in small {
        chunks.give(chunk);
    }
    assert_eq!(take_all(&mut chunks, Size::Large).len(), 3);
    assert_eq!(take_all(&mut chunks, Size::Small).len(), 15);
    chunks.give(kept);
    assert_eq!(chunks.take(Size::Large), None);
    assert_eq!(chunks.take(Size::Small), Some(kept));
}

#[test]
fn the_last_chunk_given_is_the_next_taken() {
    let mut chunks = Chunks::new(1 << 20).expect("memory");
    for size in [Size::Small, Size::Large] {
        let [a, b] = [(); 2].map(|()| chunks.take(size).expect("room"));
        chunks.give(a);
        chunks.give(b);
        assert_eq!([(); 2].map(|()| chunks.take(size)), [Some(b), Some(a)]);
    }
}

#[test]
fn no_chunk_shares_a_byte_with_another() {
    let mut chunks = Chunks::new(6 * CHUNK_BYTES).expect("memory");
    chunks.touch();
    let mut taken = vec![chunks.take(Size::Small).expect("room")];
    taken.extend((0..3).map(|_| chunks.take(Size::Large).expect("room")));
    taken.extend(take_all(&mut chunks, Size::Small));
    for (mark, chunk) in taken.iter().enumerate() {
        chunks.tail(*chunk, 0).fill(mark as u8);
    }
    for (mark, chunk) in taken.iter().enumerate() {
        let bytes = chunks.bytes(*chunk, 0, chunks.capacity(*chunk) as u32);
        assert!(bytes.iter().all(|byte| *byte == mark as u8));
    }
}

#[test]
fn the_tail_leaves_what_is_before_it() {
    let mut chunks = Chunks::new(1).expect("memory");
    let chunk = chunks.take(Size::Small).expect("room");
    chunks.tail(chunk, 0)[..4].copy_from_slice(b"abcd");
    let tail = chunks.tail(chunk, 4);
    assert_eq!(tail.len(), SMALL_CHUNK_BYTES - 4);
    tail.fill(b'z');
    assert_eq!(chunks.bytes(chunk, 2, 4), b"cdzz");
    assert!(chunks.tail(chunk, SMALL_CHUNK_BYTES).is_empty());
    assert!(catch_unwind(AssertUnwindSafe(|| chunks.bytes(chunk, 1, SMALL_CHUNK_BYTES as u32).len())).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| chunks.tail(chunk, SMALL_CHUNK_BYTES + 1).len())).is_err());
}

#[test]
#[cfg(debug_assertions)]
fn giving_twice_and_using_after_giving_are_noticed() {
    let mut chunks = Chunks::new(1 << 20).expect("memory");
    let chunk = chunks.take(Size::Small).expect("room");
    chunks.give(chunk);
    assert!(catch_unwind(AssertUnwindSafe(|| chunks.give(chunk))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| chunks.bytes(chunk, 0, 1).len())).is_err());
}

/// Of `sets` sets of a cache, how many have a chunk's beginning.
fn sets_hit(sets: usize, starts: impl Iterator<Item = u32>) -> usize {
    let hit = starts.map(|chunk| start(chunk) / CACHE_LINE % sets);
    hit.collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn chunks_begin_all_over_the_caches() {
    let large = |blocks| (0..blocks).map(|block| block * PARTS);
    assert_eq!(sets_hit(64, large(64)), 64);
    assert_eq!(sets_hit(1024, large(1024)), 1024);
    assert!(sets_hit(64, 0..64) > 48);
    assert!(sets_hit(1024, 0..1024) > 512);
}
