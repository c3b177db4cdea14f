//! What is queued on a line, as runs of frames; the bytes themselves are the shard's.
//!
//! A frame is forwarded when its last byte was given to the kernel and held until then, so the
//! queue must know for every byte whose frame it belongs to. Frames that came together from one
//! line with one fate share a [`Run`].

use std::collections::VecDeque;

use crate::ids::LineId;
use crate::switch::step::Kind;
use crate::time::Instant;

/// Consecutive queued frames of one kind from one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// The line that the frames came in on.
    pub origin: LineId,
    pub kind: Kind,
    pub frames: u32,
    /// Bytes still to be given to the kernel.
    pub bytes: u32,
    /// When the switch had the frames.
    pub arrived: Instant,
    /// The earliest deadline among them.
    pub deadline: Instant,
}

impl Run {
    /// What of an answer still goes out where it was begun, though its deadline has passed, goes
    /// nowhere else: it has none then.
    pub fn is_too_late(&self, now: Instant) -> bool {
        now >= self.deadline || self.kind.is_answer() && self.deadline == Instant::NEVER
    }
}

/// Deadlines that differ by less than this (8 ms) may share a run; the earlier one counts.
const DEADLINE_GRAIN_NS: u64 = 1 << 23;

/// The latest deadline in a run whose earliest is this.
pub fn latest_of_a_run(earliest: Instant) -> Instant {
    Instant(earliest.0 | (DEADLINE_GRAIN_NS - 1))
}

/// Whether frames with these deadlines may share a run.
#[inline]
pub fn share_a_run(one: Instant, other: Instant) -> bool {
    one.0 / DEADLINE_GRAIN_NS == other.0 / DEADLINE_GRAIN_NS
}

#[derive(Default, Debug)]
pub struct Outbox {
    runs: VecDeque<Run>,
    /// Bytes of requests and of frames of pairs.
    request_bytes: u64,
    answer_bytes: u64,
    frames: u64,
    /// No run is due before this.
    earliest_deadline: Option<Instant>,
    /// Of the first frame: bytes already given to the kernel.
    begun_given: u32,
    /// Of the first frame, if it was begun: bytes still to be given.
    begun_left: u32,
}

impl Outbox {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub fn bytes(&self) -> u64 {
        self.request_bytes + self.answer_bytes
    }

    pub fn request_bytes(&self) -> u64 {
        self.request_bytes
    }

    pub fn answer_bytes(&self) -> u64 {
        self.answer_bytes
    }

    pub fn frames(&self) -> u64 {
        self.frames
    }

    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter()
    }

    /// A moment before which nothing in the queue is due.
    pub fn earliest_deadline(&self) -> Instant {
        self.earliest_deadline.unwrap_or(Instant::NEVER)
    }

    #[inline]
    pub fn push(&mut self, run: Run) {
        debug_assert!(run.bytes > 0);
        match run.kind {
            Kind::Answer | Kind::Resent => self.answer_bytes += u64::from(run.bytes),
            Kind::Pair | Kind::Request | Kind::Probe | Kind::Reject => self.request_bytes += u64::from(run.bytes),
        }
        self.frames += u64::from(run.frames);
        if run.deadline != Instant::NEVER && self.earliest_deadline.is_none_or(|earliest| run.deadline < earliest) {
            self.earliest_deadline = Some(run.deadline);
        }
        if let Some(last) = self.runs.back_mut()
            && last.joins(&run)
        {
            last.frames += run.frames;
            last.bytes += run.bytes;
            last.deadline = last.deadline.min(run.deadline);
            return;
        }
        self.runs.push_back(run);
    }

    /// The kernel took `bytes`. Calls `done` for every run of which the last byte was given, and
    /// returns how far it got into the first one left.
    #[inline]
    pub fn given(&mut self, bytes: u64, mut done: impl FnMut(&Run)) -> u32 {
        let mut left = bytes;
        while let Some(first) = self.runs.front_mut() {
            if left < u64::from(first.bytes) {
                break;
            }
            left -= u64::from(first.bytes);
            let run = *first;
            self.runs.pop_front();
            self.forget(&run);
            self.begun_given = 0;
            self.begun_left = 0;
            done(&run);
        }
        if self.runs.is_empty() {
            assert_eq!(left, 0, "the kernel was given only what was queued");
            self.earliest_deadline = None;
        }
        left as u32
    }

    /// `bytes` of the first run were given, and in them `frames` whole frames ended; `begun_given`
    /// and `begun_left` describe the frame in the middle of which the kernel stopped (0, 0: none).
    pub fn given_in_part(&mut self, bytes: u32, frames: u32, begun_given: u32, begun_left: u32) -> Run {
        let first = self.runs.front_mut().expect("a run was given in part");
        assert!(bytes < first.bytes && frames < first.frames, "a part is less than the whole");
        first.bytes -= bytes;
        first.frames -= frames;
        let part = Run { bytes, frames, ..*first };
        self.begun_given = begun_given;
        self.begun_left = begun_left;
        self.forget(&part);
        part
    }

    /// Of the first frame: bytes given and bytes left; (0, 0) at a frame boundary.
    pub fn begun(&self) -> (u32, u32) {
        (self.begun_given, self.begun_left)
    }

    fn forget(&mut self, run: &Run) {
        match run.kind {
            Kind::Answer | Kind::Resent => self.answer_bytes -= u64::from(run.bytes),
            Kind::Pair | Kind::Request | Kind::Probe | Kind::Reject => self.request_bytes -= u64::from(run.bytes),
        }
        self.frames -= u64::from(run.frames);
    }

    /// Empties the queue and gives back its runs, in order: the line broke, or deadlines passed.
    pub fn take_all(&mut self) -> VecDeque<Run> {
        let runs = std::mem::take(&mut self.runs);
        *self = Self::default();
        runs
    }

    /// Remembers that the first frame pushed next was begun already.
    pub fn resume_begun(&mut self, given: u32, left: u32) {
        debug_assert!(self.runs.is_empty());
        self.begun_given = given;
        self.begun_left = left;
    }
}

impl Run {
    fn joins(&self, next: &Self) -> bool {
        self.origin == next.origin
            && self.kind == next.kind
            && self.arrived == next.arrived
            && share_a_run(self.deadline, next.deadline)
            && self.bytes.checked_add(next.bytes).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(origin: u32, kind: Kind, frames: u32, bytes: u32) -> Run {
        Run { origin: LineId(origin), kind, frames, bytes, arrived: Instant(5), deadline: Instant(1000) }
    }

    #[test]
    fn runs_of_one_line_and_turn_are_one_run() {
        let mut outbox = Outbox::default();
        outbox.push(run(1, Kind::Request, 1, 100));
        outbox.push(run(1, Kind::Request, 2, 200));
        outbox.push(run(2, Kind::Request, 1, 50));
        outbox.push(run(2, Kind::Answer, 1, 70));
        assert_eq!(outbox.runs().count(), 3);
        assert_eq!((outbox.request_bytes(), outbox.answer_bytes(), outbox.frames()), (350, 70, 5));
    }

    #[test]
    fn a_run_is_done_with_its_last_byte() {
        let mut outbox = Outbox::default();
        outbox.push(run(1, Kind::Request, 2, 200));
        outbox.push(run(2, Kind::Request, 1, 50));
        let mut done = Vec::new();
        assert_eq!(outbox.given(230, |run| done.push(run.origin.0)), 30);
        assert_eq!(done, [1]);
        outbox.given_in_part(30, 0, 30, 20);
        assert_eq!(outbox.begun(), (30, 20));
        assert_eq!(outbox.given(20, |run| done.push(run.origin.0)), 0);
        assert_eq!(done, [1, 2]);
        assert!(outbox.is_empty() && outbox.begun() == (0, 0) && outbox.frames() == 0);
    }

    #[test]
    fn the_earliest_deadline_bounds_the_queue() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.earliest_deadline(), Instant::NEVER);
        outbox.push(Run { deadline: Instant(900), ..run(1, Kind::Request, 1, 10) });
        outbox.push(Run { deadline: Instant(800), ..run(2, Kind::Request, 1, 10) });
        assert_eq!(outbox.earliest_deadline(), Instant(800));
        outbox.given(20, |_| {});
        assert_eq!(outbox.earliest_deadline(), Instant::NEVER);
    }
}
