//! Answers: the key says who waits; consecutive answers for one line travel together.

use super::{Desk, tag};
use crate::message::iso8583::Kind;
use crate::reason::Drop;
use crate::shared::key_table::KeyTable;
use crate::shared::response_table::{Held, Nobody, ResponseTable, Seen, Waiting};
use crate::switch::Switch;
use crate::switch::line::outbox::share_a_run;
use crate::switch::route::Incoming;
use crate::switch::route::answers::{Run, Times, reason_of};
use crate::switch::route::frames::Frames;
use crate::switch::step::{Fate, Step};
use crate::time::Instant;

/// An answer that found its request.
#[derive(Clone, Copy, Debug)]
struct Found {
    slot: u16,
    waiting: Waiting,
    seen: Seen,
}

impl Switch {
    pub(super) fn keyed_answer_step(&mut self, incoming: Incoming, bytes: &[u8]) -> Step {
        loop {
            let first = match self.find_asked(incoming, &bytes[incoming.len - incoming.data..incoming.len]) {
                Ok(found) => found,
                Err(reason) => return Step::one(incoming.len, Fate::Drop(reason)),
            };
            let mut is_taken = false;
            let step = self.answer_with(incoming, &first.waiting, bytes, |switch, frames| {
                let run = switch.take_keyed_run(incoming, first, frames);
                is_taken = run.is_ok();
                run
            });
            if is_taken {
                return step;
            }
            // Another shard was faster. If it put a repeat in the place of the request, that waits.
        }
    }

    /// Only in the table of the group that the answer came in from.
    fn find_asked(&mut self, incoming: Incoming, data: &[u8]) -> Result<Found, Drop> {
        let now = self.now;
        let Some(desk) = Desk::of(self.group_mut(incoming.group)) else { return Err(Drop::Unmatched) };
        match desk.ways.dialect.read(data, desk.maker) {
            Ok(message) => find(desk.keys, desk.responses, tag(message.key), now).map_err(reason_of),
            Err(_) => Err(super::refusal(desk.ways, data)),
        }
    }

    /// Takes the first answer's request and those of the answers behind it that are for the same
    /// line. Only one shard takes a request: who comes second finds nobody.
    fn take_keyed_run(&mut self, incoming: Incoming, first: Found, frames: &mut Frames<'_>) -> Result<Run, Nobody> {
        let Self { groups, cuts, now, shard, .. } = self;
        let (now, shard) = (*now, shard.index());
        let group = groups[incoming.group.index()].as_mut().expect("a plan names only groups that it has");
        let Some(desk) = Desk::of(group) else { return Err(Nobody::Unmatched) };
        desk.responses.take_keyed(desk.hand, first.slot, &first.waiting, first.seen, now)?;
        let histogram = &desk.answer_seconds[shard];
        let mut times = Times::of(histogram, desk.answer_within, first.waiting.deadline, now);
        let mut run = Run { answers: 1, deadline: first.waiting.deadline };
        let mut goes_on = frames.take(cuts, incoming.len - incoming.data, incoming.data, None);
        while goes_on && let Some((at, data)) = frames.next() {
            let Ok(message) = desk.ways.dialect.read(data, desk.maker) else { break };
            if message.kind != Kind::Answer {
                break;
            }
            let Ok(found) = find(desk.keys, desk.responses, tag(message.key), now) else { break };
            let waiting = &found.waiting;
            let joins = waiting.line == first.waiting.line && share_a_run(waiting.deadline, first.waiting.deadline);
            if !joins || desk.responses.take_keyed(desk.hand, found.slot, waiting, found.seen, now).is_err() {
                break;
            }
            run.answers += 1;
            run.deadline = run.deadline.min(waiting.deadline);
            times.add(waiting.deadline);
            goes_on = frames.take(cuts, at, data.len(), None);
        }
        times.record();
        Ok(run)
    }
}

/// Who waits under the key. A request past its deadline waits no more, swept or not.
#[inline]
fn find(keys: &KeyTable, responses: &ResponseTable, key: u64, now: Instant) -> Result<Found, Nobody> {
    let mut nobody = Nobody::Unmatched;
    let found = keys.find(key, |slot| match responses.held(slot, key, now)? {
        Held::Waits(waiting, seen) if now < waiting.deadline => Some(Found { slot, waiting, seen }),
        Held::Rests { answered: true, .. } => None,
        Held::Waits(..) | Held::Rests { .. } => {
            nobody = Nobody::Late;
            None
        }
    });
    found.ok_or(nobody)
}
