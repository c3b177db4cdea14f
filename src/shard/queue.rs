//! The bytes that wait on one connection: copied into chunks, or still where they were received.

use std::collections::VecDeque;

use crate::frame::Prefix;
use crate::limits::{CHUNK_BYTES, SEGMENTS_MAX, SEND_BYTES_MAX, SMALL_CHUNK_BYTES};
use crate::plant::{Plant, planted};
use crate::ring::buffers::Size;
use crate::ring::{BufferId, Chunk, Chunks, Received, Segment};
use crate::switch::step::Cut;

#[derive(Clone, Copy, Debug)]
enum Piece {
    Copied {
        chunk: Chunk,
        start: u32,
        end: u32,
    },
    /// Lent from a receive buffer; within one turn only, until the send of that turn is back.
    Lent {
        buffer: BufferId,
        offset: u32,
        len: u32,
    },
}

/// The memory bound is reached: nothing was queued.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

#[derive(Default, Debug)]
pub struct Queue {
    pieces: VecDeque<Piece>,
    bytes: usize,
    lent: usize,
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
        self.lent == self.pieces.len() && self.pieces.len() < SEGMENTS_MAX
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
            }
            let Some(cut) = cuts.get(taken) else { return taken };
            // The first frame of the rest makes room for the others.
            if self.append_first(chunks, cut, prefix, bytes, cuts.len() - taken).is_err() {
                return taken;
            }
            taken += 1;
        }
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
        let small = self.pieces.is_empty() && len * frames <= SMALL_CHUNK_BYTES / 2;
        let chunk = chunks.take(if small { Size::Small } else { Size::Large }).ok_or(NoMemory)?;
        if let Some(written) = cut.write(prefix, bytes, chunks.tail(chunk, 0)) {
            self.pieces.push_back(Piece::Copied { chunk, start: 0, end: written as u32 });
            self.bytes += written;
            return Ok(());
        }
        chunks.give(chunk);
        let mut whole = Vec::with_capacity(len);
        cut.write_to(prefix, bytes, &mut whole);
        self.append_split(chunks, &whole)
    }

    fn append_anew(&mut self, chunks: &mut Chunks, parts: &[&[u8]], total: usize) -> Result<(), NoMemory> {
        let small = self.pieces.is_empty() && total <= SMALL_CHUNK_BYTES / 2;
        let chunk = chunks.take(if small { Size::Small } else { Size::Large }).ok_or(NoMemory)?;
        if total <= chunks.capacity(chunk) {
            fill(chunks.tail(chunk, 0), parts);
            self.pieces.push_back(Piece::Copied { chunk, start: 0, end: total as u32 });
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
            self.pieces.push_back(Piece::Copied { chunk, start: 0, end: len as u32 });
            rest = &rest[len..];
        }
        self.bytes += bytes.len();
        Ok(())
    }

    /// What to send next, in order. All lent runs go at once; copied bytes up to a bound.
    pub fn segments(&self, into: &mut Vec<Segment>) -> usize {
        into.clear();
        let mut total = 0;
        for piece in self.pieces.iter().take(SEGMENTS_MAX) {
            let segment = match *piece {
                Piece::Copied { chunk, start, end } => Segment::Chunk { chunk, offset: start, len: end - start },
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

    /// The first `bytes` are done with.
    #[inline]
    pub fn consume(&mut self, chunks: &mut Chunks, bytes: usize) {
        assert!(bytes <= self.bytes, "only what is queued can be consumed");
        self.bytes -= bytes;
        let mut left = bytes;
        while let Some(first) = self.pieces.front_mut() {
            match first {
                Piece::Copied { chunk, start, end } => {
                    let step = left.min((*end - *start) as usize);
                    *start += step as u32;
                    left -= step;
                    if start < end {
                        if planted(Plant::WrongByte) && *start > 0 {
                            (*start, *end) = (*start - 1, *end - 1);
                        }
                        break;
                    }
                    chunks.give(*chunk);
                }
                Piece::Lent { offset, len, .. } => {
                    let step = left.min(*len as usize);
                    *offset += step as u32;
                    *len -= step as u32;
                    left -= step;
                    if *len > 0 {
                        break;
                    }
                    self.lent -= 1;
                }
            }
            self.pieces.pop_front();
            if left == 0 && self.bytes > 0 {
                break;
            }
        }
        debug_assert_eq!(left, 0);
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
        let lent = std::mem::take(&mut self.lent);
        for _ in 0..lent {
            self.pieces.pop_front();
        }
        for piece in copy.pieces.into_iter().rev() {
            self.pieces.push_front(piece);
        }
        Ok(())
    }

    /// All queued bytes in order, with `behind` bytes in front of them that were given already, as
    /// far as they still lie in the first chunk.
    pub fn gather(&self, received: &Received, chunks: &Chunks, behind: usize) -> (Vec<u8>, usize) {
        let mut bytes = Vec::with_capacity(self.bytes + behind);
        let mut found = 0;
        for (at, piece) in self.pieces.iter().enumerate() {
            match *piece {
                Piece::Copied { chunk, start, end } => {
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
        for piece in &self.pieces {
            let left = (len - bytes.len()) as u32;
            if left == 0 {
                break;
            }
            match *piece {
                Piece::Copied { chunk, start, end } => {
                    bytes.extend_from_slice(chunks.bytes(chunk, start, left.min(end - start)));
                }
                Piece::Lent { buffer, offset, len } => {
                    bytes.extend_from_slice(received.bytes(buffer, offset, left.min(len)));
                }
            }
        }
        bytes
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
