//! Bytes of one line, cut into frames as far as they go the same way.

use crate::frame::{Framing, Scan, scan};
use crate::limits::{FRAMES_AHEAD, RUN_FRAMES_MAX};
use crate::prefetch::prefetch;
use crate::switch::step::{Cut, Rewrite};

/// A run of frames in the making.
pub struct Frames<'a> {
    pub bytes: &'a [u8],
    pub framing: Framing,
    /// The most data that the other side takes in a frame.
    pub max: usize,
    /// Bytes that the run may have.
    pub quota: usize,
    /// Bytes of the run so far.
    pub len: usize,
}

impl<'a> Frames<'a> {
    /// The next frame of the run: where its data begins, and the data. `None` if the run ends here,
    /// for whatever reason: the next step looks for it.
    #[inline(always)]
    pub fn next(&self) -> Option<(usize, &'a [u8])> {
        let Scan::Frame { data } = scan(self.framing, self.bytes.get(self.len..)?) else { return None };
        let at = self.len + self.framing.prefix.bytes();
        if data > self.max || at + data > self.quota {
            return None;
        }
        Some((at, &self.bytes[at..at + data]))
    }

    /// Makes the frame one of the run; says whether there is room for another.
    #[inline(always)]
    pub fn take(&mut self, cuts: &mut Vec<Cut>, at: usize, data: usize, rewrite: Option<Rewrite>) -> bool {
        self.len = at + data;
        prefetch(self.bytes, self.len + FRAMES_AHEAD * (self.framing.prefix.bytes() + data));
        cuts.push(Cut { at: at as u32, len: data as u16, rewrite });
        cuts.len() < RUN_FRAMES_MAX
    }
}
