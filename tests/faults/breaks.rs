//! Connections that break, and who comes in their place.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::books::Books;
use crate::harness::frames::{message, numbered};
use crate::harness::{
    AnsweringHost, Arrival, Member, NII, PATIENCE, Peer, Switch, answer_swapped, ask, eventually, fates_add_up,
    payments, round_trip, tpdu,
};
use crate::rows::{ms, report};
use crate::traffic::{Askers, answer_all, ask_all, see_all, take_all, take_until};

/// Milliseconds until the line listens again.
fn until_listening(switch: &Switch, line: &str, since: Instant) -> f64 {
    switch.wait_line_state(line, "listening");
    since.elapsed().as_secs_f64() * 1e3
}

fn half_a_frame(line: &mut Peer) {
    let frame = line.prefix().frame(&tpdu(NII, 7, &numbered(7, 300)));
    line.send_raw(&frame[..100]);
}

/// Kills the switch's end of that connection, as an operator's `ss -K` does.
pub fn kill_locally(line: &Peer) -> bool {
    let (to, from) = (line.remote(), line.local());
    let filter = format!("src {to} dst {from}");
    let mut kill = Command::new("ss");
    kill.args(["-K", "-H", "-t", "-n"]).args(filter.split_whitespace());
    kill.output().is_ok_and(|told| told.status.success() && !told.stdout.is_empty())
}

#[test]
fn row_01_a_reset_in_the_middle_of_a_frame() {
    let broken = Member::nac("broken").listen();
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).member(&broken).route("broken", "host").start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let neighbours = Askers::on(switch.join_all(&nac), ms(1));
    let parts =
        |count| switch.wait_metric("frames_malformed_total", &[("line", "broken-1"), ("reason", "partial")], count);
    let mut took = Vec::new();

    let mut line = switch.join(&broken, 1);
    half_a_frame(&mut line);
    let since = Instant::now();
    line.reset();
    took.push(format!("reset behind data {:.1} ms", until_listening(&switch, "broken-1", since)));
    parts(1);

    let mut line = switch.join(&broken, 1);
    ask(&mut line, 1, "whose answer is not read");
    eventually("an answer lies unread", || {
        (switch.metric("answers_forwarded_total", &[("line", "host-1")]) > 0 && line.unread_bytes() > 0).then_some(())
    });
    half_a_frame(&mut line);
    let since = Instant::now();
    drop(line);
    took.push(format!("close with unread bytes {:.1} ms", until_listening(&switch, "broken-1", since)));
    parts(2);

    let mut line = switch.join(&broken, 1);
    half_a_frame(&mut line);
    let read = 100 + 2 + 5 + "whose answer is not read".len() as u64 + 2 * 100;
    switch.wait_metric_at_least("bytes_received_total", &[("line", "broken-1")], read);
    let since = Instant::now();
    if kill_locally(&line) {
        took.push(format!("killed locally {:.1} ms", until_listening(&switch, "broken-1", since)));
        parts(3);
    } else {
        took.push("killed locally: SKIPPED, needs root and `ss -K` (apt-get install iproute2)".to_owned());
    }
    assert_eq!(switch.metric("connections_closed_total", &[("line", "nac-1")]), 0);
    let answered = neighbours.answered();
    neighbours.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(1, &format!("{}; {answered} answers to neighbours, none lost", took.join(", ")));
}

#[test]
fn row_02_fin_with_a_part_of_a_frame() {
    let broken = Member::nac("broken").listen();
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).member(&broken).route("broken", "host").start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let neighbours = Askers::on(switch.join_all(&nac), ms(1));
    for (cut, count) in [(1, 1), (2, 2), (100, 3)] {
        let mut line = switch.join(&broken, 1);
        let frame = line.prefix().frame(&tpdu(NII, 7, &numbered(7, 300)));
        line.send_raw(&frame[..cut]);
        drop(line);
        switch.wait_metric("frames_malformed_total", &[("line", "broken-1"), ("reason", "partial")], count);
        switch.wait_line_state("broken-1", "listening");
    }
    let closed = switch.metric("connections_closed_total", &[("line", "broken-1"), ("reason", "partial")]);
    assert_eq!(closed, 3);
    neighbours.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(2, "3 of 3 closed as `partial`");
}

#[test]
fn row_03_fin_with_requests_pending() {
    const REQUESTS: u32 = 100;
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).start();
    let mut sibling = switch.join(&nac, 2);
    let mut issuer = switch.join(&host, 1);
    let books = Books::default();

    let mut half = switch.join(&nac, 1);
    ask_all(&mut half, 0, 0..REQUESTS, &books);
    let requests = see_all(&mut issuer, REQUESTS as usize, &books);
    half.half_close();
    answer_all(&mut issuer, &requests, &books);
    take_until(&mut [&mut half, &mut sibling], 0, &books, u64::from(REQUESTS));
    drop(half);
    switch.wait_line_state("nac-1", "listening");

    let mut full = switch.join(&nac, 1);
    ask_all(&mut full, 0, REQUESTS..2 * REQUESTS, &books);
    let requests = see_all(&mut issuer, REQUESTS as usize, &books);
    full.end(false);
    answer_all(&mut issuer, &requests, &books);
    take_all(&mut sibling, 0, &books, ms(300));
    switch.wait_line_state("nac-1", "listening");
    let account = books.sound();
    let lost = account.answered - account.delivered;
    fates_add_up(&switch);
    report(3, &format!("half-close: 0 of {REQUESTS} answers lost; full close: {lost} of {REQUESTS}; 0 doubled"));
}

#[test]
fn row_13_a_second_connection_on_an_occupied_port() {
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let allowed = ["127.0.0.1", "127.0.0.2"];
    let refusing = Member::nac("refusing").allow(&allowed).listen();
    let replacing = Member::nac("replacing").allow(&allowed).listen_with(r#"second = "replace""#);
    let host = Member::host("host").listen();
    let switch = payments(2, &refusing, &host).member(&replacing).route("replacing", "host").start();
    let mut issuer = switch.join(&host, 1);
    let mut first = switch.join(&refusing, 1);
    for (count, source) in [(1, Ipv4Addr::LOCALHOST), (2, other)] {
        Peer::connect_from(source, refusing.address(1), refusing.prefix()).expect_reset();
        let labels = [("line", "refusing-1"), ("reason", "occupied")];
        switch.wait_metric("connections_refused_total", &labels, count);
        round_trip(&mut first, &mut [&mut issuer], 1, "the first stays");
    }
    let mut old = switch.join(&replacing, 1);
    for (connects, source) in [(2, other), (3, Ipv4Addr::LOCALHOST)] {
        let mut new = Peer::connect_from(source, replacing.address(1), replacing.prefix());
        switch.wait_joined("replacing-1", connects);
        old.expect_closed();
        round_trip(&mut new, &mut [&mut issuer], 1, "the newcomer is the line");
        old = new;
    }
    fates_add_up(&switch);
    report(13, "`refuse`: 2 of 2 reset, the first undisturbed; `replace`: 2 of 2 taken over");
}

#[test]
fn row_14_a_half_dead_connection_is_replaced() {
    let nac = Member::nac("nac").listen_with(r#"second = "replace", replace_after = "200ms""#);
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    let mut dead = switch.join(&nac, 1);
    ask(&mut dead, 9, "asked before it fell silent");
    let request = issuer.receive();
    // Silent from here on, as a host that has vanished is.
    dead.expect_nothing_for(ms(250));
    let since = Instant::now();
    let mut owner = Peer::connect(nac.address(1), nac.prefix());
    switch.wait_joined("nac-1", 2);
    let took = since.elapsed().as_secs_f64() * 1e3;
    dead.expect_closed();
    issuer.send_frame(&answer_swapped(&request, b"answered to the newcomer"));
    owner.expect_frame(&tpdu(9, NII, b"answered to the newcomer"));
    fates_add_up(&switch);
    report(14, &format!("{took:.1} ms to the new line"));
}

#[test]
fn row_28_a_hosts_line_reset_with_requests_in_its_socket() {
    const REQUESTS: u32 = 300;
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen().listen());
    let switch = payments(2, &nac, &host).timer(r#"answer_within = "1s""#).start();
    let mut terminal = switch.join(&nac, 1);
    let unread = switch.join(&host, 1);
    let books = Books::default();
    ask_all(&mut terminal, 0, 0..REQUESTS, &books);
    switch.wait_metric("requests_forwarded_total", &[], u64::from(REQUESTS));
    unread.reset();
    switch.wait_line_state("host-1", "listening");
    let mut lines = switch.join_all(&host);
    let lost = switch.dropped("line_lost");
    switch.wait_metric("requests_timed_out_total", &[], u64::from(REQUESTS) - lost);
    for line in &mut lines {
        match line.arrival(ms(200)) {
            Arrival::Nothing => {}
            again => panic!("a request was sent again: {again:?}"),
        }
    }
    round_trip(&mut terminal, &mut lines.iter_mut().collect::<Vec<_>>(), 1, "the first that comes");
    let account = books.sound();
    assert_eq!(account.seen, 0);
    fates_add_up(&switch);
    report(
        28,
        &format!("0 of {REQUESTS} sent again, {} timed out, {lost} dropped as line_lost", u64::from(REQUESTS) - lost),
    );
}

#[test]
fn row_54_close_and_reconnect_at_once_with_answers_pending() {
    const TURNS: u32 = 20;
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    let mut line = switch.join(&nac, 1);
    let mut took = Vec::new();
    for turn in 0..TURNS {
        let text = format!("asked by connection {turn}");
        ask(&mut line, 5, &text);
        let request = issuer.receive_message();
        drop(line);
        let since = Instant::now();
        line = Peer::connect(nac.address(1), nac.prefix());
        switch.wait_joined("nac-1", u64::from(turn) + 2);
        took.push(since.elapsed());
        issuer.send_frame(&answer_swapped(&request, message(&request)));
        line.expect_frame(&tpdu(5, NII, text.as_bytes()));
    }
    assert_eq!(switch.metric("connections_refused_total", &[]), 0);
    fates_add_up(&switch);
    let longest = took.iter().max().copied().unwrap_or_default();
    assert!(longest < PATIENCE, "admitted");
    took.sort_unstable();
    let middle: Duration = took[took.len() / 2];
    report(
        54,
        &format!(
            "{TURNS} of {TURNS} answers over the newcomer, none refused; median {:.1} ms, longest {:.1} ms",
            middle.as_secs_f64() * 1e3,
            longest.as_secs_f64() * 1e3
        ),
    );
}
