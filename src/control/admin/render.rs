//! From the snapshot to what the admin API answers.

use std::net::SocketAddr;

use super::super::clock::WallClock;
use super::super::observed::{LastReload, LineEvent};
use super::super::reload::Verdict;
use super::views::{Event, Group, GroupLine, Health, Line, Reload, ReloadAnswer, Shard, Status, Totals};
use crate::config::plan::{Flow, Tier};
use crate::metrics::Snapshot;
use crate::metrics::snapshot::{GroupFacts, LineFacts};
use crate::reason::Drop;
use crate::shared::counters::{Cold, Hot};
use crate::shared::status::LineState;
use crate::time::Instant;

pub fn status(snapshot: &Snapshot, last: &LastReload, stopping: bool, wall: &WallClock) -> Status {
    let switch = &snapshot.switch;
    let shard = |(number, shard): (usize, &crate::metrics::snapshot::ShardFacts)| Shard {
        shard: number,
        turns: shard.turns,
        applied: shard.applied,
        connections: shard.connections,
        memory_bytes: shard.memory_bytes,
    };
    Status {
        name: switch.name.clone(),
        version: switch.version.to_owned(),
        pid: switch.pid,
        uptime_seconds: switch.uptime.as_secs_f64(),
        epoch: switch.epoch,
        stopping,
        shards: snapshot.shards.iter().enumerate().map(shard).collect(),
        totals: totals(snapshot),
        last_reload: Reload { result: last.result.to_owned(), at: wall.text(last.at), summary: last.summary.clone() },
    }
}

fn totals(snapshot: &Snapshot) -> Totals {
    let lines = &snapshot.lines;
    let sum = |value: &dyn Fn(&LineFacts) -> u64| lines.iter().map(value).sum();
    let dropped = |reason: &Drop| (reason.name().to_owned(), sum(&|line| line.counts.dropped[reason.index()]));
    Totals {
        lines: sum(&|line| line.place.is_some().into()),
        lines_up: sum(&|line| (line.place.is_some() && line.state == LineState::Up).into()),
        pending: sum(&|line| line.counts.pending()),
        frames_in: sum(&|line| line.counts.hot(Hot::FramesReceived)),
        frames_out: sum(&|line| line.counts.hot(Hot::FramesSent)),
        held: snapshot.frames_held,
        dropped: Drop::ALL.iter().map(dropped).collect(),
    }
}

/// The configured lines, in the order of the configuration.
pub fn lines(snapshot: &Snapshot, wall: &WallClock) -> Vec<Line> {
    let mut planned: Vec<_> = snapshot.lines.iter().filter(|facts| facts.place.is_some()).collect();
    planned.sort_by_key(|facts| facts.place.map(|place| place.id));
    planned.into_iter().filter_map(|facts| line(facts, wall)).collect()
}

/// `None` for a line that a reload removed.
pub fn line(facts: &LineFacts, wall: &WallClock) -> Option<Line> {
    let (place, counts) = (facts.place?, &facts.counts);
    Some(Line {
        id: facts.labels.line.to_string(),
        member: facts.labels.member.to_string(),
        group: facts.labels.group.to_string(),
        tier: tier(place.tier).to_owned(),
        flow: flow(place.flow).to_owned(),
        state: facts.state.name().to_owned(),
        shard: place.shard,
        local: facts.local.map(address),
        remote: facts.remote.map(address),
        since: (facts.since != Instant::default()).then(|| wall.text(facts.since)),
        frames_in: counts.hot(Hot::FramesReceived),
        frames_out: counts.hot(Hot::FramesSent),
        bytes_in: counts.hot(Hot::BytesReceived),
        bytes_out: counts.hot(Hot::BytesSent),
        probes_in: counts.hot(Hot::ProbesReceived),
        probes_out: counts.hot(Hot::ProbesSent),
        queued_bytes: facts.queued_bytes,
        connects: counts.cold(Cold::Connects),
        refused: counts.refused.iter().sum(),
        last_error: facts.last_error.clone(),
    })
}

pub fn groups(snapshot: &Snapshot) -> Vec<Group> {
    snapshot.groups.iter().map(|group| one_group(snapshot, group)).collect()
}

fn one_group(snapshot: &Snapshot, group: &GroupFacts) -> Group {
    let line = |name: &std::sync::Arc<str>| {
        // The snapshot's lines are in the order of their names.
        let at = snapshot.lines.binary_search_by(|line| line.labels.line.cmp(name)).ok()?;
        let facts = &snapshot.lines[at];
        let tier = tier(facts.place?.tier).to_owned();
        Some(GroupLine { id: name.to_string(), state: facts.state.name().to_owned(), tier })
    };
    Group {
        member: group.member.to_string(),
        group: group.name.to_string(),
        live: group.live,
        working_tier: group.working_tier.map(|working| tier(working).to_owned()),
        lines: group.lines.iter().filter_map(line).collect(),
        pending: group.numbers.map(|numbers| numbers.pending),
        pending_limit: group.numbers.map(|numbers| numbers.limit),
        answer_bytes: group.answer_bytes,
        numbers: group.numbers.map(|numbers| numbers.numbers),
    }
}

pub fn event(event: &LineEvent, wall: &WallClock) -> Event {
    Event {
        at: wall.text(event.at),
        line: event.line.to_string(),
        from: event.from.name().to_owned(),
        to: event.to.name().to_owned(),
        cause: event.cause.name().to_owned(),
        remote: event.remote.map(address),
    }
}

/// `failing` in words, one entry for each thing that fails.
pub fn health(failing: Vec<String>, hint: &str) -> Health {
    if failing.is_empty() {
        return Health { status: "ok".to_owned(), error: None, hint: None, failing };
    }
    Health { status: "failing".to_owned(), error: Some(failing.join("; ")), hint: Some(hint.to_owned()), failing }
}

pub fn verdict(verdict: Verdict) -> ReloadAnswer {
    let answer = ReloadAnswer::default();
    match verdict {
        Verdict::Applied { epoch, changes, warnings, waiting_for } => {
            let (epoch, changes, result) = (Some(epoch), Some(changes), "applied".to_owned());
            ReloadAnswer { result, epoch, changes, warnings, waiting_for, ..answer }
        }
        Verdict::Unchanged { epoch, warnings } => {
            ReloadAnswer { result: "unchanged".to_owned(), epoch: Some(epoch), warnings, ..answer }
        }
        Verdict::Planned { changes, warnings } => {
            ReloadAnswer { result: "planned".to_owned(), changes: Some(changes), warnings, ..answer }
        }
        Verdict::Refused { faults } => {
            let error = Some("the configuration is refused, nothing was changed".to_owned());
            let hint = Some("mend every fault and reload again; `ringswitch check` finds them too".to_owned());
            ReloadAnswer { result: "refused".to_owned(), error, hint, faults, ..answer }
        }
    }
}

pub const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Trunk => "trunk",
        Tier::Backup => "backup",
    }
}

const fn flow(flow: Flow) -> &'static str {
    match flow {
        Flow::Duplex => "duplex",
        Flow::Receive => "receive",
        Flow::Send => "send",
    }
}

/// A v4-mapped address as the IPv4 address it is.
fn address(address: SocketAddr) -> String {
    SocketAddr::new(address.ip().to_canonical(), address.port()).to_string()
}
