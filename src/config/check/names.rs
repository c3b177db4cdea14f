//! Every member, line and station has a name of its own; both places are named if not.

use std::collections::BTreeMap;

use crate::config::fault::{Findings, Place};
use crate::config::model::{Given, Member, Model};

pub fn check(model: &Model, findings: &mut Findings<'_>) {
    let mut members = Seen::new("member");
    let mut lines = Seen::new("line");
    for member in &model.members {
        given(member, findings);
        members.see(&member.id, findings);
        for line in member.lines() {
            lines.see(&line.id, findings);
        }
    }
    stations(model, findings);
}

/// What a member cannot be without.
fn given(member: &Member, findings: &mut Findings<'_>) {
    if member.id.is_absent() {
        findings.refuse(member.place, "a member needs an `id`");
    }
    if member.profile.is_absent() {
        let place = member.id_place();
        findings.refuse(place, format!("member `{}` needs a `profile`: the line type of its standard", member.name()));
    }
    if member.id.get().is_some_and(|id| id.len() > 57) && member.lines().iter().any(|line| line.id.is_absent()) {
        let message =
            "an `id` of more than 57 characters leaves no room for the numbers of its lines: give each line an `id`";
        findings.refuse(member.id_place(), message);
    }
}

fn stations(model: &Model, findings: &mut Findings<'_>) {
    let mut stations = BTreeMap::new();
    for station in model.members.iter().filter_map(|member| member.station.get()).flatten() {
        if let Some(first) = stations.get(&station.value) {
            let first = findings.name_of(*first);
            let id = String::from_utf8_lossy(&station.value.0).trim_end().to_owned();
            findings.refuse(station.place, format!("station `{id}` is given twice: first at {first}"));
        } else {
            stations.insert(station.value, station.place);
        }
    }
}

/// Names of one kind and where each was first given.
struct Seen<'m> {
    kind: &'static str,
    names: BTreeMap<&'m str, Place>,
}

impl<'m> Seen<'m> {
    fn new(kind: &'static str) -> Self {
        Self { kind, names: BTreeMap::new() }
    }

    fn see(&mut self, id: &'m Given<String>, findings: &mut Findings<'_>) {
        let Given::Here(id) = id else { return };
        match self.names.get(id.value.as_str()) {
            Some(first) => {
                let first = findings.name_of(*first);
                findings.refuse(id.place, format!("{} `{}` is given twice: first at {first}", self.kind, id.value));
            }
            None => {
                self.names.insert(&id.value, id.place);
            }
        }
    }
}
