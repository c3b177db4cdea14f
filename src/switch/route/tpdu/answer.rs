//! Answers: the number says who waits; consecutive answers for one line travel together.

use super::Incoming;
use crate::config::plan::{TpduAnswers, TpduWays, Ways};
use crate::ids::GroupId;
use crate::message::guard;
use crate::message::tpdu::{self, Tpdu};
use crate::reason::Drop;
use crate::shared::response_table::{Nobody, ResponseTable, Seen, Waiting};
use crate::switch::Switch;
use crate::switch::line::outbox::share_a_run;
use crate::switch::route::answers::{Run, Times, reason_of};
use crate::switch::route::frames::Frames;
use crate::switch::step::{Fate, Rewrite, Step};
use crate::time::Instant;

/// An answer that found its request: the number, where it stands, and who waits.
#[derive(Clone, Copy, Debug)]
struct Found {
    number: u16,
    offset: u16,
    waiting: Waiting,
    seen: Seen,
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
        self.answer_with(incoming, &first.waiting, bytes, |switch, frames| {
            if guarded {
                switch.take_run::<true>(incoming, head, first, frames)
            } else {
                switch.take_run::<false>(incoming, head, first, frames)
            }
        })
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
        let mut takes = table.takes(&mut group.hand, now);
        takes.take(first.number, first.seen)?;
        let mut last = first.seen;
        let (histogram, within) = (&group.shared.answer_seconds[shard], group.plan.timers.answer_within);
        let mut times = Times::of(histogram, within, first.waiting.deadline, now);
        let mut run = Run { answers: 1, deadline: first.waiting.deadline };
        let asks = !ways.routes.is_empty();
        // Whether an answer with the addresses where the first has them is as surely for one number only.
        let likely = !GUARDED && first.is_plain(ways, table, head);
        let mut goes_on = frames.take(cuts, incoming.len - incoming.data, incoming.data, Some(first.rewrite()));
        while goes_on
            && let Some((at, data)) = frames.next()
            && let Some(next) = Tpdu::read(data)
        {
            if next.id != head.id || asks && ways.route(next.destination).is_some() {
                break;
            }
            let (number, nii) = first.addresses(next);
            let likely = likely && nii == first.addresses(head).1;
            let alike = likely.then(|| takes.take_alike(number, nii, last)).flatten();
            let rewrite = match alike {
                Some(value) => {
                    times.again();
                    Rewrite { at: first.offset, value }
                }
                None => {
                    let Ok(found) = find(ways, table, next, now) else { break };
                    let joins = found.waiting.line == first.waiting.line
                        && share_a_run(found.waiting.deadline, first.waiting.deadline)
                        && (!GUARDED || fits_guard(table, &found, data));
                    if !joins || takes.take(found.number, found.seen).is_err() {
                        break;
                    }
                    last = found.seen;
                    run.deadline = run.deadline.min(found.waiting.deadline);
                    times.add(found.waiting.deadline);
                    found.rewrite()
                }
            };
            run.answers += 1;
            goes_on = frames.take(cuts, at, data.len(), Some(rewrite));
        }
        times.record();
        Ok(run)
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
}

impl Found {
    fn rewrite(&self) -> Rewrite {
        Rewrite { at: self.offset, value: self.waiting.address }
    }

    /// The number and the NII of an answer that has its addresses where this one has them.
    #[inline(always)]
    fn addresses(&self, head: Tpdu) -> (u16, u16) {
        if usize::from(self.offset) == tpdu::DESTINATION {
            (head.destination, head.source)
        } else {
            (head.source, head.destination)
        }
    }

    /// Nobody waits under this answer's NII: an answer with the same NII and the number in the same
    /// place is then for that number or for nobody, as `find` would say.
    fn is_plain(&self, ways: &TpduWays, table: &ResponseTable, head: Tpdu) -> bool {
        match ways.answers {
            TpduAnswers::Swapped | TpduAnswers::Copied => true,
            TpduAnswers::Auto => !table.waits(self.addresses(head).1),
        }
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
