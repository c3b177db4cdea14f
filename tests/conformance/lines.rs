//! Lines: what identifies them, how many there are, who is let in.

use std::net::Ipv4Addr;

use crate::harness::{
    Door, Member, Peer, Prefix, World, answer_swapped, ask, command, eventually, fates_add_up, message, payments,
    receive_from_any, round_trip,
};

const RECEIVE: &str = r#"flow = "receive""#;
const SEND: &str = r#"flow = "send""#;

/// MP1-4.1: A connection is identified by local IP, local port, remote IP, remote port. Online
/// transactions use long connections.
#[test]
fn mp1_4_1_a_connection_is_known_by_its_two_addresses_and_stays() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for _ in 0..3 {
        let line = switch.line("nac-1");
        assert_eq!(line["local"], terminal.remote().to_string());
        assert_eq!(line["remote"], terminal.local().to_string());
        round_trip(&mut terminal, &mut [&mut issuer], 1, "one transaction after the other");
    }
    assert_eq!(switch.connects("nac-1"), 1, "the same connection carried them all");
}

/// MP1-4.2: The switch assigns the IP addresses that members use; ports are agreed pair by pair.
#[test]
fn mp1_4_2_members_use_assigned_addresses_and_agreed_ports() {
    let east = Member::nac("east").allow(&["127.0.10.1"]).listen();
    let west = Member::nac("west").allow(&["127.0.10.2"]).listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &east, &host).member(&west).route("west", "host").start();
    for (member, assigned) in [(&east, [127, 0, 10, 1]), (&west, [127, 0, 10, 2])] {
        for source in [[127, 0, 10, 1], [127, 0, 10, 2]] {
            let mut peer = Peer::connect_from(Ipv4Addr::from(source), member.address(1), Prefix::Bin2);
            if source == assigned {
                switch.wait_line_state(&member.line(1), "up");
                drop(peer);
                switch.wait_line_state(&member.line(1), "listening");
            } else {
                peer.expect_reset();
            }
        }
    }
}

/// MP1-4.3.1a: Online, simplex: each line is a sending line or a receiving line; at least one in
/// and one out.
#[test]
fn mp1_4_3_1a_a_simplex_member_has_one_line_in_and_one_out() {
    let door = Door::open(Prefix::Ascii4);
    let issuer = Member::new("issuer", "institution").key(r#"header = "tpdu""#);
    let issuer = issuer.listen_with(RECEIVE).connect_with(door.address(), SEND);
    let nac = Member::nac("nac").listen();
    let switch = payments(2, &nac, &issuer).start();
    let mut terminal = switch.join(&nac, 1);
    let mut answers = switch.join(&issuer, 1);
    let mut requests = door.accept();
    switch.wait_line_state("issuer-2", "up");
    for _ in 0..10 {
        ask(&mut terminal, 1, "goes out on the sending line");
        let request = requests.receive();
        answers.send_frame(&answer_swapped(&request, b"comes in on the receiving line"));
        assert_eq!(message(&terminal.receive()), b"comes in on the receiving line");
    }
    answers.expect_nothing();
    fates_add_up(&switch);
}

/// MP1-4.3.1b: Two in, two out, or more: no single point of failure, and load is balanced over the
/// lines.
#[test]
fn mp1_4_3_1b_two_in_and_two_out_share_the_load_and_survive_a_break() {
    let doors = [Door::open(Prefix::Ascii4), Door::open(Prefix::Ascii4)];
    let issuer = Member::new("issuer", "institution").key(r#"header = "tpdu""#);
    let issuer = issuer.listen_with(RECEIVE).listen_with(RECEIVE);
    let issuer = doors.iter().fold(issuer, |issuer, door| issuer.connect_with(door.address(), SEND));
    let nac = Member::nac("nac").listen();
    let switch = payments(2, &nac, &issuer).start();
    let mut terminal = switch.join(&nac, 1);
    let mut answers = [switch.join(&issuer, 1), switch.join(&issuer, 2)];
    let [mut one, mut other] = doors.each_ref().map(Door::accept);
    switch.wait_line_state("issuer-3", "up");
    switch.wait_line_state("issuer-4", "up");
    let mut used = [0_usize; 2];
    eventually("both sending lines are used", || {
        for back in &mut answers {
            ask(&mut terminal, 1, "request");
            let (line, request) = receive_from_any(&mut [&mut one, &mut other]);
            used[line] += 1;
            back.send_frame(&answer_swapped(&request, b"answer"));
            assert_eq!(message(&terminal.receive()), b"answer");
        }
        (used[0] > 0 && used[1] > 0).then_some(())
    });
    // One line of each direction breaks: the other of each carries everything.
    let [broken, mut back] = answers;
    broken.reset();
    switch.wait_line_state("issuer-1", "listening");
    drop(doors);
    one.reset();
    eventually("the sending line is missed", || (switch.line_state("issuer-3") != "up").then_some(()));
    for _ in 0..10 {
        ask(&mut terminal, 1, "request");
        let request = other.receive();
        back.send_frame(&answer_swapped(&request, b"answer"));
        assert_eq!(message(&terminal.receive()), b"answer");
    }
    fates_add_up(&switch);
}

/// MP1-4.3.2: Duplex: two or more lines, likewise no single point of failure and balanced load.
#[test]
fn mp1_4_3_2_two_duplex_lines_share_the_load_and_survive_a_break() {
    let nac = Member::nac("nac").listen();
    let issuer = Member::new("issuer", "institution").key(r#"header = "tpdu""#).listen().listen();
    let switch = payments(2, &nac, &issuer).start();
    let mut terminal = switch.join(&nac, 1);
    let mut one = switch.join(&issuer, 1);
    let mut other = switch.join(&issuer, 2);
    let mut used = [0_usize; 2];
    eventually("both lines are used", || {
        used[round_trip(&mut terminal, &mut [&mut one, &mut other], 1, "balanced")] += 1;
        (used[0] > 0 && used[1] > 0).then_some(())
    });
    one.reset();
    switch.wait_line_state("issuer-1", "listening");
    for _ in 0..10 {
        round_trip(&mut terminal, &mut [&mut other], 1, "over the line that is left");
    }
    fates_add_up(&switch);
}

/// MP1-4.5.1: Client-server over TCP; either side may be the client, by agreement.
#[test]
fn mp1_4_5_1_either_side_may_be_the_client() {
    let door = Door::open(Prefix::Ascii4);
    let connects = Member::new("connects", "institution").listen();
    let listens = Member::new("listens", "institution").connect(&door);
    let switch = World::new(2).member(&connects).member(&listens).route("connects", "listens").start();
    let mut client = switch.join(&connects, 1);
    let mut server = door.accept();
    switch.wait_line_state("listens-1", "up");
    client.send_frame(b"from a client of the switch");
    server.expect_frame(b"from a client of the switch");
    server.send_frame(b"from a server to the switch");
    client.expect_frame(b"from a server to the switch");
}

/// MC6-4.1.3: The number of lines follows the member's volume; never below two.
#[test]
fn mc6_4_1_3_a_member_has_as_many_lines_as_it_needs_and_is_warned_below_two() {
    let nac = (0..8).fold(Member::nac("nac"), |nac, _| nac.listen());
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    for terminal in &mut switch.join_all(&nac) {
        round_trip(terminal, &mut [&mut issuer], 1, "each of eight lines");
    }
    let check = command::run_on(&["check", "-c"], &switch.config_file());
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(check.stderr.contains("host"), "a group with a single line is warned of: {check:?}");
}

/// MC6-4.2: On each IP, ports of its own for each client; each port carries exactly one connection.
#[test]
fn mc6_4_2_each_port_carries_exactly_one_connection() {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    let mut first = switch.join(&nac, 1);
    for _ in 0..5 {
        Peer::connect(nac.address(1), Prefix::Bin2).expect_reset();
    }
    let mut second = switch.join(&nac, 2);
    Peer::connect(nac.address(2), Prefix::Bin2).expect_reset();
    round_trip(&mut first, &mut [&mut issuer], 1, "one connection on each port");
    round_trip(&mut second, &mut [&mut issuer], 1, "one connection on each port");
    switch.wait_metric("connections_refused_total", &[("reason", "occupied")], 6);
}

/// MC6-4.3: A client may not use an IP and port given to another client. The remote IP of a connect
/// request is checked: a registered one is let in, any other is refused.
#[test]
fn mc6_4_3_only_a_registered_address_is_let_in_on_a_port() {
    let registered = Member::nac("registered").allow(&["127.0.0.1"]).listen();
    let another = Member::nac("another").allow(&["127.0.0.2"]).listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &registered, &host).member(&another).route("another", "host").start();
    let stranger = Ipv4Addr::new(127, 0, 0, 9);
    Peer::connect_from(stranger, registered.address(1), Prefix::Bin2).expect_reset();
    Peer::connect_from(Ipv4Addr::LOCALHOST, another.address(1), Prefix::Bin2).expect_reset();
    let mut issuer = switch.join(&host, 1);
    let mut terminal = switch.join(&registered, 1);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "registered");
    switch.wait_metric("connections_refused_total", &[("reason", "not_allowed")], 2);
}
