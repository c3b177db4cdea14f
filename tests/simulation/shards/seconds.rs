//! A second connection to an occupied port: refused, or let in once the first has been silent for long enough.

use ringswitch::reason::{Closed, Refusal};
use ringswitch::shared::status::LineState;
use ringswitch::time::Span;

use super::stage::Stage;
use super::texts::CARDS;
use super::wire::{BINARY_PROBE, Lengths, binary, digits, tpdu};
use crate::fake::{Peer, PeerState};

const MOMENT: Span = Span::from_millis(100);

/// Terminals whose first line has these keys.
fn cards(keys: &str) -> Stage {
    let line = "{ listen = \"127.0.0.1:7001\" }";
    assert!(CARDS.contains(line));
    Stage::new(&CARDS.replace(line, &format!("{{ listen = \"127.0.0.1:7001\", {keys} }}")))
}

/// Connects and lets the switch look at both for a while.
fn another(stage: &mut Stage) -> Peer {
    let peer = stage.connect(7001);
    stage.pass_secs(1);
    peer
}

fn occupied(stage: &Stage) -> u64 {
    stage.line("nac-1").counters.refused(Refusal::Occupied)
}

#[test]
fn mc6_4_2_a_second_connection_is_refused_however_silent_the_first_is() {
    let mut stage = Stage::new(CARDS);
    let first = stage.connect(7001);
    for count in 1..=3 {
        stage.pass_secs(50);
        assert_eq!(another(&mut stage).state(), PeerState::Reset, "{count}");
        assert_eq!((first.state(), occupied(&stage)), (PeerState::Connected, count));
    }
}

#[test]
fn after_replace_after_of_silence_a_newcomer_takes_the_port() {
    let mut stage = cards("second = \"replace\", replace_after = \"60s\"");
    let first = stage.connect(7001);
    stage.pass_secs(58);
    assert_eq!((another(&mut stage).state(), occupied(&stage)), (PeerState::Reset, 1), "58 seconds of silence");
    stage.send(&first, BINARY_PROBE);
    stage.pass_secs(58);
    assert_eq!((another(&mut stage).state(), occupied(&stage)), (PeerState::Reset, 2), "58 since its last probe");
    stage.pass_secs(1);
    let newcomer = another(&mut stage);
    assert_eq!((newcomer.state(), first.state()), (PeerState::Connected, PeerState::Reset), "more than 60 seconds");
    assert_eq!((stage.closed("nac-1", Closed::Replaced), occupied(&stage)), (1, 2));
    assert_eq!(stage.state("nac-1"), LineState::Up);
}

#[test]
fn an_answer_owed_to_the_replaced_connection_goes_over_the_newcomer() {
    let mut stage = cards("second = \"replace\", replace_after = \"20s\"");
    let (first, issuer) = (stage.connect(7001), stage.connect(7101));
    stage.send(&first, &binary(&tpdu(3, 0x4711, b"a request")));
    stage.pass_secs(21);
    let newcomer = another(&mut stage);
    let mut bytes = issuer.receive();
    let request = Lengths::Digits.take(&mut bytes).expect("a request");
    let number = u16::from_be_bytes([request[3], request[4]]);
    stage.send(&issuer, &digits(&tpdu(number, 3, b"an answer")));
    stage.pass(MOMENT);
    assert_eq!(newcomer.receive(), binary(&tpdu(0x4711, 3, b"an answer")));
    stage.assert_fates_add_up();
}
