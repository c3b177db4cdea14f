//! Stations: a frame goes to the member that holds its destination station id, and nobody speaks
//! in another's name. What cannot be delivered goes back to its sender as a rejected message,
//! where the sender's member has a code for the reason.

use super::Incoming;
use crate::config::plan::{StationWays, Ways};
use crate::message::station::{self, Doubtful, StationHeader};
use crate::reason::{Drop, Rejected};
use crate::switch::Switch;
use crate::switch::group::pick::{Pick, Purpose};
use crate::switch::step::{Fate, Place, Reject};

impl Switch {
    pub(super) fn station_fate(&mut self, incoming: Incoming, data: &[u8]) -> Fate {
        if !self.may_ask(incoming.slot) {
            return Fate::Drop(Drop::Draining);
        }
        let ways = self.station_ways(incoming);
        let Some(header) = StationHeader::read(data) else {
            return self.undeliverable(incoming, data, Rejected::HeaderLength);
        };
        if !ways.own.contains(&header.source) {
            return Fate::Drop(Drop::ForeignSource);
        }
        if ways.strict
            && let Some(fault) = Doubtful::read(data).and_then(|doubtful| doubtful.fault())
        {
            return self.undeliverable(incoming, data, fault);
        }
        let Some(to) = self.plan.stations.get(&header.destination).copied() else {
            return self.undeliverable(incoming, data, Rejected::Unknown);
        };
        if incoming.data > usize::from(self.framing_of(to).max) {
            return Fate::Drop(Drop::TooLarge);
        }
        match self.line_for(to, incoming) {
            Ok(target) => self.forward_one(target, to, incoming),
            Err(Fate::Drop(Drop::NoLine)) => self.undeliverable(incoming, data, Rejected::Dead),
            Err(fate) => fate,
        }
    }

    fn station_ways(&self, incoming: Incoming) -> &StationWays {
        let Ways::Station(ways) = &self.group(incoming.group).plan.ways else {
            unreachable!("the caller matched the ways of this group");
        };
        ways
    }

    /// The frame is dropped; it goes back if that is configured, its sender is one of the member's
    /// own stations and has room for it. A rejected message pauses nobody and waits for nothing.
    #[cold]
    fn undeliverable(&mut self, incoming: Incoming, data: &[u8], reason: Rejected) -> Fate {
        let drop = dropped_as(reason);
        self.rejection(incoming, data, reason).map_or(Fate::Drop(drop), Fate::Reject)
    }

    fn rejection(&mut self, incoming: Incoming, data: &[u8], reason: Rejected) -> Option<Reject> {
        let ways = self.station_ways(incoming);
        let code = ways.rejects.of(reason)?;
        let doubtful = Doubtful::read(data)?;
        let source = doubtful.source();
        if doubtful.is_rejected() || !ways.own.contains(&source) {
            return None;
        }
        let group = self.plan.stations.get(&source).copied()?;
        let framing = self.framing_of(group);
        let len = station::BYTES + data.len();
        if len > usize::from(framing.max) || station::rejection(data, code).is_none() {
            return None;
        }
        match self.pick(group, Purpose::Request, framing.prefix.bytes() + len) {
            Pick::Line(to) if to.place != Place::Nowhere => {
                Some(Reject { drop: dropped_as(reason), reason, code, group, to })
            }
            _ => None,
        }
    }
}

const fn dropped_as(reason: Rejected) -> Drop {
    match reason {
        Rejected::Unknown => Drop::NoRoute,
        Rejected::Dead => Drop::NoLine,
        Rejected::HeaderLength | Rejected::Version | Rejected::TotalLength => Drop::BadHeader,
    }
}
