//! What the contract names and this version does not do yet. Such a value is refused by its name: one that was silently ignored would promise what the switch does not keep. A feature that
//! gets built loses its rows here.

/// The table of the configuration that a key stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    Top,
    Switch,
    Timers,
    Limits,
    Member,
    Line,
    LineLimits,
    Route,
    Match,
    StationRejects,
}

impl Section {
    /// As messages name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Top => "the file",
            Self::Switch => "[switch]",
            Self::Timers => "timers",
            Self::Limits => "limits",
            Self::Member => "a member",
            Self::Line => "a line",
            Self::LineLimits => "the limits of a line",
            Self::Route => "a route",
            Self::Match => "match",
            Self::StationRejects => "station_rejects",
        }
    }
}

/// One value of a key that is not built.
#[derive(Debug)]
pub struct Unbuilt {
    section: Section,
    pub key: &'static str,
    value: &'static str,
    /// What to write instead.
    instead: &'static str,
}

const fn value(key: &'static str, value: &'static str, instead: &'static str) -> Unbuilt {
    Unbuilt { section: Section::Member, key, value, instead }
}

const UNBUILT: &[Unbuilt] = &[value("profile", "file", "use another profile")];

impl Unbuilt {
    /// The refusal, for the operator.
    pub fn message(&self) -> String {
        format!("`{}` = `{}` is not built yet: {}", self.key, self.value, self.instead)
    }
}

/// The row for a value that is not built; `value` as text, without quotes.
pub fn unbuilt_value(section: Section, key: &str, value: &str) -> Option<&'static Unbuilt> {
    UNBUILT.iter().find(|row| row.section == section && row.key == key && row.value == value)
}
