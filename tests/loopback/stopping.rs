//! SIGTERM and SIGINT: what waits for an answer gets it, then lines are closed in order.

use std::time::Duration;

use crate::harness::{
    Arrival, Door, Member, NII, Peer, Prefix, Switch, World, answer_swapped, ask, eventually, payments, tpdu,
};
use crate::on_1_2_and_5_shards;

struct Scene {
    switch: Switch,
    nac: Member,
    terminal: Peer,
    issuer: Peer,
}

fn scene(shards: u16) -> Scene {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let terminal = switch.join(&nac, 1);
    let issuer = switch.join(&host, 1);
    Scene { switch, nac, terminal, issuer }
}

fn a_pending_request_is_answered_before_the_end(shards: u16) {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let Scene { mut switch, mut terminal, mut issuer, .. } = scene(shards);
        ask(&mut terminal, 0x0042, "pending");
        let request = issuer.receive();
        switch.signal(signal);
        // Requests go through until the switch has noticed; then they are read and dropped.
        let mut taken = vec![request];
        eventually("new requests are no longer taken", || {
            ask(&mut terminal, 0x0042, "perhaps too late");
            match issuer.arrival(Duration::from_millis(100)) {
                Arrival::Nothing => Some(()),
                Arrival::Frame(request) => {
                    taken.push(request);
                    None
                }
                other => panic!("the host's line must stay for the answer: {other:?}"),
            }
        });
        for request in &taken {
            issuer.send_frame(&answer_swapped(request, b"answered in time"));
            terminal.expect_frame(&tpdu(0x0042, NII, b"answered in time"));
        }
        terminal.expect_fin();
        issuer.expect_fin();
        drop((terminal, issuer));
        let status = switch.wait_exit();
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

/// Every line ends with FIN at a frame boundary, listening and connecting ones alike.
fn idle_lines_end_with_fin(shards: u16) {
    let door = Door::open(Prefix::Ascii4);
    let nac = Member::nac("nac").listen().listen();
    let merchant = Member::new("merchant", "merchant").key(r#"header = "tpdu""#).connect(&door);
    let mut switch = payments(shards, &nac, &merchant).start();
    let mut lines = switch.join_all(&nac);
    lines.push(door.accept());
    switch.wait_joined("merchant-1", 1);
    switch.terminate();
    for line in &mut lines {
        line.expect_fin();
    }
    drop(lines);
    assert_eq!(switch.wait_exit().code(), Some(0));
    assert!(door.try_accept().is_none(), "a switch that stops does not connect again");
}

#[test]
fn a_peer_that_never_closes_does_not_keep_it_alive() {
    let Scene { mut switch, mut terminal, mut issuer, .. } = scene(2);
    switch.terminate();
    terminal.expect_fin();
    issuer.expect_fin();
    assert_eq!(switch.wait_exit().code(), Some(0));
}

#[test]
fn nobody_is_admitted_while_it_stops() {
    let Scene { switch, nac, mut terminal, mut issuer } = scene(2);
    ask(&mut terminal, 1, "pending keeps it from ending");
    let _request = issuer.receive();
    switch.terminate();
    until_newcomers_are_turned_away(&nac);
}

/// How a stop shows from outside: the line that was free takes nobody any more.
fn until_newcomers_are_turned_away(nac: &Member) {
    eventually("a newcomer is turned away", || match Peer::try_connect(nac.address(2), Prefix::Bin2) {
        None => Some(()),
        Some(mut newcomer) => {
            let arrival = newcomer.arrival(Duration::from_millis(200));
            matches!(arrival, Arrival::Reset | Arrival::Fin).then_some(())
        }
    });
}

/// `drain_within` bounds the wait for answers that never come.
#[test]
fn it_ends_without_the_answer_after_drain_within() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let mut switch = payments(2, &nac, &host).timer(r#"drain_within = "500ms""#).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    ask(&mut terminal, 1, "never answered");
    issuer.receive();
    switch.terminate();
    assert_eq!(switch.wait_exit().code(), Some(0));
    terminal.expect_closed();
}

/// With 50 s to drain and an answer that never comes, only the second signal explains an end now.
#[test]
fn a_second_signal_ends_it_at_once() {
    let Scene { mut switch, nac, mut terminal, mut issuer } = scene(2);
    ask(&mut terminal, 1, "never answered");
    issuer.receive();
    switch.terminate();
    until_newcomers_are_turned_away(&nac);
    assert!(switch.is_running(), "it waits for the answer");
    switch.terminate();
    switch.wait_exit();
}

/// A switch that was killed leaves ports that the next one binds at once.
#[test]
fn the_next_process_binds_the_same_ports_at_once() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world: World = payments(2, &nac, &host);
    for _ in 0..3 {
        let switch = world.start();
        let mut terminal = switch.join(&nac, 1);
        let mut issuer = switch.join(&host, 1);
        crate::harness::round_trip(&mut terminal, &mut [&mut issuer], 1, "then killed under connections");
        drop(switch);
        terminal.expect_closed();
    }
}

on_1_2_and_5_shards!(a_pending_request_is_answered_before_the_end, idle_lines_end_with_fin);
