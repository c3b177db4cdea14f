//! Control of the transfer: asynchronous, matched by content, timed out, closed in order.

use crate::harness::{
    Member, NII, Peer, answer_swapped, ask, eventually, fates_add_up, message, payments, receive_from_any, round_trip,
    tpdu,
};

const RECEIVE: &str = r#"flow = "receive""#;
const SEND: &str = r#"flow = "send""#;

/// MP1-4.5.2a: Asynchronous: a sender sends the next request without waiting for the answer to the
/// last.
#[test]
fn mp1_4_5_2a_requests_do_not_wait_for_answers() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for number in 1..=200 {
        ask(&mut terminal, number, &format!("request {number}"));
    }
    let requests: Vec<Vec<u8>> = (0..200).map(|_| issuer.receive()).collect();
    for request in &requests {
        issuer.send_frame(&answer_swapped(request, message(request)));
    }
    for number in 1..=200 {
        terminal.expect_frame(&tpdu(number, NII, format!("request {number}").as_bytes()));
    }
    fates_add_up(&switch);
}

/// MP1-4.5.2b: An answer may come back on any of the lines; it is matched to its request by
/// content, not by line.
#[test]
fn mp1_4_5_2b_an_answer_may_come_back_on_any_line() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut hosts = switch.join_all(&host);
    let mut lines: Vec<_> = hosts.iter_mut().collect();
    for back in [0, 1, 0, 1] {
        ask(&mut terminal, 1, "first");
        ask(&mut terminal, 2, "second");
        let mut requests = [receive_from_any(&mut lines).1, receive_from_any(&mut lines).1];
        requests.sort_by_key(|request| message(request).to_vec());
        // Answered in the other order, both over one line.
        for request in requests.iter().rev() {
            lines[back].send_frame(&answer_swapped(request, message(request)));
        }
        terminal.expect_frame(&tpdu(2, NII, b"second"));
        terminal.expect_frame(&tpdu(1, NII, b"first"));
    }
    fates_add_up(&switch);
}

/// MP1-4.5.2c: A line that breaks may lose what was in flight; what is not answered in time is
/// timed out.
#[test]
fn mp1_4_5_2c_what_a_broken_line_lost_times_out() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).timer(r#"answer_within = "2s""#).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    ask(&mut terminal, 1, "lost with the host's line");
    issuer.receive();
    issuer.reset();
    switch.wait_metric("requests_timed_out_total", &[], 1);
    assert_eq!(switch.metric("pending_requests", &[]), 0);
    let mut issuer = switch.join(&host, 1);
    round_trip(&mut terminal, &mut [&mut issuer], 2, "never sent twice: this is the first that comes");
    fates_add_up(&switch);
}

/// MP1-4.5.3: To close a sending line: stop sending on it, then request the disconnect; the
/// receiver closes on seeing that.
#[test]
fn mp1_4_5_3_a_line_is_closed_by_sending_no_more_and_then_fin() {
    let issuer = Member::new("issuer", "institution").key(r#"header = "tpdu""#);
    let issuer = [RECEIVE, SEND, SEND].iter().fold(issuer, |issuer, flow| issuer.listen_with(flow));
    let nac = Member::nac("nac").listen();
    let switch = payments(2, &nac, &issuer).start();
    let mut terminal = switch.join(&nac, 1);
    let [mut answers, mut closing, mut staying] = [1, 2, 3].map(|number| switch.join(&issuer, number));
    let mut transact = |closing: &mut Peer, staying: &mut Peer, answers: &mut Peer| {
        ask(&mut terminal, 1, "request");
        let (line, request) = receive_from_any(&mut [closing, staying]);
        answers.send_frame(&answer_swapped(&request, b"answer"));
        assert_eq!(message(&terminal.receive()), b"answer");
        line
    };
    eventually("the line is used", || (transact(&mut closing, &mut staying, &mut answers) == 0).then_some(()));
    // The switch closes its sending line: no request goes out on it any more, then FIN; the member closes.
    assert_eq!(switch.post("/v1/lines/issuer-2/drain").status, 200);
    closing.expect_fin();
    drop(closing);
    switch.wait_line_state("issuer-2", "disabled");
    for _ in 0..10 {
        ask(&mut terminal, 1, "over the other");
        let request = staying.receive();
        answers.send_frame(&answer_swapped(&request, b"answer"));
        assert_eq!(message(&terminal.receive()), b"answer");
    }
    // The member closes its sending line: what it sent last is taken, and the switch closes.
    ask(&mut terminal, 1, "answered with the last frame");
    let request = staying.receive();
    answers.send_frame(&answer_swapped(&request, b"the last frame"));
    answers.half_close();
    answers.expect_fin();
    assert_eq!(message(&terminal.receive()), b"the last frame");
    switch.wait_line_state("issuer-1", "listening");
    fates_add_up(&switch);
}
