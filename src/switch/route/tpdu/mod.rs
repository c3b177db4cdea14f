//! TPDU: requests find a host by its NII, answers find the terminal by the switch's own number.
//!
//! The switch stands where a NAC stands: it keeps the terminal's source address, puts a number of
//! its own there, and puts the address back where the number stands in the answer. Hosts answer
//! with the addresses exchanged or copied; the NII that the slot remembers tells which.
//!
//! Frames that came behind each other and go the same way are decided together: what is the same
//! for all of them (route, line, deadline, books) is looked at once, and a frame costs its prefix,
//! its TPDU and its slot in the table.

mod answer;
mod request;

use super::Incoming;
use crate::config::plan::{TpduWays, Ways};
use crate::ids::GroupId;
use crate::message::tpdu::Tpdu;
use crate::reason::Drop;
use crate::switch::Switch;
use crate::switch::step::{Fate, Step};

impl Switch {
    /// The frame at the front of `bytes`, and those behind it that go the same way.
    #[inline]
    pub(super) fn tpdu_step(&mut self, incoming: Incoming, bytes: &[u8]) -> Step {
        let group = self.group(incoming.group);
        let Ways::Tpdu(ways) = &group.plan.ways else {
            unreachable!("the caller matched the ways of this group");
        };
        let head = match Tpdu::read(&bytes[incoming.len - incoming.data..incoming.len]) {
            Some(head) if ways.ids.contains(&head.id) => head,
            _ => return Step::one(incoming.len, Fate::Drop(Drop::BadHeader)),
        };
        if let Some(to) = self.destination(ways, head.destination) {
            return match to {
                Ok(to) => self.request_step(incoming, head, to, bytes),
                Err(reason) => Step::one(incoming.len, Fate::Drop(reason)),
            };
        }
        if !group.plan.answers {
            return Step::one(incoming.len, Fate::Drop(Drop::NoRoute));
        }
        self.answer_step(incoming, head, bytes)
    }

    /// The group that a request for `nii` goes to: the first of its route that is live. `None` if
    /// no route takes it: then the frame is no request.
    #[inline]
    fn destination(&self, ways: &TpduWays, nii: u16) -> Option<Result<GroupId, Drop>> {
        let route = ways.route(nii)?;
        let live = route.to.iter().copied().find(|to| self.is_live(*to));
        Some(live.ok_or(Drop::NoLine))
    }
}
