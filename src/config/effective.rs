//! The effective configuration: a model without faults, every default filled in, every name
//! resolved, every line named.

use std::sync::Arc;

use super::allowlist::Allowlist;
use super::endpoint::{Bare, Directory, GroupName};
use super::model::{self, Given, Model, SecondWord};
use super::names::LineNames;
use super::plan::{
    Admin, Flow, Header, Limits, LogFormat, OnLineLoss, Plan, Profile, RejectCodes, Repeat, Resend, Second, Settings,
    Side, StationWays, Tier, Timers, TpduAnswers,
};
use super::timers::{DRAIN_WITHIN, TIMERS, settled};
use crate::frame::Framing;
use crate::message::iso8583::{Base, Setting};
use crate::time::Span;

/// What a configuration takes from the host where it says nothing; this module reads neither.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// The default of `[switch] name`.
    pub name: String,
    /// CPUs that the process may run on: the default of `[switch] shards`.
    pub cpus: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configuration {
    pub settings: Settings,
    /// `[timers]` and the starred `[limits]`: what a member that overrides nothing has.
    pub timers: Timers,
    pub limits: Limits,
    pub members: Vec<MemberConfiguration>,
    pub routes: Vec<RouteConfiguration>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberConfiguration {
    pub id: Arc<str>,
    pub profile: Profile,
    pub framing: Framing,
    /// Overrides of the profile's columns.
    pub probe: Option<bool>,
    pub expect: Option<bool>,
    pub allow: Arc<Allowlist>,
    pub header: HeaderConfiguration,
    pub resend: Resend,
    pub on_line_loss: OnLineLoss,
    pub timers: Timers,
    pub limits: Limits,
    pub lines: Vec<LineConfiguration>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HeaderConfiguration {
    None,
    Tpdu { ids: Vec<u8>, answers: TpduAnswers, digits: bool, guard: bool },
    Station(StationWays),
    Iso8583 { setting: Setting, repeat: Repeat },
}

impl HeaderConfiguration {
    pub fn kind(&self) -> Header {
        match self {
            Self::None => Header::None,
            Self::Tpdu { .. } => Header::Tpdu,
            Self::Station(_) => Header::Station,
            Self::Iso8583 { .. } => Header::Iso8583,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineConfiguration {
    pub name: Arc<str>,
    /// Whether the operator named it; if not, a reload recognises it by its address.
    pub named: bool,
    pub group: Arc<str>,
    pub tier: Tier,
    pub flow: Flow,
    pub side: Side,
    pub second: Second,
    pub timers: Timers,
    pub limits: Limits,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteConfiguration {
    pub header: Header,
    pub from: Vec<GroupName>,
    pub to: Vec<GroupName>,
    /// Sorted; empty: takes the rest.
    pub nii: Vec<u16>,
}

/// The TPDU id that terminals use (PROTOCOL: "usually `60`").
const TPDU_ID: u8 = 0x60;

/// Fills in every default. `previous` is the plan that runs: a line without an `id` of its own
/// keeps the name that it has there.
///
/// # Panics
/// If the model has faults: see [`super::check`].
pub fn settle(model: &Model, host: &Host, previous: Option<&Plan>) -> Configuration {
    let limits = limits(&[&model.limits.starred]);
    let mut names = LineNames::new(model, previous);
    let directory = Directory::new(model);
    Configuration {
        settings: settings(model, host),
        timers: settled(&[&model.timers]),
        limits,
        members: model.members.iter().map(|written| member(written, model, &mut names)).collect(),
        routes: model.routes.iter().map(|written| route(written, &directory)).collect(),
    }
}

fn settings(model: &Model, host: &Host) -> Settings {
    let local = || Admin::Tcp("127.0.0.1:9600".parse().expect("a literal address"));
    let cpus = host.cpus.clamp(1, usize::from(super::parse::SHARDS_MAX)) as u16;
    let mut timers = settled(&[&model.timers]);
    Settings {
        name: model.switch.name.sound_or(host.name.clone()),
        shards: model.switch.shards.sound_or(cpus),
        admin: model.switch.admin.sound_or(local()),
        log: model.switch.log.sound_or(LogFormat::Text),
        spin: model.switch.spin.sound_or(Span::ZERO),
        state: model.switch.state.get().cloned(),
        drain_within: *(TIMERS[DRAIN_WITHIN].field)(&mut timers),
        memory: model.limits.memory.sound_or(1 << 30),
        connections: model.limits.connections.sound_or(9_000),
        events: model.limits.events.sound_or(10_000),
    }
}

/// The limits under these levels, nearest first.
fn limits(levels: &[&model::WrittenLimits]) -> Limits {
    Limits {
        line_queue: first(levels.iter().map(|level| &level.line_queue), 1 << 20),
        answer_queue: first(levels.iter().map(|level| &level.answer_queue), 16 << 20),
        pending: first(levels.iter().map(|level| &level.pending), 65_000),
    }
}

fn first<'a, T: Clone + 'a>(mut levels: impl Iterator<Item = &'a Given<T>>, default: T) -> T {
    levels.find(|given| !given.is_absent()).map_or(default.clone(), |given| given.sound_or(default))
}

fn member(written: &model::Member, model: &Model, names: &mut LineNames) -> MemberConfiguration {
    let profile = *written.profile.get().expect("a member without a profile is refused");
    let prefix = written.prefix.sound_or(profile.framing().prefix);
    let max = written.max.get().map_or(profile.framing().max, |max| u16::try_from(*max).expect("past every prefix"));
    let limits = limits(&[&written.limits, &model.limits.starred]);
    MemberConfiguration {
        id: written.id.get().expect("a member without an id is refused").as_str().into(),
        profile,
        framing: Framing { prefix, max },
        probe: written.probe.get().copied(),
        expect: written.expect.get().copied(),
        allow: Arc::new(Allowlist::new(values(&written.allow))),
        header: header(written),
        resend: resend(written),
        on_line_loss: written.on_line_loss.sound_or(OnLineLoss::Keep),
        timers: settled(&[&written.timers, &model.timers]),
        limits,
        lines: written.lines().iter().map(|one| line(one, written, model, limits, names)).collect(),
    }
}

fn resend(written: &model::Member) -> Resend {
    let header = written.header.sound_or(Header::None);
    written.resend.sound_or(if header.tells_answers() { Resend::Unacked } else { Resend::Never })
}

fn header(written: &model::Member) -> HeaderConfiguration {
    match written.header.sound_or(Header::None) {
        Header::None => HeaderConfiguration::None,
        Header::Tpdu => HeaderConfiguration::Tpdu {
            ids: if written.tpdu_ids.is_absent() { vec![TPDU_ID] } else { values(&written.tpdu_ids) },
            answers: written.tpdu.sound_or(TpduAnswers::Auto),
            digits: written.tpdu_digits.sound_or(false),
            guard: written.guard.sound_or(false),
        },
        Header::Station => HeaderConfiguration::Station(StationWays {
            own: values(&written.station),
            strict: written.station_strict.sound_or(false),
            rejects: written.station_rejects.sound_or(RejectCodes::default()),
        }),
        Header::Iso8583 => {
            HeaderConfiguration::Iso8583 { setting: setting(written), repeat: written.repeat.sound_or(Repeat::Forward) }
        }
    }
}

/// How the messages of a member that speaks ISO 8583 are read.
///
/// # Panics
/// If what was written of it is refused.
pub fn setting(written: &model::Member) -> Setting {
    Setting {
        base: written.dialect.sound_or(Base::Cups),
        key: written.key.get().map(|key| key.iter().map(|field| field.value).collect()),
        fields: values(&written.fields).into_iter().collect(),
        skip: written.skip.sound_or(0),
    }
}

fn values<T: Clone>(given: &Given<Vec<super::fault::At<T>>>) -> Vec<T> {
    given.get().into_iter().flatten().map(|at| at.value.clone()).collect()
}

fn line(
    written: &model::Line,
    member: &model::Member,
    model: &Model,
    limits: Limits,
    names: &mut LineNames,
) -> LineConfiguration {
    let line_queue = written.line_queue.sound_or(limits.line_queue);
    let side = side(written);
    let name = match written.id.get() {
        Some(id) => id.as_str().into(),
        None => names.name(member.name(), side),
    };
    LineConfiguration {
        name,
        named: written.id.get().is_some(),
        group: written.group().expect("a refused group").into(),
        tier: written.tier.sound_or(Tier::Trunk),
        flow: written.flow.sound_or(Flow::Duplex),
        side,
        second: second(written),
        timers: settled(&[&written.timers, &member.timers, &model.timers]),
        limits: Limits { line_queue, ..limits },
    }
}

/// Where a line listens, or whom it connects to.
///
/// # Panics
/// If it does neither, which is refused.
pub fn side(written: &model::Line) -> Side {
    if let Some(listen) = written.listen.get() {
        return Side::Listen(*listen);
    }
    let remote = *written.connect.get().expect("a line without an address is refused");
    Side::Connect { remote, bind: written.bind.get().map(|bind| (bind.ip, bind.port).into()) }
}

fn second(written: &model::Line) -> Second {
    match written.second.sound_or(SecondWord::Refuse) {
        SecondWord::Refuse => Second::Refuse,
        SecondWord::Replace => Second::Replace { after: written.replace_after.sound_or(Span::ZERO) },
    }
}

fn route(written: &model::Route, directory: &Directory<'_>) -> RouteConfiguration {
    let ends = |end: &Given<Vec<super::fault::At<model::Endpoint>>>, bare| {
        let groups = values(end).into_iter().map(|endpoint| directory.groups(&endpoint, bare));
        groups.flat_map(|groups| groups.expect("a route that leads nowhere is refused")).collect::<Vec<_>>()
    };
    let from = written.from.get().expect("a route from nobody is refused");
    let member = directory.member(&from[0].value.member).expect("a route from nobody is refused");
    let header = member.header.sound_or(Header::None);
    let mut nii = values(&written.nii);
    nii.sort_unstable();
    nii.dedup();
    RouteConfiguration {
        header,
        from: ends(&written.from, Bare::of_from(header)),
        to: ends(&written.to, Bare::One),
        nii,
    }
}
