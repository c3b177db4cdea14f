//! TPDU: requests find a host by its NII, answers find the terminal by the switch's own number.
//!
//! The switch stands where a NAC stands: it keeps the terminal's source address, puts a number of
//! its own there, and puts the address back where the number stands in the answer. Hosts answer
//! with the addresses exchanged or copied; the NII that the slot remembers tells which.

use super::Incoming;
use crate::config::plan::{TpduAnswers, TpduWays, Ways};
use crate::ids::GroupId;
use crate::message::tpdu::{self, Tpdu};
use crate::reason::Drop;
use crate::shared::response_table::{Nobody, ResponseTable, Seen, Waiting};
use crate::switch::Switch;
use crate::switch::group::pick::{Pick, Purpose};
use crate::switch::step::{Fate, Forward, Kind, Place, Target};

/// An answer that found its request: the number, where it stands, and who waits.
#[derive(Clone, Copy, Debug)]
struct Found {
    number: u16,
    offset: usize,
    waiting: Waiting,
    seen: Seen,
}

impl Switch {
    #[inline]
    pub(super) fn tpdu_fate(&mut self, incoming: Incoming, data: &[u8]) -> Fate {
        let group = self.group(incoming.group);
        let Ways::Tpdu(ways) = &group.plan.ways else {
            unreachable!("the caller matched the ways of this group");
        };
        let head = match Tpdu::read(data) {
            Some(head) if ways.ids.contains(&head.id) => head,
            _ => return Fate::Drop(Drop::BadHeader),
        };
        if let Some(to) = self.destination(ways, head.destination) {
            return match to {
                Ok(to) => self.request_fate(incoming, head, to),
                Err(reason) => Fate::Drop(reason),
            };
        }
        if !group.plan.answers {
            return Fate::Drop(Drop::NoRoute);
        }
        self.answer_fate(incoming, head)
    }

    /// The group that a request for `nii` goes to: the first of its route that is live. `None` if
    /// no route takes it: then the frame is no request.
    #[inline]
    fn destination(&self, ways: &TpduWays, nii: u16) -> Option<Result<GroupId, Drop>> {
        let route = ways.route(nii)?;
        let live = route.to.iter().copied().find(|to| self.group(*to).shared.table.is_live());
        Some(live.ok_or(Drop::NoLine))
    }

    fn request_fate(&mut self, incoming: Incoming, head: Tpdu, to: GroupId) -> Fate {
        if !self.may_ask(incoming.slot) {
            return Fate::Drop(Drop::Draining);
        }
        if incoming.data > usize::from(self.framing_of(to).max) {
            return Fate::Drop(Drop::TooLarge);
        }
        let deadline = incoming.arrived + self.group(to).plan.timers.answer_within;
        if deadline <= self.now {
            return Fate::Drop(Drop::Expired);
        }
        let target = match self.line_for(to, incoming) {
            Ok(target) => target,
            Err(fate) => return fate,
        };
        let line = self.lines[incoming.slot as usize].plan.id;
        let waiting = Waiting { line, address: head.source, nii: head.destination, deadline };
        match self.claim(to, waiting) {
            Ok(number) => {
                let forward = self.forward(target, to, Kind::Request, incoming, deadline);
                let rewrite = Some((tpdu::SOURCE as u16, number));
                Fate::Forward(Forward { rewrite, unchanged: false, ..forward })
            }
            Err(_) => Fate::Drop(Drop::PendingFull),
        }
    }

    fn answer_fate(&mut self, incoming: Incoming, head: Tpdu) -> Fate {
        let found = match self.find(incoming.group, head) {
            Ok(found) => found,
            Err(Nobody::Late) => return Fate::Drop(Drop::Late),
            Err(Nobody::Unmatched) => return Fate::Drop(Drop::Unmatched),
        };
        if let Err(nobody) = self.take(incoming.group, found.number, found.seen, &found.waiting) {
            return Fate::Drop(if nobody == Nobody::Late { Drop::Late } else { Drop::Unmatched });
        }
        let fate = self.fate_of_answer(incoming, &found);
        // On its way to another shard's line the answer is still due: that shard settles it.
        let settles_there = matches!(fate, Fate::Forward(forward) if forward.settles_there());
        if !settles_there {
            self.resolved(&found.waiting);
        }
        fate
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
        let rewrite = Some((found.offset as u16, found.waiting.address));
        let to = self.line_for_answer(requester, &found.waiting, incoming.len);
        let target = to.unwrap_or(Target { line: found.waiting.line, place: Place::Nowhere });
        let forward = self.forward(target, requester, Kind::Answer, incoming, found.waiting.deadline);
        let rerouted = target.line != found.waiting.line;
        let frame = Forward { rewrite, unchanged: false, rerouted, ..forward };
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

    fn find(&self, group: GroupId, head: Tpdu) -> Result<Found, Nobody> {
        let group = self.group(group);
        let Ways::Tpdu(ways) = &group.plan.ways else { return Err(Nobody::Unmatched) };
        let Some(table) = &group.shared.responses else { return Err(Nobody::Unmatched) };
        match ways.answers {
            TpduAnswers::Swapped => self.find_at(table, head.destination, tpdu::DESTINATION),
            TpduAnswers::Copied => self.find_at(table, head.source, tpdu::SOURCE),
            TpduAnswers::Auto => self.find_by_nii(table, head),
        }
    }

    #[inline(always)]
    fn find_at(&self, table: &ResponseTable, number: u16, offset: usize) -> Result<Found, Nobody> {
        let (waiting, seen) = table.look(number, self.now)?;
        Ok(Found { number, offset, waiting, seen })
    }

    /// Exchanged if the answer's source is the NII that the slot of its destination remembers,
    /// copied if its destination is the NII that the slot of its source remembers. Neither, or
    /// both with different slots: nobody's.
    fn find_by_nii(&self, table: &ResponseTable, head: Tpdu) -> Result<Found, Nobody> {
        let fits = |found: Result<Found, Nobody>, nii: u16| match found {
            Ok(found) if found.waiting.nii == nii => Ok(found),
            Ok(_) => Err(Nobody::Unmatched),
            Err(nobody) => Err(nobody),
        };
        let exchanged = fits(self.find_at(table, head.destination, tpdu::DESTINATION), head.source);
        let copied = fits(self.find_at(table, head.source, tpdu::SOURCE), head.destination);
        match (exchanged, copied) {
            (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
            (Ok(one), Ok(other)) if one.number == other.number => Ok(one),
            (Ok(_), Ok(_)) => Err(Nobody::Unmatched),
            (Err(Nobody::Late), _) | (_, Err(Nobody::Late)) => Err(Nobody::Late),
            (Err(_), Err(_)) => Err(Nobody::Unmatched),
        }
    }

    /// Releases the number of a request that was dropped before a byte of it was given to anybody,
    /// or rests it if it was `begun`. `data` is the frame behind its prefix.
    pub fn give_up_request(&mut self, group: GroupId, data: &[u8], begun: bool) {
        let Some(number) = Tpdu::read(data).map(|head| head.source) else { return };
        let now = self.now;
        let Some(group) = self.groups[group.index()].as_mut() else { return };
        let Some(table) = &group.shared.responses else { return };
        let waiting = if begun {
            table.abandon(&mut group.hand, number, now)
        } else {
            table.release(&mut group.hand, number, now)
        };
        if let Some(waiting) = waiting {
            self.resolved(&waiting);
        }
    }
}
