//! What sends in flight were lent, for AddressSanitizer (`scripts/sanitize.sh`): until its last completion the kernel
//! reads it, and a touch of ours ends the process. Other builds keep no books here.

use crate::ring::{BufferId, Chunks, Received, Segment, Token};

#[cfg(not(ringswitch_asan))]
#[derive(Debug)]
pub struct InFlight;

#[cfg(not(ringswitch_asan))]
impl InFlight {
    pub const fn new() -> Self {
        Self
    }

    #[inline]
    pub const fn lend(&mut self, _token: Token, _segments: &[Segment], _received: &Received, _chunks: &Chunks) {}

    #[inline]
    pub const fn over(&mut self, _token: Token, _received: &Received, _chunks: &Chunks) {}

    #[inline]
    pub const fn given_back(&self, _buffer: BufferId) {}
}

#[cfg(ringswitch_asan)]
#[derive(Debug)]
pub struct InFlight(Vec<(Token, Vec<Segment>)>);

#[cfg(ringswitch_asan)]
impl InFlight {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn lend(&mut self, token: Token, segments: &[Segment], received: &Received, chunks: &Chunks) {
        assert!(self.0.iter().all(|(other, _)| *other != token), "two sends in flight on one socket: {token:?}");
        for segment in segments {
            match *segment {
                Segment::Received { buffer, offset, len } => received.forbid(buffer, offset, len),
                Segment::Chunk { chunk, offset, len } => chunks.forbid(chunk, offset, len),
            }
        }
        self.0.push((token, segments.to_vec()));
    }

    /// A completion: if it was a send's, its memory is ours again.
    pub fn over(&mut self, token: Token, received: &Received, chunks: &Chunks) {
        let Some(place) = self.0.iter().position(|(other, _)| *other == token) else { return };
        for segment in self.0.swap_remove(place).1 {
            match segment {
                Segment::Received { buffer, offset, len } => received.permit(buffer, offset, len),
                Segment::Chunk { chunk, offset, len } => chunks.permit(chunk, offset, len),
            }
        }
    }

    /// The kernel is about to write into a buffer.
    pub fn given_back(&self, buffer: BufferId) {
        let reads = |segment: &Segment| matches!(segment, Segment::Received { buffer: of, .. } if *of == buffer);
        let read = self.0.iter().any(|(_, segments)| segments.iter().any(reads));
        assert!(!read, "{buffer:?} was given back while a send reads it");
    }
}
