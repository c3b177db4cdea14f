//! The clauses: an aspect of a line, named by the row of the standards that demands it.

use std::collections::BTreeSet;

use super::Part;
use crate::config::plan::{Flow, Line, Profile};

/// What is tested of a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Aspect {
    /// The line comes up: the connecting side connects by itself, the listening side answers.
    Connect,
    /// A request sent whole is answered; most others are judged by this.
    Request,
    /// A frame cut in two at every byte.
    Cut,
    /// Several frames in one segment.
    Joined,
    /// A frame sent byte by byte.
    Pieces,
    /// The largest data of the line.
    Largest,
    /// A probe is never answered.
    ProbeIgnored,
    /// The answer comes over another line when the request's has broken.
    Group,
    /// A port carries one connection.
    Second,
    /// Who connects from an address that is not registered is refused.
    Stranger,
    /// A frame against the direction of a simplex line.
    Direction,
    /// The line is back after a break.
    Reconnect,
    /// It closes when we request the disconnect.
    Close,
    /// A bad length is answered with a close.
    BadLength,
    /// An idle line is probed.
    Probe,
    /// Silence is answered with a close.
    Silence,
    /// It ends its last frame before it requests the disconnect itself.
    CloseByPeer,
    /// Everything that came was well formed.
    Form,
}

impl Aspect {
    /// In the order in which they are tested: what may leave a line down comes late, and last what
    /// judges all that was seen.
    pub const ALL: [Self; 18] = [
        Self::Connect,
        Self::Request,
        Self::Cut,
        Self::Joined,
        Self::Pieces,
        Self::Largest,
        Self::ProbeIgnored,
        Self::Group,
        Self::Second,
        Self::Stranger,
        Self::Direction,
        Self::Reconnect,
        Self::Close,
        Self::BadLength,
        Self::Probe,
        Self::Silence,
        Self::CloseByPeer,
        Self::Form,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Request => "request",
            Self::Cut => "cut",
            Self::Joined => "joined",
            Self::Pieces => "pieces",
            Self::Largest => "largest",
            Self::ProbeIgnored => "probe-ignored",
            Self::Group => "group",
            Self::Second => "second",
            Self::Stranger => "stranger",
            Self::Direction => "direction",
            Self::Reconnect => "reconnect",
            Self::Close => "close",
            Self::CloseByPeer => "close-by-peer",
            Self::BadLength => "bad-length",
            Self::Probe => "probe",
            Self::Silence => "silence",
            Self::Form => "form",
        }
    }

    pub(super) const fn takes_all_lines_at_once(self) -> bool {
        matches!(self, Self::Connect | Self::Probe | Self::Silence | Self::CloseByPeer)
    }

    /// The row of the standards, by the kind of the line and by whether the peer connects.
    pub fn row(self, line: &Line, part: Part) -> &'static str {
        match self {
            Self::Connect => connects(line, part.listens(line)),
            Self::Reconnect => comes_back(line, part.listens(line)),
            Self::Request | Self::Cut | Self::Joined | Self::Pieces => framing(line.profile),
            Self::Largest | Self::BadLength | Self::Form => framing(line.profile),
            Self::ProbeIgnored | Self::Probe => probes(line),
            Self::Silence => silence(line),
            Self::Group => match line.profile {
                Profile::Institution => "MP1-4.5.2b",
                _ => "MC6-4.1.4",
            },
            Self::Second => "MC6-4.2",
            Self::Stranger => "MC6-4.3",
            Self::Direction => "MP1-4.3.1a",
            Self::Close | Self::CloseByPeer => "MP1-4.5.3",
        }
    }

    /// The name of the clause: `MP1-4.5.4/cut`.
    pub fn clause(self, line: &Line, part: Part) -> String {
        format!("{}/{}", self.row(line, part), self.name())
    }

    /// Whether `only` names it: the clause, its row, or the aspect.
    pub(super) fn is_meant(self, only: &str, line: &Line, part: Part) -> bool {
        only == self.name() || only == self.row(line, part) || only == self.clause(line, part)
    }
}

const fn connects(line: &Line, by_peer: bool) -> &'static str {
    match (line.profile, by_peer) {
        (Profile::Institution, _) => "MP1-4.5.1",
        (Profile::Tv, true) => "TV4-3.1.3a",
        (Profile::Tv, false) => "TV4-3.1.3c",
        (_, true) => "MC6-4.1.2a",
        (_, false) => "MC6-4.1.2c",
    }
}

/// MP1 leaves it to the parties who comes back how; MC6 says it.
const fn comes_back(line: &Line, by_peer: bool) -> &'static str {
    match (line.profile, by_peer) {
        (Profile::Tv, true) => "TV4-3.1.3b",
        (Profile::Tv, false) => "TV4-3.1.3c",
        (_, true) => "MC6-4.1.2a",
        (_, false) => "MC6-4.1.2b",
    }
}

const fn framing(profile: Profile) -> &'static str {
    match profile {
        Profile::Terminal => "MC6-5.2",
        Profile::Channel | Profile::Merchant => "MC6-5.2b",
        // TV4 leaves the framing to MP1.
        Profile::Institution | Profile::Tv => "MP1-4.5.4",
    }
}

const fn probes(line: &Line) -> &'static str {
    match line.profile {
        Profile::Terminal => "MC6-5.4.1",
        Profile::Channel => "MC6-5.4.2",
        Profile::Merchant => "MC6-5.4.3",
        Profile::Institution if matches!(line.flow, Flow::Duplex) => "MP1-4.5.5c",
        Profile::Institution => "MP1-4.5.5a",
        Profile::Tv => "TV4-3.1.2",
    }
}

const fn silence(line: &Line) -> &'static str {
    match line.profile {
        Profile::Institution if !matches!(line.flow, Flow::Duplex) => "MP1-4.5.5b",
        Profile::Tv => "TV4-3.1.3b",
        _ => probes(line),
    }
}

/// The names of all clauses of these lines.
pub(super) fn names<'a>(lines: impl Iterator<Item = &'a Line>, part: Part) -> Vec<String> {
    let all: BTreeSet<String> = lines.flat_map(|line| Aspect::ALL.map(|aspect| aspect.clause(line, part))).collect();
    all.into_iter().collect()
}
