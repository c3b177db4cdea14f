//! Who connects to whom, at start, after a break, and when it fails.

use std::net::{Ipv4Addr, SocketAddr};

use crate::harness::{
    Arrival, Door, Member, Peer, Prefix, World, answer_swapped, eventually, fates_add_up, message, payments, ports,
    round_trip, tpdu,
};

const QUICKLY: &str = r#"reconnect = ["50ms", "200ms"]"#;

/// MC6-3.1: Towards terminals (through a NAC) and towards channels and agents, the switch is the
/// server.
#[test]
fn mc6_3_1_towards_terminals_and_channels_the_switch_is_the_server() {
    let nac = Member::nac("nac").listen();
    let channel = Member::host("channel").listen();
    let switch = payments(2, &nac, &channel).start();
    assert_eq!(switch.line_state("nac-1"), "listening");
    assert_eq!(switch.line_state("channel-1"), "listening");
    let mut terminal = switch.join(&nac, 1);
    let mut agent = switch.join(&channel, 1);
    round_trip(&mut terminal, &mut [&mut agent], 1, "both connected to the switch");
}

/// MC6-3.3: Towards merchants the switch is the client.
#[test]
fn mc6_3_3_towards_merchants_the_switch_is_the_client() {
    let door = Door::open(Prefix::Ascii4);
    let merchant = Member::new("merchant", "merchant").key(r#"header = "tpdu""#).connect(&door);
    let nac = Member::nac("nac").listen();
    let switch = payments(2, &nac, &merchant).start();
    let mut server = door.accept();
    switch.wait_line_state("merchant-1", "up");
    let mut terminal = switch.join(&nac, 1);
    round_trip(&mut terminal, &mut [&mut server], 1, "the switch connected to the merchant");
}

/// MC6-4.1.2a: A client connects by itself when it starts, and again promptly when a line breaks.
#[test]
fn mc6_4_1_2a_a_client_connects_by_itself_and_again_after_a_break() {
    let doors = [Door::open(Prefix::Ascii4), Door::open(Prefix::Ascii4)];
    let merchant = Member::new("merchant", "merchant").key(r#"header = "tpdu""#);
    let merchant = merchant.connect(&doors[0]).connect(&doors[1]);
    let nac = Member::nac("nac").listen();
    let switch = payments(2, &nac, &merchant).timer(QUICKLY).start();
    let mut kept = doors[1].accept();
    let mut terminal = switch.join(&nac, 1);
    for turn in 1..=3 {
        let mut line = doors[0].accept();
        switch.wait_joined("merchant-1", turn);
        round_trip(&mut terminal, &mut [&mut line, &mut kept], 1, "connected by itself");
        line.reset();
    }
    doors[0].accept();
}

/// MC6-4.1.2b: A server that finds a line broken goes back to listening on it.
#[test]
fn mc6_4_1_2b_a_server_goes_back_to_listening_after_a_break() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    for by_reset in [false, true, false, true] {
        let mut terminal = switch.join(&nac, 1);
        round_trip(&mut terminal, &mut [&mut issuer], 1, "connected again");
        if by_reset {
            terminal.reset();
        } else {
            drop(terminal);
        }
        switch.wait_line_state("nac-1", "listening");
    }
    fates_add_up(&switch);
}

/// MC6-4.1.2c: A server responds at once to a connect request.
#[test]
fn mc6_4_1_2c_a_server_responds_at_once_to_a_connect_request() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    for _ in 0..20 {
        // The old connection has only just ended, and no time passes.
        let mut terminal = Peer::connect(nac.address(1), Prefix::Bin2);
        round_trip(&mut terminal, &mut [&mut issuer], 1, "admitted, not refused");
        terminal.end(false);
    }
}

/// MC6-5.1: The failures of a connect are told apart: timed out, refused (reset), host unreachable;
/// the failed socket is closed.
#[test]
fn mc6_5_1_the_failures_of_a_connect_are_told_apart() {
    let stream = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    // Nobody takes from this queue of one: later connect requests are not answered.
    let (silent, full) = (ports::free(), stream());
    full.bind(&silent.into()).expect("a free port");
    full.listen(0).expect("bound");
    let waiting: Vec<_> = (0..8).map(|_| stream()).collect();
    for socket in &waiting {
        socket.set_nonblocking(true).expect("a socket");
        let _ = socket.connect(&silent.into());
    }
    // TCP knows no way to a broadcast address: the kernel says so and sends nothing.
    let nowhere = SocketAddr::from((Ipv4Addr::new(127, 255, 255, 255), 9));
    let merchant = Member::new("merchant", "merchant");
    let merchant = merchant.connect_with(ports::free(), "").connect_with(silent, "").connect_with(nowhere, "");
    let other = Member::plain("other").listen();
    let world = World::new(2).member(&merchant).member(&other).route("other", "merchant");
    let switch = world.timer(r#"connect_within = "300ms""#).timer(QUICKLY).start();
    let told = |line: &str| eventually("a reason", || switch.line(line)["last_error"].as_str().map(str::to_lowercase));
    assert!(told("merchant-1").contains("refused"), "{}", told("merchant-1"));
    let timed_out = told("merchant-2");
    assert!(["timed out", "timeout", "time-out"].iter().any(|word| timed_out.contains(word)), "{timed_out}");
    assert!(told("merchant-3").contains("unreachable"), "{}", told("merchant-3"));
    // Hundreds of attempts later no failed socket has been kept.
    let attempts = || switch.metric("line_state_changes_total", &[("to", "connecting")]);
    let before = (attempts(), switch.open_files());
    eventually("more attempts", || (attempts() >= before.0 + 30).then_some(()));
    assert!(switch.open_files() <= before.1 + 5, "{} files, before {}", switch.open_files(), before.1);
}

/// TV4-3.1.3a: Duplex; the integrated broadcast platform connects; afterwards both sides may send
/// requests and receive them.
#[test]
fn tv4_3_1_3a_the_platform_connects_and_both_sides_send_requests() {
    let platform = Member::new("platform", "tv").key(r#"header = "tpdu""#).listen();
    let payment = Member::new("payment", "tv").key(r#"header = "tpdu""#).listen();
    let world = World::new(2).member(&platform).member(&payment);
    let switch = world.route_nii("platform", "payment", "0003").route_nii("payment", "platform", "0006").start();
    let mut one = switch.join(&platform, 1);
    let mut other = switch.join(&payment, 1);
    for _ in 0..5 {
        one.send_frame(&tpdu(0x0003, 0x0011, b"request of the platform"));
        other.send_frame(&tpdu(0x0006, 0x0022, b"request to the platform"));
        let at_payment = other.receive();
        let at_platform = one.receive();
        assert_eq!(message(&at_payment), b"request of the platform");
        assert_eq!(message(&at_platform), b"request to the platform");
        one.send_frame(&answer_swapped(&at_platform, b"answer of the platform"));
        other.send_frame(&answer_swapped(&at_payment, b"answer to the platform"));
        one.expect_frame(&tpdu(0x0011, 0x0003, b"answer to the platform"));
        other.expect_frame(&tpdu(0x0022, 0x0006, b"answer of the platform"));
    }
    fates_add_up(&switch);
}

/// TV4-3.1.3b: The connecting side closes and reconnects when it detects a break, or when nothing
/// at all arrived for 3 minutes (here: 1 s). The switch keeps this where it is the connecting side.
#[test]
fn tv4_3_1_3b_the_connecting_side_reconnects_on_a_break_and_on_silence() {
    let door = Door::open(Prefix::Ascii4);
    let platform = Member::new("platform", "tv").connect(&door);
    let payment = Member::new("payment", "tv").key("expect = false").key("probe = false").listen();
    let world = World::new(2).member(&platform).member(&payment).route("platform", "payment").timer(QUICKLY);
    let switch = world.timer(r#"silent_after = "1s""#).timer(r#"probe_after = "200ms""#).start();
    door.accept().reset();
    drop(door.accept());
    let mut silent = door.accept();
    eventually("the silent connection is closed", || match silent.arrival(crate::harness::PATIENCE) {
        Arrival::Frame(probe) if probe.is_empty() => None,
        Arrival::Fin | Arrival::Reset => Some(()),
        other => panic!("only probes are due: {other:?}"),
    });
    let mut again = door.accept();
    again.send_frame(b"over the fourth connection");
    let mut other = switch.join(&payment, 1);
    again.send_frame(b"over the same");
    // The first may have come before the other side was there.
    let received = other.receive();
    assert!(received == b"over the same" || received == b"over the fourth connection");
    assert_eq!(switch.connects("platform-1"), 4);
}

/// TV4-3.1.3c: The listening side goes back to listening on a break, and responds at once to a
/// connect.
#[test]
fn tv4_3_1_3c_the_listening_side_listens_again_and_responds_at_once() {
    let platform = Member::new("platform", "tv").listen();
    let payment = Member::new("payment", "tv").listen();
    let switch = World::new(2).member(&platform).member(&payment).route("platform", "payment").start();
    let mut other = switch.join(&payment, 1);
    for _ in 0..20 {
        let mut line = Peer::connect(platform.address(1), Prefix::Ascii4);
        line.send_frame(b"over a new connection");
        other.expect_frame(b"over a new connection");
        line.end(true);
    }
    switch.wait_line_state("platform-1", "listening");
}
