//! The memory of a mailbox: words in a circle, which two threads may touch at different places.

use std::cell::UnsafeCell;

/// A circle of a power of two of bytes. Places are counted on and on; the circle is their business.
#[derive(Debug)]
pub struct Room {
    words: Box<[UnsafeCell<u64>]>,
    /// Tells loom who touches which word.
    #[cfg(ringswitch_loom)]
    touched: Box<[loom::cell::UnsafeCell<()>]>,
}

// SAFETY: plain memory; the callers of its unsafe functions keep two threads off the same bytes.
unsafe impl Sync for Room {}

impl Room {
    pub fn new(bytes: usize) -> Self {
        let words = vec![0u64; bytes / 8].into_boxed_slice();
        Self {
            // SAFETY: `UnsafeCell<u64>` has the layout of `u64`. Not collected from cells: zeroed
            // memory stays untouched until it is used.
            words: unsafe { Box::from_raw(Box::into_raw(words) as *mut [UnsafeCell<u64>]) },
            #[cfg(ringswitch_loom)]
            touched: (0..bytes / 8).map(|_| loom::cell::UnsafeCell::new(())).collect(),
        }
    }

    pub fn bytes(&self) -> u64 {
        8 * self.words.len() as u64
    }

    fn index(&self, at: u64) -> usize {
        at as usize & (8 * self.words.len() - 1)
    }

    fn base(&self) -> *mut u8 {
        UnsafeCell::raw_get(self.words.as_ptr()).cast()
    }

    /// Writes whole words at a place that is a multiple of 8.
    ///
    /// # Safety
    /// No other thread touches those words meanwhile.
    #[inline]
    pub unsafe fn write_words(&self, at: u64, words: &[u64; 5]) {
        self.touch(at, 40, true);
        if let Some(cells) = self.words[self.index(at) / 8..].first_chunk::<5>() {
            // SAFETY: five cells in a row have the layout of five words; nobody else touches them.
            unsafe { *UnsafeCell::raw_get(cells.as_ptr()).cast::<[u64; 5]>() = *words };
            return;
        }
        for (nth, word) in (0..).zip(words) {
            // SAFETY: nobody else touches the word.
            unsafe { *self.words[self.index(at + 8 * nth) / 8].get() = *word };
        }
    }

    /// # Safety
    /// No other thread writes those words meanwhile.
    #[inline]
    pub unsafe fn read_words(&self, at: u64) -> [u64; 5] {
        self.touch(at, 40, false);
        if let Some(cells) = self.words[self.index(at) / 8..].first_chunk::<5>() {
            // SAFETY: five cells in a row have the layout of five words; nobody writes them.
            return unsafe { *UnsafeCell::raw_get(cells.as_ptr()).cast::<[u64; 5]>() };
        }
        let mut words = [0; 5];
        for (nth, word) in (0..).zip(&mut words) {
            // SAFETY: nobody writes the word.
            *word = unsafe { *self.words[self.index(at + 8 * nth) / 8].get() };
        }
        words
    }

    /// Writes no more bytes than the circle has.
    ///
    /// # Safety
    /// No other thread touches those bytes meanwhile.
    #[inline]
    pub unsafe fn write_bytes(&self, at: u64, bytes: &[u8]) {
        self.touch(at, bytes.len() as u64, true);
        let (first, second) = bytes.split_at(self.until_wrap(at, bytes.len()));
        // SAFETY: the first piece ends at or before the circle's end; nobody else touches it.
        unsafe { self.base().add(self.index(at)).copy_from_nonoverlapping(first.as_ptr(), first.len()) };
        if !second.is_empty() {
            // SAFETY: the second starts at its beginning and ends before the first; nobody else
            // touches it.
            unsafe { self.base().copy_from_nonoverlapping(second.as_ptr(), second.len()) };
        }
    }

    /// The bytes from a place on, no more than the circle has: up to its end, and the rest from
    /// its beginning.
    ///
    /// # Safety
    /// No thread writes those bytes while the pieces live.
    #[inline]
    pub unsafe fn pieces(&self, at: u64, bytes: u64) -> [&[u8]; 2] {
        self.touch(at, bytes, false);
        let bytes = bytes as usize;
        let first = self.until_wrap(at, bytes);
        // SAFETY: as in `write_bytes`; all bytes were initialised when the room was made.
        unsafe {
            [
                std::slice::from_raw_parts(self.base().add(self.index(at)), first),
                std::slice::from_raw_parts(self.base(), bytes - first),
            ]
        }
    }

    #[inline]
    fn until_wrap(&self, at: u64, bytes: usize) -> usize {
        bytes.min(8 * self.words.len() - self.index(at))
    }

    #[cfg(not(ringswitch_loom))]
    #[inline]
    fn touch(&self, _at: u64, _bytes: u64, _write: bool) {}

    /// Tells loom, which then finds two threads at one word without an order between them.
    #[cfg(ringswitch_loom)]
    fn touch(&self, at: u64, bytes: u64, write: bool) {
        for word in at / 8..(at + bytes).div_ceil(8) {
            let word = &self.touched[self.index(8 * word) / 8];
            if write { word.with_mut(|_| ()) } else { word.with(|_| ()) }
        }
    }
}
