//! Idle lines (空闲连接). The standards' 120 s and 180 s are configuration; here they are short.

use std::time::Duration;

use crate::harness::{Arrival, Door, Member, PATIENCE, Peer, Prefix, Switch, World};

/// A of the standard.
const A: &str = r#"probe_after = "200ms""#;
/// B of the standard, longer than A.
const B: &str = r#"silent_after = "1500ms""#;

fn start(left: &Member) -> (Switch, Member) {
    let right = Member::plain("right").key("expect = false").key("probe = false").listen();
    let world = World::new(2).timer(A).timer(B).timer(r#"reconnect = ["50ms", "200ms"]"#);
    (world.member(left).member(&right).route("left", "right").start(), right)
}

/// The peer says nothing; the switch drops the line. How many probes came before?
fn probes_until_dropped(line: &mut Peer) -> usize {
    let mut probes = 0;
    loop {
        match line.arrival(PATIENCE) {
            Arrival::Frame(data) => {
                assert!(data.is_empty(), "only probes are due");
                probes += 1;
                assert!(probes < 100, "a silent line was probed and not dropped");
            }
            Arrival::Fin | Arrival::Reset => return probes,
            Arrival::Nothing => panic!("a silent line was not dropped"),
        }
    }
}

/// The peer sends probes, more often than B; the line stays for more than twice B.
fn stays_while_the_peer_probes(line: &mut Peer) {
    for _ in 0..35 {
        line.send_probe();
        match line.arrival(Duration::from_millis(100)) {
            Arrival::Nothing => {}
            Arrival::Frame(probe) if probe.is_empty() => {}
            other => panic!("the line must stay: {other:?}"),
        }
    }
}

/// MP1-4.5.5a: Simplex: a sending line that has sent nothing for time A sends a probe, a frame whose
/// length is zero; the receiver discards it.
#[test]
fn mp1_4_5_5a_a_sending_line_idle_for_a_sends_a_probe_that_is_discarded() {
    let door = Door::open(Prefix::Ascii4);
    let left = Member::new("left", "institution").listen_with(r#"flow = "receive""#);
    let left = left.connect_with(door.address(), r#"flow = "send""#);
    let (switch, right) = start(&left);
    let mut sending = door.accept();
    let mut receiving = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    for _ in 0..3 {
        sending.expect_probe();
        receiving.send_probe();
    }
    receiving.send_frame(b"behind the probes");
    other.expect_frame(b"behind the probes");
    assert_eq!(switch.metric("probes_received_total", &[("line", "left-1")]), 3);
    assert!(switch.metric("probes_sent_total", &[("line", "left-2")]) >= 3);
}

/// MP1-4.5.5b: Simplex: a receiving line that has received nothing for time B (B > A) is broken.
#[test]
fn mp1_4_5_5b_a_receiving_line_silent_for_b_is_broken() {
    let door = Door::open(Prefix::Ascii4);
    let left = Member::new("left", "institution").listen_with(r#"flow = "receive""#);
    let left = left.connect_with(door.address(), r#"flow = "send""#);
    let (switch, _) = start(&left);
    let _sending = door.accept();
    let mut receiving = switch.join(&left, 1);
    stays_while_the_peer_probes(&mut receiving);
    assert_eq!(probes_until_dropped(&mut receiving), 0, "nothing is sent on a receiving line");
    switch.wait_line_state("left-1", "listening");
}

/// MP1-4.5.5c: Duplex: a line idle for A gets a probe from the switch; a member that receives none
/// in B closes the line. Members owe no probes: their silence breaks nothing.
#[test]
fn mp1_4_5_5c_a_duplex_line_idle_for_a_gets_a_probe_from_the_switch() {
    let left = Member::new("left", "institution").listen();
    let (switch, _) = start(&left);
    let mut line = switch.join(&left, 1);
    for _ in 0..15 {
        line.expect_probe();
    }
    assert_eq!((switch.line_state("left-1"), switch.connects("left-1")), ("up".to_owned(), 1));
}

/// MC6-5.4.1: Terminals: the client alone probes (2 zero bytes); the switch drops a line on which
/// nothing arrived for B.
#[test]
fn mc6_5_4_1_terminals_alone_probe_and_their_silence_drops_the_line() {
    let left = Member::new("left", "terminal").listen();
    let (switch, _) = start(&left);
    let mut line = switch.join(&left, 1);
    for _ in 0..35 {
        line.send_raw(&[0, 0]);
        line.expect_nothing_for(Duration::from_millis(100));
    }
    assert_eq!(probes_until_dropped(&mut line), 0, "the switch never probes a terminal");
    switch.wait_line_state("left-1", "listening");
    assert_eq!(switch.metric("probes_received_total", &[("line", "left-1")]), 35);
}

/// MC6-5.4.2: Channels and agents: both sides probe (`0000`), both drop after silence.
#[test]
fn mc6_5_4_2_channels_and_the_switch_both_probe_and_both_drop() {
    let left = Member::new("left", "channel").listen();
    let (switch, _) = start(&left);
    let mut line = switch.join(&left, 1);
    stays_while_the_peer_probes(&mut line);
    assert!(probes_until_dropped(&mut line) >= 2);
    switch.wait_line_state("left-1", "listening");
}

/// MC6-5.4.3: Merchants: the same with the roles of client and server swapped; after a drop the
/// switch reconnects. All of it configurable.
#[test]
fn mc6_5_4_3_towards_merchants_the_switch_probes_drops_and_reconnects() {
    let door = Door::open(Prefix::Ascii4);
    let left = Member::new("left", "merchant").connect(&door);
    let (switch, _) = start(&left);
    let mut line = door.accept();
    stays_while_the_peer_probes(&mut line);
    assert!(probes_until_dropped(&mut line) >= 2);
    let mut again = door.accept();
    again.expect_probe();
    switch.wait_joined("left-1", 2);
}

/// TV4-3.1.2: Long lines; when there is nothing to send, both sides send link-check packets.
#[test]
fn tv4_3_1_2_an_idle_line_gets_link_checks_from_both_sides() {
    let left = Member::new("left", "tv").listen();
    let (switch, _) = start(&left);
    let mut line = switch.join(&left, 1);
    for _ in 0..10 {
        line.expect_probe();
        line.send_probe();
    }
    assert_eq!(switch.connects("left-1"), 1, "the line is long-lived");
    switch.wait_metric("probes_received_total", &[("line", "left-1")], 10);
}

/// TV4-3.1.3d: Any message, a probe included, counts as received.
#[test]
fn tv4_3_1_3d_any_message_counts_as_received() {
    let left = Member::new("left", "tv").listen();
    let (switch, right) = start(&left);
    let mut line = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    for turn in 0..35 {
        if turn % 2 == 0 {
            line.send_frame(b"a message");
            other.expect_frame(b"a message");
        } else {
            line.send_probe();
        }
        assert!(matches!(line.arrival(Duration::from_millis(100)), Arrival::Nothing | Arrival::Frame(_)));
    }
    assert_eq!(switch.connects("left-1"), 1);
    probes_until_dropped(&mut line);
}
