//! `guard = true`: an answer must fit its request by trace number and terminal.

use crate::harness::{Member, NII, answer_copied, answer_swapped, fates_add_up, message, payments, tpdu};
use crate::on_1_2_and_5_shards;

/// A message with fields 3, 11 and 41 behind the 6-byte head.
fn payment(kind: u8, trace: u8, terminal: &[u8; 8]) -> Vec<u8> {
    let mut message = vec![0x60, 0x31, 0x00, 0x31, 0x01, 0x00, 0x02, kind];
    message.extend_from_slice(&[0x20, 0x20, 0, 0, 0, 0x80, 0, 0]);
    message.extend_from_slice(&[0, 0, 0, 0, 0, trace]);
    message.extend_from_slice(terminal);
    message
}

const REQUEST: u8 = 0x00;
const ANSWER: u8 = 0x10;

fn an_answer_to_another_request_is_dropped_and_the_right_one_comes_home(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").key("guard = true").listen();
    let switch = payments(shards, &nac, &host).start();
    let (mut terminals, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    terminals.send_frame(&tpdu(NII, 0x0042, &payment(REQUEST, 1, b"TERM0001")));
    let request = issuer.receive();
    for (trace, terminal) in [(2, b"TERM0001"), (1, b"TERM0002")] {
        issuer.send_frame(&answer_swapped(&request, &payment(ANSWER, trace, terminal)));
    }
    issuer.send_frame(&answer_copied(&request, &payment(ANSWER, 9, b"TERM0001")));
    let answer = payment(ANSWER, 1, b"TERM0001");
    issuer.send_frame(&answer_swapped(&request, &answer));
    assert_eq!(message(&terminals.receive()), answer);
    switch.wait_dropped("guard", 3);
    fates_add_up(&switch);
    assert_eq!(switch.metric("answers_forwarded_total", &[]), 1);
}

#[test]
fn many_answers_at_once_are_checked_one_by_one() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").key("guard = true").listen();
    let switch = payments(2, &nac, &host).start();
    let (mut terminals, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    for trace in 0..90 {
        terminals.send_frame(&tpdu(NII, 0x0042, &payment(REQUEST, trace, b"TERM0001")));
    }
    let requests: Vec<Vec<u8>> = (0..90).map(|_| issuer.receive()).collect();
    for (trace, request) in (0..90).zip(&requests) {
        let told = if trace % 3 == 0 { trace + 100 } else { trace };
        issuer.send_frame(&answer_swapped(request, &payment(ANSWER, told, b"TERM0001")));
    }
    for trace in (0..90).filter(|trace| trace % 3 != 0) {
        assert_eq!(message(&terminals.receive()), payment(ANSWER, trace, b"TERM0001"));
    }
    switch.wait_dropped("guard", 30);
    fates_add_up(&switch);
}

#[test]
fn a_message_without_both_fields_is_not_checked() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").key("guard = true").listen();
    let switch = payments(2, &nac, &host).start();
    let (mut terminals, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    terminals.send_frame(&tpdu(NII, 0x0042, &payment(REQUEST, 1, b"TERM0001")));
    let request = issuer.receive();
    issuer.send_frame(&answer_swapped(&request, b"no fields"));
    assert_eq!(message(&terminals.receive()), b"no fields");
    terminals.send_frame(&tpdu(NII, 0x0042, b"no fields"));
    let request = issuer.receive();
    issuer.send_frame(&answer_swapped(&request, &payment(ANSWER, 1, b"TERM0001")));
    assert_eq!(message(&terminals.receive()), payment(ANSWER, 1, b"TERM0001"));
    assert_eq!(switch.dropped("guard"), 0);
    fates_add_up(&switch);
}

/// Without the guard the number alone decides.
#[test]
fn without_the_guard_content_is_not_looked_at() {
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).start();
    let (mut terminals, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    terminals.send_frame(&tpdu(NII, 0x0042, &payment(REQUEST, 1, b"TERM0001")));
    let request = issuer.receive();
    issuer.send_frame(&answer_swapped(&request, &payment(ANSWER, 2, b"TERM0001")));
    assert_eq!(message(&terminals.receive()), payment(ANSWER, 2, b"TERM0001"));
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(an_answer_to_another_request_is_dropped_and_the_right_one_comes_home);
