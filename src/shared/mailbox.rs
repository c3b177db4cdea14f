//! Bytes from one shard to another: a single-producer, single-consumer byte ring for each pair.
//!
//! A record is a letter's head (four words), the number of its bytes, and the bytes, padded to the
//! next word; it begins anywhere and wraps, so that any letter fits into an empty mailbox. Both
//! ends count bytes from the beginning of time; a count modulo the capacity is a place.
//!
//! Each end keeps its own count and a copy of the other's, which it refreshes only when the copy
//! no longer lets it go on; the shared counts are written once a turn.

use std::sync::Arc;

use crossbeam::utils::CachePadded;

use crate::shared::atomics::{AtomicU64, Ordering};

mod room;
mod sleeper;
#[cfg(all(test, not(ringswitch_loom)))]
mod tests;

use room::Room;
pub use sleeper::Sleeper;

/// What stands in front of a letter's bytes; the meaning is the shard's.
pub type Head = [u64; 4];

/// The head and the number of bytes.
const HEAD_BYTES: u64 = 8 * 5;

/// The end that writes; one shard's.
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    /// Bytes of records written so far, published or not.
    written: u64,
    published: u64,
    /// What the consumer had given back when last looked at.
    released: u64,
}

/// The end that reads; one other shard's.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    /// Bytes of records popped so far, given back or not.
    read: u64,
    released: u64,
    /// What the producer had published when last looked at.
    published: u64,
}

#[derive(Debug)]
struct Shared {
    room: Room,
    published: CachePadded<AtomicU64>,
    released: CachePadded<AtomicU64>,
}

/// A mailbox of `bytes`.
///
/// # Panics
/// Unless `bytes` is a power of two and has room for a head and some bytes (64).
pub fn mailbox(bytes: usize) -> (Producer, Consumer) {
    assert!(bytes.is_power_of_two() && bytes >= 64, "a mailbox of {bytes} bytes");
    let shared = Arc::new(Shared { room: Room::new(bytes), published: zero(), released: zero() });
    let producer = Producer { shared: shared.clone(), written: 0, published: 0, released: 0 };
    let consumer = Consumer { shared, read: 0, released: 0, published: 0 };
    (producer, consumer)
}

fn zero() -> CachePadded<AtomicU64> {
    CachePadded::new(AtomicU64::new(0))
}

fn record_bytes(letter_bytes: u64) -> u64 {
    HEAD_BYTES + letter_bytes.next_multiple_of(8)
}

/// The letter does not fit now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl Producer {
    /// Writes a letter whose bytes are `parts` in order. It is seen only after `publish`.
    ///
    /// # Panics
    /// If the letter fits not even into an empty mailbox: its bytes exceed the capacity less 40.
    #[inline]
    pub fn push(&mut self, head: Head, parts: &[&[u8]]) -> Result<(), Full> {
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        if !self.has_room(bytes) {
            return Err(Full);
        }
        let room = &self.shared.room;
        let start = self.written;
        let mut at = start + HEAD_BYTES;
        // SAFETY: `has_room`: from `written` on there is room for the record that the consumer has
        // given back and will not look at before `publish`; only `&mut self` writes there.
        unsafe {
            room.write_words(start, &[head[0], head[1], head[2], head[3], bytes]);
            for part in parts {
                room.write_bytes(at, part);
                at += part.len() as u64;
            }
        }
        self.written = start + record_bytes(bytes);
        Ok(())
    }

    /// Whether a letter of so many bytes fits now.
    #[inline]
    pub fn has_room(&mut self, bytes: u64) -> bool {
        let capacity = self.shared.room.bytes();
        let record = record_bytes(bytes);
        assert!(record <= capacity, "a letter of {bytes} bytes in a mailbox of {capacity}");
        if self.written - self.released + record > capacity {
            // Acquire, partner: the Release in `release`; the consumer reads there no more.
            self.released = self.shared.released.load(Ordering::Acquire);
        }
        self.written - self.released + record <= capacity
    }

    /// Shows the consumer everything pushed; false if nothing was pushed since the last time.
    pub fn publish(&mut self) -> bool {
        let news = self.published != self.written;
        if news {
            self.published = self.written;
            // Release, partner: the Acquire in `peek`; the records are written.
            self.shared.published.store(self.written, Ordering::Release);
        }
        news
    }
}

impl Consumer {
    /// The oldest letter: its head and its bytes in at most two pieces.
    #[inline]
    pub fn peek(&mut self) -> Option<(Head, [&[u8]; 2])> {
        if self.read == self.published {
            // Acquire, partner: the Release in `publish`.
            self.published = self.shared.published.load(Ordering::Acquire);
            if self.read == self.published {
                return None;
            }
        }
        let room = &self.shared.room;
        // SAFETY: `read < published`: a whole record lies there, written before it was published.
        // The producer writes there again only after `release`, for which the borrow of `self`
        // that the pieces hold has to end.
        unsafe {
            let [head @ .., bytes] = room.read_words(self.read);
            Some((head, room.pieces(self.read + HEAD_BYTES, bytes)))
        }
    }

    /// Done with the letter that `peek` showed.
    ///
    /// # Panics
    /// If there was none.
    #[inline]
    pub fn pop(&mut self) {
        assert!(self.read != self.published, "no letter was shown");
        // SAFETY: as in `peek`.
        let [.., bytes]: [u64; 5] = unsafe { self.shared.room.read_words(self.read) };
        self.read += record_bytes(bytes);
    }

    /// Gives the room of popped letters back to the producer; once a turn. False if nothing was
    /// popped since the last time: a producer that sleeps with letters in hand has to be woken
    /// only if it is true.
    pub fn release(&mut self) -> bool {
        let news = self.released != self.read;
        if news {
            self.released = self.read;
            // Release, partner: the Acquire in `has_room`; the letters have been read.
            self.shared.released.store(self.read, Ordering::Release);
        }
        news
    }

    /// Whether a letter waits.
    #[inline]
    pub fn has_mail(&self) -> bool {
        // Relaxed: `peek` acquires what it reads; before sleeping, the fence in `lie_down` orders.
        self.read != self.published || self.read != self.shared.published.load(Ordering::Relaxed)
    }
}
