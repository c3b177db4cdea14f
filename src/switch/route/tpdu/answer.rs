//! Answers: the number says who waits; consecutive answers for one line travel together.

use super::{Frames, Incoming};
use crate::config::plan::{TpduAnswers, TpduWays, Ways};
use crate::ids::{GroupId, LineId};
use crate::limits::PICK_QUOTA_BYTES;
use crate::message::guard;
use crate::message::tpdu::{self, Tpdu};
use crate::reason::Drop;
use crate::shared::counters::Hot;
use crate::shared::histogram::Histogram;
use crate::shared::response_table::{Nobody, ResponseTable, Seen, Waiting};
use crate::switch::Switch;
use crate::switch::group::pick::{Pick, Purpose};
use crate::switch::line::outbox::share_a_run;
use crate::switch::step::{Fate, Forward, Kind, Place, Rewrite, Step, Target};
use crate::time::{Instant, Span};

/// An answer that found its request: the number, where it stands, and who waits.
#[derive(Clone, Copy, Debug)]
struct Found {
    number: u16,
    offset: u16,
    waiting: Waiting,
    seen: Seen,
}

/// What a run of answers came to.
struct Run {
    answers: u32,
    /// The earliest of their deadlines.
    deadline: Instant,
}

/// Times from requests to answers, recorded once for all that are alike.
struct Times<'a> {
    histogram: &'a Histogram,
    answer_within: Span,
    now: Instant,
    deadline: Instant,
    answers: u64,
}

impl Switch {
    pub(super) fn answer_step(&mut self, incoming: Incoming, head: Tpdu, bytes: &[u8]) -> Step {
        let drop = |reason| Step::one(incoming.len, Fate::Drop(reason));
        let first = match self.find_answered(incoming.group, head) {
            Ok(found) => found,
            Err(nobody) => return drop(reason_of(nobody)),
        };
        let guarded = self.is_guarded(incoming.group);
        if guarded && !self.is_fit(incoming, &first, bytes) {
            return drop(Drop::Guard);
        }
        let fate = self.fate_of_answer(incoming, &first);
        let framing = self.lines[incoming.slot as usize].plan.framing;
        let (max, quota) = self.bounds(&fate, incoming);
        let mut frames = Frames { bytes, framing, max, quota, len: 0 };
        let run = if guarded {
            self.take_run::<true>(incoming, head, first, &mut frames)
        } else {
            self.take_run::<false>(incoming, head, first, &mut frames)
        };
        let run = match run {
            Ok(run) => run,
            Err(nobody) => return drop(reason_of(nobody)),
        };
        // On its way to another shard's line the answer is still due: that shard settles it.
        if !matches!(fate, Fate::Forward(forward) if forward.settles_there()) {
            self.resolved(first.waiting.line, run.answers);
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

    /// Takes the first answer's number and those of the answers behind it that are for the same
    /// line. Only one shard takes a number: who comes second finds nobody.
    /// `GUARDED`: one that does not fit its request ends the run.
    fn take_run<const GUARDED: bool>(
        &mut self,
        incoming: Incoming,
        head: Tpdu,
        first: Found,
        frames: &mut Frames<'_>,
    ) -> Result<Run, Nobody> {
        let Self { groups, cuts, now, shard, .. } = self;
        let (now, shard) = (*now, shard.index());
        let group = groups[incoming.group.index()].as_mut().expect("a plan names only groups that it has");
        let Ways::Tpdu(ways) = &group.plan.ways else { return Err(Nobody::Unmatched) };
        let Some(table) = &group.shared.responses else { return Err(Nobody::Unmatched) };
        table.take(&mut group.hand, first.number, first.seen, now)?;
        let mut times = Times {
            histogram: &group.shared.answer_seconds[shard],
            answer_within: group.plan.timers.answer_within,
            now,
            deadline: first.waiting.deadline,
            answers: 1,
        };
        let mut run = Run { answers: 1, deadline: first.waiting.deadline };
        let mut goes_on = frames.take(cuts, incoming.len - incoming.data, incoming.data, first.rewrite());
        while goes_on && let Some((at, data, next)) = frames.next() {
            if next.id != head.id || ways.route(next.destination).is_some() {
                break;
            }
            let Ok(found) = find(ways, table, next, now) else { break };
            let joins =
                found.waiting.line == first.waiting.line && share_a_run(found.waiting.deadline, first.waiting.deadline);
            let joins = joins && (!GUARDED || fits_guard(table, &found, &frames.bytes[at..at + data]));
            if !joins || table.take(&mut group.hand, found.number, found.seen, now).is_err() {
                break;
            }
            run.answers += 1;
            run.deadline = run.deadline.min(found.waiting.deadline);
            times.add(found.waiting.deadline);
            goes_on = frames.take(cuts, at, data, found.rewrite());
        }
        times.record();
        Ok(run)
    }

    fn fate_of_answer(&mut self, incoming: Incoming, found: &Found) -> Fate {
        let Some(requester) = self.group_of(found.waiting.line) else {
            return Fate::Drop(Drop::RequesterGone);
        };
        if incoming.data > usize::from(self.framing_of(requester).max) {
            return Fate::Drop(Drop::TooLarge);
        }
        let group = self.group(requester);
        if group.shared.table.answer_bytes() >= group.plan.limits.answer_queue {
            return Fate::Drop(Drop::RequesterStalled);
        }
        let to = self.line_for_answer(requester, &found.waiting, incoming.len);
        let target = to.unwrap_or(Target { line: found.waiting.line, place: Place::Nowhere });
        let forward = self.forward(target, requester, Kind::Answer, incoming, found.waiting.deadline).changed();
        let frame = Forward { rerouted: target.line != found.waiting.line, ..forward };
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

    fn find_answered(&self, group: GroupId, head: Tpdu) -> Result<Found, Nobody> {
        let group = self.group(group);
        let Ways::Tpdu(ways) = &group.plan.ways else { return Err(Nobody::Unmatched) };
        let Some(table) = &group.shared.responses else { return Err(Nobody::Unmatched) };
        find(ways, table, head, self.now)
    }

    fn is_guarded(&self, group: GroupId) -> bool {
        matches!(&self.group(group).plan.ways, Ways::Tpdu(ways) if ways.guard)
    }

    /// Whether the first answer of `bytes` fits its request.
    fn is_fit(&self, incoming: Incoming, found: &Found, bytes: &[u8]) -> bool {
        let Some(table) = &self.group(incoming.group).shared.responses else { return true };
        fits_guard(table, found, &bytes[incoming.len - incoming.data..incoming.len])
    }

    /// Requests of `line` wait no longer: answered, timed out or dropped.
    pub fn resolved(&self, line: LineId, requests: u32) {
        let here = matches!(self.place(line), Place::Here(_));
        if let Some(line) = self.published.line(line) {
            line.counters.add(Hot::Resolved, u64::from(requests), here);
        }
    }
}

impl Found {
    fn rewrite(&self) -> Rewrite {
        Rewrite { at: self.offset, value: self.waiting.address }
    }
}

impl Times<'_> {
    #[inline(always)]
    fn add(&mut self, deadline: Instant) {
        if deadline != self.deadline {
            self.record();
            (self.deadline, self.answers) = (deadline, 0);
        }
        self.answers += 1;
    }

    fn record(&self) {
        // The slot keeps the deadline, not the start: exact unless a reload changed it in between.
        let asked = self.deadline - self.answer_within;
        self.histogram.record(self.now.since(asked), self.answers);
    }
}

const fn reason_of(nobody: Nobody) -> Drop {
    match nobody {
        Nobody::Late => Drop::Late,
        Nobody::Unmatched => Drop::Unmatched,
    }
}

/// Two messages of one transaction have one trace number and one terminal. The number alone may
/// stand for another request by now.
fn fits_guard(table: &ResponseTable, found: &Found, data: &[u8]) -> bool {
    table.fits(found.number, guard::hash(data))
}

#[inline(always)]
fn find(ways: &TpduWays, table: &ResponseTable, head: Tpdu, now: Instant) -> Result<Found, Nobody> {
    match ways.answers {
        TpduAnswers::Swapped => find_at(table, head.destination, tpdu::DESTINATION, now),
        TpduAnswers::Copied => find_at(table, head.source, tpdu::SOURCE, now),
        TpduAnswers::Auto => find_by_nii(table, head, now),
    }
}

#[inline(always)]
fn find_at(table: &ResponseTable, number: u16, offset: usize, now: Instant) -> Result<Found, Nobody> {
    let (waiting, seen) = table.look(number, now)?;
    Ok(Found { number, offset: offset as u16, waiting, seen })
}

/// Exchanged if the answer's source is the NII that the slot of its destination remembers, copied
/// if its destination is the NII that the slot of its source remembers. Neither, or both with
/// different slots: nobody's.
#[inline(always)]
fn find_by_nii(table: &ResponseTable, head: Tpdu, now: Instant) -> Result<Found, Nobody> {
    let exchanged = fits(find_at(table, head.destination, tpdu::DESTINATION, now), head.source);
    // Nearly always: an NII is no number of the table's, so nobody can wait under it.
    if exchanged.is_ok() && !table.waits(head.source) {
        return exchanged;
    }
    find_either(table, head, now, exchanged)
}

/// The rarer half of [`find_by_nii`]: copied, both, or neither.
#[inline(never)]
fn find_either(
    table: &ResponseTable,
    head: Tpdu,
    now: Instant,
    exchanged: Result<Found, Nobody>,
) -> Result<Found, Nobody> {
    let copied = fits(find_at(table, head.source, tpdu::SOURCE, now), head.destination);
    match (exchanged, copied) {
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Ok(one), Ok(other)) if one.number == other.number => Ok(one),
        (Ok(_), Ok(_)) => Err(Nobody::Unmatched),
        (Err(Nobody::Late), _) | (_, Err(Nobody::Late)) => Err(Nobody::Late),
        (Err(_), Err(_)) => Err(Nobody::Unmatched),
    }
}

/// Only if the slot remembers this NII.
#[inline(always)]
fn fits(found: Result<Found, Nobody>, nii: u16) -> Result<Found, Nobody> {
    match found {
        Ok(found) if found.waiting.nii == nii => Ok(found),
        Ok(_) => Err(Nobody::Unmatched),
        Err(nobody) => Err(nobody),
    }
}
