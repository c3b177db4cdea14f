//! The configuration as written: nothing filled in, every value with its place.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use super::fault::{At, Place};
use super::plan::{
    Admin, Flow, Header, LogFormat, OnLineLoss, Profile, RejectCodes, Repeat, Resend, Tier, TpduAnswers,
};
use super::timers::WrittenTimers;
use crate::frame::Prefix;
use crate::message::iso8583::{Base, Format};
use crate::message::station::StationId;
use crate::time::Span;

/// What became of a key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Given<T> {
    #[default]
    Absent,
    /// Written, and refused already: a rule that needs it has nothing to say.
    Bad(Place),
    Here(At<T>),
}

impl<T> Given<T> {
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Here(at) => Some(&at.value),
            _ => None,
        }
    }

    /// Where it was written.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Absent => None,
            Self::Bad(place) => Some(*place),
            Self::Here(at) => Some(at.place),
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Bad(_))
    }
}

impl<T: Clone> Given<T> {
    /// The value or its default; `None` if what was written is refused.
    pub fn known_or(&self, default: T) -> Option<T> {
        match self {
            Self::Absent => Some(default),
            Self::Bad(_) => None,
            Self::Here(at) => Some(at.value.clone()),
        }
    }

    /// The value or its default, of a configuration without faults.
    ///
    /// # Panics
    /// If the value was refused: nothing is built from a refused configuration.
    pub fn sound_or(&self, default: T) -> T {
        self.known_or(default).expect("a refused configuration is not built")
    }
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub switch: Switch,
    pub timers: WrittenTimers,
    pub limits: GeneralLimits,
    pub members: Vec<Member>,
    pub routes: Vec<Route>,
}

#[derive(Clone, Debug, Default)]
pub struct Switch {
    pub name: Given<String>,
    pub shards: Given<u16>,
    pub admin: Given<Admin>,
    pub include: Given<Vec<At<String>>>,
    pub log: Given<LogFormat>,
    pub spin: Given<Span>,
    pub state: Given<PathBuf>,
}

/// `[limits]`.
#[derive(Clone, Debug, Default)]
pub struct GeneralLimits {
    pub starred: WrittenLimits,
    pub memory: Given<u64>,
    pub connections: Given<u32>,
    pub events: Given<u32>,
}

/// The limits that a member may override.
#[derive(Clone, Debug, Default)]
pub struct WrittenLimits {
    pub line_queue: Given<u64>,
    pub answer_queue: Given<u64>,
    pub pending: Given<u32>,
}

#[derive(Clone, Debug, Default)]
pub struct Member {
    /// The `[[member]]` itself.
    pub place: Place,
    pub id: Given<String>,
    pub profile: Given<Profile>,
    pub allow: Given<Vec<At<IpNet>>>,
    pub header: Given<Header>,
    pub prefix: Given<Prefix>,
    pub max: Given<u64>,
    pub probe: Given<bool>,
    pub expect: Given<bool>,
    pub tpdu: Given<TpduAnswers>,
    pub tpdu_ids: Given<Vec<At<u8>>>,
    pub tpdu_digits: Given<bool>,
    pub guard: Given<bool>,
    pub resend: Given<Resend>,
    pub on_line_loss: Given<OnLineLoss>,
    pub station_strict: Given<bool>,
    pub station: Given<Vec<At<StationId>>>,
    pub station_rejects: Given<RejectCodes>,
    pub dialect: Given<Base>,
    pub key: Given<Vec<At<u8>>>,
    /// Each at its field.
    pub fields: Given<Vec<At<(u8, Format)>>>,
    pub skip: Given<u16>,
    pub repeat: Given<Repeat>,
    pub timers: WrittenTimers,
    pub limits: WrittenLimits,
    pub lines: Given<Vec<Line>>,
}

impl Member {
    /// As messages name it.
    pub fn name(&self) -> &str {
        self.id.get().map_or("?", String::as_str)
    }

    /// Where to point for a fault of the whole member.
    pub fn id_place(&self) -> Place {
        self.id.place().unwrap_or(self.place)
    }

    pub fn lines(&self) -> &[Line] {
        self.lines.get().map_or(&[], Vec::as_slice)
    }

    /// Its groups, in the order in which its lines name them; `None` if one is refused.
    pub fn groups(&self) -> Option<Vec<String>> {
        let mut groups: Vec<String> = Vec::new();
        if self.lines.is_bad() {
            return None;
        }
        for line in self.lines() {
            let group = line.group()?;
            if !groups.iter().any(|known| known == group) {
                groups.push(group.to_owned());
            }
        }
        Some(groups)
    }
}

/// The group of a line that names none.
pub const MAIN_GROUP: &str = "main";

#[derive(Clone, Debug, Default)]
pub struct Line {
    pub place: Place,
    pub id: Given<String>,
    pub listen: Given<SocketAddr>,
    pub connect: Given<SocketAddr>,
    pub bind: Given<Bind>,
    pub group: Given<String>,
    pub tier: Given<Tier>,
    pub flow: Given<Flow>,
    pub second: Given<SecondWord>,
    pub replace_after: Given<Span>,
    pub timers: WrittenTimers,
    pub line_queue: Given<u64>,
}

impl Line {
    /// `None` if what was written is refused.
    pub fn group(&self) -> Option<&str> {
        match &self.group {
            Given::Absent => Some(MAIN_GROUP),
            Given::Bad(_) => None,
            Given::Here(at) => Some(&at.value),
        }
    }
}

/// The local end of a connecting line; port 0: any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bind {
    pub ip: IpAddr,
    pub port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondWord {
    Refuse,
    Replace,
}

#[derive(Clone, Debug, Default)]
pub struct Route {
    pub place: Place,
    pub from: Given<Vec<At<Endpoint>>>,
    pub to: Given<Vec<At<Endpoint>>>,
    /// `Here` and empty: there is no `match`, or none that says anything.
    pub nii: Given<Vec<At<u16>>>,
}

/// A member, or one group of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub member: String,
    pub group: Option<String>,
}
