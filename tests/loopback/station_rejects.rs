//! Rejected messages of `header = "station"`: what cannot be delivered goes back to its sender.

use crate::harness::{Member, Peer, Switch, World, fates_add_up, station, vectors};
use crate::on_1_2_and_5_shards;

const ALL_CODES: &str = r#"station_rejects = { unknown = "00045", dead = "00046", header_length = "00015", version = "00025", total_length = "00035" }"#;

fn bank(id: &str, station: &str) -> Member {
    Member::plain(id).key(r#"header = "station""#).key(&format!("station = [\"{station}\"]")).listen().listen()
}

/// A bank that gets its frames back, on its first line, and another on its second line.
fn rejecting(shards: u16, one: &str, keys: &[&str]) -> (Switch, Peer, Peer) {
    let left = keys.iter().fold(bank("left", one), |member, key| member.key(key));
    let right = bank("right", "10000002");
    let switch = World::new(shards).member(&left).member(&right).start();
    let (first, second) = (switch.join(&left, 1), switch.join(&right, 2));
    (switch, first, second)
}

/// What comes back: addresses exchanged, the code, and the whole original behind a header of its own.
fn rejected(destination: &str, source: &str, code: &[u8; 5], original: &[u8]) -> Vec<u8> {
    let mut frame = station(source, destination, original);
    frame[28..41].copy_from_slice(&original[28..41]);
    frame[41..46].copy_from_slice(code);
    frame
}

fn made(switch: &Switch, reason: &str) -> u64 {
    switch.metric("rejects_made_total", &[("member", "left"), ("reason", reason)])
}

fn an_unknown_or_dead_destination_comes_back(shards: u16) {
    let (switch, mut left, right) = rejecting(shards, "10000001", &[ALL_CODES]);
    let unknown = station("10000003", "10000001", b"0200 to nobody");
    left.send_frame(&unknown);
    left.expect_frame(&rejected("10000003", "10000001", b"00045", &unknown));
    drop(right);
    switch.wait_line_state("right-2", "listening");
    let dead = station("10000002", "10000001", b"0200 to the dead");
    left.send_frame(&dead);
    left.expect_frame(&rejected("10000002", "10000001", b"00046", &dead));
    fates_add_up(&switch);
    assert_eq!((made(&switch, "unknown"), made(&switch, "dead")), (1, 1));
    assert_eq!((switch.dropped("no_route"), switch.dropped("no_line")), (1, 1));
    switch.wait_metric("frames_sent_total", &[("line", "left-1")], 2);
    assert_eq!(switch.metric("requests_forwarded_total", &[]), 0, "a rejected message is nobody's request");
}

/// Vector R1: C1 with the code for a wrong total length, as the network would answer it.
#[test]
fn the_published_rejected_message_is_made() {
    let (switch, mut left, _right) = rejecting(2, "48540000", &[r#"station_rejects = { unknown = "00035" }"#]);
    left.send_frame(&vectors::data("C1"));
    left.expect_frame(&vectors::data("R1"));
    fates_add_up(&switch);
}

/// Over any line of the sending station's group: the one the frame came in on may be gone.
fn it_comes_back_over_any_line_of_the_group(shards: u16) {
    let left = Member::plain("left").key(r#"header = "station""#).key(r#"station = ["10000001"]"#).key(ALL_CODES);
    let left = left.listen_with("flow = \"receive\"").listen_with("flow = \"send\"");
    let switch = World::new(shards).member(&left).member(&bank("right", "10000002")).start();
    let (mut asking, mut told) = (switch.join(&left, 1), switch.join(&left, 2));
    for number in 0..50 {
        let frame = station("10000003", "10000001", format!("0200 {number}").as_bytes());
        asking.send_frame(&frame);
        told.expect_frame(&rejected("10000003", "10000001", b"00045", &frame));
    }
    fates_add_up(&switch);
    assert_eq!(made(&switch, "unknown"), 50);
}

#[test]
fn a_wrong_header_length_comes_back_where_its_sender_can_be_read() {
    let (switch, mut left, _right) = rejecting(2, "10000001", &[ALL_CODES]);
    let mut wrong = station("10000002", "10000001", b"0200");
    wrong[0] = 45;
    left.send_frame(&wrong);
    left.expect_frame(&rejected("10000002", "10000001", b"00015", &wrong));
    left.send_frame(b"shorter than a header");
    switch.wait_dropped("bad_header", 2);
    assert_eq!(made(&switch, "header_length"), 1);
    fates_add_up(&switch);
}

/// By default the total length and the version are nobody's business (`station.rs`).
#[test]
fn strict_looks_at_version_and_total_length() {
    let (switch, mut left, mut right) = rejecting(2, "10000001", &[ALL_CODES, "station_strict = true"]);
    for wrong in [b"0004", b"50  ", b"+050", b"    "] {
        let mut frame = station("10000002", "10000001", b"0200");
        frame[2..6].copy_from_slice(wrong);
        left.send_frame(&frame);
        left.expect_frame(&rejected("10000002", "10000001", b"00035", &frame));
    }
    for version in [0, 3, 0x80, 0x83] {
        let mut frame = station("10000002", "10000001", b"0200");
        frame[1] = version;
        left.send_frame(&frame);
        let mut back = rejected("10000002", "10000001", b"00025", &frame);
        back[1] = (version & 0x80) | 2;
        left.expect_frame(&back);
    }
    for version in [1, 2, 0x81, 0x82] {
        let mut frame = station("10000002", "10000001", b"0200");
        frame[1] = version;
        left.send_frame(&frame);
        right.expect_frame(&frame);
    }
    assert_eq!((made(&switch, "total_length"), made(&switch, "version")), (4, 4));
    assert_eq!(switch.dropped("bad_header"), 8);
    fates_add_up(&switch);
}

#[test]
fn strict_without_codes_only_drops() {
    let (switch, mut left, mut right) = rejecting(2, "10000001", &["station_strict = true"]);
    let mut wrong = station("10000002", "10000001", b"0200");
    wrong[2..6].copy_from_slice(b"0004");
    left.send_frame(&wrong);
    left.send_frame(&station("10000009", "10000001", b"0200"));
    switch.wait_dropped("bad_header", 1);
    switch.wait_dropped("no_route", 1);
    let good = station("10000002", "10000001", b"0200 good");
    left.send_frame(&good);
    right.expect_frame(&good);
    right.send_frame(&station("10000001", "10000002", b"0210"));
    left.expect_frame(&station("10000001", "10000002", b"0210"));
    assert_eq!(switch.metric("rejects_made_total", &[]), 0);
    fates_add_up(&switch);
}

/// A message with a reject code is an answer: it is delivered, and never rejected again.
#[test]
fn a_rejected_message_is_never_rejected() {
    let (switch, mut left, mut right) = rejecting(2, "10000001", &[ALL_CODES]);
    let original = station("10000001", "10000002", b"0200");
    let lost = rejected("10000003", "10000001", b"00045", &original);
    let mut back = station("10000003", "10000001", &lost[46..]);
    back[41..46].copy_from_slice(b"00099");
    left.send_frame(&back);
    switch.wait_dropped("no_route", 1);
    let answer = rejected("10000002", "10000001", b"00099", &original);
    right.send_frame(&answer);
    left.expect_frame(&answer);
    let mut other_way = station("10000002", "10000001", b"0200");
    other_way[41..46].copy_from_slice(b"00077");
    left.send_frame(&other_way);
    right.expect_frame(&other_way);
    assert_eq!(switch.metric("rejects_made_total", &[]), 0);
    fates_add_up(&switch);
}

/// Who speaks in another's name gets nothing back, and neither does the other.
#[test]
fn nobody_gets_a_rejection_in_anothers_name() {
    let (switch, mut left, mut right) = rejecting(2, "10000001", &[ALL_CODES, "station_strict = true"]);
    for (destination, source) in [("10000003", "10000002"), ("10000002", "10000009"), ("10000003", "10000009")] {
        let mut frame = station(destination, source, b"0200");
        left.send_frame(&frame);
        frame[0] = 45;
        left.send_frame(&frame);
    }
    switch.wait_dropped("foreign_source", 3);
    switch.wait_dropped("bad_header", 3);
    let good = station("10000002", "10000001", b"0200 good");
    left.send_frame(&good);
    right.expect_frame(&good);
    let good = station("10000001", "10000002", b"0210 good");
    right.send_frame(&good);
    left.expect_frame(&good);
    assert_eq!(switch.metric("rejects_made_total", &[]), 0);
    fates_add_up(&switch);
}

/// What would not fit the prefix, or the member's `max`, is only dropped and counted.
#[test]
fn what_would_not_fit_with_its_new_header_is_only_dropped() {
    let (switch, mut left, _right) = rejecting(2, "10000001", &[ALL_CODES]);
    let body = |len: usize| station("10000003", "10000001", &vec![b'x'; len - 46]);
    left.send_frame(&body(9_954));
    switch.wait_dropped("no_route", 1);
    assert_eq!(made(&switch, "unknown"), 0);
    left.send_frame(&body(9_953));
    left.expect_frame(&rejected("10000003", "10000001", b"00045", &body(9_953)));
    fates_add_up(&switch);
}

/// A sender that does not take what comes back is neither paused nor remembered without bound.
#[test]
fn a_flood_of_rejections_that_nobody_takes_is_bounded() {
    let left = bank("left", "10000001").key(ALL_CODES).key("limits = { line_queue = \"64KiB\" }");
    let right = bank("right", "10000002");
    let switch = World::new(2).member(&left).member(&right).start();
    let (mut flooding, mut served) = (switch.join(&left, 1), switch.join(&right, 1));
    let unknown = station("10000003", "10000001", &[b'x'; 4_000]);
    let count = 5_000;
    for _ in 0..count {
        flooding.send_frame(&unknown);
    }
    switch.wait_dropped("no_route", count);
    assert!(made(&switch, "unknown") < count, "the rest was only dropped");
    let good = station("10000002", "10000001", b"0200 good");
    flooding.send_frame(&good);
    served.expect_frame(&good);
    let back = rejected("10000003", "10000001", b"00045", &unknown);
    for _ in 0..made(&switch, "unknown") {
        flooding.expect_frame(&back);
    }
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(an_unknown_or_dead_destination_comes_back, it_comes_back_over_any_line_of_the_group);
