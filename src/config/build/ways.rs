//! Which ways the frames of each group may take.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::effective::{Configuration, HeaderConfiguration, MemberConfiguration};
use crate::config::endpoint::GroupName;
use crate::config::plan::{Header, Iso8583Ways, TpduRoute, TpduWays, Ways};
use crate::ids::GroupId;

/// The routes, gathered by what they mean to a group.
#[derive(Debug, Default)]
pub(super) struct RouteMap {
    counterparts: BTreeMap<GroupId, GroupId>,
    routes: BTreeMap<GroupId, Vec<TpduRoute>>,
    /// Of groups whose requests all go one way.
    requests: BTreeMap<GroupId, Vec<GroupId>>,
    /// By member: NIIs that a route to or from it matches.
    reserved: BTreeMap<String, BTreeSet<u16>>,
    answering: BTreeSet<GroupId>,
}

impl RouteMap {
    pub fn new(configuration: &Configuration, groups: &BTreeMap<GroupName, GroupId>) -> Self {
        let mut map = Self::default();
        for route in &configuration.routes {
            let from: Vec<GroupId> = route.from.iter().map(|name| groups[name]).collect();
            let to: Vec<GroupId> = route.to.iter().map(|name| groups[name]).collect();
            map.answering.extend(&to);
            match route.header {
                Header::Tpdu => {
                    map.reserve(route.from.iter().chain(&route.to), &route.nii);
                    for group in from {
                        let route = TpduRoute { nii: route.nii.clone(), to: to.clone() };
                        map.routes.entry(group).or_default().push(route);
                    }
                }
                Header::Iso8583 => map.requests.extend(from.into_iter().map(|group| (group, to.clone()))),
                Header::None => map.pair(&from, &to),
                Header::Station => unreachable!("a route between stations is refused"),
            }
        }
        map
    }

    fn reserve<'n>(&mut self, ends: impl Iterator<Item = &'n GroupName>, nii: &[u16]) {
        for end in ends {
            self.reserved.entry(end.member.clone()).or_default().extend(nii);
        }
    }

    /// Both directions: each is the other's counterpart.
    fn pair(&mut self, from: &[GroupId], to: &[GroupId]) {
        for (one, other) in from.iter().zip(to) {
            self.counterparts.insert(*one, *other);
            self.counterparts.insert(*other, *one);
        }
    }

    /// The group that `group`'s frames go to unread.
    pub fn counterpart(&self, group: GroupId) -> Option<GroupId> {
        self.counterparts.get(&group).copied()
    }

    pub fn answers(&self, group: GroupId) -> bool {
        self.answering.contains(&group)
    }

    pub fn ways(&self, member: &MemberConfiguration, group: GroupId) -> Ways {
        match &member.header {
            HeaderConfiguration::None => self.counterpart(group).map_or(Ways::Nowhere, |to| Ways::Pair { to }),
            HeaderConfiguration::Station(ways) => Ways::Station(Box::new(ways.clone())),
            HeaderConfiguration::Iso8583 { setting, repeat } => Ways::Iso8583(Box::new(Iso8583Ways {
                dialect: setting.compile().expect("a key that cannot be read is refused"),
                repeat: *repeat,
                to: self.requests.get(&group).cloned().unwrap_or_default(),
            })),
            HeaderConfiguration::Tpdu { ids, answers, digits, guard } => Ways::Tpdu(Box::new(TpduWays {
                ids: ids.clone(),
                answers: *answers,
                digits: *digits,
                guard: *guard,
                reserved: self.reserved.get(&*member.id).into_iter().flatten().copied().collect(),
                routes: self.routes.get(&group).cloned().unwrap_or_default(),
            })),
        }
    }
}
