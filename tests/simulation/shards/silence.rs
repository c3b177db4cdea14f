//! Idle lines, in minutes that take no time. Each clock is shown from both sides: just before, and just after.

use ringswitch::reason::Closed;
use ringswitch::shared::counters::Hot;
use ringswitch::shared::status::LineState;
use ringswitch::time::Span;

use super::stage::{Stage, address};
use super::texts::{CARDS, SHOP, SIMPLEX};
use super::wire::{BINARY_PROBE, DIGITS_PROBE, digits};
use crate::fake::{Conditions, Peer, PeerState};

const MOMENT: Span = Span::from_millis(100);
/// A moment less than `silent_after` and `probe_after` by default.
const NOT_YET_SILENT: Span = Span::from_millis(179_900);
const NOT_YET_PROBED: Span = Span::from_millis(119_900);

/// The channel, connected, and the merchant, accepted.
fn shop() -> (Stage, Peer, Peer) {
    let mut stage = Stage::before(SHOP, 1, Conditions::default());
    let server = stage.kernel.listen(address(7401));
    stage.settle();
    stage.pass(MOMENT);
    let merchant = server.accept().expect("the switch connects at once");
    let channel = stage.connect(7301);
    (stage, channel, merchant)
}

#[test]
fn mc6_5_4_1_a_terminal_that_probes_is_kept_and_a_silent_one_dropped() {
    let mut stage = Stage::new(CARDS);
    let nac = stage.connect(7001);
    for _ in 0..5 {
        stage.pass_secs(120);
        stage.send(&nac, BINARY_PROBE);
    }
    assert_eq!(nac.state(), PeerState::Connected, "600 seconds, a probe every 120");
    stage.pass(NOT_YET_SILENT);
    assert_eq!(nac.state(), PeerState::Connected, "and 179.9 of silence");
    stage.pass(MOMENT);
    stage.pass(MOMENT);
    assert_eq!(nac.state(), PeerState::Reset);
    assert_eq!((stage.state("nac-1"), stage.closed("nac-1", Closed::Silent)), (LineState::Listening, 1));
    assert!(nac.receive().is_empty(), "the switch never probes a terminal");
    assert_eq!(stage.line("nac-1").counters.hot(Hot::ProbesReceived), 5);
    assert_eq!(stage.connect(7001).state(), PeerState::Connected, "MC6-4.1.2b: it listens again");
}

#[test]
fn mc6_5_4_2_both_sides_of_a_channel_probe_and_both_drop() {
    let (mut stage, channel, _merchant) = shop();
    stage.pass(NOT_YET_PROBED);
    // Of its own silence: what it receives meanwhile does not count.
    stage.send(&channel, DIGITS_PROBE);
    assert!(channel.receive().is_empty());
    stage.pass(MOMENT);
    stage.pass(MOMENT);
    assert_eq!(channel.receive(), DIGITS_PROBE);
    stage.pass_secs(120);
    assert_eq!(channel.receive(), DIGITS_PROBE, "the second, 120 seconds after the first");
    assert_eq!(stage.state("channel-1"), LineState::Up);
    stage.pass(Span::from_millis(59_700));
    assert_eq!(channel.state(), PeerState::Connected, "179.9 seconds after its own last probe");
    stage.pass(MOMENT);
    stage.pass(MOMENT);
    assert_eq!(channel.state(), PeerState::Reset);
    assert_eq!(stage.closed("channel-1", Closed::Silent), 1);
}

#[test]
fn mc6_5_4_2_a_frame_sent_is_a_probe_spared() {
    let (mut stage, channel, merchant) = shop();
    stage.pass_secs(100);
    stage.send(&channel, &digits(b"a frame"));
    assert_eq!(merchant.receive(), digits(b"a frame"));
    stage.pass_secs(100);
    assert!(merchant.receive().is_empty(), "200 seconds after the start, 100 after the last frame to it");
    assert_eq!(channel.receive(), DIGITS_PROBE, "nothing was sent there");
    // The merchant has sent nothing for 180 seconds: so it is gone by now.
    assert_eq!((merchant.state(), stage.closed("merchant-1", Closed::Silent)), (PeerState::Reset, 1));
}

#[test]
fn mc6_5_4_3_after_a_merchants_silence_the_switch_connects_again() {
    let mut stage = Stage::before(SHOP, 1, Conditions::default());
    let server = stage.kernel.listen(address(7401));
    stage.pass(MOMENT);
    let silent = server.accept().expect("the switch is the client");
    stage.pass_secs(179);
    assert_eq!(silent.receive(), DIGITS_PROBE, "as client it probes all the same");
    assert_eq!(silent.state(), PeerState::Connected);
    stage.pass_secs(1);
    stage.pass(MOMENT);
    assert_eq!(silent.state(), PeerState::Reset);
    let again = server.accept().expect("promptly: the connection had lived");
    assert_eq!((again.state(), stage.state("merchant-1")), (PeerState::Connected, LineState::Up));
}

#[test]
fn mp1_4_5_5a_a_sending_line_is_probed_and_its_peers_silence_means_nothing() {
    let mut stage = Stage::new(SIMPLEX);
    let out = stage.connect(7502);
    for minutes in 1..=30 {
        stage.pass_secs(120);
        stage.pass(MOMENT);
        assert_eq!(out.receive(), DIGITS_PROBE, "the {minutes}th");
    }
    assert_eq!(stage.state("bank-out"), LineState::Up, "an hour without a byte from it");
}

#[test]
fn mp1_4_5_5b_a_receiving_line_is_broken_after_b_and_never_probed() {
    let mut stage = Stage::new(SIMPLEX);
    let into = stage.connect(7501);
    for _ in 0..3 {
        stage.pass(NOT_YET_SILENT);
        stage.send(&into, DIGITS_PROBE);
    }
    stage.pass(NOT_YET_SILENT);
    assert_eq!((into.state(), into.receive()), (PeerState::Connected, Vec::new()));
    stage.pass(MOMENT);
    stage.pass(MOMENT);
    assert_eq!((into.state(), stage.closed("bank-in", Closed::Silent)), (PeerState::Reset, 1));
}

#[test]
fn mp1_4_5_5c_a_duplex_institution_is_probed_at_a_and_never_closed_for_silence() {
    let mut stage = Stage::new(CARDS);
    let issuer = stage.connect(7101);
    stage.pass(NOT_YET_PROBED);
    assert!(issuer.receive().is_empty());
    stage.pass(MOMENT);
    stage.pass(MOMENT);
    assert_eq!(issuer.receive(), DIGITS_PROBE);
    stage.pass_secs(3_600);
    assert_eq!(issuer.receive().len(), DIGITS_PROBE.len() * 30);
    assert_eq!(stage.state("issuer-1"), LineState::Up);
}

#[test]
fn mp1_4_5_5c_a_duplex_institution_that_vanished_shows_by_probes_that_nobody_acknowledges() {
    let mut stage = Stage::new(CARDS);
    let issuer = stage.connect(7101);
    issuer.cut_inward();
    issuer.cut_outward();
    stage.pass_secs(120);
    stage.pass_secs(59);
    assert_eq!(stage.state("issuer-1"), LineState::Up, "probed a minute ago");
    stage.pass_secs(10);
    assert_eq!(stage.closed("issuer-1", Closed::Stalled), 1);
}

#[test]
fn tv4_3_1_3b_and_d_nothing_at_all_for_three_minutes() {
    let mut stage = Stage::new(SIMPLEX);
    let tv = stage.connect(7601);
    let _bank = stage.connect(7501);
    stage.pass_secs(170);
    stage.send(&tv, DIGITS_PROBE);
    stage.pass_secs(170);
    stage.send(&tv, &digits(b"any message counts"));
    stage.pass(NOT_YET_SILENT);
    assert_eq!(tv.state(), PeerState::Connected);
    stage.pass(MOMENT);
    stage.pass(MOMENT);
    assert_eq!((tv.state(), stage.closed("tv-1", Closed::Silent)), (PeerState::Reset, 1));
    assert_eq!(tv.receive(), DIGITS_PROBE.repeat(4), "TV4-3.1.2: both sides send link-check packets");
    stage.assert_fates_add_up();
}

/// Where the switch is the side that connects, it is the one that closes and connects again.
#[test]
fn tv4_3_1_3b_the_connecting_side_connects_again_after_three_silent_minutes() {
    let text = SHOP.replace("profile = \"merchant\"", "profile = \"tv\"");
    let mut stage = Stage::before(&text, 1, Conditions::default());
    let server = stage.kernel.listen(address(7401));
    stage.pass(MOMENT);
    let mut platform = server.accept().expect("the switch connects");
    for _ in 0..3 {
        stage.pass_secs(170);
        stage.send(&platform, DIGITS_PROBE);
        stage.pass(NOT_YET_SILENT);
        assert_eq!((platform.state(), server.accept().is_none()), (PeerState::Connected, true));
        assert!(!platform.receive().is_empty(), "TV4-3.1.2: it probes, which does not keep the line");
        stage.pass(MOMENT);
        stage.pass(MOMENT);
        assert_eq!(platform.state(), PeerState::Reset);
        stage.pass_secs(1);
        platform = server.accept().expect("and again");
        assert_eq!(stage.state("merchant-1"), LineState::Up);
    }
    assert_eq!(stage.closed("merchant-1", Closed::Silent), 3);
}

#[test]
fn half_a_frame_is_waited_for_and_half_a_length_too() {
    for half in [&b"0009half"[..], b"00"] {
        let (mut stage, channel, merchant) = shop();
        stage.pass_secs(60);
        stage.send(&channel, half);
        stage.pass(Span::from_millis(9_900));
        assert_eq!(channel.state(), PeerState::Connected);
        stage.pass(MOMENT);
        stage.pass(MOMENT);
        assert_eq!((channel.state(), stage.closed("channel-1", Closed::Partial)), (PeerState::Reset, 1));
        assert!(merchant.receive().is_empty());
        stage.assert_fates_add_up();
        assert_eq!(stage.memory(), 0);
    }
}

#[test]
fn a_frame_that_comes_byte_by_byte_has_ten_seconds_in_all() {
    let (mut stage, channel, merchant) = shop();
    let frame = digits(b"byte by byte");
    for byte in &frame[..15] {
        stage.send(&channel, &[*byte]);
        stage.pass(Span::from_millis(600));
    }
    stage.send(&channel, &frame[15..]);
    assert_eq!(merchant.receive(), frame, "9 seconds");
    for byte in &frame[..10] {
        stage.send(&channel, &[*byte]);
        stage.pass_secs(1);
    }
    stage.pass(MOMENT);
    assert_eq!(stage.closed("channel-1", Closed::Partial), 1, "its bytes keep it from silence, not from this");
}

#[test]
fn a_day_of_idle_lines_costs_few_turns() {
    let mut stage = Stage::new(CARDS);
    let peers = [7101, 7102].map(|port| stage.connect(port));
    let before = stage.turns;
    stage.pass_secs(24 * 3_600);
    let turns = stage.turns - before;
    // Two shards show a sign of life each second, and each of two lines is probed every two minutes: a turn for the
    // clock, one for the completion of the send, one or two for a second look.
    assert!((2 * 86_000..2 * 86_400 + 2 * 720 * 8).contains(&turns), "{turns}");
    for peer in peers {
        // Each is late by at most a tick of 8 ms.
        let probes = peer.receive().len() / DIGITS_PROBE.len();
        assert!((715..=720).contains(&probes), "{probes}");
    }
}
