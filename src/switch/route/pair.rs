//! Pairs: one member's frames go to its one counterpart; content is never looked at (`MP1-4.4`).

use super::Incoming;
use crate::frame::{Scan, scan};
use crate::ids::GroupId;
use crate::reason::Drop;
use crate::switch::Switch;
use crate::switch::step::{Fate, Kind, Step};
use crate::time::Instant;

impl Switch {
    /// A run of frames for the counterpart, as long as one line takes it in this turn.
    pub(super) fn pair_step(&mut self, incoming: Incoming, to: GroupId, bytes: &[u8]) -> Step {
        if !self.may_ask(incoming.slot) {
            return Step::one(incoming.len, Fate::Drop(Drop::Draining));
        }
        let framing = self.framing_of(to);
        if incoming.data > usize::from(framing.max) {
            return Step::one(incoming.len, Fate::Drop(Drop::TooLarge));
        }
        let target = match self.line_for(to, incoming) {
            Ok(target) => target,
            Err(fate) => return Step::one(incoming.len, fate),
        };
        let forward = self.forward(target, to, Kind::Pair, incoming, Instant::NEVER);
        let (len, frames) = if forward.unchanged { self.run_behind(incoming, to, bytes) } else { (incoming.len, 1) };
        Step { len, frames, fate: Fate::Forward(forward) }
    }

    /// How far the run reaches that begins with this frame: whole frames that fit the counterpart
    /// and the quota of the line picked for it.
    fn run_behind(&mut self, incoming: Incoming, to: GroupId, bytes: &[u8]) -> (usize, u32) {
        let framing = self.lines[incoming.slot as usize].plan.framing;
        let max = usize::from(self.framing_of(to).max);
        let quota = incoming.len + self.group(to).quota_left();
        let (mut len, mut frames) = (incoming.len, 1);
        while let Scan::Frame { data } = scan(framing, &bytes[len..]) {
            let next = len + framing.prefix.bytes() + data;
            if data > max || next > quota {
                break;
            }
            len = next;
            frames += 1;
        }
        self.group_mut(to).extend(len - incoming.len);
        (len, frames)
    }
}
