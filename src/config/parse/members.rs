//! `[[member]]`, its lines, and `[[route]]`.

use super::reader::{PlacedTable, Reader};
use super::{scalar, sections};
use crate::config::fault::At;
use crate::config::model::{Given, Line, Member, Route, SecondWord};
use crate::config::plan::{Flow, Header, OnLineLoss, Profile, RejectCodes, Repeat, Resend, Tier, TpduAnswers};
use crate::config::unbuilt::Section;
use crate::frame::Prefix;
use crate::message::iso8583::Base;
use crate::reason::Rejected;

/// Bytes that may stand before a message type: more than any header that there is.
const SKIP_MAX: u64 = 999;

pub fn member<'a>(reader: &mut Reader<'a, '_, '_>, (place, table): PlacedTable<'a>) -> Member {
    let mut reader = reader.inner(Section::Member, table);
    let profiles = Profile::ALL.map(|profile| (profile.name(), profile));
    let headers = [Header::None, Header::Tpdu, Header::Station, Header::Iso8583].map(|header| (header.name(), header));
    let answers = [("auto", TpduAnswers::Auto), ("swapped", TpduAnswers::Swapped), ("copied", TpduAnswers::Copied)];
    let member = Member {
        place,
        id: reader.read("id", scalar::id),
        profile: reader.word("profile", &profiles),
        allow: reader.list("allow", scalar::allowed),
        header: reader.word("header", &headers),
        prefix: reader.word("prefix", &[Prefix::Bin2, Prefix::Ascii4].map(|prefix| (prefix.name(), prefix))),
        max: reader.read("max", |value| scalar::integer(value, 1, u64::from(u16::MAX))),
        probe: reader.read("probe", scalar::truth),
        expect: reader.read("expect", scalar::truth),
        tpdu: reader.word("tpdu", &answers),
        tpdu_ids: reader.list("tpdu_ids", scalar::tpdu_id),
        tpdu_digits: reader.read("tpdu_digits", scalar::truth),
        guard: reader.read("guard", scalar::truth),
        resend: reader.word("resend", &Resend::ALL.map(|resend| (resend.name(), resend))),
        on_line_loss: reader.word("on_line_loss", &OnLineLoss::ALL.map(|what| (what.name(), what))),
        station_strict: reader.read("station_strict", scalar::truth),
        station: reader.list("station", scalar::station),
        station_rejects: station_rejects(&mut reader),
        dialect: reader.word("dialect", &Base::ALL.map(|base| (base.name(), base))),
        key: reader.list("key", scalar::key_field),
        fields: reader.entries("fields", scalar::field_format),
        skip: reader.read("skip", |value| scalar::integer(value, 0, SKIP_MAX).map(|bytes| bytes as u16)),
        repeat: reader.word("repeat", &Repeat::ALL.map(|repeat| (repeat.name(), repeat))),
        timers: sections::timers(&mut reader),
        limits: sections::limits(&mut reader),
        lines: lines(&mut reader),
    };
    reader.finish();
    member
}

/// A code for each reason; a bad one makes the table bad, and is named itself.
fn station_rejects(reader: &mut Reader<'_, '_, '_>) -> Given<RejectCodes> {
    let table = match reader.table("station_rejects") {
        Given::Absent => return Given::Absent,
        Given::Bad(place) => return Given::Bad(place),
        Given::Here(table) => table,
    };
    let mut inner = reader.inner(Section::StationRejects, table.value);
    let mut codes = RejectCodes::default();
    let mut bad = false;
    for reason in Rejected::ALL {
        match inner.read(reason.name(), scalar::reject_code) {
            Given::Absent => {}
            Given::Bad(_) => bad = true,
            Given::Here(code) => codes.0[reason.index()] = Some(code.value),
        }
    }
    inner.finish();
    if bad { Given::Bad(table.place) } else { Given::Here(At { value: codes, place: table.place }) }
}

fn lines(reader: &mut Reader<'_, '_, '_>) -> Given<Vec<Line>> {
    match reader.tables("line") {
        Given::Absent => Given::Absent,
        Given::Bad(place) => Given::Bad(place),
        Given::Here(At { value, place }) => {
            Given::Here(At { value: value.into_iter().map(|table| line(reader, table)).collect(), place })
        }
    }
}

fn line<'a>(reader: &mut Reader<'a, '_, '_>, (place, table): PlacedTable<'a>) -> Line {
    let mut reader = reader.inner(Section::Line, table);
    let line = Line {
        place,
        id: reader.read("id", scalar::id),
        listen: reader.read("listen", scalar::address),
        connect: reader.read("connect", scalar::remote),
        bind: reader.read("bind", scalar::bind),
        group: reader.read("group", scalar::id),
        tier: reader.word("tier", &[Tier::Trunk, Tier::Backup].map(|tier| (tier.name(), tier))),
        flow: reader.word("flow", &[Flow::Duplex, Flow::Receive, Flow::Send].map(|flow| (flow.name(), flow))),
        second: reader.word("second", &[("refuse", SecondWord::Refuse), ("replace", SecondWord::Replace)]),
        replace_after: reader.read("replace_after", scalar::duration),
        timers: sections::timers(&mut reader),
        line_queue: sections::line_queue(&mut reader),
    };
    reader.finish();
    line
}

pub fn route<'a>(reader: &mut Reader<'a, '_, '_>, (place, table): PlacedTable<'a>) -> Route {
    let mut reader = reader.inner(Section::Route, table);
    let from = reader.list("from", scalar::endpoint);
    let to = reader.list("to", scalar::endpoint);
    let nii = match reader.table("match") {
        Given::Absent => Given::Absent,
        Given::Bad(place) => Given::Bad(place),
        Given::Here(table) => {
            let mut inner = reader.inner(Section::Match, table.value);
            let nii = inner.list("nii", scalar::nii);
            inner.finish();
            // `match = {}` says no more than no `match` at all, but somebody meant something by it.
            if nii.is_absent() { Given::Here(At { value: Vec::new(), place: table.place }) } else { nii }
        }
    };
    reader.finish();
    Route { place, from, to, nii }
}
