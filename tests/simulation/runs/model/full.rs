//! Members whose lines are full: what waits for them may be dropped after `pause_within`.

use super::health::SETTLED;
use super::wires::Wire;
use super::{Kind, MILLI, Model};
use crate::fake::Id as Socket;

/// Why a frame may be dropped whose sender has other destinations, too. Only so many of a line's frames may be lost for
/// it as the switch says that it dropped for it.
pub const FULL: &str = "its destination was full for as long as anybody waits";

/// Between two looks, and before the first one of an occupation.
const GRAIN: u64 = 40 * MILLI;

impl Model {
    /// A line that is full has something under way, or no room in its socket, at every look: `line_queue` is more than
    /// what one send leaves behind. While that is so of every line of the tier that carries, for `pause_within`, a feeder
    /// may have waited so long, and what does not fit is dropped: also if bytes do move, only too slowly.
    pub(super) fn note_occupation(&mut self, member: usize) {
        let now = self.now();
        let pause_within = self.cast().settings.pause_within * MILLI;
        let since = self.health.members[member].occupied_since;
        if since.is_some_and(|since| since + pause_within <= now + GRAIN) {
            self.excuse_what_does_not_fit(member);
        }
        let occupied = self.is_occupied(member);
        let of = &mut self.health.members[member].occupied_since;
        *of = if occupied { of.or(Some(now)) } else { None };
    }

    fn is_occupied(&self, member: usize) -> bool {
        let lines = &self.cast().members[member].lines;
        let carrying = |backup: bool| {
            let sends = move |wire: &Wire| lines[wire.key.1].flow.sends() && lines[wire.key.1].backup == backup;
            let of = self
                .wires
                .iter()
                .filter(move |(_, wire)| wire.key.0 == member && sends(wire) && self.is_solid_for_the_switch(wire));
            of.collect::<Vec<_>>()
        };
        let trunk = carrying(false);
        let tier = if trunk.is_empty() { carrying(true) } else { trunk };
        let under_way =
            |(socket, wire): &(&Socket, &Wire)| wire.current.is_some() || self.kernel.view(**socket).room == 0;
        !tier.is_empty() && tier.iter().all(under_way)
    }

    /// A peer that is half open carries for as long as the switch has not found out.
    fn is_solid_for_the_switch(&self, wire: &Wire) -> bool {
        let used_from = wire.up_at.map_or(u64::MAX, |up_at| up_at + SETTLED + self.steady());
        let leaving = wire.told.is_some() || wire.finished || self.health.disabled.contains(&wire.key);
        wire.is_open() && used_from <= self.now() && !leaving
    }

    fn excuse_what_does_not_fit(&mut self, member: usize) {
        let cast = self.cast();
        self.excuse(
            |message| {
                !matches!(message.kind, Kind::Answer { .. })
                    && message.to.contains(&member)
                    && cast.has_several_destinations(message.from.0)
            },
            FULL,
        );
    }
}
