//! Requests that cannot go on: each is dropped with its reason, and its line stays up.

use std::io::Write;

use crate::harness::frames::{message, numbered};
use crate::harness::{
    ABSENCE, Arrival, Member, NII, Peer, Prefix, World, answer_swapped, ask, fates_add_up, payments, round_trip, tpdu,
};
use crate::on_1_2_and_5_shards;

fn without_a_host_there_is_no_line(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    ask(&mut terminal, 1, "to a host that is not there");
    switch.wait_dropped("no_line", 1);
    let mut issuer = switch.join(&host, 1);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "only answers are held: this is the first that comes");
    drop(issuer);
    switch.wait_line_state("host-1", "listening");
    ask(&mut terminal, 1, "to a host that is gone");
    switch.wait_dropped("no_line", 2);
    fates_add_up(&switch);
}

#[test]
fn a_nii_that_no_route_matches_has_no_route() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = World::new(2).member(&nac).member(&host).route_nii("nac", "host", "0003").start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    terminal.send_frame(&tpdu(0x0004, 1, b"no route"));
    switch.wait_metric("frames_dropped_total", &[("reason", "no_route"), ("line", "nac-1")], 1);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "the line stays");
    fates_add_up(&switch);
}

#[test]
fn a_header_that_cannot_be_read_is_dropped_and_the_line_stays() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for bad in [&b"\x60"[..], b"\x60\x00\x03\x00", b"\x61\x00\x03\x00\x00message", b"\x00\x00\x03\x00\x00message"] {
        terminal.send_frame(bad);
    }
    round_trip(&mut terminal, &mut [&mut issuer], 1, "the line stays");
    switch.wait_metric("frames_dropped_total", &[("reason", "bad_header"), ("line", "nac-1")], 4);
    issuer.send_frame(b"\x60\x00");
    switch.wait_metric("frames_dropped_total", &[("reason", "bad_header"), ("line", "host-1")], 1);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "the host's line, too");
    fates_add_up(&switch);
}

/// A TPDU with nothing behind it is a header that can be read.
#[test]
fn a_bare_tpdu_passes() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    round_trip(&mut terminal, &mut [&mut issuer], 0x0042, "");
}

#[test]
fn tpdu_ids_says_what_is_let_through() {
    let nac = Member::nac("nac").key(r#"tpdu_ids = ["60", "68"]"#).listen();
    let host = Member::host("host").key(r#"tpdu_ids = ["60", "68"]"#).listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    terminal.send_frame(b"\x68\x00\x03\x00\x42message");
    let request = issuer.receive();
    assert_eq!((request[0], message(&request)), (0x68, &b"message"[..]));
    issuer.send_frame(&answer_swapped(&request, b"answer"));
    terminal.expect_frame(b"\x68\x00\x42\x00\x03answer");
    terminal.send_frame(b"\x61\x00\x03\x00\x42message");
    switch.wait_dropped("bad_header", 1);
}

#[test]
fn a_request_larger_than_the_host_takes_is_dropped() {
    let nac = Member::nac("nac").listen();
    let host = Member::new("host", "institution").key(r#"header = "tpdu""#).listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    terminal.send_frame(&tpdu(NII, 1, &numbered(1, 2048 - 5)));
    terminal.send_frame(&tpdu(NII, 1, &numbered(2, 2044 - 5)));
    assert_eq!(message(&issuer.receive()), numbered(2, 2044 - 5));
    switch.wait_metric("frames_dropped_total", &[("reason", "too_large"), ("line", "nac-1")], 1);
    fates_add_up(&switch);
}

#[test]
fn an_answer_larger_than_the_terminal_takes_is_dropped() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    ask(&mut terminal, 1, "request");
    let request = issuer.receive();
    issuer.send_frame(&answer_swapped(&request, &numbered(1, 2049 - 5)));
    switch.wait_metric("frames_dropped_total", &[("reason", "too_large"), ("line", "host-1")], 1);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "both lines stay");
    fates_add_up(&switch);
}

/// Beyond `pending` a request is dropped: waiting behind a host that does not answer is worse than no answer.
fn beyond_pending_a_request_is_dropped(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").key("limits = { pending = 3 }").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for address in 1..=5 {
        ask(&mut terminal, address, &format!("request {address}"));
    }
    switch.wait_dropped("pending_full", 2);
    let waiting: Vec<Vec<u8>> = (0..3).map(|_| issuer.receive()).collect();
    assert_eq!(switch.metric("pending_requests", &[]), 3);
    for request in &waiting {
        issuer.send_frame(&answer_swapped(request, message(request)));
    }
    for address in 1..=3 {
        terminal.expect_frame(&tpdu(address, NII, format!("request {address}").as_bytes()));
    }
    round_trip(&mut terminal, &mut [&mut issuer], 6, "there is room again");
    assert_eq!(switch.metric("pending_requests", &[]), 0);
    fates_add_up(&switch);
}

/// A request that still waits for a reader when its deadline passes is never carried out.
#[test]
fn a_request_still_queued_at_its_deadline_is_dropped_unsent() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host).timer(r#"answer_within = "2s""#).timer(r#"pause_within = "60s""#);
    let switch = world.start();
    let terminal = switch.join(&nac, 1);
    let mut issuer = Peer::connect_with_receive_buffer(host.address(1), Prefix::Ascii4, 8 * 1024);
    switch.wait_joined("host-1", 1);
    // The host does not read: its socket fills, then the switch's queue, and there the deadline passes.
    let mut writer = terminal.writer();
    let flood = std::thread::spawn(move || {
        let frame = Prefix::Bin2.frame(&tpdu(NII, 1, &numbered(7, 2000)));
        (0..20_000).take_while(|_| writer.write_all(&frame).is_ok()).count()
    });
    switch.wait_metric_at_least("frames_dropped_total", &[("reason", "expired")], 1);
    terminal.writer().shutdown(std::net::Shutdown::Both).expect("connected");
    flood.join().expect("the writer does not panic");
    while let Arrival::Frame(request) = issuer.arrival(ABSENCE) {
        assert_eq!(message(&request), numbered(7, 2000), "a request comes whole or not at all");
    }
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(without_a_host_there_is_no_line, beyond_pending_a_request_is_dropped);
