//! The bytes that wait on one connection: copied into chunks, or still where they were received.
//!
//! In front of what waits there may lie chunks that were given to the kernel whole and are kept,
//! because an answer in them may have to go out again ([`super::log`]).

use std::collections::VecDeque;

use crate::frame::Prefix;
use crate::limits::{CHUNK_BYTES, SEGMENTS_MAX, SEND_BYTES_MAX, SMALL_CHUNK_BYTES};
use crate::ring::buffers::Size;
use crate::ring::{BufferId, Chunk, Chunks, Received, Segment};
use crate::switch::step::Cut;

#[derive(Clone, Copy, Debug)]
enum Piece {
    Copied {
        chunk: Chunk,
        /// Up to here the chunk was given to the kernel.
        start: u32,
        end: u32,
        /// Where the chunk's first byte stands in all that the connection was given.
        at: u64,
    },
    /// Lent from a receive buffer; within one turn only, until the send of that turn is back.
    Lent { buffer: BufferId, offset: u32, len: u32 },
}

/// The memory bound is reached: nothing was queued.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

#[derive(Default, Debug)]
pub struct Queue {
    pieces: VecDeque<Piece>,
    /// Pieces in front that were given whole and are kept.
    given: usize,
    bytes: usize,
    lent: usize,
    /// Much goes over the line: its chunks are large ones from the start.
    pub busy: bool,
}

/// What becomes of the chunks that a send has emptied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Emptied {
    GivenBack,
    /// Kept until [`Queue::release`].
    Kept,
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether another run may be lent: only behind other runs, and not too many.
    pub fn may_lend(&self) -> bool {
        let waiting = self.pieces.len() - self.given;
        self.lent == waiting && waiting < SEGMENTS_MAX
    }

    pub fn has_lent(&self) -> bool {
        self.lent > 0
    }

    pub fn lend(&mut self, buffer: BufferId, offset: u32, len: u32) {
        debug_assert!(self.may_lend());
        self.bytes += len as usize;
        if let Some(Piece::Lent { buffer: last, offset: from, len: before }) = self.pieces.back_mut()
            && *last == buffer
            && *from + *before == offset
        {
            *before += len;
            return;
        }
        self.lent += 1;
        self.pieces.push_back(Piece::Lent { buffer, offset, len });
    }

    /// Copies `parts` behind what is queued. What fits a chunk is not split, so that a frame begun
    /// on a line that breaks is still whole in memory.
    ///
    /// # Errors
    /// [`NoMemory`] when no chunk is left.
    #[inline]
    pub fn append(&mut self, chunks: &mut Chunks, parts: &[&[u8]]) -> Result<(), NoMemory> {
        let total = parts.iter().map(|part| part.len()).sum();
        if let Some(Piece::Copied { chunk, end, .. }) = self.pieces.back_mut()
            && chunks.capacity(*chunk) - *end as usize >= total
        {
            fill(chunks.tail(*chunk, *end as usize), parts);
            *end += total as u32;
            self.bytes += total;
            self.reopen_last();
            return Ok(());
        }
        self.append_anew(chunks, parts, total)
    }

    /// Copies frames of `bytes` behind what is queued, changed as their cuts say. No frame is split
    /// between chunks. Says how many it took: fewer than all when no chunk is left.
    #[inline]
    pub fn append_cuts(&mut self, chunks: &mut Chunks, prefix: Prefix, bytes: &[u8], cuts: &[Cut]) -> usize {
        let mut taken = 0;
        loop {
            if let Some(Piece::Copied { chunk, end, .. }) = self.pieces.back_mut() {
                let room = chunks.tail(*chunk, *end as usize);
                let mut at = 0;
                while let Some(cut) = cuts.get(taken)
                    && let Some(written) = cut.write(prefix, bytes, &mut room[at..])
                {
                    (at, taken) = (at + written, taken + 1);
                }
                *end += at as u32;
                self.bytes += at;
                if at > 0 {
                    self.reopen_last();
                }
            }
            let Some(cut) = cuts.get(taken) else { return taken };
            // The first frame of the rest makes room for the others.
            if self.append_first(chunks, cut, prefix, bytes, cuts.len() - taken).is_err() {
                return taken;
            }
            taken += 1;
        }
    }

    /// The last piece has something to send again.
    #[inline(always)]
    fn reopen_last(&mut self) {
        self.given = self.given.min(self.pieces.len() - 1);
    }

    /// A chunk for `bytes`, if they are all that there is to send.
    fn take_chunk(&self, chunks: &mut Chunks, bytes: usize) -> Result<Chunk, NoMemory> {
        let small = self.bytes == 0 && !self.busy && bytes <= SMALL_CHUNK_BYTES / 2;
        chunks.take(if small { Size::Small } else { Size::Large }).ok_or(NoMemory)
    }

    fn append_first(
        &mut self,
        chunks: &mut Chunks,
        cut: &Cut,
        prefix: Prefix,
        bytes: &[u8],
        frames: usize,
    ) -> Result<(), NoMemory> {
        let len = prefix.bytes() + usize::from(cut.len);
        let chunk = self.take_chunk(chunks, len * frames)?;
        if let Some(written) = cut.write(prefix, bytes, chunks.tail(chunk, 0)) {
            self.pieces.push_back(Piece::Copied { chunk, start: 0, end: written as u32, at: 0 });
            self.bytes += written;
            return Ok(());
        }
        chunks.give(chunk);
        let mut whole = Vec::with_capacity(len);
        cut.write_to(prefix, bytes, &mut whole);
        self.append_split(chunks, &whole)
    }

    fn append_anew(&mut self, chunks: &mut Chunks, parts: &[&[u8]], total: usize) -> Result<(), NoMemory> {
        let chunk = self.take_chunk(chunks, total)?;
        if total <= chunks.capacity(chunk) {
            fill(chunks.tail(chunk, 0), parts);
            self.pieces.push_back(Piece::Copied { chunk, start: 0, end: total as u32, at: 0 });
            self.bytes += total;
            return Ok(());
        }
        chunks.give(chunk);
        self.append_split(chunks, &parts.concat())
    }

    /// More than a chunk holds: a run of frames, or the largest frame of a two-byte prefix.
    #[cold]
    fn append_split(&mut self, chunks: &mut Chunks, bytes: &[u8]) -> Result<(), NoMemory> {
        let mut taken = Vec::new();
        for _ in 0..bytes.len().div_ceil(CHUNK_BYTES / 2) {
            match chunks.take(Size::Large) {
                Some(chunk) => taken.push(chunk),
                None => {
                    taken.into_iter().for_each(|chunk| chunks.give(chunk));
                    return Err(NoMemory);
                }
            }
        }
        let mut rest = bytes;
        for chunk in taken {
            let len = rest.len().min(chunks.capacity(chunk));
            if len == 0 {
                chunks.give(chunk);
                continue;
            }
            chunks.tail(chunk, 0)[..len].copy_from_slice(&rest[..len]);
            self.pieces.push_back(Piece::Copied { chunk, start: 0, end: len as u32, at: 0 });
            rest = &rest[len..];
        }
        self.bytes += bytes.len();
        Ok(())
    }

    /// What to send next, in order. All lent runs go at once; copied bytes up to a bound.
    pub fn segments(&self, into: &mut Vec<Segment>) -> usize {
        into.clear();
        let mut total = 0;
        for piece in self.pieces.range(self.given..).take(SEGMENTS_MAX) {
            let segment = match *piece {
                Piece::Copied { chunk, start, end, .. } => Segment::Chunk { chunk, offset: start, len: end - start },
                Piece::Lent { buffer, offset, len } => Segment::Received { buffer, offset, len },
            };
            if segment.is_empty() {
                continue;
            }
            if total > 0 && total + segment.len() > SEND_BYTES_MAX && self.lent == 0 {
                break;
            }
            total += segment.len();
            into.push(segment);
        }
        total
    }

    /// The first `bytes` are done with, on a connection of which nothing is ever kept.
    #[inline]
    pub fn consume(&mut self, chunks: &mut Chunks, bytes: usize) {
        self.give(chunks, bytes, 0, Emptied::GivenBack);
    }

    /// The first `bytes` were given to the kernel, which had been given `position` bytes before.
    #[inline]
    pub fn give(&mut self, chunks: &mut Chunks, bytes: usize, mut position: u64, emptied: Emptied) {
        assert!(bytes <= self.bytes, "only what is queued can be given");
        debug_assert!(emptied == Emptied::Kept || self.given == 0, "what is kept is kept for a log");
        self.bytes -= bytes;
        let mut left = bytes;
        while let Some(first) = self.pieces.get_mut(self.given) {
            match first {
                Piece::Copied { chunk, start, end, at } => {
                    let step = left.min((*end - *start) as usize);
                    *at = position.wrapping_sub(u64::from(*start));
                    *start += step as u32;
                    left -= step;
                    position += step as u64;
                    if start < end {
                        if planted!(WrongByte) && *start > 0 {
                            (*start, *end) = (*start - 1, *end - 1);
                        }
                        break;
                    }
                    if emptied == Emptied::Kept {
                        self.given += 1;
                    } else {
                        chunks.give(*chunk);
                        self.pieces.pop_front();
                    }
                }
                Piece::Lent { offset, len, .. } => {
                    let step = left.min(*len as usize);
                    *offset += step as u32;
                    *len -= step as u32;
                    left -= step;
                    position += step as u64;
                    if *len > 0 {
                        break;
                    }
                    self.lent -= 1;
                    self.pieces.remove(self.given);
                }
            }
            if left == 0 && self.bytes > 0 {
                break;
            }
        }
        debug_assert_eq!(left, 0);
    }

    /// Lets go of kept chunks that hold nothing but what stands before `position` in all that was
    /// given.
    pub fn release(&mut self, chunks: &mut Chunks, position: u64) {
        while self.given > 0
            && let Some(&Piece::Copied { chunk, start, at, .. }) = self.pieces.front()
            && at + u64::from(start) <= position
        {
            chunks.give(chunk);
            self.pieces.pop_front();
            self.given -= 1;
        }
    }

    /// The bytes that stand from `from` to `to` in all that was given; `None` if they are not all
    /// kept.
    pub fn kept(&self, chunks: &Chunks, from: u64, to: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity((to - from) as usize);
        for piece in self.pieces.iter().take(self.given + 1) {
            let &Piece::Copied { chunk, start, at, .. } = piece else { continue };
            let next = from + bytes.len() as u64;
            let (first, end) = (next.max(at), to.min(at + u64::from(start)));
            if first == next && first < end {
                bytes.extend_from_slice(chunks.bytes(chunk, (first - at) as u32, (end - first) as u32));
            }
        }
        (bytes.len() as u64 == to - from).then_some(bytes)
    }

    /// Copies what is still lent, so that the receive buffers can go back.
    ///
    /// # Errors
    /// [`NoMemory`]: nothing changed, the bytes are still lent.
    pub fn copy_lent(&mut self, received: &Received, chunks: &mut Chunks) -> Result<(), NoMemory> {
        if self.lent == 0 {
            return Ok(());
        }
        let mut copy = Self::default();
        for piece in &self.pieces {
            let bytes = match *piece {
                Piece::Lent { buffer, offset, len } => received.bytes(buffer, offset, len),
                Piece::Copied { .. } => continue,
            };
            if let Err(full) = copy.append(chunks, &[bytes]) {
                copy.clear(chunks);
                return Err(full);
            }
        }
        self.lent = 0;
        let rest = self.pieces.split_off(self.given);
        self.pieces.append(&mut copy.pieces);
        self.pieces.extend(rest.into_iter().filter(|piece| matches!(piece, Piece::Copied { .. })));
        Ok(())
    }

    /// All queued bytes in order, with `behind` bytes in front of them that were given already, as
    /// far as they still lie in the first chunk.
    pub fn gather(&self, received: &Received, chunks: &Chunks, behind: usize) -> (Vec<u8>, usize) {
        let mut bytes = Vec::with_capacity(self.bytes + behind);
        let mut found = 0;
        for (at, piece) in self.pieces.range(self.given..).enumerate() {
            match *piece {
                Piece::Copied { chunk, start, end, .. } => {
                    let back = if at == 0 { behind.min(start as usize) as u32 } else { 0 };
                    found += back as usize;
                    bytes.extend_from_slice(chunks.bytes(chunk, start - back, end - start + back));
                }
                Piece::Lent { buffer, offset, len } => bytes.extend_from_slice(received.bytes(buffer, offset, len)),
            }
        }
        (bytes, found)
    }

    /// The first `len` bytes, copied: to find frame boundaries in what the kernel took in part.
    pub fn front(&self, received: &Received, chunks: &Chunks, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len);
        for piece in self.pieces.range(self.given..) {
            let left = (len - bytes.len()) as u32;
            if left == 0 {
                break;
            }
            match *piece {
                Piece::Copied { chunk, start, end, .. } => {
                    bytes.extend_from_slice(chunks.bytes(chunk, start, left.min(end - start)));
                }
                Piece::Lent { buffer, offset, len } => {
                    bytes.extend_from_slice(received.bytes(buffer, offset, left.min(len)));
                }
            }
        }
        bytes
    }

    /// Empties the queue of what was not given.
    pub fn clear_unsent(&mut self, chunks: &mut Chunks, emptied: Emptied) {
        if emptied == Emptied::GivenBack {
            return self.clear(chunks);
        }
        if let Some(Piece::Copied { start, end, .. }) = self.pieces.get_mut(self.given)
            && *start > 0
        {
            *end = *start;
            self.given += 1;
        }
        for piece in self.pieces.drain(self.given..) {
            if let Piece::Copied { chunk, .. } = piece {
                chunks.give(chunk);
            }
        }
        (self.bytes, self.lent) = (0, 0);
    }

    /// Lets go of all that is kept.
    pub fn give_up(&mut self, chunks: &mut Chunks) {
        self.release(chunks, u64::MAX);
    }

    pub fn clear(&mut self, chunks: &mut Chunks) {
        for piece in self.pieces.drain(..) {
            if let Piece::Copied { chunk, .. } = piece {
                chunks.give(chunk);
            }
        }
        *self = Self::default();
    }
}

#[inline]
fn fill(into: &mut [u8], parts: &[&[u8]]) {
    let mut at = 0;
    for part in parts {
        into[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
