//! Where a frame begins and ends: both prefixes, every limit, and what closes a line.

use crate::harness::frames::numbered;
use crate::harness::{Member, Peer, Prefix, Switch, World, eventually, fates_add_up, receive_from_any};

/// A pair of members of one profile, two lines each: frames cross it unread.
fn pair(profile: &'static str, timer: &str) -> (Switch, Member, Member) {
    let left = Member::new("left", profile).listen().listen();
    let right = Member::new("right", profile).listen().listen();
    let switch = World::new(2).timer(timer).member(&left).member(&right).route("left", "right").start();
    (switch, left, right)
}

/// One frame each way over lines that are up, however often others were closed before.
fn still_carries(neighbour: &mut Peer, other_side: &mut Peer) {
    neighbour.send_frame(b"there");
    other_side.expect_frame(b"there");
    other_side.send_frame(b"and back");
    neighbour.expect_frame(b"and back");
}

fn sizes_up_to_the_limit_pass(profile: &'static str, limit: usize) {
    let (switch, left, right) = pair(profile, "");
    let mut sender = switch.join(&left, 1);
    let mut receiver = switch.join(&right, 1);
    for (number, size) in (0..).zip([4, 5, 255, 256, 257, limit - 1, limit]) {
        let data = numbered(number, size);
        sender.send_frame(&data);
        receiver.expect_frame(&data);
    }
    sender.send_frame(b"1");
    receiver.expect_frame(b"1");
    fates_add_up(&switch);
}

fn beyond_the_limit_closes(profile: &'static str, limit: usize) {
    let (switch, left, right) = pair(profile, "");
    let mut neighbour = switch.join(&left, 2);
    let mut other_side = switch.join(&right, 2);
    let mut sender = switch.join(&left, 1);
    sender.send_frame(&vec![b'x'; limit + 1]);
    sender.expect_closed();
    switch.wait_metric("frames_malformed_total", &[("reason", "length_limit"), ("line", "left-1")], 1);
    switch.wait_line_state("left-1", "listening");
    still_carries(&mut neighbour, &mut other_side);
    fates_add_up(&switch);
}

#[test]
fn terminal_frames_of_up_to_2048_bytes_pass() {
    sizes_up_to_the_limit_pass("terminal", 2048);
}

#[test]
fn institution_frames_of_up_to_2044_bytes_pass() {
    sizes_up_to_the_limit_pass("institution", 2044);
}

#[test]
fn tv_frames_of_up_to_2044_bytes_pass() {
    sizes_up_to_the_limit_pass("tv", 2044);
}

#[test]
fn channel_frames_of_up_to_9999_bytes_pass() {
    sizes_up_to_the_limit_pass("channel", 9999);
}

#[test]
fn a_terminal_frame_of_2049_bytes_closes_its_line() {
    beyond_the_limit_closes("terminal", 2048);
}

#[test]
fn an_institution_frame_of_2045_bytes_closes_its_line() {
    beyond_the_limit_closes("institution", 2044);
}

#[test]
fn a_member_may_have_a_prefix_and_a_limit_of_its_own() {
    let left = Member::plain("left").key(r#"prefix = "bin2""#).key("max = 12000").listen();
    let right = Member::new("right", "terminal").key("max = 65535").listen();
    let switch = World::new(2).member(&left).member(&right).route("left", "right").start();
    let mut sender = switch.join(&left, 1);
    let mut receiver = switch.join(&right, 1);
    assert_eq!(sender.prefix(), Prefix::Bin2);
    let data = numbered(1, 12_000);
    sender.send_frame(&data);
    receiver.expect_frame(&data);
    receiver.send_frame(&numbered(2, 12_001));
    switch.wait_dropped("too_large", 1);
    sender.send_raw(&12_001_u16.to_be_bytes());
    sender.expect_closed();
    switch.wait_metric("frames_malformed_total", &[("reason", "length_limit")], 1);
    fates_add_up(&switch);
}

#[test]
fn what_is_not_four_digits_closes_the_line_and_no_other() {
    const LENGTHS: [&[u8; 4]; 10] =
        [b"-001", b"+001", b" 012", b"12 4", b"0x10", b"\0\0\0\0", b"12a4", b"001\n", b"1e01", b"\xb2\xb3\xb9\xb0"];
    let (switch, left, right) = pair("channel", "");
    let mut neighbour = switch.join(&left, 2);
    let mut other_side = switch.join(&right, 2);
    for (count, length) in (1..).zip(LENGTHS) {
        let mut sender = switch.join(&left, 1);
        sender.send_raw(length);
        sender.expect_closed();
        switch.wait_metric("frames_malformed_total", &[("reason", "length_digits")], count);
        switch.wait_line_state("left-1", "listening");
        still_carries(&mut neighbour, &mut other_side);
    }
    assert_eq!(switch.metric("frames_received_total", &[("line", "left-1")]), 0, "a bad length never became a frame");
    fates_add_up(&switch);
}

#[test]
fn frames_in_front_of_a_bad_length_are_delivered() {
    let (switch, left, right) = pair("channel", "");
    let mut receiver = switch.join(&right, 1);
    let mut sender = switch.join(&left, 1);
    let mut bytes = Prefix::Ascii4.frame(b"the last good one");
    bytes.extend_from_slice(b"bad!");
    sender.send_raw(&bytes);
    receiver.expect_frame(b"the last good one");
    sender.expect_closed();
    fates_add_up(&switch);
}

#[test]
fn probes_are_swallowed_counted_and_never_answered() {
    for profile in ["terminal", "channel"] {
        let (switch, left, right) = pair(profile, "");
        let mut sender = switch.join(&left, 1);
        let mut receiver = switch.join(&right, 1);
        for _ in 0..50 {
            sender.send_probe();
        }
        // What comes first on either side is the frame behind the probes: nothing was passed on or answered.
        sender.send_frame(b"behind the probes");
        receiver.expect_frame(b"behind the probes");
        receiver.send_frame(b"back");
        sender.expect_frame(b"back");
        switch.wait_metric("probes_received_total", &[("line", "left-1")], 50);
        assert_eq!(switch.metric("probes_sent_total", &[]), 0, "a probe is never answered");
        assert_eq!(switch.line("left-1")["probes_in"], 50);
        fates_add_up(&switch);
    }
}

#[test]
fn a_flood_of_probes_does_not_disturb_a_neighbour() {
    let (switch, left, right) = pair("channel", "");
    let mut neighbour = switch.join(&left, 2);
    let mut other_side = switch.join(&right, 2);
    let mut flooding = switch.join(&left, 1);
    for _ in 0..20 {
        flooding.send_raw(&b"0000".repeat(5_000));
        neighbour.send_frame(b"there");
        other_side.expect_frame(b"there");
        other_side.send_frame(b"and back");
        let (_, back) = receive_from_any(&mut [&mut neighbour, &mut flooding]);
        assert_eq!(back, b"and back");
    }
    switch.wait_metric("probes_received_total", &[("line", "left-1")], 100_000);
    fates_add_up(&switch);
}

#[test]
fn half_a_frame_closes_its_line_after_partial_within() {
    for (profile, part) in
        [("terminal", &b"\x00\x0ahalf"[..]), ("terminal", b"\x00"), ("channel", b"0010half"), ("channel", b"00")]
    {
        let (switch, left, right) = pair(profile, r#"partial_within = "300ms""#);
        let mut neighbour = switch.join(&left, 2);
        let mut other_side = switch.join(&right, 2);
        let mut sender = switch.join(&left, 1);
        sender.send_raw(part);
        sender.expect_closed();
        switch.wait_metric("frames_malformed_total", &[("reason", "partial"), ("line", "left-1")], 1);
        switch.wait_line_state("left-1", "listening");
        still_carries(&mut neighbour, &mut other_side);
        fates_add_up(&switch);
    }
}

#[test]
fn a_line_that_is_silent_between_frames_is_not_a_half_frame() {
    let (switch, left, right) = pair("channel", r#"partial_within = "100ms""#);
    let mut sender = switch.join(&left, 1);
    let mut receiver = switch.join(&right, 1);
    still_carries(&mut sender, &mut receiver);
    sender.expect_nothing_for(std::time::Duration::from_millis(500));
    still_carries(&mut sender, &mut receiver);
}

#[test]
fn one_byte_at_a_time_does_not_keep_a_frame_alive_for_ever() {
    let (switch, left, _) = pair("channel", r#"partial_within = "300ms""#);
    let mut sender = switch.join(&left, 1);
    sender.send_raw(b"9000");
    eventually("the slow writer is closed", || {
        let open = sender.send_raw_while_open(b"x");
        let nothing = crate::harness::Arrival::Nothing;
        (!open || sender.arrival(std::time::Duration::from_millis(20)) != nothing).then_some(())
    });
    switch.wait_metric("frames_malformed_total", &[("reason", "partial")], 1);
    switch.wait_line_state("left-1", "listening");
}

#[test]
fn a_line_broken_in_the_middle_of_a_frame_disturbs_nobody() {
    let (switch, left, right) = pair("channel", "");
    let mut neighbour = switch.join(&left, 2);
    let mut other_side = switch.join(&right, 2);
    for broken_by_reset in [false, true] {
        let mut sender = switch.join(&left, 1);
        sender.send_raw(b"0100only a part of it");
        if broken_by_reset {
            sender.reset();
        } else {
            drop(sender);
        }
        switch.wait_line_state("left-1", "listening");
        still_carries(&mut neighbour, &mut other_side);
    }
    drop(neighbour);
    switch.wait_line_state("left-2", "listening");
    let mut again = switch.join(&left, 1);
    still_carries(&mut again, &mut other_side);
    fates_add_up(&switch);
}
