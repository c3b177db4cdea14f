//! Rules on framing and on the keys that go with a `header`.

use crate::config::endpoint::{Astray, Bare, Directory};
use crate::config::fault::{Findings, Place};
use crate::config::model::{Endpoint, Member, Model};
use crate::config::plan::{Header, Resend};
use crate::frame::Prefix;

pub fn check(model: &Model, findings: &mut Findings<'_>) {
    let directory = Directory::new(model);
    for member in &model.members {
        max(member, findings);
        let Some(header) = member.header.known_or(Header::None) else { continue };
        keys_of_another_header(member, header, findings);
        resend(member, header, findings);
        match header {
            Header::Station => stations(member, &directory, findings),
            Header::Tpdu => tpdu_ids(member, findings),
            Header::None | Header::Iso8583 => {}
        }
    }
}

fn max(member: &Member, findings: &mut Findings<'_>) {
    let (Some(max), Some(place)) = (member.max.get(), member.max.place()) else { return };
    let Some(prefix) = prefix(member) else { return };
    let limit = prefix.limit() as u64;
    if *max > limit {
        findings
            .refuse(place, format!("`max` of {max} is past what the prefix `{}` can express: {limit}", prefix.name()));
    }
}

fn prefix(member: &Member) -> Option<Prefix> {
    if member.prefix.is_absent() {
        return member.profile.get().map(|profile| profile.framing().prefix);
    }
    member.prefix.get().copied()
}

fn keys_of_another_header(member: &Member, header: Header, findings: &mut Findings<'_>) {
    for (key, place, wanted) in header_keys(member) {
        if let Some(place) = place
            && wanted != header
        {
            let message = format!(
                "`{key}` goes with header `{}`, and member `{}` has `{}`",
                wanted.name(),
                member.name(),
                header.name()
            );
            findings.refuse(place, message);
        }
    }
}

fn resend(member: &Member, header: Header, findings: &mut Findings<'_>) {
    if let (Some(Resend::Unacked), Some(place)) = (member.resend.get(), member.resend.place())
        && !header.tells_answers()
    {
        let message = format!(
            "`resend` = `unacked` goes with a header that tells answers from requests (`tpdu`, `iso8583`), and \
             member `{}` has `{}`",
            member.name(),
            header.name()
        );
        findings.refuse(place, message);
    }
}

fn header_keys(member: &Member) -> [(&'static str, Option<Place>, Header); 12] {
    [
        ("tpdu", member.tpdu.place(), Header::Tpdu),
        ("tpdu_ids", member.tpdu_ids.place(), Header::Tpdu),
        ("tpdu_digits", member.tpdu_digits.place(), Header::Tpdu),
        ("guard", member.guard.place(), Header::Tpdu),
        ("station", member.station.place(), Header::Station),
        ("station_strict", member.station_strict.place(), Header::Station),
        ("station_rejects", member.station_rejects.place(), Header::Station),
        ("dialect", member.dialect.place(), Header::Iso8583),
        ("key", member.key.place(), Header::Iso8583),
        ("fields", member.fields.place(), Header::Iso8583),
        ("skip", member.skip.place(), Header::Iso8583),
        ("repeat", member.repeat.place(), Header::Iso8583),
    ]
}

fn tpdu_ids(member: &Member, findings: &mut Findings<'_>) {
    if let (Some([]), Some(place)) = (member.tpdu_ids.get().map(Vec::as_slice), member.tpdu_ids.place()) {
        findings.refuse(place, "`tpdu_ids` is empty: no frame would be let through; the default is [\"60\"]");
    }
}

fn stations(member: &Member, directory: &Directory<'_>, findings: &mut Findings<'_>) {
    let place = member.station.place().unwrap_or(member.id_place());
    if member.station.is_absent() || member.station.get().is_some_and(Vec::is_empty) {
        let message =
            format!("member `{}` has header `station` and no `station` ids: write station = [\"…\"]", member.name());
        findings.refuse(place, message);
    }
    let Some(id) = member.id.get() else { return };
    let endpoint = Endpoint { member: id.clone(), group: None };
    if let Err(Astray::Refused(_)) = directory.groups(&endpoint, Bare::One) {
        let message =
            format!("member `{id}` has several groups and none is `main`: frames for its stations go to `main`");
        findings.refuse(place, message);
    }
}
