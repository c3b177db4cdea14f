//! What `member` and `member/group` mean: which groups of lines.

use std::collections::BTreeMap;
use std::fmt;

use super::model::{Endpoint, MAIN_GROUP, Member, Model};
use super::plan::Header;

/// A group by the name of its member and its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupName {
    pub member: String,
    pub group: String,
}

impl fmt::Display for GroupName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.member, self.group)
    }
}

/// What a member's bare name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bare {
    /// Its `main` group, or its only one: in `to`, in a pair and for stations.
    One,
    /// All its groups: in the `from` of a route that reads a header.
    Every,
}

impl Bare {
    /// What it stands for in a route's `from`.
    pub fn of_from(header: Header) -> Self {
        if matches!(header, Header::Tpdu | Header::Iso8583) { Self::Every } else { Self::One }
    }
}

/// Why a name leads to no group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Astray {
    /// What it means depends on something that is refused already.
    Unknowable,
    /// The message for the operator.
    Refused(String),
}

/// The members by name.
#[derive(Debug)]
pub struct Directory<'m> {
    members: BTreeMap<&'m str, (&'m Member, Option<Vec<String>>)>,
    complete: bool,
}

impl<'m> Directory<'m> {
    pub fn new(model: &'m Model) -> Self {
        let mut members = BTreeMap::new();
        for member in &model.members {
            if let Some(id) = member.id.get() {
                members.entry(id.as_str()).or_insert_with(|| (member, member.groups()));
            }
        }
        Self { members, complete: model.members.iter().all(|member| member.id.get().is_some()) }
    }

    pub fn member(&self, name: &str) -> Option<&'m Member> {
        self.members.get(name).map(|(member, _)| *member)
    }

    /// The groups that a name means.
    ///
    /// # Errors
    /// If there is no such member or group, or a bare name leaves open which group is meant.
    pub fn groups(&self, endpoint: &Endpoint, bare: Bare) -> Result<Vec<GroupName>, Astray> {
        let Some((_, groups)) = self.members.get(endpoint.member.as_str()) else {
            return Err(self.no_such_member(&endpoint.member));
        };
        let groups = groups.as_ref().ok_or(Astray::Unknowable)?;
        let meant = match (&endpoint.group, bare) {
            (Some(group), _) => vec![named(&endpoint.member, groups, group)?],
            (None, Bare::Every) => groups.clone(),
            (None, Bare::One) => vec![only(&endpoint.member, groups)?],
        };
        Ok(meant.into_iter().map(|group| GroupName { member: endpoint.member.clone(), group }).collect())
    }

    fn no_such_member(&self, name: &str) -> Astray {
        if !self.complete {
            return Astray::Unknowable;
        }
        let near = self.members.keys().map(|known| (strsim::jaro_winkler(name, known), known));
        let near = near.filter(|(likeness, _)| *likeness > 0.8).max_by(|one, other| one.0.total_cmp(&other.0));
        let hint = near.map_or_else(String::new, |(_, known)| format!("; did you mean `{known}`?"));
        Astray::Refused(format!("there is no member `{name}`{hint}"))
    }
}

fn named(member: &str, groups: &[String], group: &str) -> Result<String, Astray> {
    let known = groups.iter().find(|known| *known == group).cloned();
    known.ok_or_else(|| Astray::Refused(format!("member `{member}` has no group `{group}`: it has {}", quoted(groups))))
}

fn only(member: &str, groups: &[String]) -> Result<String, Astray> {
    match groups {
        [only] => Ok(only.clone()),
        _ if groups.iter().any(|group| group == MAIN_GROUP) => Ok(MAIN_GROUP.to_owned()),
        // A member without lines is refused for that.
        [] => Err(Astray::Unknowable),
        _ => Err(Astray::Refused(format!(
            "member `{member}` has several groups ({}) and none is `{MAIN_GROUP}`: write {member}/GROUP",
            quoted(groups)
        ))),
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
