//! Peers that do not read: who waits for them, for how long, and what becomes of what waits.

use ringswitch::reason::{Closed, Drop};
use ringswitch::shared::status::LineState;
use ringswitch::time::Span;

use super::stage::{Stage, address};
use super::texts::SHOP;
use super::wire::{DIGITS_PROBE, Lengths, binary, digits, tpdu};
use crate::fake::{Conditions, Peer, PeerState};

const MOMENT: Span = Span::from_millis(100);

fn shop(text: &str, conditions: Conditions) -> (Stage, Peer, Peer) {
    let mut stage = Stage::before(text, 1, conditions);
    let server = stage.kernel.listen(address(7401));
    stage.pass(MOMENT);
    let merchant = server.accept().expect("the switch connects at once");
    let channel = stage.connect(7301);
    (stage, channel, merchant)
}

#[test]
fn a_peer_that_takes_nothing_for_a_minute_is_stalled() {
    let (mut stage, channel, merchant) = shop(SHOP, Conditions::default());
    merchant.stop_reading();
    stage.send(&channel, &digits(&[b'x'; 9_000]).repeat(20));
    stage.pass_secs(59);
    assert_eq!((stage.state("merchant-1"), merchant.state()), (LineState::Up, PeerState::Connected));
    // It is looked at eight times in that time, not at every tick.
    stage.pass_secs(2 * 8);
    assert_eq!(stage.closed("merchant-1", Closed::Stalled), 1);
    assert!(stage.dropped("channel-1", Drop::LineLost) > 0, "no other line takes them");
    stage.assert_fates_add_up();
    assert_eq!(stage.memory(), 0);
}

#[test]
fn a_peer_that_takes_a_byte_every_30_seconds_is_kept() {
    let conditions = Conditions { window: 1, send_buffer: 2_000, ..Conditions::default() };
    let (mut stage, channel, merchant) = shop(SHOP, conditions);
    merchant.stop_reading();
    let frames = digits(&[b'y'; 5_000]).repeat(2);
    stage.send(&channel, &frames);
    let mut taken = Vec::new();
    for _ in 0..40 {
        stage.pass_secs(30);
        taken.extend(merchant.receive());
        stage.send(&merchant, DIGITS_PROBE);
        stage.send(&channel, DIGITS_PROBE);
    }
    assert_eq!((stage.state("merchant-1"), taken.as_slice()), (LineState::Up, &frames[..40]), "twenty minutes");
    stage.pass_secs(60 + 2 * 8);
    assert_eq!(stage.closed("merchant-1", Closed::Stalled), 1);
}

/// Two hosts, one of which will not read.
const TWO_HOSTS: &str = r#"
[switch]
shards = 1
admin = "off"
[limits]
line_queue = "16KiB"
[[member]]
id = "nac"
profile = "terminal"
allow = ["127.0.0.1"]
header = "tpdu"
line = [ { listen = "127.0.0.1:7001" } ]
[[member]]
id = "stuck"
profile = "institution"
allow = ["127.0.0.1"]
header = "tpdu"
line = [ { listen = "127.0.0.1:7101" } ]
[[member]]
id = "other"
profile = "institution"
allow = ["127.0.0.1"]
header = "tpdu"
line = [ { listen = "127.0.0.1:7201" } ]
[[route]]
from = ["nac"]
to = ["stuck"]
match = { nii = ["0003"] }
[[route]]
from = ["nac"]
to = ["other"]
match = { nii = ["0006"] }
"#;

fn whole_frames(peer: &Peer) -> usize {
    let mut bytes = peer.receive();
    Lengths::Digits.take_all(&mut bytes).iter().filter(|frame| !frame.is_empty()).count()
}

#[test]
fn a_line_with_several_destinations_pauses_for_one_second_and_then_drops() {
    let mut stage = Stage::new(TWO_HOSTS);
    let (nac, stuck, other) = (stage.connect(7001), stage.connect(7101), stage.connect(7201));
    stuck.stop_reading();
    let request = |nii| binary(&tpdu(nii, 9, &[b'z'; 1_900]));
    for _ in 0..100 {
        stage.send(&nac, &request(3));
    }
    stage.send(&nac, &request(6));
    stage.pass(Span::from_millis(900));
    assert_eq!((whole_frames(&other), stage.dropped("nac-1", Drop::LineFull)), (0, 0), "it waits behind the others");
    stage.pass(Span::from_millis(200));
    assert_eq!(whole_frames(&other), 1);
    let dropped = stage.dropped("nac-1", Drop::LineFull);
    assert!(dropped > 0);
    stage.send(&nac, &request(3));
    assert_eq!(stage.dropped("nac-1", Drop::LineFull), dropped + 1, "at once, until the host takes bytes again");
    stuck.resume_reading();
    stage.pass(MOMENT);
    stage.send(&nac, &request(3));
    stage.pass(MOMENT);
    assert_eq!(stage.dropped("nac-1", Drop::LineFull), dropped + 1);
    assert_eq!(whole_frames(&stuck) as u64, 102 - dropped - 1, "and nothing else was lost");
    stage.assert_fates_add_up();
}

/// What would not fit is dropped until the host takes bytes again: the next time that it is full, who feeds it waits anew.
fn waits_anew_after_a_drop(text: &str, again: impl Fn(&mut Stage, Peer) -> Peer) {
    // Sockets that take less than a full queue: one that was full before is no sign that bytes were taken.
    let conditions = Conditions { window: 2_000, send_buffer: 2_000, ..Conditions::default() };
    let mut stage = Stage::with(text, 1, conditions);
    let (nac, stuck, _other) = (stage.connect(7001), stage.connect(7101), stage.connect(7201));
    let requests = binary(&tpdu(3, 9, &[b'z'; 1_900])).repeat(100);
    stuck.stop_reading();
    stage.send(&nac, &requests);
    stage.pass(Span::from_millis(1_100));
    let dropped = stage.dropped("nac-1", Drop::LineFull);
    assert!(dropped > 0);
    let stuck = again(&mut stage, stuck);
    stage.pass(MOMENT);
    drop(stuck.receive());
    stuck.stop_reading();
    stage.send(&nac, &requests);
    stage.pass(Span::from_millis(900));
    assert_eq!(stage.dropped("nac-1", Drop::LineFull), dropped, "it waits first");
    stuck.resume_reading();
    stage.pass(MOMENT);
    assert_eq!((whole_frames(&stuck), stage.dropped("nac-1", Drop::LineFull)), (100, dropped));
    stage.assert_fates_add_up();
}

#[test]
fn who_feeds_a_host_on_another_shard_waits_anew_once_it_took_bytes() {
    let text = TWO_HOSTS.replace("shards = 1", "shards = 2");
    let shard = |stage: &Stage, name| stage.plan.line(stage.line_id(name)).expect("a line of the plan").shard;
    waits_anew_after_a_drop(&text, |stage, stuck| {
        assert_ne!(shard(stage, "nac-1"), shard(stage, "stuck-1"));
        stuck.resume_reading();
        stuck
    });
}

#[test]
fn who_feeds_a_host_waits_anew_once_it_is_connected_again() {
    waits_anew_after_a_drop(TWO_HOSTS, |stage, stuck| {
        stuck.reset();
        stage.pass(MOMENT);
        stage.connect(7101)
    });
}

/// A pair, so that the pause may last, with a merchant that is given time; nobody is probed.
fn patient() -> String {
    let patient = "timers = { unread_within = \"1h\" }\nprobe = false\nlimits = { line_queue = \"16KiB\" }\n";
    SHOP.replace("profile = \"channel\"", "profile = \"channel\"\nprobe = false")
        .replace("profile = \"merchant\"", &format!("profile = \"merchant\"\n{patient}"))
}

/// Fills everything on the way to a merchant that does not read, with half a frame at the end, and keeps it so for
/// five minutes. Gives what the merchant is still to get, but for the other half.
fn paused_for_five_minutes() -> (Stage, Peer, Peer, Vec<u8>) {
    let (mut stage, channel, merchant) = shop(&patient(), Conditions::default());
    merchant.stop_reading();
    let sent = digits(&[b'w'; 9_000]).repeat(30);
    stage.send(&channel, &sent);
    stage.send(&channel, b"0010half");
    for _ in 0..3 {
        stage.pass_secs(100);
        stage.send(&merchant, DIGITS_PROBE);
    }
    assert_eq!((stage.state("channel-1"), channel.state()), (LineState::Up, PeerState::Connected), "FAULTS 52");
    (stage, channel, merchant, sent)
}

#[test]
fn a_paused_line_is_neither_silent_nor_half_done_for_as_long_as_it_lasts() {
    let (mut stage, channel, merchant, sent) = paused_for_five_minutes();
    merchant.resume_reading();
    stage.pass_secs(5);
    stage.send(&channel, b"-whole");
    stage.pass(MOMENT);
    assert_eq!(merchant.receive(), [&sent, &b"0010half-whole"[..]].concat());
    assert_eq!(stage.state("channel-1"), LineState::Up);
    stage.assert_fates_add_up();
}

#[test]
fn after_a_pause_the_clock_of_silence_goes_on() {
    let (mut stage, channel, merchant, _) = paused_for_five_minutes();
    merchant.resume_reading();
    stage.pass(MOMENT);
    stage.send(&channel, b"-whole");
    stage.pass_secs(90);
    stage.send(&merchant, DIGITS_PROBE);
    stage.pass_secs(89);
    assert_eq!(stage.state("channel-1"), LineState::Up);
    stage.pass_secs(2);
    assert_eq!((channel.state(), stage.closed("channel-1", Closed::Silent)), (PeerState::Reset, 1));
}

#[test]
fn after_a_pause_half_a_frame_has_its_ten_seconds() {
    let (mut stage, channel, merchant, _) = paused_for_five_minutes();
    merchant.resume_reading();
    stage.pass_secs(9);
    assert_eq!(stage.state("channel-1"), LineState::Up);
    stage.pass_secs(2);
    assert_eq!((channel.state(), stage.closed("channel-1", Closed::Partial)), (PeerState::Reset, 1));
}

#[test]
fn after_a_pause_without_half_a_frame_the_clock_of_silence_goes_on() {
    let (mut stage, channel, merchant) = shop(&patient(), Conditions::default());
    merchant.stop_reading();
    let frames = digits(&[b'v'; 9_000]).repeat(24);
    stage.send(&channel, &frames);
    for _ in 0..3 {
        stage.pass_secs(100);
        stage.send(&merchant, DIGITS_PROBE);
    }
    merchant.resume_reading();
    stage.pass(MOMENT);
    assert_eq!(merchant.receive().len(), frames.len());
    stage.pass_secs(90);
    stage.send(&merchant, DIGITS_PROBE);
    stage.pass_secs(91);
    assert_eq!((channel.state(), stage.closed("channel-1", Closed::Silent)), (PeerState::Reset, 1));
}

/// Two institutions that send to each other, or to themselves.
const STATIONS: &str = r#"
[switch]
shards = 1
admin = "off"

[limits]
line_queue = "16KiB"

[[member]]
id = "bank"
profile = "institution"
allow = ["127.0.0.1"]
header = "station"
station = ["00010001"]
line = [ { listen = "127.0.0.1:7501" } ]

[[member]]
id = "other"
profile = "institution"
allow = ["127.0.0.1"]
header = "station"
station = ["00010002"]
line = [ { listen = "127.0.0.1:7502" } ]
"#;

#[test]
fn a_station_that_feeds_itself_and_does_not_read_is_paused_and_keeps_nobody_busy() {
    let conditions = Conditions { window: 2_000, send_buffer: 2_000, ..Conditions::default() };
    let mut stage = Stage::with(STATIONS, 1, conditions);
    let bank = stage.connect(7501);
    bank.stop_reading();
    let to_itself = format!("\x2e\x020546{0:<11}{0:<11}000\x00{1:0>14}{1:0>500}", "00010001", "").into_bytes();
    // Turns without end at one instant are a failure of the stage.
    stage.send(&bank, &digits(&to_itself).repeat(100));
    stage.pass(MOMENT);
    assert_eq!((stage.state("bank-1"), stage.dropped("bank-1", Drop::LineFull)), (LineState::Up, 0));
    stage.pass_secs(2);
    assert!(stage.dropped("bank-1", Drop::LineFull) > 0, "after pause_within what does not fit is dropped");
    bank.resume_reading();
    stage.pass_secs(1);
    stage.assert_fates_add_up();
}
