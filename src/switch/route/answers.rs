//! What all answers have in common that find who waits for them: over which line of the requester's
//! group they go, and the books.

use super::Incoming;
use super::frames::Frames;
use crate::ids::{GroupId, LineId};
use crate::limits::PICK_QUOTA_BYTES;
use crate::reason::Drop;
use crate::shared::counters::Hot;
use crate::shared::histogram::Histogram;
use crate::shared::response_table::{Nobody, Waiting};
use crate::switch::Switch;
use crate::switch::group::pick::{Pick, Purpose};
use crate::switch::step::{Fate, Forward, Kind, Place, Step, Target};
use crate::time::{Instant, Span};

/// What a run of answers came to.
pub(super) struct Run {
    pub answers: u32,
    /// The earliest of their deadlines.
    pub deadline: Instant,
}

/// Times from requests to answers, recorded once for all that are alike.
pub(super) struct Times<'a> {
    histogram: &'a Histogram,
    answer_within: Span,
    now: Instant,
    deadline: Instant,
    answers: u64,
}

impl Switch {
    /// The answer at the front, for who is `waiting`, and those behind it that go the same way:
    /// `take_run` takes them out of the table.
    #[inline(always)]
    pub(super) fn answer_with(
        &mut self,
        incoming: Incoming,
        waiting: &Waiting,
        bytes: &[u8],
        take_run: impl FnOnce(&mut Self, &mut Frames<'_>) -> Result<Run, Nobody>,
    ) -> Step {
        let fate = self.fate_of_answer(incoming, waiting);
        let framing = self.lines[incoming.slot as usize].plan.framing;
        let (max, quota) = self.bounds(&fate, incoming);
        let mut frames = Frames { bytes, framing, max, quota, len: 0 };
        let run = match take_run(self, &mut frames) {
            Ok(run) => run,
            Err(nobody) => return Step::one(incoming.len, Fate::Drop(reason_of(nobody))),
        };
        // On its way to another shard's line the answer is still due: that shard settles it.
        if !matches!(fate, Fate::Forward(forward) if forward.settles_there()) {
            self.resolved(waiting.line, run.answers);
        }
        let Fate::Forward(forward) = fate else { return Step::one(incoming.len, fate) };
        if forward.rerouted {
            self.group_mut(forward.group).extend(frames.len - incoming.len);
        }
        let fate = Fate::Forward(Forward { deadline: run.deadline, ..forward });
        Step { len: frames.len, frames: run.answers, fate }
    }

    /// The most data of a frame and the most bytes that a run with this fate may have: one frame,
    /// unless it is forwarded.
    fn bounds(&self, fate: &Fate, incoming: Incoming) -> (usize, usize) {
        let Fate::Forward(forward) = fate else { return (incoming.data, incoming.len) };
        let group = self.group(forward.group);
        let quota = if forward.rerouted { group.quota_left() } else { PICK_QUOTA_BYTES };
        (usize::from(group.framing.max), incoming.len + quota)
    }

    fn fate_of_answer(&mut self, incoming: Incoming, waiting: &Waiting) -> Fate {
        let Some(requester) = self.group_of(waiting.line) else {
            return Fate::Drop(Drop::RequesterGone);
        };
        if incoming.data > usize::from(self.framing_of(requester).max) {
            return Fate::Drop(Drop::TooLarge);
        }
        let group = self.group(requester);
        if group.shared.table.answer_bytes() >= group.plan.limits.answer_queue {
            return Fate::Drop(Drop::RequesterStalled);
        }
        let to = self.line_for_answer(requester, waiting, incoming.len);
        let target = to.unwrap_or(Target { line: waiting.line, place: Place::Nowhere });
        let forward = self.forward(target, requester, Kind::Answer, incoming, waiting.deadline).changed();
        let frame = Forward { rerouted: target.line != waiting.line, ..forward };
        if to.is_some() { Fate::Forward(frame) } else { Fate::Hold { group: requester, frame } }
    }

    /// Over the line that the request came in on while it lives, else over any other line of its
    /// group (`MC6-4.1.4`), else over that line while it can still be written to.
    fn line_for_answer(&mut self, requester: GroupId, waiting: &Waiting, bytes: usize) -> Option<Target> {
        let own = self.target(waiting.line);
        if self.lives(requester, own) {
            return Some(own);
        }
        match self.pick(requester, Purpose::Answer, bytes) {
            Pick::Line(target) => Some(target),
            Pick::Full | Pick::Nobody => self.last_resort(own),
        }
    }

    /// Requests of `line` wait no longer: answered, timed out or dropped.
    pub fn resolved(&self, line: LineId, requests: u32) {
        let here = matches!(self.place(line), Place::Here(_));
        if let Some(line) = self.published.line(line) {
            line.counters.add(Hot::Resolved, u64::from(requests), here);
        }
    }
}

impl<'a> Times<'a> {
    /// Begins with one answer of `group` to a request with this deadline.
    #[inline(always)]
    pub fn of(histogram: &'a Histogram, answer_within: Span, deadline: Instant, now: Instant) -> Self {
        Self { histogram, answer_within, now, deadline, answers: 1 }
    }

    /// One more with the deadline of the last.
    #[inline(always)]
    pub fn again(&mut self) {
        self.answers += 1;
    }

    #[inline(always)]
    pub fn add(&mut self, deadline: Instant) {
        if deadline != self.deadline {
            self.record();
            (self.deadline, self.answers) = (deadline, 0);
        }
        self.answers += 1;
    }

    pub fn record(&self) {
        // The slot keeps the deadline, not the start: exact unless a reload changed it in between.
        let asked = self.deadline - self.answer_within;
        self.histogram.record(self.now.since(asked), self.answers);
    }
}

pub(super) const fn reason_of(nobody: Nobody) -> Drop {
    match nobody {
        Nobody::Late => Drop::Late,
        Nobody::Unmatched => Drop::Unmatched,
    }
}
