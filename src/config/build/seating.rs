//! Every line's number, position and shard.

use std::collections::BTreeMap;

use super::numbers::{self, Allocation, LineIdentity, NoNumbers, Numbers, Seat};
use super::shards::{GroupShards, Shards};
use super::ways::RouteMap;
use super::{line_identity, member_groups};
use crate::config::effective::{Configuration, LineConfiguration, MemberConfiguration};
use crate::config::endpoint::GroupName;
use crate::config::plan::Plan;
use crate::ids::{GroupId, LineId, ShardId};

/// Gives every line its number, its position and its shard.
pub(super) struct Seating<'c> {
    configuration: &'c Configuration,
    groups: &'c BTreeMap<GroupName, GroupId>,
    known: BTreeMap<LineIdentity, Seat>,
    /// Positions that are not free: those of lines that this very reload removes are among them.
    positions: BTreeMap<GroupName, Vec<u16>>,
    seats: BTreeMap<LineIdentity, Seat>,
    shards: Shards,
    starts: BTreeMap<GroupId, ShardId>,
}

impl<'c> Seating<'c> {
    pub fn new(
        configuration: &'c Configuration,
        running: Option<&Plan>,
        resting: &Allocation,
        groups: &'c BTreeMap<GroupName, GroupId>,
    ) -> Self {
        let known = numbers::known_seats(running, resting);
        let mut positions: BTreeMap<GroupName, Vec<u16>> = BTreeMap::new();
        for (identity, seat) in &known {
            positions.entry(identity.group.clone()).or_default().push(seat.position);
        }
        Self {
            configuration,
            groups,
            known,
            positions,
            seats: BTreeMap::new(),
            shards: Shards::new(configuration.settings.shards),
            starts: BTreeMap::new(),
        }
    }

    pub fn seat_all(mut self, routes: &RouteMap) -> Result<BTreeMap<LineIdentity, Seat>, NoNumbers> {
        let configuration = self.configuration;
        let mut free = Numbers::new(self.known.values().map(|seat| seat.id.0), LineId::LIMIT);
        for member in &configuration.members {
            self.keep_seats(member);
        }
        for member in &configuration.members {
            for group in member_groups(member) {
                self.seat_new(member, &group, routes, &mut free)?;
            }
        }
        Ok(self.seats)
    }

    /// Before any new line is placed: the new ones must see where all the others are.
    fn keep_seats(&mut self, member: &MemberConfiguration) {
        for line in &member.lines {
            let identity = line_identity(member, line);
            if let Some(known) = self.known.get(&identity) {
                // Another number of shards needs a restart; the plan that says so is built all the same.
                let shard = ShardId(known.shard.0 % self.configuration.settings.shards);
                self.shards.occupy(shard);
                self.starts.entry(self.groups[&identity.group]).or_insert(shard);
                self.seats.insert(identity, Seat { shard, ..*known });
            }
        }
    }

    fn seat_new(
        &mut self,
        member: &MemberConfiguration,
        name: &GroupName,
        routes: &RouteMap,
        free: &mut Numbers,
    ) -> Result<(), NoNumbers> {
        let mut layout = self.layout(member, name, routes);
        let positions = self.positions.get(name).into_iter().flatten().copied();
        let mut positions = Numbers::new(positions.map(u32::from), 1 << 16);
        for line in lines_of(member, name) {
            let identity = line_identity(member, line);
            if self.seats.contains_key(&identity) {
                continue;
            }
            let seat = Seat {
                id: LineId(free.take()?),
                position: positions.take()? as u16,
                shard: self.shards.place(&mut layout, line.tier, line.flow),
            };
            self.seats.insert(identity, seat);
        }
        Ok(())
    }

    /// Where the group's lines are that stay, and where it begins: where its counterpart does.
    fn layout(&mut self, member: &MemberConfiguration, name: &GroupName, routes: &RouteMap) -> GroupShards {
        let id = self.groups[name];
        let partner = routes.counterpart(id).and_then(|partner| self.starts.get(&partner)).copied();
        let start = *self.starts.entry(id).or_insert_with(|| partner.unwrap_or_else(|| self.shards.least_loaded()));
        let mut layout = GroupShards::new(start);
        for line in lines_of(member, name) {
            if let Some(seat) = self.seats.get(&line_identity(member, line)) {
                layout.has(seat.shard, line.tier, line.flow, self.configuration.settings.shards);
            }
        }
        layout
    }
}

fn lines_of<'m>(member: &'m MemberConfiguration, name: &GroupName) -> impl Iterator<Item = &'m LineConfiguration> {
    member.lines.iter().filter(move |line| *line.group == *name.group)
}
