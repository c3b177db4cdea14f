//! Simplex lines (`MP1-4.3.1`): one in and one out, or more of each.

use crate::harness::frames::{message, numbered};
use crate::harness::{Door, Member, Peer, Prefix, Switch, World, answer_swapped, ask, eventually, fates_add_up, tpdu};
use crate::on_1_2_and_5_shards;

const RECEIVE: &str = r#"flow = "receive""#;
const SEND: &str = r#"flow = "send""#;

/// An institution with as many receiving lines (it connects) as sending lines (the switch connects).
fn institution(id: &str, header: &str, doors: &[Door]) -> Member {
    let member = Member::new(id, "institution").key(&format!("header = \"{header}\""));
    let member = doors.iter().fold(member, |member, _| member.listen_with(RECEIVE));
    doors.iter().fold(member, |member, door| member.connect_with(door.address(), SEND))
}

/// The lines on which the switch receives, then those on which it sends.
fn join_simplex(switch: &Switch, member: &Member, doors: &[Door]) -> (Vec<Peer>, Vec<Peer>) {
    let receiving = (1..=doors.len()).map(|number| switch.join(member, number)).collect();
    let sending = doors.iter().map(Door::accept).collect();
    for number in doors.len() + 1..=member.lines() {
        switch.wait_line_state(&member.line(number), "up");
    }
    (receiving, sending)
}

fn one_in_and_one_out(shards: u16) {
    let doors = [Door::open(Prefix::Ascii4)];
    let nac = Member::nac("nac").listen();
    let issuer = institution("issuer", "tpdu", &doors);
    let switch = crate::harness::payments(shards, &nac, &issuer).start();
    let mut terminal = switch.join(&nac, 1);
    let (mut answers, mut requests) = join_simplex(&switch, &issuer, &doors);
    for turn in 0..20_u16 {
        ask(&mut terminal, turn + 1, "request");
        let request = requests[0].receive();
        assert_eq!(message(&request), b"request");
        answers[0].send_frame(&answer_swapped(&request, b"answer"));
        terminal.expect_frame(&tpdu(turn + 1, crate::harness::NII, b"answer"));
    }
    answers[0].expect_nothing();
    fates_add_up(&switch);
}

fn two_in_and_two_out_use_every_line(shards: u16) {
    let left_doors = [Door::open(Prefix::Ascii4), Door::open(Prefix::Ascii4)];
    let right_doors = [Door::open(Prefix::Ascii4), Door::open(Prefix::Ascii4)];
    let left = institution("left", "none", &left_doors);
    let right = institution("right", "none", &right_doors);
    let switch = World::new(shards).member(&left).member(&right).route("left", "right").start();
    let (mut from_left, mut to_left) = join_simplex(&switch, &left, &left_doors);
    let (mut from_right, mut to_right) = join_simplex(&switch, &right, &right_doors);
    let mut used = [[0_u32; 2]; 2];
    let mut number = 0_u32;
    eventually("every sending line carries frames", || {
        for _ in 0..20 {
            let data = numbered(number, 80);
            from_left[number as usize % 2].send_frame(&data);
            from_right[number as usize % 2].send_frame(&data);
            for (side, lines) in [&mut to_right, &mut to_left].into_iter().enumerate() {
                let mut lines: Vec<&mut Peer> = lines.iter_mut().collect();
                let (line, received) = crate::harness::receive_from_any(&mut lines);
                assert_eq!(received, data);
                used[side][line] += 1;
            }
            number += 1;
        }
        used.iter().flatten().all(|&count| count > 0).then_some(())
    });
    fates_add_up(&switch);
}

/// A group is live only while it can be sent to and received from.
#[test]
fn a_group_that_cannot_answer_is_not_live() {
    let doors = [Door::open(Prefix::Ascii4)];
    let nac = Member::nac("nac").listen();
    let issuer = institution("issuer", "tpdu", &doors);
    let switch = crate::harness::payments(2, &nac, &issuer).start();
    let mut terminal = switch.join(&nac, 1);
    let mut requests = doors[0].accept();
    switch.wait_line_state("issuer-2", "up");
    ask(&mut terminal, 1, "the host could not answer");
    switch.wait_dropped("no_line", 1);
    let mut answers = switch.join(&issuer, 1);
    ask(&mut terminal, 1, "now it can");
    let request = requests.receive();
    assert_eq!(message(&request), b"now it can");
    answers.send_frame(&answer_swapped(&request, b"answer"));
    terminal.expect_frame(&tpdu(1, crate::harness::NII, b"answer"));
    fates_add_up(&switch);
}

#[test]
fn a_frame_against_the_direction_closes_the_line() {
    let doors = [Door::open(Prefix::Ascii4)];
    let left = institution("left", "none", &doors);
    let right = Member::new("right", "institution").listen();
    let switch = World::new(2).member(&left).member(&right).route("left", "right").start();
    let mut other = switch.join(&right, 1);
    let (mut from_left, mut to_left) = join_simplex(&switch, &left, &doors);
    to_left[0].send_frame(b"against the direction");
    to_left[0].expect_closed();
    switch.wait_metric("frames_malformed_total", &[("reason", "wrong_direction"), ("line", "left-2")], 1);
    from_left[0].send_frame(b"with it");
    other.expect_frame(b"with it");
    let mut again = doors[0].accept();
    switch.wait_joined("left-2", 2);
    other.send_frame(b"back");
    again.expect_frame(b"back");
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(one_in_and_one_out, two_in_and_two_out_use_every_line);
