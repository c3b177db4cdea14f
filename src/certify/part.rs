//! Which end of the lines is played, and what follows for each line.

use crate::config::plan::{Line, Side};

/// The end that certify plays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Part {
    /// The switch's; the member is tested.
    #[default]
    Switch,
    /// The member's; the switch is tested.
    Member,
}

impl Part {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Member => "member",
        }
    }

    /// Who is tested.
    pub const fn peer(self) -> &'static str {
        match self {
            Self::Switch => "the member",
            Self::Member => "the switch",
        }
    }

    /// We listen, the peer connects.
    pub fn listens(self, line: &Line) -> bool {
        matches!(line.side, Side::Listen(_)) == (self == Self::Switch)
    }

    /// We may send frames on it.
    pub fn sends(self, line: &Line) -> bool {
        if self == Self::Switch { line.flow.sends() } else { line.flow.receives() }
    }

    /// The peer may send frames on it.
    pub fn receives(self, line: &Line) -> bool {
        if self == Self::Switch { line.flow.receives() } else { line.flow.sends() }
    }

    /// It is our duty to probe it.
    pub fn probes(self, line: &Line) -> bool {
        self.sends(line) && if self == Self::Switch { line.probe } else { line.expect }
    }

    /// It is the peer's duty to probe it.
    pub fn is_probed(self, line: &Line) -> bool {
        self.receives(line) && if self == Self::Switch { line.expect } else { line.probe }
    }

    /// The peer must close it when nothing comes from us: exactly where we have to probe.
    pub fn is_watched(self, line: &Line) -> bool {
        self.probes(line)
    }
}
