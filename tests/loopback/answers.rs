//! How answers find their way back (`MC6-4.1.4`, `MP1-4.5.2b`), and which never arrive.

use crate::harness::frames::{addresses, message};
use crate::harness::{
    Member, NII, answer_copied, answer_swapped, ask, fates_add_up, payments, receive_from_any, round_trip, tpdu,
};
use crate::on_1_2_and_5_shards;

fn an_answer_prefers_the_line_of_its_request(shards: u16) {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminals = switch.join_all(&nac);
    let mut issuer = switch.join(&host, 1);
    for turn in 0..20 {
        round_trip(&mut terminals[turn % 2], &mut [&mut issuer], 1, "back over its own line");
    }
    assert_eq!(switch.metric("answers_rerouted_total", &[]), 0);
    fates_add_up(&switch);
}

/// The requester's line is reset; the answer goes out on its sibling.
fn an_answer_goes_over_a_sibling_when_its_line_broke(shards: u16) {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut sibling = switch.join(&nac, 2);
    let mut issuer = switch.join(&host, 1);
    for count in 1..=3 {
        let mut terminal = switch.join(&nac, 1);
        ask(&mut terminal, 0x0042, "request on line 1");
        let request = issuer.receive();
        terminal.reset();
        switch.wait_line_state("nac-1", "listening");
        issuer.send_frame(&answer_swapped(&request, b"answer on line 2"));
        sibling.expect_frame(&tpdu(0x0042, NII, b"answer on line 2"));
        switch.wait_metric("answers_rerouted_total", &[], count);
    }
    fates_add_up(&switch);
}

/// A peer that closed whole looks like one that half-closed until something is written to it: what
/// was written and never acknowledged goes out again, on the sibling.
fn an_answer_survives_a_full_close_of_its_line(shards: u16) {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut sibling = switch.join(&nac, 2);
    let mut issuer = switch.join(&host, 1);
    for count in 1..=3 {
        let mut terminal = switch.join(&nac, 1);
        ask(&mut terminal, 0x0042, "request on line 1");
        let request = issuer.receive();
        terminal.close_whole();
        issuer.send_frame(&answer_swapped(&request, b"answer on line 2"));
        sibling.expect_frame(&tpdu(0x0042, NII, b"answer on line 2"));
        switch.wait_line_state("nac-1", "listening");
        let other_ways = ["answers_rerouted_total", "answers_resent_total"].map(|name| switch.metric(name, &[]));
        assert_eq!(other_ways.iter().sum::<u64>(), count, "either sent elsewhere or sent again");
    }
    fates_add_up(&switch);
}

fn a_hundred_answers_go_over_the_siblings(shards: u16) {
    let nac = Member::nac("nac").listen().listen().listen();
    let host = Member::host("host").listen().listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminals = switch.join_all(&nac);
    let mut hosts = switch.join_all(&host);
    for address in 1..=100 {
        ask(&mut terminals[0], address, &format!("request {address}"));
    }
    let mut lines: Vec<_> = hosts.iter_mut().collect();
    let requests: Vec<_> = (0..100).map(|_| receive_from_any(&mut lines)).collect();
    terminals.remove(0).reset();
    switch.wait_line_state("nac-1", "listening");
    for (line, request) in &requests {
        lines[*line].send_frame(&answer_swapped(request, message(request)));
    }
    let mut siblings: Vec<_> = terminals.iter_mut().collect();
    let mut answered: Vec<u16> = (0..100).map(|_| addresses(&receive_from_any(&mut siblings).1).0).collect();
    answered.sort_unstable();
    assert_eq!(answered, (1..=100).collect::<Vec<u16>>(), "each of them, each once");
    switch.wait_metric("answers_rerouted_total", &[], 100);
    fates_add_up(&switch);
}

/// FIN by the requester, which still reads: the answer goes out over that line, or over a sibling.
#[test]
fn a_requester_that_half_closes_still_gets_its_answer() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    ask(&mut terminal, 1, "request, then FIN");
    let request = issuer.receive();
    terminal.half_close();
    issuer.send_frame(&answer_swapped(&request, b"answer"));
    terminal.expect_frame(&tpdu(1, NII, b"answer"));
    terminal.expect_fin();
    switch.wait_line_state("nac-1", "listening");
    fates_add_up(&switch);
}

fn an_answer_is_held_for_a_newcomer(shards: u16) {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).timer(r#"hold_answer = "30s""#).start();
    let mut issuer = switch.join(&host, 1);
    for newcomer in [1, 2] {
        let mut terminal = switch.join(&nac, 1);
        ask(&mut terminal, 0x0042, "request");
        let request = issuer.receive();
        terminal.reset();
        switch.wait_line_state("nac-1", "listening");
        issuer.send_frame(&answer_swapped(&request, b"held"));
        switch.wait_gauge("frames_held", &[], 1);
        let mut back = switch.join(&nac, newcomer);
        back.expect_frame(&tpdu(0x0042, NII, b"held"));
        switch.wait_gauge("frames_held", &[], 0);
        drop(back);
        switch.wait_line_state(&nac.line(newcomer), "listening");
    }
    assert_eq!(switch.dropped("hold_expired"), 0);
    fates_add_up(&switch);
}

fn an_answer_held_too_long_is_dropped(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).timer(r#"hold_answer = "200ms""#).start();
    let mut issuer = switch.join(&host, 1);
    let mut terminal = switch.join(&nac, 1);
    ask(&mut terminal, 1, "request");
    let request = issuer.receive();
    terminal.reset();
    switch.wait_line_state("nac-1", "listening");
    issuer.send_frame(&answer_swapped(&request, b"nobody comes for it"));
    switch.wait_dropped("hold_expired", 1);
    assert_eq!(switch.metric("frames_held", &[]), 0);
    let mut back = switch.join(&nac, 1);
    round_trip(&mut back, &mut [&mut issuer], 1, "the first that comes");
    fates_add_up(&switch);
}

/// By the deadline the requester has begun its reversal: an answer after it reaches nobody.
fn a_late_answer_reaches_nobody(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).timer(r#"answer_within = "2s""#).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    ask(&mut terminal, 1, "request");
    let request = issuer.receive();
    switch.wait_metric("requests_timed_out_total", &[], 1);
    issuer.send_frame(&answer_swapped(&request, b"too late"));
    switch.wait_dropped("late", 1);
    assert_eq!(switch.metric("answers_late_total", &[]), 1);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "the first that comes");
    assert_eq!(switch.metric("pending_requests", &[]), 0);
    fates_add_up(&switch);
}

#[test]
fn a_deadline_of_the_member_goes_before_the_general_one() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").key(r#"timers = { answer_within = "300ms" }"#).listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    ask(&mut terminal, 1, "request");
    issuer.receive();
    switch.wait_metric("requests_timed_out_total", &[], 1);
}

fn the_second_copy_of_an_answer_reaches_nobody(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut hosts = switch.join_all(&host);
    ask(&mut terminal, 1, "request");
    let mut lines: Vec<_> = hosts.iter_mut().collect();
    let (_, request) = receive_from_any(&mut lines);
    lines[0].send_frame(&answer_swapped(&request, b"answer"));
    terminal.expect_frame(&tpdu(1, NII, b"answer"));
    lines[0].send_frame(&answer_swapped(&request, b"answer"));
    switch.wait_dropped("unmatched", 1);
    lines[1].send_frame(&answer_copied(&request, b"answer"));
    switch.wait_dropped("unmatched", 2);
    assert_eq!(switch.metric("answers_unmatched_total", &[]), 2);
    round_trip(&mut terminal, &mut lines, 1, "the first that comes");
    fates_add_up(&switch);
}

#[test]
fn an_answer_nobody_asked_for_reaches_nobody() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for number in [0x0000, 0x0001, 0x1234, 0x7fff, 0xffff] {
        issuer.send_frame(&tpdu(number, NII, b"unasked"));
    }
    switch.wait_dropped("unmatched", 5);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "the first that comes");
    fates_add_up(&switch);
}

/// Answers are looked for only in the table of the group that they came in from.
#[test]
fn a_host_cannot_answer_for_another() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let other = Member::host("other").listen();
    let switch = payments(2, &nac, &host).member(&other).route_nii("other-nac", "other", "0006");
    let other_nac = Member::nac("other-nac").listen();
    let switch = switch.member(&other_nac).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    let mut liar = switch.join(&other, 1);
    ask(&mut terminal, 1, "request");
    let request = issuer.receive();
    liar.send_frame(&answer_swapped(&request, b"in the host's place"));
    liar.send_frame(&answer_copied(&request, b"in the host's place"));
    switch.wait_dropped("unmatched", 2);
    issuer.send_frame(&answer_swapped(&request, b"the host's own"));
    terminal.expect_frame(&tpdu(1, NII, b"the host's own"));
    fates_add_up(&switch);
}

/// A request that was given to a line that broke is never sent again, to nobody.
fn a_request_is_never_sent_twice(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut first = switch.join(&host, 1);
    ask(&mut terminal, 1, "only once");
    let request = first.receive();
    assert_eq!(message(&request), b"only once");
    let mut second = switch.join(&host, 2);
    first.reset();
    switch.wait_line_state("host-1", "listening");
    round_trip(&mut terminal, &mut [&mut second], 2, "the first that comes on the other line");
    second.send_frame(&answer_swapped(&request, b"answered over the other line"));
    terminal.expect_frame(&tpdu(1, NII, b"answered over the other line"));
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(
    an_answer_prefers_the_line_of_its_request,
    an_answer_goes_over_a_sibling_when_its_line_broke,
    an_answer_survives_a_full_close_of_its_line,
    a_hundred_answers_go_over_the_siblings,
    an_answer_is_held_for_a_newcomer,
    an_answer_held_too_long_is_dropped,
    a_late_answer_reaches_nobody,
    the_second_copy_of_an_answer_reaches_nobody,
    a_request_is_never_sent_twice,
);
