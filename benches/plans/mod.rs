//! Switches for benches: configurations as text, the state behind their plans, frames to decide.
#![allow(dead_code, reason = "each bench uses another part of it")]

use std::sync::Arc;

use ringswitch::config::plan::{self, Plan};
use ringswitch::config::{self, Host, Source};
use ringswitch::frame::Prefix;
use ringswitch::ids::{GroupId, LineId, ShardId};
use ringswitch::message::station;
use ringswitch::shared::group_table::GroupTable;
use ringswitch::shared::histogram::Histogram;
use ringswitch::shared::key_table::KeyTable;
use ringswitch::shared::published::{GroupShared, Keys, LineShared, Published};
use ringswitch::shared::response_table::ResponseTable;
use ringswitch::shared::status::Cause;
use ringswitch::switch::Switch;
use ringswitch::switch::line::phase::Phase;
use ringswitch::switch::plan_change::LineChange;
use ringswitch::switch::step::Place;
use ringswitch::time::{Instant, Span};

/// Data bytes of a frame: a common size of a card transaction.
pub const DATA: usize = 200;

/// From one turn to the next.
pub const STEP: Span = Span::from_micros(10);

/// A terminal's request: to NII 0003, from 1234.
pub const REQUEST: [u8; 5] = [0x60, 0x00, 0x03, 0x12, 0x34];

/// An answer from NII 0003; the number of its request belongs into the destination.
pub const ANSWER: [u8; 5] = [0x60, 0x00, 0x00, 0x00, 0x03];

/// What stands in front of the members.
pub fn settings(shards: u16) -> String {
    format!("[switch]\nname = \"bench\"\nshards = {shards}\nadmin = \"off\"\n")
}

/// A member with `lines` lines at ports from `port` on, called `ID-1` and so on.
pub fn member(id: &str, profile: &str, header: &str, port: u16, lines: u16, more: &str) -> String {
    let lines: Vec<_> = (port..port + lines).map(|port| format!("{{ listen = \"127.0.0.1:{port}\" }}")).collect();
    format!(
        "[[member]]\nid = \"{id}\"\nprofile = \"{profile}\"\nheader = \"{header}\"\nallow = [\"127.0.0.1\"]\n\
         line = [{}]\n{more}\n",
        lines.join(", ")
    )
}

/// Terminals behind a NAC, and a host that answers.
pub fn cards(shards: u16, terminal_lines: u16, host_lines: u16) -> String {
    settings(shards)
        + &member("nac", "terminal", "tpdu", 7_001, terminal_lines, "")
        + &member("host", "institution", "tpdu", 17_001, host_lines, "")
        + "[[route]]\nfrom = [\"nac\"]\nto = [\"host\"]\nmatch = { nii = [\"0003\"] }\n"
}

/// A channel and its merchant, whose frames go to each other unread.
pub fn shop() -> String {
    settings(1)
        + &member("channel", "channel", "none", 7_001, 2, "")
        + &member("merchant", "merchant", "none", 7_101, 2, "")
        + "[[route]]\nfrom = [\"channel\"]\nto = [\"merchant\"]\n"
}

/// Two institutions, of which the one asks the other by ISO 8583 keys.
pub fn banks() -> String {
    settings(1)
        + &member("acquirer", "institution", "iso8583", 7_001, 2, "")
        + &member("issuer", "institution", "iso8583", 17_001, 2, "")
        + "[[route]]\nfrom = [\"acquirer\"]\nto = [\"issuer\"]\n"
}

/// The front of a message of [`banks`] with its own trace number: type, bitmap, fields 2, 3, 4, 7, 11,
/// 32 and 33.
pub fn bank_head(message_type: &str, trace: usize) -> Vec<u8> {
    let fields = [2, 3, 4, 7, 11, 32, 33];
    let bitmap = fields.iter().fold(0u64, |bits, field| bits | 1 << (64 - field));
    let mut head = message_type.as_bytes().to_vec();
    head.extend(bitmap.to_be_bytes());
    head.extend(b"166222021234567890000000000000001000");
    head.extend(format!("1121203000{trace:06}").bytes());
    head.extend(b"08484100000800010344");
    head
}

/// Frames behind each other, each with its own head.
pub fn frames_of(prefix: Prefix, heads: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    heads.flat_map(|head| frames(prefix, 1, &head)).collect()
}

/// Two institutions that find each other by the header's station.
pub fn stations() -> String {
    settings(1)
        + &member("east", "institution", "station", 7_001, 2, "station = [\"48410000\"]")
        + &member("west", "institution", "station", 7_101, 2, "station = [\"00010344\"]")
}

/// The head of a message from `east` to `west` of [`stations`].
pub fn station_head() -> Vec<u8> {
    let head = format!("\x2e\x020200{:<11}{:<11}000\x00{:0>14}", "00010344", "48410000", "");
    assert_eq!(head.len(), station::BYTES);
    head.into_bytes()
}

/// Frames behind each other, made of a head and filling.
pub fn frames(prefix: Prefix, count: usize, head: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        let start = bytes.len();
        bytes.resize(start + prefix.bytes() + DATA, b'x');
        prefix.write(DATA, &mut bytes[start..]);
        bytes[start + prefix.bytes()..][..head.len()].copy_from_slice(head);
    }
    bytes
}

/// The plan of a configuration.
pub fn plan(text: &str) -> Arc<Plan> {
    let sources = [Source { name: "bench.toml".to_owned(), text: text.to_owned() }];
    let reading = config::read(&sources, &Host { name: "bench".to_owned(), cpus: 1 }, None);
    assert_eq!(reading.faults, []);
    config::build(&reading.configuration.expect("no fault"), None, Instant(0)).expect("few lines").plan
}

/// A plan with shared state behind it, all of it new.
pub fn published(plan: Arc<Plan>) -> Published {
    let shards = usize::from(plan.settings.shards);
    let group = |group: &Arc<plan::Group>| {
        let rest = group.timers.answer_within;
        let responses = group.answers.then(|| Arc::new(ResponseTable::new(group.limits.pending, rest, false, 1)));
        let keyed = group.answers && matches!(group.ways, plan::Ways::Iso8583(_));
        if let Some(responses) = responses.as_ref().filter(|_| keyed) {
            responses.keep_tags();
        }
        Arc::new(GroupShared {
            table: Arc::new(GroupTable::new(group.lines.len(), shards)),
            responses,
            keys: keyed.then(|| Arc::new(Keys { table: KeyTable::new(1 << 16), seed: 7 })),
            answer_seconds: (0..shards).map(|_| Histogram::default()).collect(),
            resets: Arc::default(),
        })
    };
    let lines = plan.lines.iter().map(|line| line.as_ref().map(|_| Arc::new(LineShared::default()))).collect();
    let groups = plan.groups.iter().map(|planned| planned.as_ref().map(group)).collect();
    Published { epoch: 1, plan, lines, groups }
}

/// A switch of one shard with all lines of the configuration up.
pub fn switch(text: &str) -> Switch {
    let published = Arc::new(published(plan(text)));
    switch_of(ShardId(0), &published, |_| true)
}

/// The switch of one shard with those of its lines up that `is_up` names.
pub fn switch_of(shard: ShardId, published: &Arc<Published>, is_up: impl Fn(&str) -> bool) -> Switch {
    let mut switch = Switch::new(shard, Arc::clone(published), Instant(1), 7);
    for change in switch.apply(Arc::clone(published)) {
        let LineChange::Open(slot) = change else { panic!("a first plan opens lines") };
        switch.enter(slot, Phase::Listening, Cause::Opened, None);
        if is_up(&switch.lines[slot as usize].plan.name) {
            switch.up(slot, Cause::Accepted, None);
        }
    }
    switch.changes.clear();
    switch
}

/// Begins a turn as a shard does, sweep included.
pub fn turn(switch: &mut Switch) {
    switch.begin_turn(switch.now + STEP);
    if switch.now < switch.sweep_at {
        return;
    }
    switch.sweep_at = Instant::NEVER;
    for group in switch.groups.iter_mut().flatten() {
        if let Some(table) = &group.shared.responses {
            table.sweep(&mut group.hand, switch.now, |_, _| panic!("every request was answered"));
            switch.sweep_at = switch.sweep_at.min(ResponseTable::sweep_due(&group.hand));
        }
    }
}

pub fn line(plan: &Plan, name: &str) -> LineId {
    plan.lines.iter().flatten().find(|line| &*line.name == name).expect("a line of the plan").id
}

/// The group that a line belongs to.
pub fn group(plan: &Plan, line_name: &str) -> GroupId {
    plan.line(line(plan, line_name)).expect("a line of the plan").group
}

pub fn slot(switch: &Switch, name: &str) -> u32 {
    match switch.place(line(&switch.plan, name)) {
        Place::Here(slot) => slot,
        other => panic!("{name} is {other:?}"),
    }
}
