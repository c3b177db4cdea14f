//! Idle lines: who sends probes, and whose silence breaks a line (`MP1-4.5.5`, `MC6-5.4`, `TV4-3.1.3`).

use std::time::Duration;

use crate::harness::{
    Arrival, Door, Member, PATIENCE, Peer, Prefix, Switch, World, eventually, fates_add_up, payments, round_trip,
};

/// Short enough to be seen, long enough for a busy machine to keep a line alive.
const PROBE_AFTER: &str = r#"probe_after = "200ms""#;
const SILENT_AFTER: &str = r#"silent_after = "1500ms""#;
/// The pause between two signs of life of a peer that keeps its line.
const ALIVE: Duration = Duration::from_millis(100);
/// Signs of life until `silent_after` has passed twice.
const TWICE_SILENT: usize = 30;

/// A pair of that profile, one line each.
fn pair(profile: &'static str) -> (Switch, Member, Member) {
    let left = Member::new("left", profile).listen();
    let right = Member::new("right", profile).listen();
    let world = World::new(2).timer(PROBE_AFTER).timer(SILENT_AFTER).member(&left).member(&right);
    (world.route("left", "right").start(), left, right)
}

/// Stays silent until the switch closes; returns how many probes came before.
fn probes_until_closed(line: &mut Peer) -> usize {
    let mut probes = 0;
    eventually("the switch closes a silent line", || match line.arrival(PATIENCE) {
        Arrival::Frame(data) => {
            assert!(data.is_empty(), "a probe has no data");
            probes += 1;
            None
        }
        Arrival::Fin | Arrival::Reset => Some(()),
        Arrival::Nothing => panic!("the line is silent and open"),
    });
    probes
}

/// A terminal's line is never probed, and dropped when nothing came for `silent_after` (`MC6-5.4.1`).
#[test]
fn a_terminal_is_not_probed_and_its_silence_closes() {
    let (switch, left, _) = pair("terminal");
    let mut terminal = switch.join(&left, 1);
    assert_eq!(probes_until_closed(&mut terminal), 0);
    switch.wait_line_state("left-1", "listening");
    assert_eq!(switch.metric("connections_closed_total", &[("line", "left-1")]), 1);
    assert_eq!(switch.metric("probes_sent_total", &[]), 0);
}

/// Any frame, a probe included, counts as received (`TV4-3.1.3d`).
#[test]
fn a_terminal_that_probes_keeps_its_line() {
    let (switch, left, _) = pair("terminal");
    let mut terminal = switch.join(&left, 1);
    for _ in 0..TWICE_SILENT {
        terminal.send_probe();
        terminal.expect_nothing_for(ALIVE);
    }
    assert_eq!(switch.connects("left-1"), 1);
    switch.wait_metric("probes_received_total", &[("line", "left-1")], TWICE_SILENT as u64);
    fates_add_up(&switch);
}

/// Channels, merchants and TV platforms are probed again and again, and dropped when silent.
#[test]
fn the_other_duplex_profiles_are_probed_and_their_silence_closes() {
    for profile in ["channel", "merchant", "tv"] {
        let (switch, left, _) = pair(profile);
        let mut peer = switch.join(&left, 1);
        let probes = probes_until_closed(&mut peer);
        assert!(probes >= 2, "{profile}: {probes} probes in seven times probe_after");
        switch.wait_line_state("left-1", "listening");
        assert!(switch.metric("probes_sent_total", &[("line", "left-1")]) >= probes as u64);
    }
}

#[test]
fn a_channel_that_answers_probes_with_its_own_keeps_its_line() {
    let (switch, left, _) = pair("channel");
    let mut peer = switch.join(&left, 1);
    for _ in 0..10 {
        peer.expect_probe();
        peer.send_probe();
    }
    assert_eq!(switch.connects("left-1"), 1);
    assert_eq!(switch.line_state("left-1"), "up");
    fates_add_up(&switch);
}

/// What we send keeps no line alive: only received bytes do.
#[test]
fn sending_to_a_silent_peer_does_not_keep_its_line() {
    let left = Member::new("left", "terminal").listen();
    let right = Member::new("right", "terminal").listen();
    let world = World::new(2).timer(PROBE_AFTER).timer(SILENT_AFTER).member(&left).member(&right);
    let switch = world.route("left", "right").start();
    let mut silent = switch.join(&left, 1);
    let mut talking = switch.join(&right, 1);
    eventually("the silent line is closed while frames go out over it", || {
        talking.send_frame(b"not answered");
        match silent.arrival(ALIVE) {
            Arrival::Fin | Arrival::Reset => Some(()),
            _ => None,
        }
    });
    switch.wait_line_state("left-1", "listening");
    talking.send_probe();
    assert_eq!(switch.connects("right-1"), 1, "the line that is heard from stays");
}

/// Data keeps a line as well as probes do.
#[test]
fn requests_keep_a_line_without_any_probe() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").key("probe = false").listen();
    let switch = payments(2, &nac, &host).timer(PROBE_AFTER).timer(SILENT_AFTER).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for _ in 0..TWICE_SILENT {
        round_trip(&mut terminal, &mut [&mut issuer], 1, "alive");
        terminal.expect_nothing_for(ALIVE);
    }
    assert_eq!((switch.connects("nac-1"), switch.connects("host-1")), (1, 1));
    assert_eq!(switch.metric("probes_sent_total", &[]), 0);
}

/// Institutions on duplex lines get probes and owe none (`MP1-4.5.5c`).
#[test]
fn a_silent_institution_on_a_duplex_line_is_probed_and_kept() {
    let (switch, left, _) = pair("institution");
    let mut peer = switch.join(&left, 1);
    for _ in 0..15 {
        peer.expect_probe();
    }
    assert_eq!(switch.line_state("left-1"), "up");
    assert_eq!(switch.connects("left-1"), 1);
}

/// On simplex lines the sender probes and the receiver expects (`MP1-4.5.5a`, `MP1-4.5.5b`).
#[test]
fn on_simplex_lines_the_sender_probes_and_the_receiver_expects() {
    let door = Door::open(Prefix::Ascii4);
    let left = Member::new("left", "institution")
        .listen_with(r#"flow = "receive""#)
        .connect_with(door.address(), r#"flow = "send""#);
    let right = Member::new("right", "institution").listen();
    let world = World::new(2).timer(PROBE_AFTER).timer(SILENT_AFTER).member(&left).member(&right);
    let switch = world.route("left", "right").start();
    let mut sending = door.accept();
    let mut receiving = switch.join(&left, 1);
    assert_eq!(probes_until_closed(&mut receiving), 0, "a receiving line carries no probe of ours");
    switch.wait_line_state("left-1", "listening");
    for _ in 0..10 {
        sending.expect_probe();
    }
    assert_eq!(switch.connects("left-2"), 1, "a sending line owes us nothing");
}

#[test]
fn each_column_of_a_profile_can_be_overridden() {
    let left = Member::new("left", "terminal").key("probe = true").key("expect = false").listen();
    let right = Member::plain("right").key("probe = false").listen();
    let world = World::new(2).timer(PROBE_AFTER).timer(SILENT_AFTER).member(&left).member(&right);
    let switch = world.route("left", "right").start();
    let mut probed = switch.join(&left, 1);
    let mut silent = switch.join(&right, 1);
    assert_eq!(probes_until_closed(&mut silent), 0, "probe = false");
    for _ in 0..10 {
        probed.expect_probe();
    }
    assert_eq!(switch.connects("left-1"), 1, "expect = false");
}

/// A connecting line that fell silent is closed and connected anew (`MC6-5.4.3`).
#[test]
fn a_silent_merchant_is_dropped_and_connected_again() {
    let door = Door::open(Prefix::Ascii4);
    let merchant = Member::new("merchant", "merchant").key(r#"header = "tpdu""#).connect(&door);
    let nac = Member::nac("nac").key("expect = false").listen();
    let switch = payments(2, &nac, &merchant).timer(PROBE_AFTER).timer(SILENT_AFTER).start();
    let mut silent = door.accept();
    assert!(probes_until_closed(&mut silent) >= 2);
    let mut again = door.accept();
    again.send_probe();
    let mut terminal = switch.join(&nac, 1);
    switch.wait_joined("merchant-1", 2);
    crate::harness::ask(&mut terminal, 1, "over the new connection");
    assert_eq!(crate::harness::message(&again.receive_message()), b"over the new connection");
}
