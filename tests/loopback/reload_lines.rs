//! What a reload does to lines: added, removed, exchanged, no longer allowed.

use std::net::Ipv4Addr;

use crate::harness::{
    Arrival, Member, NII, PATIENCE, Peer, Prefix, World, answer_swapped, ask, fates_add_up, payments, ports,
    round_trip, tpdu,
};
use crate::on_1_2_and_5_shards;

fn lines_come_and_go(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(shards, &nac, &host);
    let switch = world.start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    let grown = nac.clone().listen();
    switch.reload_applied(&world.clone().with(&grown));
    let mut second = switch.join(&grown, 2);
    round_trip(&mut second, &mut [&mut issuer], 1, "over the new line");
    round_trip(&mut terminal, &mut [&mut issuer], 1, "over the old one");
    switch.reload_applied(&world);
    second.expect_fin();
    drop(second);
    assert_eq!(switch.get("/v1/lines/nac-2").status, 404);
    crate::harness::eventually("nobody listens there any more", || {
        Peer::try_connect(grown.address(2), Prefix::Bin2).is_none().then_some(())
    });
    round_trip(&mut terminal, &mut [&mut issuer], 1, "the old one was not touched");
    assert_eq!(switch.connects("nac-1"), 1);
    // Counters of a line stay exported when it is gone.
    assert_eq!(switch.metric("frames_received_total", &[("line", "nac-2")]), 1);
    fates_add_up(&switch);
}

#[test]
fn a_whole_member_comes_and_goes() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let mut issuer = switch.join(&host, 1);
    let west = Member::nac("west").listen().listen();
    for _ in 0..3 {
        switch.reload_applied(&world.clone().member(&west).route("west", "host"));
        let mut terminals = switch.join_all(&west);
        for terminal in &mut terminals {
            round_trip(terminal, &mut [&mut issuer], 1, "a member that came");
        }
        switch.reload_applied(&world);
        for terminal in &mut terminals {
            terminal.expect_fin();
        }
    }
    fates_add_up(&switch);
}

/// A peer whose IP is no longer allowed gets the answers due to it, then FIN; nothing else passes.
fn an_ip_that_is_no_longer_allowed_is_drained(shards: u16) {
    let nac = Member::nac("nac").allow(&["127.0.0.1", "127.0.0.5"]).listen().listen();
    let host = Member::host("host").listen();
    let world = payments(shards, &nac, &host);
    let switch = world.start();
    let mut kept = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    let mut removed = Peer::connect_from(Ipv4Addr::new(127, 0, 0, 5), nac.address(2), nac.prefix());
    switch.wait_joined("nac-2", 1);
    ask(&mut removed, 0x0042, "asked while allowed");
    let request = issuer.receive();
    switch.reload_applied(&world.clone().with(&nac.clone().allow(&["127.0.0.1"])));
    ask(&mut removed, 0x0043, "asked when no longer allowed");
    switch.wait_dropped("draining", 1);
    round_trip(&mut kept, &mut [&mut issuer], 1, "the other is not touched, and this is the next request");
    issuer.send_frame(&answer_swapped(&request, b"due"));
    removed.expect_frame(&tpdu(0x0042, NII, b"due"));
    removed.expect_fin();
    drop(removed);
    switch.wait_line_state("nac-2", "listening");
    Peer::connect_from(Ipv4Addr::new(127, 0, 0, 5), nac.address(2), nac.prefix()).expect_reset();
    let mut newcomer = switch.join(&nac, 2);
    round_trip(&mut newcomer, &mut [&mut issuer], 1, "who is allowed still gets in");
    fates_add_up(&switch);
}

/// The same, with nothing due: FIN at once.
#[test]
fn an_idle_connection_that_is_no_longer_allowed_is_closed() {
    let nac = Member::nac("nac").allow(&["127.0.0.1", "127.0.0.5"]).listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let mut removed = Peer::connect_from(Ipv4Addr::new(127, 0, 0, 5), nac.address(1), nac.prefix());
    switch.wait_joined("nac-1", 1);
    switch.reload_applied(&world.clone().with(&nac.clone().allow(&["127.0.0.1"])));
    removed.expect_fin();
}

/// Two lines exchange their ports: each is drained and opened anew on the other's.
fn two_lines_exchange_their_ports(shards: u16) {
    let (one, other) = (ports::free(), ports::free());
    let member = |left, right| Member::nac("nac").listen_at(left, r#"id = "left""#).listen_at(right, r#"id = "right""#);
    let nac = member(one, other);
    let host = Member::host("host").listen();
    let world = payments(shards, &nac, &host);
    let switch = world.start();
    let mut issuer = switch.join(&host, 1);
    let mut left = Peer::connect(one, Prefix::Bin2);
    switch.wait_joined("left", 1);
    switch.reload_applied(&world.clone().with(&member(other, one)));
    left.expect_fin();
    drop(left);
    switch.wait_line_state("left", "listening");
    assert_eq!(switch.line("left")["local"], other.to_string());
    assert_eq!(switch.line("right")["local"], one.to_string());
    let mut right = Peer::connect(one, Prefix::Bin2);
    switch.wait_joined("right", 1);
    round_trip(&mut right, &mut [&mut issuer], 1, "over the port that was the other's");
    assert_eq!(switch.metric("requests_forwarded_total", &[("line", "right")]), 1);
    fates_add_up(&switch);
}

/// Without an id of its own a line is recognised by its address, and keeps name and connection.
#[test]
fn a_line_without_an_id_keeps_its_name_when_another_goes() {
    let (first, second) = (ports::free(), ports::free());
    let both = Member::nac("nac").listen_at(first, "").listen_at(second, "");
    let only_second = Member::nac("nac").listen_at(second, "");
    let host = Member::host("host").listen();
    let world = payments(2, &both, &host);
    let switch = world.start();
    let mut issuer = switch.join(&host, 1);
    let mut terminal = switch.join(&both, 2);
    switch.reload_applied(&world.clone().with(&only_second));
    round_trip(&mut terminal, &mut [&mut issuer], 1, "not touched");
    assert_eq!(switch.connects("nac-2"), 1);
    assert_eq!(switch.get("/v1/lines/nac-1").status, 404);
}

/// An answer for a group that a reload removed is dropped, never given to another.
#[test]
fn an_answer_for_a_group_that_is_gone_reaches_nobody() {
    let east = Member::nac("east").listen();
    let west = Member::nac("west").listen();
    let host = Member::host("host").listen();
    let rest = World::new(2).member(&host).member(&west).route("west", "host");
    let rest = rest.timer(r#"drain_within = "300ms""#);
    let both = rest.clone().member(&east).route("east", "host");
    let switch = both.start();
    let mut issuer = switch.join(&host, 1);
    let mut terminal = switch.join(&east, 1);
    let mut other = switch.join(&west, 1);
    ask(&mut terminal, 0x0042, "asked by a group that goes");
    let request = issuer.receive();
    switch.reload_applied(&rest);
    // Not answered within `drain_within`: the line is closed with its request pending.
    while !matches!(terminal.arrival(PATIENCE), Arrival::Fin | Arrival::Reset) {}
    drop(terminal);
    switch.wait_metric("line_up", &[("line", "east-1")], 0);
    issuer.send_frame(&answer_swapped(&request, b"for nobody"));
    switch.wait_dropped("requester_gone", 1);
    round_trip(&mut other, &mut [&mut issuer], 0x0042, "the first that comes");
    fates_add_up(&switch);
}

/// Another profile, prefix or tier: the line is drained and opened anew.
#[test]
fn a_changed_prefix_opens_the_line_anew() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let mut issuer = switch.join(&host, 1);
    let mut terminal = switch.join(&nac, 1);
    let changed = nac.clone().key(r#"prefix = "ascii4""#);
    switch.reload_applied(&world.clone().with(&changed));
    terminal.expect_fin();
    drop(terminal);
    switch.wait_line_state("nac-1", "listening");
    let mut terminal = switch.join(&changed, 1);
    assert_eq!(terminal.prefix(), Prefix::Ascii4);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "in four digits now");
    assert_eq!(switch.connects("host-1"), 1);
}

on_1_2_and_5_shards!(lines_come_and_go, an_ip_that_is_no_longer_allowed_is_drained, two_lines_exchange_their_ports);
