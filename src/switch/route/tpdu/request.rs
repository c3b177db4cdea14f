//! Requests: each is given a number of the answering group's, and the line of that group that is
//! picked carries the run.

use super::{Frames, Incoming};
use crate::ids::{GroupId, LineId};
use crate::message::guard;
use crate::message::tpdu::{self, Tpdu};
use crate::reason::Drop;
use crate::shared::counters::Hot;
use crate::switch::Switch;
use crate::switch::step::{Cut, Fate, Kind, Rewrite, Step};
use crate::time::Instant;

impl Switch {
    pub(super) fn request_step(&mut self, incoming: Incoming, head: Tpdu, to: GroupId, bytes: &[u8]) -> Step {
        let drop = |reason| Step::one(incoming.len, Fate::Drop(reason));
        if !self.may_ask(incoming.slot) {
            return drop(Drop::Draining);
        }
        let (max, answer_within) = {
            let group = self.group(to);
            (usize::from(group.framing.max), group.plan.timers.answer_within)
        };
        if incoming.data > max {
            return drop(Drop::TooLarge);
        }
        let deadline = incoming.arrived + answer_within;
        if deadline <= self.now {
            return drop(Drop::Expired);
        }
        let target = match self.line_for(to, incoming) {
            Ok(target) => target,
            Err(fate) => return Step::one(incoming.len, fate),
        };
        let line = &self.lines[incoming.slot as usize];
        let (framing, line) = (line.plan.framing, line.plan.id);
        let quota = incoming.len + self.group(to).quota_left();
        let mut frames = Frames { bytes, framing, max, quota, len: 0 };
        let keeps_tags = self.group(to).shared.responses.as_ref().is_some_and(|table| table.keeps_tags());
        let claimed = if keeps_tags {
            self.claim::<true>(to, line, deadline, head, &mut frames)
        } else {
            self.claim::<false>(to, line, deadline, head, &mut frames)
        };
        if claimed == 0 {
            return drop(Drop::PendingFull);
        }
        self.group_mut(to).extend(frames.len - incoming.len);
        self.asked(incoming.slot, claimed, deadline);
        let forward = self.forward(target, to, Kind::Request, incoming, deadline);
        Step { len: frames.len, frames: claimed, fate: Fate::Forward(forward.changed()) }
    }

    /// Gives numbers to the run of requests for the NII of its first; says to how many. A frame
    /// for which there is none ends the run: the next step says what becomes of it.
    /// `GUARDED`: each remembers what its answer must fit.
    fn claim<const GUARDED: bool>(
        &mut self,
        to: GroupId,
        line: LineId,
        deadline: Instant,
        first: Tpdu,
        frames: &mut Frames<'_>,
    ) -> u32 {
        let Self { groups, cuts, now, .. } = self;
        let group = groups[to.index()].as_mut().expect("a plan names only groups that it has");
        let table = group.shared.responses.as_ref().expect("a group that a TPDU route leads to has a table");
        let mut claims = table.claims(&mut group.hand, line, deadline, *now);
        while let Some((at, data, head)) = frames.next() {
            if head.destination != first.destination || head.id != first.id {
                break;
            }
            let number = if GUARDED {
                let hash = guard::hash(&frames.bytes[at..at + data]);
                claims.next_guarded(head.source, head.destination, hash)
            } else {
                claims.next(head.source, head.destination)
            };
            let Ok(number) = number else { break };
            if !frames.take(cuts, at, data, Rewrite { at: tpdu::SOURCE as u16, value: number }) {
                break;
            }
        }
        cuts.len() as u32
    }

    /// The books of requests that wait from now on.
    fn asked(&mut self, slot: u32, requests: u32, deadline: Instant) {
        self.sweep_at = self.sweep_at.min(deadline);
        let line = &mut self.lines[slot as usize];
        line.shared.counters.add_here(Hot::Claimed, u64::from(requests));
        line.answers_due_until = line.answers_due_until.max(deadline);
    }

    /// Releases the number of a request that was dropped before a byte of it was given to anybody,
    /// or rests it if it was `begun`. `data` is the frame behind its prefix.
    pub fn give_up_request(&mut self, group: GroupId, data: &[u8], begun: bool) {
        if let Some(head) = Tpdu::read(data) {
            self.give_up_number(group, head.source, begun);
        }
    }

    /// The same for requests that are still as they came, by what would have been written.
    pub fn give_up_cut(&mut self, group: GroupId, cut: &Cut) {
        if let Some(rewrite) = cut.rewrite {
            self.give_up_number(group, rewrite.value, false);
        }
    }

    fn give_up_number(&mut self, group: GroupId, number: u16, begun: bool) {
        let now = self.now;
        let Some(group) = self.groups[group.index()].as_mut() else { return };
        let Some(table) = &group.shared.responses else { return };
        let waiting = if begun {
            table.abandon(&mut group.hand, number, now)
        } else {
            table.release(&mut group.hand, number, now)
        };
        if let Some(waiting) = waiting {
            self.resolved(waiting.line, 1);
        }
    }
}
