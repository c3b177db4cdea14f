//! Institutions with station ids (`header = "station"`): by destination, nobody in another's name.

use crate::harness::{Member, Peer, Switch, World, fates_add_up, station, vectors};
use crate::on_1_2_and_5_shards;

fn bank(id: &str, station: &str) -> Member {
    Member::plain(id).key(r#"header = "station""#).key(&format!("station = [\"{station}\"]")).listen().listen()
}

/// Two banks, each with one of its two lines up.
fn two_banks(shards: u16, one: &str, other: &str) -> (Switch, Peer, Peer) {
    let (left, right) = (bank("left", one), bank("right", other));
    let switch = World::new(shards).member(&left).member(&right).start();
    let (first, second) = (switch.join(&left, 1), switch.join(&right, 1));
    (switch, first, second)
}

fn published_samples_arrive_as_they_were_sent(shards: u16) {
    for (name, destination, source) in [
        ("C1", "00010000", "48540000"),
        ("C2", "44190440", "00010344"),
        ("C3", "44190440", "00010344"),
        ("C4", "44190440", "00010344"),
        ("C8", "48410000", "00010000"),
    ] {
        let (switch, mut sender, mut receiver) = two_banks(shards, source, destination);
        sender.send_frame(&vectors::data(name));
        receiver.expect_frame(&vectors::data(name));
        fates_add_up(&switch);
        assert_eq!(switch.metric("requests_forwarded_total", &[]), 1, "{name} counts as a request");
    }
}

fn frames_go_by_destination_and_back(shards: u16) {
    let banks = [bank("a", "10000001"), bank("b", "10000002"), bank("c", "10000003")];
    let switch = banks.iter().fold(World::new(shards), World::member).start();
    let mut lines: Vec<Peer> = banks.iter().map(|member| switch.join(member, 1)).collect();
    let id = |index: usize| format!("1000000{}", index + 1);
    for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 1), (1, 2), (2, 0)] {
        let frame = station(&id(to), &id(from), format!("0200 from {from} to {to}").as_bytes());
        lines[from].send_frame(&frame);
        lines[to].expect_frame(&frame);
    }
    fates_add_up(&switch);
}

#[test]
fn nobody_speaks_in_anothers_name() {
    let (switch, mut left, mut right) = two_banks(2, "10000001", "10000002");
    left.send_frame(&station("10000002", "10000009", b"0200 as a stranger"));
    left.send_frame(&station("10000002", "10000002", b"0200 as the receiver"));
    switch.wait_dropped("foreign_source", 2);
    let honest = station("10000002", "10000001", b"0200 as itself");
    left.send_frame(&honest);
    right.expect_frame(&honest);
    fates_add_up(&switch);
}

#[test]
fn a_member_may_have_several_stations() {
    let both = Member::plain("both").key(r#"header = "station""#).key(r#"station = ["10000001", "10000011"]"#).listen();
    let other = bank("other", "10000002");
    let switch = World::new(2).member(&both).member(&other).start();
    let mut one = switch.join(&both, 1);
    let mut two = switch.join(&other, 1);
    for id in ["10000001", "10000011"] {
        let frame = station("10000002", id, b"0200");
        one.send_frame(&frame);
        two.expect_frame(&frame);
        let back = station(id, "10000002", b"0210");
        two.send_frame(&back);
        one.expect_frame(&back);
    }
}

/// All eleven bytes are compared: a shorter or a longer id is another station.
#[test]
fn an_unknown_destination_has_no_route() {
    let (switch, mut left, mut right) = two_banks(2, "10000001", "10000002");
    for (count, unknown) in (1..).zip(["1000000", "100000021", "00000000002", "10000003"]) {
        left.send_frame(&station(unknown, "10000001", b"0200"));
        switch.wait_dropped("no_route", count);
    }
    let known = station("10000002", "10000001", b"0200 known");
    left.send_frame(&known);
    right.expect_frame(&known);
    fates_add_up(&switch);
}

#[test]
fn a_dead_station_has_no_line() {
    let (switch, mut left, right) = two_banks(2, "10000001", "10000002");
    drop(right);
    switch.wait_line_state("right-1", "listening");
    left.send_frame(&station("10000002", "10000001", b"0200"));
    switch.wait_dropped("no_line", 1);
    assert_eq!(switch.line_state("left-1"), "up");
    fates_add_up(&switch);
}

#[test]
fn a_header_that_cannot_be_read_is_dropped_and_the_line_stays() {
    let (switch, mut left, mut right) = two_banks(2, "10000001", "10000002");
    left.send_frame(b"shorter than a header");
    let mut wrong_length = station("10000002", "10000001", b"0200");
    wrong_length[0] = 45;
    left.send_frame(&wrong_length);
    switch.wait_dropped("bad_header", 2);
    let good = station("10000002", "10000001", b"0200 good");
    left.send_frame(&good);
    right.expect_frame(&good);
    fates_add_up(&switch);
}

/// The header's own total length is blank-padded or wrong in real systems: the prefix alone frames.
#[test]
fn the_headers_total_length_is_not_believed() {
    let (switch, mut left, mut right) = two_banks(2, "10000001", "10000002");
    for wrong in [b"0004", b"9999", b"50  ", b"    "] {
        let mut frame = station("10000002", "10000001", b"0200");
        frame[2..6].copy_from_slice(wrong);
        left.send_frame(&frame);
        right.expect_frame(&frame);
    }
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(published_samples_arrive_as_they_were_sent, frames_go_by_destination_and_back);
