//! The plan: the configuration with every name resolved to a dense number and every default
//! filled in. It is immutable; a reload makes a new one that keeps the numbers of what stayed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::allowlist::Allowlist;
use crate::frame::Framing;
use crate::ids::{GroupId, LineId, MemberId, ShardId};
use crate::message::iso8583::Dialect;
use crate::message::station::{RejectCode, StationId};
use crate::reason::Rejected;
use crate::time::Span;

/// Everything the switch runs by, until the next reload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    pub settings: Settings,
    pub members: Vec<Arc<Member>>,
    /// By [`LineId`]; a hole is a number that is free or still resting.
    pub lines: Vec<Option<Arc<Line>>>,
    /// By [`GroupId`]; a hole likewise.
    pub groups: Vec<Option<Arc<Group>>>,
    /// Who holds a station id: the group that frames for it go to.
    pub stations: BTreeMap<StationId, GroupId>,
}

/// `[switch]` and the limits that are not a member's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    pub name: String,
    pub shards: u16,
    pub admin: Admin,
    pub log: LogFormat,
    /// How long an idle shard polls before it sleeps.
    pub spin: Span,
    /// The folder for what outlives a restart; `None`: nothing does.
    pub state: Option<PathBuf>,
    pub drain_within: Span,
    /// Bytes of all queues, held and copied answers together.
    pub memory: u64,
    pub connections: u32,
    /// Line events kept for `/v1/events`.
    pub events: u32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admin {
    Tcp(SocketAddr),
    Unix(PathBuf),
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub id: MemberId,
    pub name: Arc<str>,
    pub profile: Profile,
    pub groups: Vec<GroupId>,
}

/// The standards' line types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Profile {
    Terminal,
    Channel,
    Merchant,
    Institution,
    Tv,
}

/// What becomes of a group when one of its lines breaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OnLineLoss {
    /// The others stay up (`MC6-4.1.4`).
    Keep,
    /// All are closed and come up anew: for front ends that rebuild every line when one breaks.
    ResetGroup,
}

impl OnLineLoss {
    pub const ALL: [Self; 2] = [Self::Keep, Self::ResetGroup];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::ResetGroup => "reset_group",
        }
    }
}

/// One configured connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub id: LineId,
    pub name: Arc<str>,
    pub member: MemberId,
    pub member_name: Arc<str>,
    pub group: GroupId,
    pub group_name: Arc<str>,
    /// The line's place in its group's bit sets.
    pub position: u16,
    pub shard: ShardId,
    pub tier: Tier,
    pub flow: Flow,
    pub side: Side,
    pub profile: Profile,
    pub framing: Framing,
    /// Whether we send probes on it.
    pub probe: bool,
    /// Whether something must arrive within `silent_after`.
    pub expect: bool,
    pub timers: Timers,
    pub limits: Limits,
    pub allow: Arc<Allowlist>,
    pub second: Second,
    pub resend: Resend,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tier {
    Trunk,
    Backup,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Flow {
    Duplex,
    /// The switch only receives.
    Receive,
    /// The switch only sends.
    Send,
}

impl Tier {
    /// The word in the configuration, the admin API and the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trunk => "trunk",
            Self::Backup => "backup",
        }
    }
}

impl Flow {
    /// The word in the configuration, the admin API and the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplex => "duplex",
            Self::Receive => "receive",
            Self::Send => "send",
        }
    }

    pub const fn sends(self) -> bool {
        !matches!(self, Self::Receive)
    }

    pub const fn receives(self) -> bool {
        !matches!(self, Self::Send)
    }
}

/// Who connects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    Listen(SocketAddr),
    Connect { remote: SocketAddr, bind: Option<SocketAddr> },
}

/// What a second connection on an occupied port gets (`MC6-4.2`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Second {
    Refuse,
    /// The newcomer replaces a connection on which nothing came for this long.
    Replace {
        after: Span,
    },
}

/// Whether answers that a broken line had taken, and its peer's TCP never acknowledged, go out again
/// over another line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Resend {
    Unacked,
    Never,
}

impl Resend {
    pub const ALL: [Self; 2] = [Self::Unacked, Self::Never];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unacked => "unacked",
            Self::Never => "never",
        }
    }
}

/// `[timers]`, the member's overrides applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timers {
    pub probe_after: Span,
    pub silent_after: Span,
    pub answer_within: Span,
    pub connect_within: Span,
    pub reconnect_first: Span,
    pub reconnect_longest: Span,
    pub partial_within: Span,
    pub unread_within: Span,
    pub pause_within: Span,
    pub hold_answer: Span,
    pub trunk_steady: Span,
    pub drain_within: Span,
}

/// The starred `[limits]`, the member's overrides applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of requests and of frames of pairs queued on one line.
    pub line_queue: u64,
    /// Bytes of answers queued for one requesting group.
    pub answer_queue: u64,
    /// Requests of one answering group that may wait for an answer.
    pub pending: u32,
}

/// Lines of one member over any of which an answer may return (`MC6-4.1.4`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    pub id: GroupId,
    pub member: MemberId,
    pub member_name: Arc<str>,
    pub name: Arc<str>,
    /// By position; a hole is a place that a removed line has left.
    pub lines: Vec<Option<LineId>>,
    /// What the switch may read of the member's frames.
    pub header: Header,
    pub ways: Ways,
    /// Whether a route leads to it: it then has a response table where its header needs one.
    pub answers: bool,
    pub on_line_loss: OnLineLoss,
    pub timers: Timers,
    pub limits: Limits,
}

/// What the switch may read of a member's frames to find their way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Header {
    None,
    Tpdu,
    Station,
    Iso8583,
}

impl Header {
    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tpdu => "tpdu",
            Self::Station => "station",
            Self::Iso8583 => "iso8583",
        }
    }

    /// Whether an answer can be told from a request. Where it cannot, nothing is sent again: it
    /// might be a request.
    pub const fn tells_answers(self) -> bool {
        matches!(self, Self::Tpdu | Self::Iso8583)
    }
}

/// Which ways the frames that come in over a group's lines may take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ways {
    /// No route names the group: everything it sends is dropped as `no_route`.
    Nowhere,
    /// `header = "none"`: every frame goes to the one counterpart (`MP1-4.4`).
    Pair {
        to: GroupId,
    },
    Tpdu(Box<TpduWays>),
    /// By the message type; answers by version, class and key fields.
    Iso8583(Box<Iso8583Ways>),
    /// By the destination station; the source must be one of the sender's own.
    Station(Box<StationWays>),
}

/// What the switch knows of a member with station ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StationWays {
    pub own: Vec<StationId>,
    /// The header's version and total length must be right, too.
    pub strict: bool,
    pub rejects: RejectCodes,
}

/// The codes under which a member gets back what cannot be delivered; without a code a frame is
/// only dropped and counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RejectCodes(pub [Option<RejectCode>; Rejected::COUNT]);

impl RejectCodes {
    pub fn of(&self, reason: Rejected) -> Option<RejectCode> {
        self.0[reason.index()]
    }
}

/// What the switch knows of a member that speaks TPDU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TpduWays {
    /// Ids (first byte) that are let through.
    pub ids: Vec<u8>,
    /// Where the group's hosts put the switch's number in an answer.
    pub answers: TpduAnswers,
    /// Only numbers that read as BCD digits are given to this host.
    pub digits: bool,
    /// Its answers must fit their requests by trace number and terminal.
    pub guard: bool,
    /// Numbers never given out: every NII that a route to or from this member matches.
    pub reserved: Vec<u16>,
    /// Routes from this group, in the order written; the first that matches wins.
    pub routes: Vec<TpduRoute>,
}

impl TpduWays {
    /// The first route that takes a frame for `nii`: then the frame is a request.
    pub fn route(&self, nii: u16) -> Option<&TpduRoute> {
        self.routes.iter().find(|route| route.takes(nii))
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TpduRoute {
    /// Sorted; empty: takes the rest.
    pub nii: Vec<u16>,
    /// In order of preference: the next is used while the one before is not live.
    pub to: Vec<GroupId>,
}

impl TpduRoute {
    pub fn takes(&self, nii: u16) -> bool {
        self.nii.is_empty() || self.nii.binary_search(&nii).is_ok()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TpduAnswers {
    /// Decide by the NII that the slot remembers.
    Auto,
    /// The number is in the destination.
    Swapped,
    /// The number is in the source.
    Copied,
}

/// What the switch knows of a member that speaks ISO 8583.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Iso8583Ways {
    pub dialect: Dialect,
    pub repeat: Repeat,
    /// Where its requests go, in order of preference; empty: it only answers.
    pub to: Vec<GroupId>,
}

/// What a request gets that came before and still waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Repeat {
    /// It is handed on, and the newest copy gets the answer.
    Forward,
    Drop,
}

impl Repeat {
    pub const ALL: [Self; 2] = [Self::Forward, Self::Drop];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Drop => "drop",
        }
    }
}

impl Plan {
    pub fn line(&self, id: LineId) -> Option<&Arc<Line>> {
        self.lines.get(id.index())?.as_ref()
    }

    pub fn group(&self, id: GroupId) -> Option<&Arc<Group>> {
        self.groups.get(id.index())?.as_ref()
    }
}
