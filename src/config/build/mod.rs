//! From the effective configuration to the plan: names become dense numbers that stay the same as
//! long as what they name is configured.

mod numbers;
mod seating;
mod shards;
#[cfg(test)]
mod tests;
mod ways;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use numbers::{Allocation, NoNumbers};

use super::effective::{Configuration, HeaderConfiguration, LineConfiguration, MemberConfiguration};
use super::endpoint::GroupName;
use super::model::MAIN_GROUP;
use super::plan::{Group, Line, Member, Plan};
use crate::ids::{GroupId, MemberId};
use crate::message::station::StationId;
use crate::time::Instant;
use numbers::{LineIdentity, Numbers, Seat};
use seating::Seating;
use ways::RouteMap;

/// A plan and what must be handed in again to build the next one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Built {
    pub plan: Arc<Plan>,
    pub allocation: Allocation,
}

/// Builds the plan of `configuration`. `previous` is the plan that runs, with its allocation;
/// `now` is when the new plan takes over: numbers of what it removes rest from then on.
///
/// # Errors
/// [`NoNumbers`] if more lines exist or rest than the shared tables can name.
pub fn build(configuration: &Configuration, previous: Option<&Built>, now: Instant) -> Result<Built, NoNumbers> {
    let running = previous.map(|built| &*built.plan);
    let resting = previous.map_or_else(Allocation::default, |built| built.allocation.at(now));
    let groups = group_numbers(configuration, running, &resting)?;
    let routes = RouteMap::new(configuration, &groups);
    let seats = Seating::new(configuration, running, &resting, &groups).seat_all(&routes)?;
    let plan = Plan {
        settings: configuration.settings.clone(),
        members: members(configuration, &groups),
        lines: lines(configuration, &groups, &seats, running),
        groups: plan_groups(configuration, &groups, &seats, &routes, running),
        stations: stations(configuration, &groups),
    };
    let until = now + numbers::resting_span(running.into_iter().chain([&plan]));
    let allocation = resting.replaced(running, &plan, until);
    Ok(Built { plan: Arc::new(plan), allocation })
}

/// The groups in the order in which the configuration first names them.
fn group_names(configuration: &Configuration) -> Vec<GroupName> {
    let mut names = Vec::new();
    for member in &configuration.members {
        names.extend(member_groups(member));
    }
    names
}

fn member_groups(member: &MemberConfiguration) -> Vec<GroupName> {
    let mut groups: Vec<GroupName> = Vec::new();
    for line in &member.lines {
        if !groups.iter().any(|known| *known.group == *line.group) {
            groups.push(group_name(member, line));
        }
    }
    groups
}

fn group_name(member: &MemberConfiguration, line: &LineConfiguration) -> GroupName {
    GroupName { member: member.id.to_string(), group: line.group.to_string() }
}

fn line_identity(member: &MemberConfiguration, line: &LineConfiguration) -> LineIdentity {
    LineIdentity { name: line.name.clone(), group: group_name(member, line) }
}

fn group_numbers(
    configuration: &Configuration,
    running: Option<&Plan>,
    resting: &Allocation,
) -> Result<BTreeMap<GroupName, GroupId>, NoNumbers> {
    let known = numbers::known_groups(running, resting);
    let mut free = Numbers::new(known.values().map(|id| id.0), u32::MAX);
    let mut groups = BTreeMap::new();
    for name in group_names(configuration) {
        let id = match known.get(&name) {
            Some(id) => *id,
            None => GroupId(free.take()?),
        };
        groups.insert(name, id);
    }
    Ok(groups)
}

fn members(configuration: &Configuration, groups: &BTreeMap<GroupName, GroupId>) -> Vec<Arc<Member>> {
    let numbered = configuration.members.iter().enumerate();
    let member = |(number, member): (usize, &MemberConfiguration)| {
        Arc::new(Member {
            id: MemberId(number as u32),
            name: member.id.clone(),
            profile: member.profile,
            groups: member_groups(member).iter().map(|name| groups[name]).collect(),
        })
    };
    numbered.map(member).collect()
}

/// Puts `items` at their indices; never shorter than what runs, so that no index gets lost.
fn by_number<T>(items: impl Iterator<Item = (usize, T)>, least: usize) -> Vec<Option<T>> {
    let mut places: Vec<Option<T>> = Vec::new();
    places.resize_with(least, || None);
    for (number, item) in items {
        if number >= places.len() {
            places.resize_with(number + 1, || None);
        }
        assert!(places[number].is_none(), "number {number} was given twice");
        places[number] = Some(item);
    }
    places
}

fn lines(
    configuration: &Configuration,
    groups: &BTreeMap<GroupName, GroupId>,
    seats: &BTreeMap<LineIdentity, Seat>,
    running: Option<&Plan>,
) -> Vec<Option<Arc<Line>>> {
    let members = configuration.members.iter().enumerate();
    let lines = members.flat_map(|(number, member)| {
        member.lines.iter().map(move |line| {
            let identity = line_identity(member, line);
            let seat = seats[&identity];
            let line = plan_line(MemberId(number as u32), member, line, groups[&identity.group], seat);
            (seat.id.index(), Arc::new(line))
        })
    });
    by_number(lines, running.map_or(0, |plan| plan.lines.len()))
}

fn plan_line(id: MemberId, member: &MemberConfiguration, line: &LineConfiguration, group: GroupId, seat: Seat) -> Line {
    let (profile, flow) = (member.profile, line.flow);
    Line {
        id: seat.id,
        name: line.name.clone(),
        member: id,
        member_name: member.id.clone(),
        group,
        group_name: line.group.clone(),
        position: seat.position,
        shard: seat.shard,
        tier: line.tier,
        flow,
        side: line.side,
        profile,
        framing: member.framing,
        probe: member.probe.map_or(profile.probes(flow), |probe| probe && flow.sends()),
        expect: member.expect.map_or(profile.expects(flow), |expect| expect && flow.receives()),
        timers: line.timers,
        limits: line.limits,
        allow: member.allow.clone(),
        second: line.second,
        resend: member.resend,
    }
}

fn plan_groups(
    configuration: &Configuration,
    groups: &BTreeMap<GroupName, GroupId>,
    seats: &BTreeMap<LineIdentity, Seat>,
    routes: &RouteMap,
    running: Option<&Plan>,
) -> Vec<Option<Arc<Group>>> {
    let mut built = Vec::new();
    for (number, member) in configuration.members.iter().enumerate() {
        for name in member_groups(member) {
            let id = groups[&name];
            let least = running.and_then(|plan| plan.group(id)).map_or(0, |group| group.lines.len());
            let lines = member.lines.iter().filter(|line| *line.group == *name.group);
            let lines = lines.map(|line| seats[&line_identity(member, line)]);
            let group = Group {
                id,
                member: MemberId(number as u32),
                member_name: member.id.clone(),
                name: name.group.as_str().into(),
                lines: by_number(lines.map(|seat| (usize::from(seat.position), seat.id)), least),
                header: member.header.kind(),
                ways: routes.ways(member, id),
                answers: routes.answers(id),
                on_line_loss: member.on_line_loss,
                timers: member.timers,
                limits: member.limits,
            };
            built.push((id.index(), Arc::new(group)));
        }
    }
    by_number(built.into_iter(), running.map_or(0, |plan| plan.groups.len()))
}

/// Who holds a station id: its member's `main` group, or its only one.
fn stations(configuration: &Configuration, groups: &BTreeMap<GroupName, GroupId>) -> BTreeMap<StationId, GroupId> {
    let mut stations = BTreeMap::new();
    for member in &configuration.members {
        let HeaderConfiguration::Station(ways) = &member.header else { continue };
        let names = member_groups(member);
        let main = names.iter().find(|name| name.group == MAIN_GROUP).unwrap_or(&names[0]);
        stations.extend(ways.own.iter().map(|station| (*station, groups[main])));
    }
    stations
}
