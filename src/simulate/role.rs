//! What a member does by the plan: which ways its requests go, and whether it answers.

use crate::config::plan::{Group, Member, Plan, Ways};
use crate::ids::GroupId;
use crate::message::station::StationId;
use crate::time::Span;

use super::message::iso8583::Form;
use super::message::{Header, Way};

/// The part of a member that a simulation plays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Part {
    /// What the plan says: requests where a route leads from the member, answers where one leads to it.
    #[default]
    ByPlan,
    RequestsOnly,
    AnswersOnly,
}

/// What the member does over the lines of one group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Role {
    pub group: GroupId,
    pub header: Header,
    /// Ways that its requests take in turn; none: it sends no requests.
    pub ways: Vec<Way>,
    /// It answers requests.
    pub answers: bool,
    /// The longest that the switch waits for an answer to one of its requests.
    pub answer_within: Span,
}

impl Role {
    pub fn requests(&self) -> bool {
        !self.ways.is_empty()
    }
}

/// The roles of a member's groups, those without any left out.
pub fn roles(plan: &Plan, member: &Member, part: Part) -> Vec<Role> {
    let groups = member.groups.iter().filter_map(|&id| plan.group(id));
    let mut roles: Vec<Role> = groups.filter_map(|group| role(plan, group)).collect();
    for role in &mut roles {
        match part {
            Part::ByPlan => {}
            Part::RequestsOnly => role.answers = false,
            Part::AnswersOnly => role.ways.clear(),
        }
    }
    roles.retain(|role| role.requests() || role.answers);
    roles
}

fn role(plan: &Plan, group: &Group) -> Option<Role> {
    let (header, ways, targets) = match &group.ways {
        Ways::Nowhere => return None,
        Ways::Pair { to } => {
            // Both ends of a pair name each other; a route leads to the one that answers.
            let answers = plan.group(*to).is_some_and(|other| other.answers);
            (Header::Raw, if answers { vec![Way::Raw] } else { Vec::new() }, Vec::new())
        }
        Ways::Tpdu(tpdu) => {
            let targets = tpdu.routes.iter().flat_map(|route| route.to.clone()).collect();
            (Header::Tpdu, niis(&tpdu.routes).into_iter().map(|nii| Way::Tpdu { nii }).collect(), targets)
        }
        Ways::Iso8583(ways) => {
            let form = Form { base: ways.dialect.base(), skip: ways.dialect.skip() };
            let own = if ways.to.is_empty() { Vec::new() } else { vec![Way::Iso8583(form)] };
            (Header::Iso8583(form), own, ways.to.clone())
        }
        Ways::Station(ways) => (Header::Station, station_ways(plan, group.id, &ways.own), Vec::new()),
    };
    let answers = group.answers || header == Header::Station;
    let within = targets.iter().filter_map(|&id| plan.group(id)).map(|target| target.timers.answer_within);
    let answer_within = within.max().unwrap_or(group.timers.answer_within);
    Some(Role { group: group.id, header, ways, answers, answer_within })
}

/// Every NII that a route names, and one that nobody names for a route that takes the rest.
fn niis(routes: &[crate::config::plan::TpduRoute]) -> Vec<u16> {
    let mut niis = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        let earlier = &routes[..at];
        let first = |nii: u16| !earlier.iter().any(|route| route.takes(nii));
        if route.nii.is_empty() {
            let named = |nii: u16| routes.iter().any(|route| route.nii.contains(&nii));
            niis.extend((1..u16::MAX).find(|&nii| !named(nii) && first(nii)));
        } else {
            niis.extend(route.nii.iter().copied().filter(|&nii| first(nii)));
        }
    }
    niis
}

fn station_ways(plan: &Plan, group: GroupId, own: &[StationId]) -> Vec<Way> {
    let mut others: Vec<StationId> =
        plan.stations.iter().filter(|&(_, &holder)| holder != group).map(|(&id, _)| id).collect();
    others.sort();
    let ways = others.into_iter().flat_map(|destination| own.iter().map(move |&source| (destination, source)));
    ways.map(|(destination, source)| Way::Station { destination, source }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::TpduRoute;
    use crate::simulate::test_plan::{self, TestPlan};

    fn roles_of(plan: &Plan, member: &str, part: Part) -> Vec<Role> {
        let member = plan.members.iter().find(|candidate| &*candidate.name == member).unwrap();
        roles(plan, member, part)
    }

    #[test]
    fn routes_make_clients_and_hosts() {
        let plan = test_plan::terminal_and_host();
        let nac = &roles_of(&plan, "nac", Part::ByPlan)[0];
        assert_eq!((nac.ways.as_slice(), nac.answers), (&[Way::Tpdu { nii: 3 }][..], false));
        let host = &roles_of(&plan, "issuer", Part::ByPlan)[0];
        assert_eq!((host.requests(), host.answers, host.header), (false, true, Header::Tpdu));
        assert_eq!(roles_of(&plan, "nac", Part::AnswersOnly), []);
    }

    #[test]
    fn of_a_pair_the_one_with_the_route_asks() {
        let plan = test_plan::pair();
        let channel = &roles_of(&plan, "channel", Part::ByPlan)[0];
        assert_eq!((channel.requests(), channel.answers), (true, false));
        let merchant = &roles_of(&plan, "merchant", Part::ByPlan)[0];
        assert_eq!((merchant.requests(), merchant.answers), (false, true));
    }

    #[test]
    fn stations_ask_and_answer_each_other() {
        let plan = TestPlan::stations();
        let role = &roles_of(&plan, "east", Part::ByPlan)[0];
        let id = |text| StationId::from_text(text).unwrap();
        assert_eq!(role.ways, [Way::Station { destination: id("00010344"), source: id("48410000") }]);
        assert!(role.answers);
    }

    #[test]
    fn a_route_that_takes_the_rest_gets_a_number_of_nobody_else() {
        let route = |nii: &[u16]| TpduRoute { nii: nii.to_vec(), to: Vec::new() };
        assert_eq!(niis(&[route(&[1, 3]), route(&[])]), [1, 3, 2]);
        assert_eq!(niis(&[route(&[3, 4]), route(&[4, 5])]), [3, 4, 5], "the first route that matches wins");
        assert_eq!(niis(&[route(&[]), route(&[9])]), [1], "behind one that takes the rest nothing is reached");
    }
}
