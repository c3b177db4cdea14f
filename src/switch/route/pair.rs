//! Pairs: one member's frames go to its one counterpart; content is never looked at (`MP1-4.4`).

use super::Incoming;
use crate::frame::{Scan, scan};
use crate::ids::GroupId;
use crate::limits::{FRAMES_AHEAD, RUN_FRAMES_MAX};
use crate::prefetch::prefetch;
use crate::reason::Drop;
use crate::switch::Switch;
use crate::switch::step::{Cut, Fate, Kind, Step};
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
        let (len, frames) = self.run_behind(incoming, to, bytes, !forward.unchanged);
        Step { len, frames, fate: Fate::Forward(forward) }
    }

    /// How far the run reaches that begins with this frame: whole frames that fit the counterpart
    /// and the quota of the line picked for it. Cuts them out if their prefix changes.
    fn run_behind(&mut self, incoming: Incoming, to: GroupId, bytes: &[u8], cut: bool) -> (usize, u32) {
        let framing = self.lines[incoming.slot as usize].plan.framing;
        let max = usize::from(self.framing_of(to).max);
        let quota = incoming.len + self.group(to).quota_left();
        let frames_max = if cut { RUN_FRAMES_MAX as u32 } else { u32::MAX };
        let (mut len, mut frames, mut data) = (0, 0, incoming.data);
        loop {
            let at = len + framing.prefix.bytes();
            if cut {
                self.cuts.push(Cut { at: at as u32, len: data as u16, rewrite: None });
            }
            (len, frames) = (at + data, frames + 1);
            prefetch(bytes, len + FRAMES_AHEAD * (framing.prefix.bytes() + data));
            let Scan::Frame { data: next } = scan(framing, &bytes[len..]) else { break };
            if next > max || len + framing.prefix.bytes() + next > quota || frames == frames_max {
                break;
            }
            data = next;
        }
        self.group_mut(to).extend(len - incoming.len);
        (len, frames)
    }
}
