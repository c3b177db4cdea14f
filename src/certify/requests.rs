//! The requests that certify can make over a line, and what must become of them.

use std::sync::Arc;

use super::Part;
use crate::config::plan::{Group, Line, Member, Plan, Ways};
use crate::ids::GroupId;
use crate::message::station::StationId;
use crate::message::tpdu::Tpdu;
use crate::simulate::message::iso8583::Form;
use crate::simulate::message::{Header, Request, Way};
use crate::simulate::role;
use crate::time::Span;

/// What can be said over the lines of one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Talk {
    pub header: Header,
    /// Where our requests go; `None`: the peer answers none on these lines.
    pub way: Option<Way>,
    /// How long an answer may take.
    pub patience: Span,
    /// The largest data that reaches who answers.
    pub largest: usize,
}

/// A request that was sent.
#[derive(Debug)]
pub struct Asked {
    pub request: Request,
    pub size: usize,
    /// The checksum that its answer carries.
    pub sum: u64,
    pub answer: Option<Answer>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The wire over which it came.
    pub over: usize,
    /// It is the answer, as far as that can be seen: byte for byte for a host that answers as
    /// `ringswitch simulate` does, by the number in the TPDU for any other.
    pub right: bool,
}

/// The switch gives up first: its answer may then still be on its way.
const BEYOND: Span = Span::from_secs(1);

pub fn talk(plan: &Plan, member: &Member, line: &Line, part: Part) -> Option<Talk> {
    let group = plan.group(line.group)?;
    let own = usize::from(line.framing.max);
    let roles = role::roles(plan, member, role::Part::ByPlan);
    let role = roles.into_iter().find(|role| role.group == line.group)?;
    let (way, largest) = match part {
        Part::Switch => (if role.answers { way_to(plan, group) } else { None }, own),
        Part::Member => {
            let way = role.ways.first().copied();
            let largest = way.map_or(own, |way| own.min(largest_beyond(plan, group, way)));
            (way, largest)
        }
    };
    Some(Talk { header: role.header, way, patience: Span(role.answer_within.0 + BEYOND.0), largest })
}

/// The way of a request that the switch would hand to this group.
fn way_to(plan: &Plan, group: &Group) -> Option<Way> {
    match &group.ways {
        Ways::Nowhere => None,
        Ways::Pair { .. } => Some(Way::Raw),
        Ways::Tpdu(_) => Some(Way::Tpdu { nii: nii_to(plan, group.id) }),
        Ways::Iso8583(ways) => Some(Way::Iso8583(Form { base: ways.dialect.base(), skip: ways.dialect.skip() })),
        Ways::Station(ways) => {
            let own = &ways.own;
            let other = |id: &&StationId| !own.contains(id);
            let source = *plan.stations.keys().find(other)?;
            Some(Way::Station { destination: *own.first()?, source })
        }
    }
}

fn nii_to(plan: &Plan, group: GroupId) -> u16 {
    let ways = plan.groups.iter().flatten().map(|group| &group.ways);
    let routes = ways.flat_map(|ways| if let Ways::Tpdu(tpdu) = ways { tpdu.routes.as_slice() } else { &[] });
    let leading = routes.filter(|route| route.to.contains(&group));
    // A route that takes the rest names none, and any will do.
    leading.flat_map(|route| route.nii.iter().copied()).next().unwrap_or(1)
}

/// What the lines of those that a request may go to carry.
fn largest_beyond(plan: &Plan, group: &Group, way: Way) -> usize {
    let targets: Vec<GroupId> = match (&group.ways, way) {
        (Ways::Pair { to }, _) => vec![*to],
        (Ways::Tpdu(tpdu), Way::Tpdu { nii }) => tpdu.route(nii).map_or_else(Vec::new, |route| route.to.clone()),
        (Ways::Iso8583(ways), _) => ways.to.clone(),
        (_, Way::Station { destination, .. }) => plan.stations.get(&destination).copied().into_iter().collect(),
        _ => Vec::new(),
    };
    let lines = plan.lines.iter().flatten().filter(|line: &&Arc<Line>| targets.contains(&line.group));
    lines.map(|line| usize::from(line.framing.max)).min().unwrap_or(usize::MAX)
}

/// The terminal's address of a request: four decimal digits, which every host takes.
pub fn terminal(serial: u64) -> u16 {
    let number = 4000 + serial % 5000;
    let digit = |place: u64| (number / place % 10) as u16;
    digit(1000) << 12 | digit(100) << 8 | digit(10) << 4 | digit(1)
}

/// Whether a message that is none of the simulator's answers this request: it goes to its terminal's
/// address, or is of the answer's type and has the trace number somewhere.
pub fn is_answer_to(request: &Request, data: &[u8]) -> bool {
    match request.way {
        Way::Iso8583(form) => form.is_answer_to(request.serial, data),
        _ => {
            Tpdu::read(data).is_some_and(|tpdu| tpdu.destination == request.terminal || tpdu.source == request.terminal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::test_plan::{self, TestPlan};

    fn talk_of(plan: &Plan, name: &str, part: Part) -> Talk {
        let member = plan.members.iter().find(|member| &*member.name == name).unwrap();
        let line = plan.lines.iter().flatten().find(|line| line.member == member.id).unwrap();
        talk(plan, member, line, part).unwrap()
    }

    #[test]
    fn requests_go_to_who_answers() {
        let plan = test_plan::terminal_and_host();
        assert_eq!(talk_of(&plan, "issuer", Part::Switch).way, Some(Way::Tpdu { nii: 3 }));
        assert_eq!(talk_of(&plan, "nac", Part::Switch).way, None);
        assert_eq!(talk_of(&plan, "nac", Part::Member).way, Some(Way::Tpdu { nii: 3 }));
        assert_eq!(talk_of(&plan, "issuer", Part::Member).way, None);
    }

    #[test]
    fn through_a_switch_the_smaller_of_two_limits_counts() {
        let plan = test_plan::terminal_and_host();
        assert_eq!(talk_of(&plan, "nac", Part::Member).largest, 2044);
        assert_eq!(talk_of(&plan, "nac", Part::Switch).largest, 2048);
    }

    #[test]
    fn a_station_is_asked_by_another() {
        let plan = TestPlan::stations();
        let Some(Way::Station { destination, source }) = talk_of(&plan, "east", Part::Switch).way else {
            panic!("a station way")
        };
        assert_ne!(destination, source);
        assert_eq!(plan.stations[&destination], GroupId(0));
    }

    #[test]
    fn terminals_are_digits() {
        assert_eq!((terminal(0), terminal(1), terminal(4999), terminal(5000)), (0x4000, 0x4001, 0x8999, 0x4000));
    }
}
