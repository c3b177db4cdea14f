//! Rules on routes: who, to whom, and that what is a request and what an answer can be told.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::endpoint::{Astray, Bare, Directory, GroupName};
use crate::config::fault::{At, Findings, Place};
use crate::config::model::{Endpoint, Given, Model, Route};
use crate::config::plan::Header;

pub fn check(model: &Model, findings: &mut Findings<'_>) {
    let directory = Directory::new(model);
    let mut pairs = Pairs::default();
    let mut requests = Requests::default();
    for route in &model.routes {
        ends_given(route, findings);
        let Some(header) = common_header(route, &directory, findings) else { continue };
        matching(route, header, findings);
        let from = ends(&route.from, Bare::of_from(header), &directory, findings);
        let to = ends(&route.to, Bare::One, &directory, findings);
        match header {
            Header::None => pairs.join(&from, &to, findings),
            Header::Tpdu => {}
            Header::Iso8583 => requests.add(&from, route.place, findings),
            Header::Station => {
                findings.refuse(route.place, "members with header `station` need no route: leave it out")
            }
        }
    }
    request_or_answer(model, &directory, findings);
    in_no_route(model, findings);
}

fn ends_given(route: &Route, findings: &mut Findings<'_>) {
    for (key, end, whom) in [("from", &route.from, "from"), ("to", &route.to, "to")] {
        if end.is_absent() || end.get().is_some_and(Vec::is_empty) {
            let place = end.place().unwrap_or(route.place);
            findings.refuse(place, format!("a route {whom} nobody: write {key} = [\"MEMBER\"]"));
        }
    }
}

/// The header of all ends; `None` if they differ, or too little is known.
fn common_header(route: &Route, directory: &Directory<'_>, findings: &mut Findings<'_>) -> Option<Header> {
    let mut common: Option<(Header, &str)> = None;
    let mut differs = false;
    for end in [&route.from, &route.to].into_iter().filter_map(Given::get).flatten() {
        let Some(member) = directory.member(&end.value.member) else {
            no_such_member(end, directory, findings);
            continue;
        };
        let Some(header) = member.header.known_or(Header::None) else { continue };
        let (first, whose) = *common.get_or_insert((header, &end.value.member));
        if first != header {
            differs = true;
            let message = format!(
                "`{}` has header `{}` and `{whose}` has `{}`: both ends of a route need the same",
                end.value.member,
                header.name(),
                first.name()
            );
            findings.refuse(end.place, message);
        }
    }
    common.map(|(header, _)| header).filter(|_| !differs)
}

fn no_such_member(end: &At<Endpoint>, directory: &Directory<'_>, findings: &mut Findings<'_>) {
    if let Err(Astray::Refused(message)) = directory.groups(&end.value, Bare::Every) {
        findings.refuse(end.place, message);
    }
}

fn matching(route: &Route, header: Header, findings: &mut Findings<'_>) {
    let Some(place) = route.nii.place() else { return };
    if header != Header::Tpdu {
        let message = format!("`match` needs header `tpdu`: with `{}` no frame's content is compared", header.name());
        findings.refuse(place, message);
    } else if route.nii.get().is_some_and(Vec::is_empty) {
        findings.refuse(place, "`match` names no `nii`: leave it out, and the route takes the rest");
    }
}

/// The groups at one end of a route; what leads nowhere, or is named twice, is refused.
fn ends(
    end: &Given<Vec<At<Endpoint>>>,
    bare: Bare,
    directory: &Directory<'_>,
    findings: &mut Findings<'_>,
) -> Vec<(GroupName, Place)> {
    let mut found: Vec<(GroupName, Place)> = Vec::new();
    let mut known = BTreeSet::new();
    for endpoint in end.get().into_iter().flatten() {
        match directory.groups(&endpoint.value, bare) {
            Ok(groups) => {
                for group in groups {
                    if known.insert(group.clone()) {
                        found.push((group, endpoint.place));
                    } else {
                        findings.refuse(endpoint.place, format!("`{group}` is named twice here: leave one out"));
                    }
                }
            }
            // A member that is not there was reported with the headers.
            Err(Astray::Refused(message)) if directory.member(&endpoint.value.member).is_some() => {
                findings.refuse(endpoint.place, message);
            }
            Err(_) => {}
        }
    }
    found
}

/// Groups that look at no content, each with its one counterpart.
#[derive(Default)]
struct Pairs {
    counterparts: BTreeMap<GroupName, (GroupName, Place)>,
}

impl Pairs {
    fn join(&mut self, from: &[(GroupName, Place)], to: &[(GroupName, Place)], findings: &mut Findings<'_>) {
        for (one, one_place) in from {
            for (other, other_place) in to {
                if one == other {
                    findings.refuse(*other_place, format!("`{one}` cannot be a pair with itself"));
                    continue;
                }
                self.meet(one, other, *other_place, findings);
                self.meet(other, one, *one_place, findings);
            }
        }
    }

    fn meet(&mut self, one: &GroupName, other: &GroupName, place: Place, findings: &mut Findings<'_>) {
        let (known, first) = self.counterparts.entry(one.clone()).or_insert_with(|| (other.clone(), place));
        if known != other {
            let first = findings.name_of(*first);
            findings.refuse(
                place,
                format!("with header `none` a group has one counterpart: that of `{one}` is `{known}` ({first}), not `{other}`"),
            );
        }
    }
}

/// Groups whose requests all go one way.
#[derive(Default)]
struct Requests(BTreeMap<GroupName, Place>);

impl Requests {
    fn add(&mut self, from: &[(GroupName, Place)], route: Place, findings: &mut Findings<'_>) {
        for (group, place) in from {
            if let Some(first) = self.0.insert(group.clone(), route) {
                let first = findings.name_of(first);
                let message = format!(
                    "`{group}` has a route already ({first}), and with header `iso8583` one takes all its requests: \
                     name the second destination in the first one's `to`"
                );
                findings.refuse(*place, message);
            }
        }
    }
}

/// A frame that a route from the member matches is a request, anything else an answer: a member
/// that is asked, and whose every frame is a request too, could never answer.
fn request_or_answer(model: &Model, directory: &Directory<'_>, findings: &mut Findings<'_>) {
    let mut asked: BTreeMap<&str, Place> = BTreeMap::new();
    for end in model.routes.iter().filter_map(|route| route.to.get()).flatten() {
        asked.entry(&end.value.member).or_insert(end.place);
    }
    for route in model.routes.iter().filter(|route| route.nii.is_absent()) {
        for end in route.from.get().into_iter().flatten() {
            let reads_tpdu =
                directory.member(&end.value.member).is_some_and(|member| member.header.get() == Some(&Header::Tpdu));
            if let (true, Some(place)) = (reads_tpdu, asked.get(end.value.member.as_str())) {
                let (member, place) = (&end.value.member, findings.name_of(*place));
                findings.refuse(
                    end.place,
                    format!(
                        "`{member}` also answers requests ({place}): without `match` its answers would all be taken for requests; write match = {{ nii = [\"…\"] }}"
                    ),
                );
            }
        }
    }
}

fn in_no_route(model: &Model, findings: &mut Findings<'_>) {
    if model.routes.iter().any(|route| route.from.is_bad() || route.to.is_bad()) {
        return;
    }
    let ends = model.routes.iter().flat_map(|route| [&route.from, &route.to]).filter_map(Given::get).flatten();
    let ends: BTreeSet<&str> = ends.map(|end| end.value.member.as_str()).collect();
    for member in &model.members {
        let routed =
            matches!(member.header.known_or(Header::None), Some(Header::None | Header::Tpdu | Header::Iso8583));
        let Some(id) = member.id.get().filter(|_| routed) else { continue };
        if !ends.contains(id.as_str()) {
            findings.warn(member.id_place(), format!("member `{id}` is in no route: all that it sends is dropped"));
        }
    }
}
