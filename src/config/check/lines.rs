//! Rules on single lines and on the groups that they form.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::config::fault::{Findings, Place};
use crate::config::model::{Given, Line, Member, Model, SecondWord};
use crate::config::plan::{Flow, Tier};

/// A line's place in its group is 16 bits wide.
const GROUP_LINES_MAX: usize = 1 << 16;

pub fn check(model: &Model, findings: &mut Findings<'_>) {
    for member in &model.members {
        if member.lines.is_absent() || member.lines.get().is_some_and(Vec::is_empty) {
            let place = member.lines.place().unwrap_or(member.id_place());
            findings.refuse(place, format!("member `{}` has no `line`", member.name()));
        }
        for line in member.lines() {
            side(line, findings);
            second(line, findings);
        }
        allow(member, findings);
        for (group, lines) in groups(member) {
            group_works(member, group, &lines, findings);
            group_is_safe(member, group, &lines, findings);
        }
    }
}

fn side(line: &Line, findings: &mut Findings<'_>) {
    match (line.listen.is_absent(), line.connect.is_absent()) {
        (true, true) => findings.refuse(line.place, "a line needs `listen` or `connect`"),
        (false, false) => findings.refuse(line.place, "a line has `listen` or `connect`, not both"),
        _ => {}
    }
    let Some(place) = line.bind.place() else { return };
    if line.connect.is_absent() {
        findings.refuse(place, "`bind` is for a line that connects: a listening one has its address in `listen`");
    }
    if let (Some(bind), Some(remote)) = (line.bind.get(), line.connect.get())
        && bind.ip.is_ipv4() != remote.is_ipv4()
    {
        findings.refuse(place, format!("`bind` {} and `connect` {remote} are not both IPv4 or both IPv6", bind.ip));
    }
}

fn second(line: &Line, findings: &mut Findings<'_>) {
    if let Some(place) = line.second.place()
        && line.listen.is_absent()
    {
        findings.refuse(place, "`second` is for a listening line: nobody connects to this one");
    }
    if let Some(place) = line.replace_after.place()
        && !line.second.is_bad()
        && line.second.get() != Some(&SecondWord::Replace)
    {
        findings.refuse(place, "`replace_after` needs `second = \"replace\"` on the same line");
    }
}

fn allow(member: &Member, findings: &mut Findings<'_>) {
    let listening = member.lines().iter().find_map(|line| line.listen.place());
    let nobody = member.allow.is_absent() || member.allow.get().is_some_and(Vec::is_empty);
    if let (Some(place), true) = (listening, nobody) {
        let place = member.allow.place().unwrap_or(place);
        let message = format!("member `{}` has listening lines and no `allow`: nobody could connect", member.name());
        findings.refuse(place, message);
    }
    for entry in member.allow.get().into_iter().flatten() {
        if entry.value.prefix_len() == 0 {
            findings.warn(entry.place, format!("`allow` of {} lets every address in", entry.value));
        } else if entry.value != entry.value.trunc() {
            findings.warn(entry.place, host_bits(&entry.value));
        }
    }
}

fn host_bits(prefix: &IpNet) -> String {
    format!("{prefix} has bits behind its length: it lets in all of {}", prefix.trunc())
}

/// The lines of each group, if all that decides it is known.
fn groups(member: &Member) -> BTreeMap<&str, Vec<&Line>> {
    let mut groups: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in member.lines() {
        let Some(group) = line.group() else { return BTreeMap::new() };
        groups.entry(group).or_default().push(line);
    }
    groups
}

/// A group is live while a line can send and one can receive: one that never can is of no use.
fn group_works(member: &Member, group: &str, lines: &[&Line], findings: &mut Findings<'_>) {
    if lines.len() > GROUP_LINES_MAX {
        let place = lines[GROUP_LINES_MAX].place;
        findings.refuse(place, format!("group `{group}` has more than {GROUP_LINES_MAX} lines: make it two groups"));
    }
    let any = |does: fn(Flow) -> bool| lines.iter().any(|line| line.flow.known_or(Flow::Duplex).is_none_or(does));
    let lacking = |does: &str, word: &str| {
        let name = member.name();
        format!("member `{name}` has no {does} line in group `{group}`: add one with flow `{word}` or `duplex`")
    };
    if !any(Flow::receives) {
        findings.refuse(group_place(lines), lacking("receiving", "receive"));
    }
    if !any(Flow::sends) {
        findings.refuse(group_place(lines), lacking("sending", "send"));
    }
}

fn group_is_safe(member: &Member, group: &str, lines: &[&Line], findings: &mut Findings<'_>) {
    let name = member.name();
    let backup = lines.iter().any(|line| matches!(&line.tier, Given::Here(tier) if tier.value == Tier::Backup));
    if let [line] = lines {
        findings
            .warn(line.place, format!("group `{group}` of member `{name}` has a single line, and so no backup line"));
    } else if !backup && lines.iter().all(|line| !line.tier.is_bad()) {
        findings.warn(group_place(lines), format!("group `{group}` of member `{name}` has no backup line"));
    }
}

fn group_place(lines: &[&Line]) -> Place {
    lines[0].place
}
