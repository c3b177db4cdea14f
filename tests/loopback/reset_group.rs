//! `on_line_loss = "reset_group"`: one line breaks, and all lines of its group are rebuilt.

use std::time::Duration;

use crate::harness::{
    Arrival, Door, Member, NII, PATIENCE, Peer, Prefix, Switch, World, answer_swapped, ask, eventually, fates_add_up,
    payments, round_trip, tpdu,
};
use crate::on_1_2_and_5_shards;

const RESET: &str = r#"on_line_loss = "reset_group""#;

/// How often a group was reset, by the log.
fn resets(switch: &Switch) -> usize {
    switch.log().matches("group reset").count()
}

fn wait_resets(switch: &Switch, count: usize) {
    eventually(&format!("the log tells of {count} resets"), || {
        let seen = resets(switch);
        assert!(seen <= count, "{seen} resets, past {count}");
        (seen == count).then_some(())
    });
}

fn closed(switch: &Switch, reason: &str) -> u64 {
    switch.metric("connections_closed_total", &[("reason", reason)])
}

/// Waits for the end that closes a line in order, whatever frames come before it.
fn until_fin(line: &mut Peer) {
    loop {
        match line.arrival(PATIENCE) {
            Arrival::Frame(_) => {}
            Arrival::Fin => return,
            other => panic!("an orderly close was due, there came: {other:?}"),
        }
    }
}

fn a_reset_line_takes_its_group_along(shards: u16) {
    let nac = Member::nac("nac").key(RESET).listen().listen().listen();
    let host = Member::host("host").listen().listen();
    let switch = payments(shards, &nac, &host).start();
    let mut hosts = switch.join_all(&host);
    for round in 1..=3 {
        let mut lines = switch.join_all(&nac);
        let (issuer, _) = hosts.split_first_mut().expect("two lines");
        let broken = lines.remove(round % 3);
        broken.reset();
        for line in &mut lines {
            line.expect_fin();
        }
        drop(lines);
        wait_resets(&switch, round);
        let round = round as u64;
        switch.wait_metric("connections_closed_total", &[("reason", "group_reset")], 2 * round);
        switch.wait_metric("connections_closed_total", &[("reason", "reset")], round);
        issuer.expect_nothing_for(Duration::from_millis(1));
    }
    // What came up anew stays, and carries.
    let mut lines = switch.join_all(&nac);
    let mut hosts: Vec<&mut Peer> = hosts.iter_mut().collect();
    for line in &mut lines {
        round_trip(line, &mut hosts, 7, "over a line that was rebuilt");
    }
    assert_eq!(resets(&switch), 3);
    assert_eq!((1..=3).map(|number| switch.connects(&nac.line(number))).sum::<u64>(), 12);
    // The other group was not touched.
    assert_eq!((1..=2).map(|number| switch.connects(&host.line(number))).sum::<u64>(), 2);
    fates_add_up(&switch);
}

/// FIN, too, is a loss, and at once: also while the line waits for its answers.
fn a_fin_with_requests_pending_resets_the_group_at_once(shards: u16) {
    let nac = Member::nac("nac").key(RESET).listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).timer(r#"hold_answer = "30s""#).start();
    let mut issuer = switch.join(&host, 1);
    let (mut one, mut other) = (switch.join(&nac, 1), switch.join(&nac, 2));
    ask(&mut one, 0x0042, "asked over the one that ends");
    let first = issuer.receive();
    ask(&mut other, 0x0043, "asked over the one that is taken along");
    let second = issuer.receive();
    one.half_close();
    other.expect_fin();
    one.expect_fin();
    drop((one, other));
    switch.wait_line_state("nac-1", "listening");
    switch.wait_line_state("nac-2", "listening");
    // Answers wait for the group to come back.
    issuer.send_frame(&answer_swapped(&first, b"first"));
    issuer.send_frame(&answer_swapped(&second, b"second"));
    switch.wait_gauge("frames_held", &[], 2);
    let mut back = switch.join(&nac, 2);
    // Two shards may have held them.
    let mut came = [back.receive(), back.receive()];
    came.sort();
    assert_eq!(came, [tpdu(0x0042, NII, b"first"), tpdu(0x0043, NII, b"second")]);
    assert_eq!((closed(&switch, "peer_closed"), closed(&switch, "group_reset")), (1, 1));
    assert_eq!(resets(&switch), 1);
    fates_add_up(&switch);
}

/// Lines on which the switch connects: it closes all of them, and connects all of them anew.
fn lines_that_the_switch_opens_are_opened_anew(shards: u16) {
    let doors = [Door::open(Prefix::Ascii4), Door::open(Prefix::Ascii4), Door::open(Prefix::Ascii4)];
    let nac = Member::nac("nac").listen();
    let host = doors.iter().fold(Member::host("host").key(RESET), Member::connect);
    let switch = payments(shards, &nac, &host).timer(r#"reconnect = ["10ms", "100ms"]"#).start();
    let mut terminal = switch.join(&nac, 1);
    let mut lines: Vec<Peer> = doors.iter().map(Door::accept).collect();
    for round in 1..=3 {
        (1..=3).for_each(|number| switch.wait_joined(&host.line(number), round));
        lines.remove(0).reset();
        lines.iter_mut().for_each(Peer::expect_fin);
        lines = doors.iter().map(Door::accept).collect();
        wait_resets(&switch, round as usize);
    }
    (1..=3).for_each(|number| switch.wait_joined(&host.line(number), 4));
    round_trip(&mut terminal, &mut lines.iter_mut().collect::<Vec<_>>(), 1, "over one of the new lines");
    lines.iter_mut().for_each(|line| line.expect_nothing_for(Duration::from_millis(50)));
    assert_eq!((resets(&switch), closed(&switch, "group_reset")), (3, 6));
    assert_eq!(switch.connects("nac-1"), 1);
    fates_add_up(&switch);
}

/// Frames of a pair that are queued go out before the FIN, whole and in order.
fn a_pair_is_rebuilt_on_one_side_alone(shards: u16) {
    let left = Member::plain("left").key(RESET).listen().listen();
    let right = Member::plain("right").listen().listen();
    let switch = World::new(shards).member(&left).member(&right).route("left", "right").start();
    let (one, mut other) = (switch.join(&left, 1), switch.join(&left, 2));
    let mut counterparts = switch.join_all(&right);
    for number in 0..50_u32 {
        counterparts[(number % 2) as usize].send_frame(&number.to_be_bytes());
    }
    switch.wait_metric("requests_forwarded_total", &[], 50);
    one.reset();
    until_fin(&mut other);
    drop(other);
    wait_resets(&switch, 1);
    let mut other = switch.join(&left, 2);
    counterparts[0].send_frame(b"to the line that came back");
    other.expect_frame(b"to the line that came back");
    other.send_frame(b"and from it");
    let (_, frame) = crate::harness::receive_from_any(&mut counterparts.iter_mut().collect::<Vec<_>>());
    assert_eq!(frame, b"and from it");
    assert_eq!(switch.connects("right-1") + switch.connects("right-2"), 2);
    fates_add_up(&switch);
}

/// A front end of the kind that the key is for: when one line breaks it closes all and connects all
/// anew, at once. Each incident is one reset, and what it has just built is left alone.
fn a_front_end_that_rebuilds_by_itself_comes_to_rest(shards: u16) {
    let nac = (0..4).fold(Member::nac("nac").key(RESET), |member, _| member.listen());
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    let mut lines = switch.join_all(&nac);
    for round in 1..=15 {
        lines.rotate_left(round % 4);
        lines.remove(0).end(round % 2 == 0);
        for line in lines.drain(..) {
            line.end(false);
        }
        lines = (1..=4).map(|number| Peer::connect(nac.address(number), nac.prefix())).collect();
        wait_resets(&switch, round);
        (1..=4).for_each(|number| switch.wait_joined(&nac.line(number), round as u64 + 1));
        for line in &mut lines {
            round_trip(line, &mut [&mut issuer], 9, "over the new line");
        }
    }
    fates_add_up(&switch);
}

/// What is closed on purpose, what never was up, and who is turned away resets nothing.
fn nothing_but_a_loss_resets_a_group(shards: u16) {
    let nac = Member::nac("nac").key(RESET).listen().listen().listen().listen();
    let host = Member::host("host").listen();
    let world = payments(shards, &nac, &host);
    let switch = world.start();
    let mut issuer = switch.join(&host, 1);
    let (mut kept, mut disabled, mut removed) = (switch.join(&nac, 1), switch.join(&nac, 2), switch.join(&nac, 4));
    // Nobody has ever come on the third; strangers and second connections are refused.
    Peer::connect_from([127, 0, 0, 9].into(), nac.address(3), nac.prefix()).expect_reset();
    Peer::connect(nac.address(1), nac.prefix()).expect_reset();
    assert_eq!(switch.post("/v1/lines/nac-2/disable").status, 200);
    disabled.expect_closed();
    drop(disabled);
    switch.wait_line_state("nac-2", "disabled");
    assert_eq!(switch.post("/v1/lines/nac-2/enable").status, 200);
    let mut drained = switch.join(&nac, 2);
    // A line that breaks while it is drained was on its way out.
    ask(&mut drained, 1, "keeps it from closing");
    issuer.receive();
    assert_eq!(switch.post("/v1/lines/nac-2/drain").status, 200);
    assert_eq!(switch.line_state("nac-2"), "draining");
    drained.reset();
    switch.wait_line_state("nac-2", "disabled");
    let fewer = world.clone().with(&nac.clone().without_last_line());
    switch.reload_applied(&fewer);
    removed.expect_fin();
    drop(removed);
    round_trip(&mut kept, &mut [&mut issuer], 2, "never touched");
    assert_eq!((switch.connects("nac-1"), resets(&switch), closed(&switch, "group_reset")), (1, 0, 0));
    fates_add_up(&switch);
}

/// By a reload at once: connections stay, the next loss counts.
#[test]
fn a_reload_changes_what_the_next_loss_does() {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let mut issuer = switch.join(&host, 1);
    let (one, mut other) = (switch.join(&nac, 1), switch.join(&nac, 2));
    one.reset();
    switch.wait_line_state("nac-1", "listening");
    round_trip(&mut other, &mut [&mut issuer], 1, "`keep` keeps");
    let one = switch.join(&nac, 1);
    switch.reload_applied(&world.clone().with(&nac.clone().key(RESET)));
    round_trip(&mut other, &mut [&mut issuer], 1, "the reload touches no connection");
    one.reset();
    other.expect_fin();
    drop(other);
    switch.wait_line_state("nac-2", "listening");
    let (one, mut other) = (switch.join(&nac, 1), switch.join(&nac, 2));
    switch.reload_applied(&world);
    one.reset();
    switch.wait_line_state("nac-1", "listening");
    round_trip(&mut other, &mut [&mut issuer], 1, "`keep` again");
    assert_eq!(resets(&switch), 1);
    fates_add_up(&switch);
}

/// A peer that does not answer the FIN holds nothing up: its line is taken from it after a second.
#[test]
fn a_peer_that_does_not_close_loses_its_line_all_the_same() {
    let nac = Member::nac("nac").key(RESET).listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    let (one, mut stubborn) = (switch.join(&nac, 1), switch.join(&nac, 2));
    one.reset();
    stubborn.expect_fin();
    switch.wait_line_state("nac-2", "listening");
    let mut back = switch.join(&nac, 2);
    round_trip(&mut back, &mut [&mut issuer], 1, "over the new connection");
    drop(stubborn);
    assert_eq!((resets(&switch), closed(&switch, "group_reset")), (1, 1));
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(
    a_reset_line_takes_its_group_along,
    a_fin_with_requests_pending_resets_the_group_at_once,
    lines_that_the_switch_opens_are_opened_anew,
    a_pair_is_rebuilt_on_one_side_alone,
    a_front_end_that_rebuilds_by_itself_comes_to_rest,
    nothing_but_a_loss_resets_a_group,
);
