//! What `scripts/compiler.sh` must find wherever rustc has the fault: compiled alone with `-O`, rustc 1.95
//! prints 0 for 1. The number made of `ended` is left out, because `ended` decides a branch behind it.

use std::sync::atomic::{AtomicU64, Ordering};

struct Books {
    words: Vec<AtomicU64>,
    ended: u32,
}

struct Takes<'a> {
    books: &'a mut Books,
    taken: u32,
}

impl Takes<'_> {
    #[inline(always)]
    fn take(&mut self, at: usize, seen: u64) -> Result<(), u8> {
        if self.end(at, seen) {
            return Ok(());
        }
        Err(nobody(at))
    }

    #[inline(always)]
    fn end(&mut self, at: usize, seen: u64) -> bool {
        let word = &self.books.words[at];
        let ended = word.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        self.taken += u32::from(ended);
        ended
    }
}

impl Drop for Takes<'_> {
    fn drop(&mut self) {
        self.books.ended += self.taken;
    }
}

#[cold]
fn nobody(at: usize) -> u8 {
    at as u8
}

fn main() {
    let mut books = Books { words: vec![AtomicU64::new(5)], ended: 0 };
    Takes { books: &mut books, taken: 0 }.take(0, 5).expect("it waits");
    println!("{}", books.ended);
}
