//! More than one of everything: trunk links, a backup, hosts.

use std::net::Ipv4Addr;

use crate::harness::{
    Member, Namespace, Peer, Prefix, Switch, World, answer_swapped, ask, eventually, fates_add_up, message, payments,
    receive_from_any, round_trip,
};

const BACKUP: &str = r#"tier = "backup""#;

/// The switch's address on a trunk, and the member's.
const fn trunk(number: u8, end: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 80, number, end)
}

/// MP1-5a: A member reaches the switch over at least two trunk links with different routes; when one
/// fails the other carries everything.
///
/// The member is a machine of its own: a network namespace with two cables to the switch's, each a
/// network and a route of its own. A cable is cut; nobody sends a FIN or a reset.
#[test]
fn mp1_5a_of_two_trunks_with_different_routes_one_carries_everything() {
    let Some(switch) = Namespace::make("MP1-5a") else { return };
    let Some(member) = Namespace::make("MP1-5a") else { return };
    for number in [1, 2] {
        let [here, there] = [1, 2].map(|end| format!("{}/24", trunk(number, end)));
        switch.join(&member, &format!("trunk{number}"), &here, &there);
    }
    switch.inside(|| trunks_fail_one_after_the_other(&member));
}

fn trunks_fail_one_after_the_other(member: &Namespace) {
    let issuer = Member::new("issuer", "institution").key(r#"header = "tpdu""#).allow(&["10.80.0.0/16"]);
    let issuer = [1, 2].iter().fold(issuer, |issuer, &number| issuer.listen_at((trunk(number, 1), 7101).into(), ""));
    let nac = Member::nac("nac").listen();
    // What a peer that is cut off never acknowledges shows that it is gone.
    let world = payments(2, &nac, &issuer).timer(r#"probe_after = "200ms""#).timer(r#"unread_within = "1s""#);
    let switch = world.start();
    let mut terminal = switch.join(&nac, 1);
    let mut trunks = [1, 2].map(|number| join_over(&switch, member, &issuer, number));
    let mut address = 0;
    for failing in [1, 2, 1] {
        both_carry(&mut terminal, &mut trunks);
        member.ip(&format!("link set trunk{failing} down"));
        let [first, second] = &mut trunks;
        let left = if failing == 1 { second } else { first };
        // The switch may still take the trunk for one that works: what it sends there is lost. As soon as it
        // knows better, everything goes over the other, with nothing lost any more.
        switch.wait_line_state(&issuer.line(failing.into()), "listening");
        for _ in 0..50 {
            address += 1;
            ask(&mut terminal, address, "over the trunk that is left");
            let request = left.receive_message();
            left.send_frame(&answer_swapped(&request, b"answer"));
            assert_eq!(message(&terminal.receive()), b"answer");
        }
        member.ip(&format!("link set trunk{failing} up"));
        trunks[usize::from(failing - 1)] = join_over(&switch, member, &issuer, failing);
    }
    both_carry(&mut terminal, &mut trunks);
    fates_add_up(&switch);
}

/// The member connects from its end of the trunk.
fn join_over(switch: &Switch, member: &Namespace, issuer: &Member, number: u8) -> Peer {
    let line = issuer.line(number.into());
    let before = switch.connects(&line);
    let address = issuer.address(number.into());
    let peer = member.inside(|| Peer::connect_from(trunk(number, 2), address, Prefix::Ascii4));
    switch.wait_joined(&line, before + 1);
    peer
}

fn both_carry(terminal: &mut Peer, trunks: &mut [Peer; 2]) {
    let mut used = [false; 2];
    eventually("both trunks carry", || {
        ask(terminal, 1, "over either");
        let (line, request) = loop {
            let [one, other] = &mut *trunks;
            let (line, frame) = receive_from_any(&mut [one, other]);
            if !frame.is_empty() {
                break (line, frame);
            }
        };
        used[line] = true;
        // An answer may come back on any of the lines.
        trunks[1 - line].send_frame(&answer_swapped(&request, b"answer"));
        assert_eq!(message(&terminal.receive()), b"answer");
        (used == [true; 2]).then_some(())
    });
}

/// MP1-5b: A backup link carries everything when both trunks are down.
#[test]
fn mp1_5b_the_backup_carries_everything_when_both_trunks_are_down() {
    let nac = Member::nac("nac").listen();
    let issuer = Member::new("issuer", "institution").key(r#"header = "tpdu""#);
    let issuer = issuer.listen().listen().listen_with(BACKUP);
    let switch = payments(2, &nac, &issuer).start();
    let mut terminal = switch.join(&nac, 1);
    let mut one = switch.join(&issuer, 1);
    let mut other = switch.join(&issuer, 2);
    let mut backup = switch.join(&issuer, 3);
    for _ in 0..20 {
        round_trip(&mut terminal, &mut [&mut one, &mut other], 1, "both trunks are up");
    }
    one.reset();
    switch.wait_line_state("issuer-1", "listening");
    for _ in 0..20 {
        round_trip(&mut terminal, &mut [&mut other], 1, "one trunk is up");
    }
    other.reset();
    switch.wait_line_state("issuer-2", "listening");
    for _ in 0..20 {
        round_trip(&mut terminal, &mut [&mut backup], 1, "no trunk is up");
    }
    let mut one = switch.join(&issuer, 1);
    for _ in 0..20 {
        round_trip(&mut terminal, &mut [&mut one], 1, "a trunk came back");
    }
    fates_add_up(&switch);
}

/// MC6-4.1.1: Duplex long lines, at least two for each client, each to a different switch host.
///
/// Two switches of one configuration but for their addresses; each has one of the client's lines. Each
/// answers what it was asked. An answer does not change hosts: the switch is one host of the two.
#[test]
fn mc6_4_1_1_each_of_two_hosts_has_one_of_a_clients_lines() {
    let host = || {
        let nac = Member::nac("nac").listen();
        let issuer = Member::host("issuer").listen();
        let world: World = payments(2, &nac, &issuer);
        (world.start(), nac, issuer)
    };
    let (one, nac_at_one, issuer_at_one) = host();
    let (other, nac_at_other, issuer_at_other) = host();
    let mut lines = [one.join(&nac_at_one, 1), other.join(&nac_at_other, 1)];
    let mut issuers = [one.join(&issuer_at_one, 1), other.join(&issuer_at_other, 1)];
    for turn in 0..20 {
        let [first, second] = &mut lines;
        let line = if turn % 2 == 0 { first } else { second };
        round_trip(line, &mut [&mut issuers[turn % 2]], 1, "over either host, both ways on one line");
    }
    fates_add_up(&one);
    drop(one);
    lines[0].expect_closed();
    for _ in 0..20 {
        round_trip(&mut lines[1], &mut [&mut issuers[1]], 1, "over the host that is left");
    }
    assert_eq!(other.connects("nac-1"), 1, "the other host's line is the same long one");
    fates_add_up(&other);
}
