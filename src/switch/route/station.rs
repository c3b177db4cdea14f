//! Stations: a frame goes to the member that holds its destination station id, and nobody speaks
//! in another's name.

use super::Incoming;
use crate::config::plan::Ways;
use crate::message::station::StationHeader;
use crate::reason::Drop;
use crate::switch::Switch;
use crate::switch::step::Fate;

impl Switch {
    pub(super) fn station_fate(&mut self, incoming: Incoming, data: &[u8]) -> Fate {
        if !self.may_ask(incoming.slot) {
            return Fate::Drop(Drop::Draining);
        }
        let Some(header) = StationHeader::read(data) else {
            return Fate::Drop(Drop::BadHeader);
        };
        let Ways::Station { own } = &self.group(incoming.group).plan.ways else {
            unreachable!("the caller matched the ways of this group");
        };
        if !own.contains(&header.source) {
            return Fate::Drop(Drop::ForeignSource);
        }
        let Some(to) = self.plan.stations.get(&header.destination).copied() else {
            return Fate::Drop(Drop::NoRoute);
        };
        if incoming.data > usize::from(self.framing_of(to).max) {
            return Fate::Drop(Drop::TooLarge);
        }
        match self.line_for(to, incoming) {
            Ok(target) => self.forward_one(target, to, incoming),
            Err(fate) => fate,
        }
    }
}
