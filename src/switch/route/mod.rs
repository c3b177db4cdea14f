//! The ways of the header kinds: which group a frame is for, and what is changed in it.

mod answers;
mod frames;
mod iso8583;
pub mod pair;
mod requests;
pub mod station;
pub mod tpdu;

use crate::config::plan::Ways;
use crate::frame::{Scan, scan};
use crate::ids::GroupId;
use crate::reason::{Drop, Malformed};
use crate::switch::Switch;
use crate::switch::group::pick::{Pick, Purpose};
use crate::switch::line::phase::Phase;
use crate::switch::step::{Cut, Fate, Forward, Kind, Step, Target};
use crate::time::Instant;

/// A frame being decided: where it came in and when.
#[derive(Clone, Copy, Debug)]
pub struct Incoming {
    pub slot: u32,
    pub group: GroupId,
    /// Data bytes, without the prefix.
    pub data: usize,
    /// Prefix and data.
    pub len: usize,
    pub arrived: Instant,
}

impl Switch {
    /// Decides the front of `bytes`, received on the line in `slot`.
    ///
    /// Covers one frame, or a run of them that go the same way; [`Switch::cuts`] has the frames of
    /// one that does not leave as it came. Counts nothing: the shard counts what it did.
    #[inline]
    pub fn step(&mut self, slot: u32, bytes: &[u8], arrived: Instant) -> Step {
        self.cuts.clear();
        let line = &self.lines[slot as usize];
        if !line.plan.flow.receives() {
            // Not even a probe is due here: a member that has its lines the wrong way round shows by it.
            return Step { len: 0, frames: 0, fate: Fate::Malformed(Malformed::WrongDirection) };
        }
        let framing = line.plan.framing;
        let data = match scan(framing, bytes) {
            Scan::Frame { data } => data,
            Scan::Probe => return Step::one(framing.prefix.bytes(), Fate::Probe),
            Scan::Part { needed } => return Step::part(needed),
            Scan::Malformed(reason) => return Step { len: 0, frames: 0, fate: Fate::Malformed(reason) },
        };
        let len = framing.prefix.bytes() + data;
        let incoming = Incoming { slot, group: line.plan.group, data, len, arrived };
        let group = self.group(incoming.group);
        match &group.plan.ways {
            Ways::Pair { to } => {
                let to = *to;
                self.pair_step(incoming, to, bytes)
            }
            Ways::Tpdu(_) => self.tpdu_step(incoming, bytes),
            Ways::Iso8583(_) => self.iso8583_step(incoming, bytes),
            Ways::Station(_) => Step::one(len, self.station_fate(incoming, &bytes[framing.prefix.bytes()..len])),
            Ways::Nowhere => Step::one(len, Fate::Drop(Drop::NoRoute)),
        }
    }

    /// Whether requests of the line still enter the switch.
    fn may_ask(&self, slot: u32) -> bool {
        let line = &self.lines[slot as usize];
        line.phase == Phase::Up && !line.outlawed && !self.stopping
    }

    /// A line of `group` for a request or a frame of a pair, with the fate if there is none.
    fn line_for(&mut self, group: GroupId, incoming: Incoming) -> Result<Target, Fate> {
        match self.pick(group, Purpose::Request, incoming.len) {
            Pick::Line(target) => Ok(target),
            Pick::Nobody => Err(Fate::Drop(Drop::NoLine)),
            Pick::Full if self.drops_for(group, incoming.slot) => Err(Fate::Drop(Drop::LineFull)),
            Pick::Full => Err(Fate::Blocked(group)),
        }
    }

    fn drops_for(&self, group: GroupId, slot: u32) -> bool {
        self.group(group).drops() && self.has_several_destinations(slot)
    }

    /// Whether the requests of the line in `slot` may go to more than one group: then one full
    /// destination must not stop the others for longer than `pause_within`.
    pub fn has_several_destinations(&self, slot: u32) -> bool {
        match &self.group(self.lines[slot as usize].plan.group).plan.ways {
            Ways::Nowhere | Ways::Pair { .. } => false,
            Ways::Station(_) => true,
            Ways::Tpdu(ways) => ways.routes.iter().map(|route| route.to.len()).sum::<usize>() > 1,
            Ways::Iso8583(ways) => ways.to.len() > 1,
        }
    }

    /// The forwarding of a frame unchanged but for the prefix.
    fn forward(&self, to: Target, group: GroupId, kind: Kind, incoming: Incoming, deadline: Instant) -> Forward {
        let prefix = self.framing_of(group).prefix;
        let unchanged = prefix == self.lines[incoming.slot as usize].plan.framing.prefix;
        Forward { to, kind, group, prefix, unchanged, deadline, rerouted: false }
    }

    /// The same, as a step over this one frame.
    fn forward_one(&mut self, to: Target, group: GroupId, incoming: Incoming) -> Fate {
        let forward = self.forward(to, group, Kind::Pair, incoming, Instant::NEVER);
        if !forward.unchanged {
            let at = (incoming.len - incoming.data) as u32;
            self.cuts.push(Cut { at, len: incoming.data as u16, rewrite: None });
        }
        Fate::Forward(forward)
    }
}
