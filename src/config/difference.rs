//! What a reload does: each line kept, changed in place, opened anew, opened or closed, with the
//! reasons; and what it cannot do without a restart.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::plan::{Group, Line, Plan, Settings};
use crate::ids::LineId;

/// Two plans compared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// Every line of either plan: those of the new one in its order, then those that it closes.
    pub lines: Vec<LineChange>,
    /// General settings that take effect at once.
    pub settings: Vec<&'static str>,
    /// Settings that differ and need a restart: if there are any, the reload is refused.
    pub restart: Vec<&'static str>,
}

/// What becomes of one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineChange {
    pub name: Arc<str>,
    pub member: Arc<str>,
    /// Its number in the plan that runs; a line that changes its group changes its number.
    pub before: Option<LineId>,
    /// Its number in the new plan.
    pub after: Option<LineId>,
    pub change: Change,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    Keep,
    /// The connection stays; what differs, in the words of the configuration.
    InPlace(Vec<&'static str>),
    /// Drained and opened anew, because of these.
    Reopen(Vec<&'static str>),
    Open,
    Close,
}

impl Change {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::InPlace(_) => "change",
            Self::Reopen(_) => "reopen",
            Self::Open => "open",
            Self::Close => "close",
        }
    }

    /// What differs, for a line that both plans have.
    pub fn reasons(&self) -> &[&'static str] {
        match self {
            Self::InPlace(reasons) | Self::Reopen(reasons) => reasons,
            _ => &[],
        }
    }
}

impl Difference {
    pub fn new(old: &Plan, new: &Plan) -> Self {
        let before: BTreeMap<&str, &Arc<Line>> = named(old);
        let after: BTreeMap<&str, &Arc<Line>> = named(new);
        let mut lines: Vec<LineChange> = Vec::with_capacity(after.len());
        for line in new.lines.iter().flatten() {
            lines.push(match before.get(&*line.name) {
                Some(known) => compared(old, known, new, line),
                None => change(None, Some(line), Change::Open),
            });
        }
        let gone = old.lines.iter().flatten().filter(|line| !after.contains_key(&*line.name));
        lines.extend(gone.map(|line| change(Some(line), None, Change::Close)));
        Self {
            lines,
            settings: settings_at_once(&old.settings, &new.settings),
            restart: settings_at_restart(&old.settings, &new.settings),
        }
    }

    /// Nothing differs at all.
    pub fn is_unchanged(&self) -> bool {
        self.settings.is_empty() && self.restart.is_empty() && self.lines.iter().all(|line| line.change == Change::Keep)
    }

    /// How many lines have a change of this name.
    pub fn count(&self, name: &str) -> usize {
        self.lines.iter().filter(|line| line.change.name() == name).count()
    }

    /// How often each reason occurs among the lines that `of` picks.
    fn reasons(&self, of: impl Fn(&Change) -> bool) -> BTreeMap<&'static str, usize> {
        let mut reasons = BTreeMap::new();
        for line in self.lines.iter().filter(|line| of(&line.change)) {
            for reason in line.change.reasons() {
                *reasons.entry(*reason).or_insert(0) += 1;
            }
        }
        reasons
    }

    /// One line of text for every line that does not simply stay, then the settings.
    pub fn listing(&self) -> String {
        let changed = self.lines.iter().filter(|line| line.change != Change::Keep);
        let mut listing: Vec<String> = changed.map(LineChange::to_string).collect();
        listing.extend(self.settings.iter().map(|name| format!("change {name}")));
        listing.extend(self.restart.iter().map(|name| format!("refuse {name}: needs a restart")));
        listing.join("\n")
    }
}

/// One line for the log: "3 lines opened, 1 closed, 2 reopened (address), timers changed on 4".
impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unchanged() {
            return out.write_str("unchanged");
        }
        let mut parts = Vec::new();
        for (name, done) in [("open", "opened"), ("close", "closed"), ("reopen", "reopened")] {
            let count = self.count(name);
            let lines = match (parts.is_empty(), count) {
                (true, 1) => " line",
                (true, _) => " lines",
                (false, _) => "",
            };
            if count > 0 {
                parts.push(format!("{count}{lines} {done}"));
            }
        }
        let reopened: Vec<_> = self.reasons(|change| matches!(change, Change::Reopen(_))).into_keys().collect();
        if let (Some(last), false) = (parts.last_mut(), reopened.is_empty()) {
            last.push_str(&format!(" ({})", reopened.join(", ")));
        }
        let in_place = self.reasons(|change| matches!(change, Change::InPlace(_)));
        parts.extend(in_place.iter().map(|(reason, count)| format!("{reason} changed on {count}")));
        parts.extend(self.settings.iter().map(|name| format!("{name} changed")));
        parts.extend(self.restart.iter().map(|name| format!("{name} needs a restart")));
        out.write_str(&parts.join(", "))
    }
}

impl fmt::Display for LineChange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} of {}", self.change.name(), self.name, self.member)?;
        match self.change.reasons() {
            [] => Ok(()),
            reasons => write!(out, ": {}", reasons.join(", ")),
        }
    }
}

fn named(plan: &Plan) -> BTreeMap<&str, &Arc<Line>> {
    plan.lines.iter().flatten().map(|line| (&*line.name, line)).collect()
}

fn change(before: Option<&Arc<Line>>, after: Option<&Arc<Line>>, change: Change) -> LineChange {
    let line = after.or(before).expect("a line of one plan or the other");
    LineChange {
        name: line.name.clone(),
        member: line.member_name.clone(),
        before: before.map(|line| line.id),
        after: after.map(|line| line.id),
        change,
    }
}

fn compared(old: &Plan, before: &Arc<Line>, new: &Plan, after: &Arc<Line>) -> LineChange {
    let groups = (group_of(old, before), group_of(new, after));
    let reopen = reopen_reasons(before, after, groups);
    let what = if !reopen.is_empty() {
        Change::Reopen(reopen)
    } else {
        match in_place_reasons(before, after, groups) {
            reasons if reasons.is_empty() => Change::Keep,
            reasons => Change::InPlace(reasons),
        }
    };
    change(Some(before), Some(after), what)
}

fn group_of<'p>(plan: &'p Plan, line: &Line) -> &'p Group {
    plan.group(line.group).expect("the group of a line is in its plan")
}

/// The reasons that hold, in the order given.
fn holding<const N: usize>(reasons: [(bool, &'static str); N]) -> Vec<&'static str> {
    reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
}

fn reopen_reasons(before: &Line, after: &Line, (old, new): (&Group, &Group)) -> Vec<&'static str> {
    holding([
        (before.side != after.side, "address"),
        (before.member_name != after.member_name, "member"),
        (before.group_name != after.group_name, "group"),
        (before.tier != after.tier, "tier"),
        (before.flow != after.flow, "flow"),
        (before.profile != after.profile, "profile"),
        (before.framing.prefix != after.framing.prefix, "prefix"),
        (before.framing.max != after.framing.max, "max"),
        (old.header != new.header, "header"),
        // Only with another number of shards, which is refused anyway.
        (before.shard != after.shard, "shard"),
    ])
}

fn in_place_reasons(before: &Line, after: &Line, (old, new): (&Group, &Group)) -> Vec<&'static str> {
    holding([
        (before.timers != after.timers || old.timers != new.timers, "timers"),
        (before.limits != after.limits || old.limits != new.limits, "limits"),
        (before.allow != after.allow, "allow"),
        (before.second != after.second, "second"),
        (before.probe != after.probe, "probe"),
        (before.expect != after.expect, "expect"),
        (before.resend != after.resend, "resend"),
        (old.ways != new.ways || old.answers != new.answers, "routes"),
        (old.on_line_loss != new.on_line_loss, "on_line_loss"),
    ])
}

fn settings_at_once(old: &Settings, new: &Settings) -> Vec<&'static str> {
    holding([
        (old.name != new.name, "name"),
        (old.log != new.log, "log"),
        (old.drain_within != new.drain_within, "drain_within"),
        (old.connections != new.connections, "connections"),
        (old.events != new.events, "events"),
    ])
}

fn settings_at_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    holding([
        (old.shards != new.shards, "shards"),
        (old.admin != new.admin, "admin"),
        (old.spin != new.spin, "spin"),
        (old.memory != new.memory, "memory"),
        (old.state != new.state, "state"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{EXAMPLE, built, built_after};
    use crate::time::Instant;

    /// What a reload from the example to the example with `from` replaced by `to` would do.
    fn after(replacements: &[(&str, &str)]) -> Difference {
        let before = built(EXAMPLE);
        let mut text = EXAMPLE.to_owned();
        for (from, to) in replacements {
            assert!(text.contains(from), "`{from}` is not in the example");
            text = text.replacen(from, to, 1);
        }
        Difference::new(&before.plan, &built_after(&text, Some(&before), Instant(0)).plan)
    }

    const NAC: &str = "{ listen = \"127.0.0.1:7002\" }";

    #[test]
    fn nothing_differs() {
        let difference = after(&[]);
        assert!(difference.is_unchanged());
        assert_eq!((difference.to_string(), difference.listing()), ("unchanged".to_owned(), String::new()));
        assert_eq!(difference.count("keep"), 5);
    }

    #[test]
    fn an_address_without_an_id_is_another_line() {
        let difference = after(&[("127.0.0.1:7002", "127.0.0.1:7003")]);
        assert_eq!(difference.to_string(), "1 line opened, 1 closed");
        assert_eq!(difference.listing(), "open nac-east-3 of nac-east\nclose nac-east-2 of nac-east");
    }

    #[test]
    fn a_line_with_an_id_is_opened_anew_at_another_address() {
        let difference =
            after(&[("127.0.0.1:7101", "127.0.0.1:7103"), ("bind = \"127.0.0.1\"", "bind = \"127.0.0.2\"")]);
        assert_eq!(difference.to_string(), "2 lines reopened (address)");
        assert_eq!(difference.listing(), "reopen issuer-in of issuer: address\nreopen issuer-out of issuer: address");
        let line = &difference.lines[2];
        assert!(line.before.is_some() && line.before == line.after, "it keeps its number");
    }

    #[test]
    fn two_lines_exchange_their_ports() {
        let difference = after(&[
            ("127.0.0.1:7101", "127.0.0.1:1"),
            ("127.0.0.1:7102", "127.0.0.1:7101"),
            ("127.0.0.1:1", "127.0.0.1:7102"),
        ]);
        assert_eq!(difference.to_string(), "2 lines reopened (address)");
    }

    #[test]
    fn what_needs_a_new_connection_says_why() {
        for (from, to, reason, lines) in [
            (", tier = \"backup\"", "", "tier", 1),
            ("flow = \"receive\"", "flow = \"duplex\"", "flow", 1),
            ("\"terminal\"", "\"terminal\"\nprefix = \"ascii4\"", "prefix", 2),
            ("\"terminal\"", "\"terminal\"\nmax = 100", "max", 2),
            (NAC, "{ listen = \"127.0.0.1:7002\", group = \"g\" }", "group", 1),
        ] {
            let difference = after(&[(from, to)]);
            let reopened: Vec<_> =
                difference.lines.iter().filter(|line| line.change == Change::Reopen(vec![reason])).collect();
            assert_eq!(reopened.len(), lines, "{reason}: {}", difference.listing());
        }
        let profile = after(&[("\"institution\"", "\"tv\"")]);
        assert_eq!(profile.to_string(), "3 lines reopened (profile)");
        let header =
            after(&[("header  = \"tpdu\"", ""), ("header  = \"tpdu\"", ""), ("match = { nii = [\"0003\"] }", "")]);
        assert_eq!(header.to_string(), "5 lines reopened (header)");
    }

    #[test]
    fn what_changes_in_place_is_counted() {
        for (from, to, summary) in [
            ("\"5s\"", "\"6s\"", "timers changed on 3"),
            ("line_queue     = \"1MiB\"", "line_queue = \"2MiB\"", "limits changed on 5"),
            ("\"10.8.1.0/24\", ", "", "allow changed on 2"),
            (NAC, "{ listen = \"127.0.0.1:7002\", second = \"replace\" }", "second changed on 1"),
            ("\"terminal\"", "\"terminal\"\nprobe = true", "probe changed on 2"),
            ("\"terminal\"", "\"terminal\"\nexpect = false", "expect changed on 2"),
            ("\"terminal\"", "\"terminal\"\nresend = \"never\"", "resend changed on 2"),
            ("[\"0003\"]", "[\"0003\", \"0004\"]", "routes changed on 5"),
            ("\"terminal\"", "\"terminal\"\non_line_loss = \"reset_group\"", "on_line_loss changed on 2"),
            ("events         = 10000", "events = 5", "events changed"),
        ] {
            assert_eq!(after(&[(from, to)]).to_string(), summary);
        }
    }

    #[test]
    fn everything_at_once_is_one_line() {
        let difference = after(&[
            (NAC, "{ listen = \"127.0.0.1:7003\" }, { listen = \"127.0.0.1:7004\" }"),
            ("127.0.0.1:7101", "127.0.0.1:7103"),
            ("hold_answer    = \"2s\"", "hold_answer = \"3s\""),
            ("memory         = \"1GiB\"", "memory = \"2GiB\""),
        ]);
        assert_eq!(
            difference.to_string(),
            "2 lines opened, 1 closed, 1 reopened (address), timers changed on 3, memory needs a restart"
        );
    }

    #[test]
    fn some_settings_need_a_restart() {
        let difference = after(&[
            ("shards   = 2", "shards = 3"),
            ("127.0.0.1:9600", "127.0.0.1:9601"),
            ("\"0us\"", "\"5us\""),
            ("memory         = \"1GiB\"", "memory = \"2GiB\""),
            ("[timers]", "state = \"/var/lib/ringswitch\"\n[timers]"),
        ]);
        assert_eq!(difference.restart, ["shards", "admin", "spin", "memory", "state"]);
    }
}
