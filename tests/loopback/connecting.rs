//! Lines on which the switch is the client: at start, after a break, and when nobody answers
//! (`MC6-4.1.2a`, `MC6-5.1`).

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use crate::harness::{
    Door, Member, Peer, Prefix, Switch, World, answer_swapped, ask, eventually, fates_add_up, payments, ports,
    round_trip,
};
use crate::on_1_2_and_5_shards;

fn merchant(doors: &[&Door]) -> Member {
    let member = Member::new("merchant", "merchant").key(r#"header = "tpdu""#);
    doors.iter().fold(member, |member, door| member.connect(door))
}

fn attempts(switch: &Switch, line: &str) -> u64 {
    switch.metric("line_state_changes_total", &[("line", line), ("to", "connecting")])
}

fn it_connects_at_start_and_again_after_a_break(shards: u16) {
    let door = Door::open(Prefix::Ascii4);
    let nac = Member::nac("nac").listen();
    let switch = payments(shards, &nac, &merchant(&[&door])).timer(r#"reconnect = ["50ms", "200ms"]"#).start();
    let mut terminal = switch.join(&nac, 1);
    for turn in 1..=6 {
        let mut line = door.accept();
        switch.wait_joined("merchant-1", turn);
        round_trip(&mut terminal, &mut [&mut line], 1, "over the new connection");
        if turn % 2 == 0 {
            line.reset();
        } else {
            drop(line);
        }
    }
    fates_add_up(&switch);
}

/// A connection that had lived for the longest pause is missed at once, however often it breaks.
#[test]
fn a_break_of_a_connection_that_lived_is_mended_without_the_long_pause() {
    let door = Door::open(Prefix::Ascii4);
    let nac = Member::nac("nac").listen();
    let switch = payments(2, &nac, &merchant(&[&door])).timer(r#"reconnect = ["100ms", "200ms"]"#).start();
    let mut terminal = switch.join(&nac, 1);
    for turn in 1..=10 {
        let mut line = door.accept();
        switch.wait_joined("merchant-1", turn);
        round_trip(&mut terminal, &mut [&mut line], 1, "a connection that was of use");
        line.expect_nothing_for(std::time::Duration::from_millis(250));
        line.reset();
    }
}

#[test]
fn it_connects_once_the_other_side_is_there() {
    let address = ports::free();
    let nac = Member::nac("nac").listen();
    let member = Member::new("merchant", "merchant").key(r#"header = "tpdu""#).connect_with(address, "");
    let switch = payments(2, &nac, &member).timer(r#"reconnect = ["50ms", "200ms"]"#).start();
    eventually("several attempts", || (attempts(&switch, "merchant-1") >= 4).then_some(()));
    let state = switch.line_state("merchant-1");
    assert!(state == "waiting" || state == "connecting", "{state}");
    let door = Door::open_at(address, Prefix::Ascii4);
    let mut line = door.accept();
    switch.wait_joined("merchant-1", 1);
    assert_eq!(switch.connects("merchant-1"), 1, "attempts are not connections");
    let mut terminal = switch.join(&nac, 1);
    round_trip(&mut terminal, &mut [&mut line], 1, "connected at last");
}

/// Attempts back off; the bound is so wide that only a busy loop passes it.
#[test]
fn a_refusing_peer_is_not_hammered() {
    let nac = Member::nac("nac").listen();
    let member = Member::new("merchant", "merchant").key(r#"header = "tpdu""#).connect_with(ports::free(), "");
    let switch = payments(2, &nac, &member).timer(r#"reconnect = ["200ms", "400ms"]"#).start();
    let started = Instant::now();
    eventually("several attempts", || (attempts(&switch, "merchant-1") >= 5).then_some(()));
    let seen = attempts(&switch, "merchant-1");
    // Jitter may halve the shortest pause, never more; and one attempt may have come before the clock ran.
    let most = started.elapsed().as_millis() / 50 + 5;
    assert!(u128::from(seen) <= most, "{seen} attempts where {most} are more than enough");
}

/// A peer that accepts and closes at once is not a busy loop either.
#[test]
fn a_peer_that_closes_at_once_is_not_hammered() {
    let door = Door::open(Prefix::Ascii4);
    let nac = Member::nac("nac").listen();
    let switch = payments(2, &nac, &merchant(&[&door])).timer(r#"reconnect = ["200ms", "400ms"]"#).start();
    let started = Instant::now();
    for _ in 0..5 {
        drop(door.accept());
    }
    let seen = attempts(&switch, "merchant-1");
    let most = started.elapsed().as_millis() / 50 + 10;
    assert!(u128::from(seen) <= most, "{seen} attempts where {most} are more than enough");
}

/// Refused, timed out and unreachable are told apart (`MC6-5.1`).
#[test]
fn failures_of_a_connect_are_told_apart() {
    let full = Backlog::full();
    let refused = Member::plain("refused").connect_with(ports::free(), "");
    let timed_out = Member::plain("silent").connect_with(full.address, "");
    // A broadcast address: the kernel knows no way to it for TCP, and no packet leaves the machine.
    let nowhere = SocketAddr::from((Ipv4Addr::new(127, 255, 255, 255), 9));
    let unreachable = Member::plain("nowhere").connect_with(nowhere, "");
    let other = Member::plain("other").listen();
    let world = World::new(2).member(&refused).member(&timed_out).member(&unreachable).member(&other);
    let world = world.timer(r#"connect_within = "300ms""#).timer(r#"reconnect = ["50ms", "100ms"]"#);
    let switch = world.route("refused", "silent").route("nowhere", "other").start();
    for (line, words) in [
        ("refused-1", &["refused"][..]),
        ("silent-1", &["timed out", "time-out", "timeout"]),
        ("nowhere-1", &["unreachable"]),
    ] {
        let told = eventually(&format!("{line} tells why it cannot connect"), || {
            switch.line(line)["last_error"].as_str().map(str::to_lowercase)
        });
        assert!(words.iter().any(|word| told.contains(word)), "{line}: {told:?} says none of {words:?}");
        assert_eq!(switch.connects(line), 0);
    }
}

/// A port whose queue of connections is full: connect requests are not answered at all.
struct Backlog {
    address: SocketAddr,
    _listener: socket2::Socket,
    _waiting: Vec<socket2::Socket>,
}

impl Backlog {
    fn full() -> Self {
        let stream = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let (listener, address) = (stream(), ports::free());
        listener.bind(&address.into()).expect("a free port");
        listener.listen(0).expect("bound");
        let waiting = (0..8).map(|_| {
            let socket = stream();
            socket.set_nonblocking(true).expect("a socket");
            let _ = socket.connect(&address.into());
            socket
        });
        Self { address, _waiting: waiting.collect(), _listener: listener }
    }
}

#[test]
fn a_bound_line_connects_from_its_own_address() {
    let door = Door::open(Prefix::Ascii4);
    let nac = Member::nac("nac").listen();
    let member = Member::new("merchant", "merchant")
        .key(r#"header = "tpdu""#)
        .connect_with(door.address(), r#"bind = "127.0.0.77""#);
    let switch = payments(2, &nac, &member).start();
    let line = door.accept();
    assert_eq!(line.remote().ip(), Ipv4Addr::new(127, 0, 0, 77));
    switch.wait_joined("merchant-1", 1);
    assert_eq!(switch.line("merchant-1")["local"], line.remote().to_string());
}

/// A member may know its counterpart by address and port: every connection comes from that very one,
/// whoever ended the one before.
#[test]
fn a_line_bound_to_a_port_connects_from_it_again_and_again() {
    let door = Door::open(Prefix::Ascii4);
    let nac = Member::nac("nac").listen();
    let bound = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 78).into(), ports::free().port());
    let member = Member::new("merchant", "merchant").key(r#"header = "tpdu""#);
    let member = member.connect_with(door.address(), &format!("bind = \"{bound}\""));
    let switch = payments(2, &nac, &member).timer(r#"reconnect = ["50ms", "200ms"]"#).start();
    let mut terminal = switch.join(&nac, 1);
    for turn in 1..=6 {
        let mut line = door.accept();
        assert_eq!(line.remote(), bound, "connection {turn}");
        switch.wait_joined("merchant-1", turn);
        round_trip(&mut terminal, &mut [&mut line], 1, "over the next connection");
        match turn % 3 {
            0 => line.reset(),
            1 => drop(line),
            _ => {
                // The switch ends this one.
                assert_eq!(switch.post("/v1/lines/merchant-1/drain").status, 200);
                line.expect_fin();
                drop(line);
                switch.wait_line_state("merchant-1", "disabled");
                assert_eq!(switch.post("/v1/lines/merchant-1/enable").status, 200);
            }
        }
    }
    fates_add_up(&switch);
}

/// The answer to a request that came in before the host's line broke comes over its next connection.
#[test]
fn an_answer_over_the_next_connection_of_a_host_is_taken() {
    let door = Door::open(Prefix::Ascii4);
    let nac = Member::nac("nac").listen();
    let switch = payments(2, &nac, &merchant(&[&door])).timer(r#"reconnect = ["50ms", "200ms"]"#).start();
    let mut terminal = switch.join(&nac, 1);
    let mut line: Peer = door.accept();
    switch.wait_joined("merchant-1", 1);
    ask(&mut terminal, 1, "request");
    let request = line.receive();
    line.reset();
    let mut line = door.accept();
    line.send_frame(&answer_swapped(&request, b"answer"));
    assert_eq!(crate::harness::message(&terminal.receive()), b"answer");
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(it_connects_at_start_and_again_after_a_break);
