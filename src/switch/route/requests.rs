//! What all requests have in common whose answers are waited for: whether they may enter, the line
//! that carries them, their deadline, and how they are given up.

use super::Incoming;
use super::frames::Frames;
use crate::config::plan::Ways;
use crate::frame::Framing;
use crate::ids::{GroupId, LineId};
use crate::message::tpdu::Tpdu;
use crate::reason::Drop;
use crate::shared::counters::Hot;
use crate::switch::Switch;
use crate::switch::step::{Cut, Fate, Kind, Step, Target};
use crate::time::Instant;

/// A run of requests that may be put to a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    pub to: GroupId,
    /// The line of it that carries them.
    pub target: Target,
    /// The line that they came in on, and how it frames them.
    pub line: LineId,
    pub framing: Framing,
    pub deadline: Instant,
    /// The most data of a frame and the most bytes that the run may have.
    max: usize,
    quota: usize,
}

impl Asking {
    pub fn frames<'a>(&self, bytes: &'a [u8]) -> Frames<'a> {
        Frames { bytes, framing: self.framing, max: self.max, quota: self.quota, len: 0 }
    }
}

impl Switch {
    /// Whether the request at the front, and what comes behind it, may be put to the group `to`.
    #[inline]
    pub(super) fn ask(&mut self, incoming: Incoming, to: GroupId) -> Result<Asking, Fate> {
        if !self.may_ask(incoming.slot) {
            return Err(Fate::Drop(Drop::Draining));
        }
        let (max, answer_within) = {
            let group = self.group(to);
            (usize::from(group.framing.max), group.plan.timers.answer_within)
        };
        if incoming.data > max {
            return Err(Fate::Drop(Drop::TooLarge));
        }
        let deadline = incoming.arrived + answer_within;
        if deadline <= self.now {
            return Err(Fate::Drop(Drop::Expired));
        }
        let target = self.line_for(to, incoming)?;
        let line = &self.lines[incoming.slot as usize];
        let (framing, line) = (line.plan.framing, line.plan.id);
        let quota = incoming.len + self.group(to).quota_left();
        Ok(Asking { to, target, line, framing, deadline, max, quota })
    }

    /// The run of requests that wait from now on: their books, and the step over them.
    #[inline]
    pub(super) fn asked(&mut self, incoming: Incoming, asking: &Asking, len: usize, requests: u32) -> Step {
        let Asking { to, target, deadline, .. } = *asking;
        self.group_mut(to).extend(len - incoming.len);
        self.sweep_at = self.sweep_at.min(deadline);
        let line = &mut self.lines[incoming.slot as usize];
        line.shared.counters.add_here(Hot::Claimed, u64::from(requests));
        line.answers_due_until = line.answers_due_until.max(deadline);
        let forward = self.forward(target, to, Kind::Request, incoming, deadline);
        Step { len, frames: requests, fate: Fate::Forward(forward.changed()) }
    }

    /// Ends the waiting for a request that was dropped before a byte of it was given to anybody; of
    /// one that was `begun` the number rests. `data` is the frame behind its prefix, `deadline` its
    /// own or nearly so.
    pub fn give_up_request(&mut self, group: GroupId, data: &[u8], deadline: Instant, begun: bool) {
        match self.groups[group.index()].as_ref().map(|group| &group.plan.ways) {
            Some(Ways::Iso8583(_)) => self.give_up_key(group, data, deadline, begun),
            Some(_) => {
                if let Some(head) = Tpdu::read(data) {
                    self.give_up_number(group, head.source, begun);
                }
            }
            None => {}
        }
    }

    /// The same for a request of a run that is still as it came, by what would have been written.
    pub fn give_up_cut(&mut self, group: GroupId, cut: &Cut, bytes: &[u8], deadline: Instant) {
        let data = &bytes[cut.at as usize..][..usize::from(cut.len)];
        match cut.rewrite {
            Some(rewrite) => self.give_up_number(group, rewrite.value, false),
            None => self.give_up_request(group, data, deadline, false),
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
