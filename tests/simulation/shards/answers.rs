//! Requests and answers in time, too late, and with nobody to take them.

use ringswitch::reason::{Closed, Drop};
use ringswitch::shared::counters::{Cold, Hot};
use ringswitch::time::Span;

use super::stage::Stage;
use super::texts::CARDS;
use super::wire::{Lengths, binary, digits, tpdu};
use crate::fake::Peer;

const NII: u16 = 3;
const TERMINAL: u16 = 0x4711;

fn cards() -> (Stage, Peer, Peer) {
    let mut stage = Stage::new(CARDS);
    let nac = stage.connect(7001);
    let issuer = stage.connect(7101);
    (stage, nac, issuer)
}

/// Asks, and gives what the host must answer: the addresses exchanged, as hosts do.
fn ask(stage: &mut Stage, nac: &Peer, issuer: &Peer) -> Vec<u8> {
    stage.send(nac, &binary(&tpdu(NII, TERMINAL, b"a request")));
    answer_to(issuer).expect("a request")
}

/// The answer to the one request that a host has received; probes are passed over.
fn answer_to(issuer: &Peer) -> Option<Vec<u8>> {
    let mut bytes = issuer.receive();
    let frames = Lengths::Digits.take_all(&mut bytes);
    let requests: Vec<_> = frames.into_iter().filter(|frame| !frame.is_empty()).collect();
    assert!(bytes.is_empty() && requests.len() <= 1, "{requests:?}");
    let request = requests.first()?;
    assert_eq!(request[..3], [0x60, 0, 3]);
    let number = u16::from_be_bytes([request[3], request[4]]);
    Some(digits(&tpdu(number, NII, b"an answer")))
}

fn whole_answer() -> Vec<u8> {
    binary(&tpdu(TERMINAL, NII, b"an answer"))
}

#[test]
fn tv4_3_2a_an_answer_after_44_9_seconds_is_delivered() {
    let (mut stage, nac, issuer) = cards();
    let answer = ask(&mut stage, &nac, &issuer);
    stage.pass(Span::from_millis(44_900));
    stage.send(&issuer, &answer);
    assert_eq!(nac.receive(), whole_answer());
    stage.assert_fates_add_up();
}

#[test]
fn tv4_3_2a_an_answer_after_45_1_seconds_is_late_and_its_number_rests() {
    let (mut stage, nac, issuer) = cards();
    let answer = ask(&mut stage, &nac, &issuer);
    stage.pass(Span::from_millis(45_100));
    assert_eq!(stage.line("nac-1").counters.cold(Cold::RequestsTimedOut), 1);
    stage.send(&issuer, &answer);
    assert_eq!(stage.dropped("issuer-1", Drop::Late), 1);
    stage.pass(Span::from_millis(44_800));
    stage.send(&issuer, &answer);
    assert_eq!(stage.dropped("issuer-1", Drop::Late), 2, "known as late for another 45 seconds");
    stage.pass_secs(1);
    stage.send(&issuer, &answer);
    assert_eq!((stage.dropped("issuer-1", Drop::Late), stage.dropped("issuer-1", Drop::Unmatched)), (2, 1));
    assert!(nac.receive().is_empty());
    assert_eq!(stage.line("nac-1").counters.pending(), 0);
    stage.assert_fates_add_up();
}

/// The requester's own clock runs meanwhile: forty seconds in the switch's queue leave the host five.
#[test]
fn tv4_3_2a_the_wait_in_the_switchs_own_queue_counts() {
    let (mut stage, nac, issuer) = cards();
    issuer.stop_reading();
    for _ in 0..100 {
        stage.send(&nac, &binary(&tpdu(NII, TERMINAL, &[7; 2_000])));
        stage.pass(Span::from_millis(1));
    }
    assert!(stage.held() > 10, "some wait inside the switch");
    stage.pass_secs(40);
    issuer.resume_reading();
    stage.pass_secs(1);
    let mut bytes = issuer.receive();
    let requests: Vec<_> = Lengths::Digits.take_all(&mut bytes).into_iter().filter(|frame| !frame.is_empty()).collect();
    assert_eq!(requests.len(), 100, "none has expired");
    let answer = |request: &[u8]| digits(&tpdu(u16::from_be_bytes([request[3], request[4]]), NII, b"an answer"));
    stage.pass_secs(3);
    stage.send(&issuer, &answer(&requests[99]));
    assert_eq!(nac.receive(), whole_answer(), "44 seconds");
    stage.pass_secs(2);
    stage.send(&issuer, &answer(&requests[98]));
    assert_eq!((nac.receive().len(), stage.dropped("issuer-1", Drop::Late)), (0, 1), "46 seconds");
    stage.assert_fates_add_up();
}

#[test]
fn mp1_4_5_2c_a_request_queued_for_a_shut_window_expires_unsent() {
    let (mut stage, nac, issuer) = cards();
    issuer.stop_reading();
    // More than both sockets hold: the last requests wait inside the switch.
    let frame = binary(&tpdu(NII, TERMINAL, &[7; 2_000]));
    for _ in 0..100 {
        stage.send(&nac, &frame);
        // It does not fall silent, and its requests are not paused for.
        stage.pass(Span::from_millis(1));
    }
    let waiting = stage.held();
    assert!(waiting > 10, "{waiting}");
    stage.pass_secs(46);
    let expired = stage.dropped("nac-1", Drop::Expired);
    // The one of which bytes are on the wire must be completed, and the stream would break without it.
    assert!(expired as i64 >= waiting - 1, "{expired} of {waiting}");
    issuer.resume_reading();
    stage.pass_secs(1);
    let mut bytes = issuer.receive();
    let frames = Lengths::Digits.take_all(&mut bytes);
    assert!(bytes.is_empty() && frames.iter().all(|frame| frame.len() == 2_005 || frame.is_empty()));
    stage.assert_fates_add_up();
    stage.pass_secs(100);
    assert_eq!(stage.line("nac-1").counters.pending(), 0);
}

#[test]
fn mc6_4_1_4_a_broken_line_sends_its_answer_home_over_a_sibling() {
    let (mut stage, nac, issuer) = cards();
    let sibling = stage.connect(7002);
    let answer = ask(&mut stage, &nac, &issuer);
    nac.reset();
    stage.pass_secs(1);
    stage.send(&issuer, &answer);
    assert_eq!(sibling.receive(), whole_answer());
    assert_eq!(stage.line("issuer-1").counters.cold(Cold::AnswersRerouted), 1);
    stage.assert_fates_add_up();
}

#[test]
fn an_answer_without_a_line_is_held_for_two_seconds() {
    for (away, comes_home) in [(1_900, true), (2_100, false)] {
        let (mut stage, nac, issuer) = cards();
        let answer = ask(&mut stage, &nac, &issuer);
        nac.reset();
        stage.pass_secs(5);
        stage.send(&issuer, &answer);
        assert_eq!(stage.held(), 1);
        stage.pass(Span::from_millis(away));
        let sibling = stage.connect(7002);
        stage.pass(Span::from_millis(50));
        assert_eq!(sibling.receive(), if comes_home { whole_answer() } else { Vec::new() });
        assert_eq!(stage.dropped("issuer-1", Drop::HoldExpired), u64::from(!comes_home));
        assert_eq!(stage.line("issuer-1").counters.hot(Hot::AnswersForwarded), u64::from(comes_home));
        stage.assert_fates_add_up();
    }
}

#[test]
fn an_answer_is_never_held_past_its_deadline() {
    let (mut stage, nac, issuer) = cards();
    let answer = ask(&mut stage, &nac, &issuer);
    nac.reset();
    stage.pass(Span::from_millis(44_000));
    stage.send(&issuer, &answer);
    stage.pass(Span::from_millis(1_100));
    assert_eq!((stage.held(), stage.dropped("issuer-1", Drop::Late)), (0, 1));
    stage.assert_fates_add_up();
}

#[test]
fn mp1_4_5_2c_the_requests_of_a_line_that_broke_are_not_sent_twice() {
    let (mut stage, nac, issuer) = cards();
    let other = stage.connect(7102);
    let answer = ask_any(&mut stage, &nac, &[&issuer, &other]);
    let (asked, _) = answer;
    [&issuer, &other][asked].reset();
    stage.pass_secs(50);
    assert!(answer_to([&issuer, &other][1 - asked]).is_none(), "it had its line, which then broke");
    assert_eq!(stage.line("nac-1").counters.cold(Cold::RequestsTimedOut), 1);
    assert_eq!(stage.closed("issuer-1", Closed::Reset) + stage.closed("issuer-2", Closed::Reset), 1);
    stage.assert_fates_add_up();
}

fn ask_any(stage: &mut Stage, nac: &Peer, hosts: &[&Peer]) -> (usize, Vec<u8>) {
    stage.send(nac, &binary(&tpdu(NII, TERMINAL, b"a request")));
    let answers = hosts.iter().enumerate().filter_map(|(at, host)| Some((at, answer_to(host)?)));
    let answers: Vec<_> = answers.collect();
    assert_eq!(answers.len(), 1);
    answers.into_iter().next().expect("one")
}

#[test]
fn a_held_answer_with_an_earlier_deadline_does_not_wait_for_the_one_before_it() {
    let (mut stage, nac, issuer) = cards();
    let early = ask(&mut stage, &nac, &issuer);
    stage.pass_secs(40);
    let late = ask(&mut stage, &nac, &issuer);
    nac.reset();
    stage.pass_secs(4);
    // The first may be held for two seconds, the second until its deadline, which is one second away.
    stage.send(&issuer, &[late, early].concat());
    assert_eq!(stage.held(), 2);
    stage.pass(Span::from_millis(1_100));
    assert_eq!((stage.held(), stage.dropped("issuer-1", Drop::Late)), (1, 1));
    let sibling = stage.connect(7002);
    assert_eq!(sibling.receive(), whole_answer());
    stage.assert_fates_add_up();
}
