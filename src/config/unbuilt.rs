//! What the contract names and this version does not do yet. Such a key or value is refused by its
//! name: one that was silently ignored would promise what the switch does not keep. A feature that
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

/// One key, or one value of it, that is not built.
#[derive(Debug)]
pub struct Unbuilt {
    section: Section,
    pub key: &'static str,
    /// `None`: whatever the value.
    value: Option<&'static str>,
    /// What to write instead.
    instead: &'static str,
}

const fn key(section: Section, key: &'static str) -> Unbuilt {
    Unbuilt { section, key, value: None, instead: "leave it out" }
}

const fn value(key: &'static str, value: &'static str, instead: &'static str) -> Unbuilt {
    Unbuilt { section: Section::Member, key, value: Some(value), instead }
}

const UNBUILT: &[Unbuilt] = &[
    key(Section::Switch, "state"),
    value("profile", "file", "use another profile"),
    value("on_line_loss", "reset_group", "write `keep` or leave it out"),
];

impl Unbuilt {
    /// The refusal, for the operator.
    pub fn message(&self) -> String {
        match self.value {
            None => format!("`{}` is not built yet: {}", self.key, self.instead),
            Some(value) => format!("`{}` = `{value}` is not built yet: {}", self.key, self.instead),
        }
    }
}

/// The row for a key that is not built at all.
pub fn unbuilt_key(section: Section, key: &str) -> Option<&'static Unbuilt> {
    UNBUILT.iter().find(|row| row.section == section && row.key == key && row.value.is_none())
}

/// The row for a value that is not built; `value` as text, without quotes.
pub fn unbuilt_value(section: Section, key: &str, value: &str) -> Option<&'static Unbuilt> {
    UNBUILT.iter().find(|row| row.section == section && row.key == key && row.value == Some(value))
}

/// The keys of a section that are not built: known, when the nearest known one is looked for.
pub fn unbuilt_keys(section: Section) -> impl Iterator<Item = &'static str> {
    UNBUILT.iter().filter(move |row| row.section == section && row.value.is_none()).map(|row| row.key)
}
