//! Pairs (`header = "none"`): one member's frames go to its counterpart unread, and come back (`MP1-4.4`).

use std::collections::BTreeSet;

use crate::harness::frames::{number_of, numbered};
use crate::harness::{Member, World, fates_add_up, receive_from_any};
use crate::on_1_2_and_5_shards;

fn frames_cross_both_ways_in_order(shards: u16) {
    let left = Member::new("left", "terminal").listen();
    let right = Member::plain("right").listen();
    let switch = World::new(shards).member(&left).member(&right).route("left", "right").start();
    let mut one = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    for number in 0..500 {
        one.send_frame(&numbered(number, 40 + number as usize));
        other.send_frame(&numbered(number + 1000, 300));
    }
    for number in 0..500 {
        assert_eq!(number_of(&other.receive()), number);
        assert_eq!(number_of(&one.receive()), number + 1000);
    }
    fates_add_up(&switch);
    // Frames of pairs count as requests in both directions.
    assert_eq!(switch.metric("requests_forwarded_total", &[]), 1000);
    assert_eq!(switch.metric("answers_forwarded_total", &[]), 0);
}

fn over_several_lines_each_frame_comes_once(shards: u16) {
    let left = Member::plain("left").listen().listen().listen();
    let right = Member::plain("right").listen().listen();
    let switch = World::new(shards).member(&left).member(&right).route("left", "right").start();
    let mut senders = switch.join_all(&left);
    let mut receivers = switch.join_all(&right);
    for number in 0..600 {
        senders[number as usize % 3].send_frame(&numbered(number, 100));
    }
    let mut waiting: BTreeSet<u32> = (0..600).collect();
    let mut lines: Vec<_> = receivers.iter_mut().collect();
    while !waiting.is_empty() {
        let number = number_of(&receive_from_any(&mut lines).1);
        assert!(waiting.remove(&number), "frame {number} came twice");
    }
    fates_add_up(&switch);
}

fn every_byte_value_passes(shards: u16) {
    let left = Member::plain("left").listen();
    let right = Member::plain("right").listen();
    let switch = World::new(shards).member(&left).member(&right).route("left", "right").start();
    let mut one = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    let all: Vec<u8> = (0..=255).cycle().take(1024).collect();
    one.send_frame(&all);
    other.expect_frame(&all);
    let all: Vec<u8> = all.into_iter().rev().collect();
    other.send_frame(&all);
    one.expect_frame(&all);
}

#[test]
fn what_looks_like_a_length_inside_a_frame_is_content() {
    let left = Member::plain("left").listen();
    let right = Member::plain("right").listen();
    let switch = World::new(2).member(&left).member(&right).route("left", "right").start();
    let mut one = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    for content in [&b"0000"[..], b"9999", b"00040000", b"\0\0", b"0010 and so on"] {
        one.send_frame(content);
        other.expect_frame(content);
    }
}

#[test]
fn without_its_counterpart_a_frame_is_dropped_and_the_line_stays() {
    let left = Member::plain("left").listen();
    let right = Member::plain("right").listen();
    let switch = World::new(2).member(&left).member(&right).route("left", "right").start();
    let mut one = switch.join(&left, 1);
    one.send_frame(b"to nobody");
    switch.wait_dropped("no_line", 1);
    let mut other = switch.join(&right, 1);
    one.send_frame(b"to somebody");
    other.expect_frame(b"to somebody");
    fates_add_up(&switch);
}

#[test]
fn a_member_that_no_route_names_reaches_nobody() {
    let left = Member::plain("left").listen();
    let right = Member::plain("right").listen();
    let alone = Member::plain("alone").listen();
    let switch = World::new(2).member(&left).member(&right).member(&alone).route("left", "right").start();
    let mut one = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    let mut nobody = switch.join(&alone, 1);
    nobody.send_frame(b"where to?");
    switch.wait_dropped("no_route", 1);
    one.send_frame(b"first that comes");
    other.expect_frame(b"first that comes");
    fates_add_up(&switch);
}

#[test]
fn two_pairs_never_mix() {
    let members: Vec<Member> = ["a", "b", "c", "d"].into_iter().map(|id| Member::plain(id).listen()).collect();
    let world = members.iter().fold(World::new(2), World::member).route("a", "b").route("c", "d");
    let switch = world.start();
    let mut peers: Vec<_> = members.iter().map(|member| switch.join(member, 1)).collect();
    for turn in 0..100 {
        for (index, peer) in peers.iter_mut().enumerate() {
            peer.send_frame(format!("{turn} from {index}").as_bytes());
        }
        for (index, from) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
            peers[index].expect_frame(format!("{turn} from {from}").as_bytes());
        }
    }
    fates_add_up(&switch);
}

#[test]
fn a_frame_too_large_for_the_other_side_is_dropped_and_the_line_stays() {
    let left = Member::plain("left").listen();
    let right = Member::new("right", "institution").listen();
    let switch = World::new(2).member(&left).member(&right).route("left", "right").start();
    let mut one = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    one.send_frame(&numbered(1, 2045));
    one.send_frame(&numbered(2, 2044));
    assert_eq!(number_of(&other.receive()), 2);
    switch.wait_dropped("too_large", 1);
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(
    frames_cross_both_ways_in_order,
    over_several_lines_each_frame_comes_once,
    every_byte_value_passes
);
