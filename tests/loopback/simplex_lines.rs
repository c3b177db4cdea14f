//! What each direction of a simplex member carries, how its lines end, and what becomes of one that
//! uses them the wrong way round (`MP1-4.3.1`, `MP1-4.5.3`).

use crate::harness::frames::message;
use crate::harness::{
    Door, Member, NII, Peer, Prefix, Switch, World, answer_swapped, ask, eventually, fates_add_up, payments,
    receive_from_any, station, tpdu,
};

const RECEIVE: &str = r#"flow = "receive""#;
const SEND: &str = r#"flow = "send""#;

/// One line of the member under test: the switch listens, or the member has a door for it.
struct Way {
    door: Option<Door>,
    number: usize,
}

impl Way {
    fn add(member: Member, keys: &str, switch_connects: bool) -> (Member, Self) {
        let number = member.lines() + 1;
        if switch_connects {
            let door = Door::open(Prefix::Ascii4);
            let member = member.connect_with(door.address(), keys);
            (member, Self { door: Some(door), number })
        } else {
            (member.listen_with(keys), Self { door: None, number })
        }
    }

    /// The member's end of the line, once it is up for the `connects`th time.
    fn up(&self, switch: &Switch, member: &Member, connects: u64) -> Peer {
        let peer = match &self.door {
            Some(door) => door.accept(),
            None => Peer::connect(member.address(self.number), member.prefix()),
        };
        switch.wait_joined(&member.line(self.number), connects);
        peer
    }
}

/// An institution with a line in and a line out, and who connects on which of them.
fn institution(id: &str, header: &str, connects_in: bool, connects_out: bool) -> (Member, Way, Way) {
    let member = Member::new(id, "institution").key(&format!("header = \"{header}\""));
    let (member, inward) = Way::add(member, RECEIVE, connects_in);
    let (member, outward) = Way::add(member, SEND, connects_out);
    (member, inward, outward)
}

/// By agreement either side connects (`MP1-4.5.1`), on each of the two lines.
#[test]
fn each_side_may_be_the_connecting_one_on_either_line() {
    for (connects_in, connects_out) in [(false, false), (false, true), (true, false), (true, true)] {
        let (left, inward, outward) = institution("left", "none", connects_in, connects_out);
        let right = Member::new("right", "institution").listen();
        let switch = World::new(2).member(&left).member(&right).route("left", "right").start();
        let mut other = switch.join(&right, 1);
        let mut from_left = inward.up(&switch, &left, 1);
        let mut to_left = outward.up(&switch, &left, 1);
        for number in 0..5 {
            let data = format!("{number}: the switch connects to in: {connects_in}, to out: {connects_out}");
            from_left.send_frame(data.as_bytes());
            other.expect_frame(data.as_bytes());
            other.send_frame(data.as_bytes());
            to_left.expect_frame(data.as_bytes());
        }
        from_left.expect_nothing();
        fates_add_up(&switch);
    }
}

/// A request comes in where the switch receives; its answer never leaves over that line.
#[test]
fn answers_leave_on_sending_lines_only() {
    let asker = Member::new("asker", "institution").key(r#"header = "tpdu""#);
    let asker = asker.listen_with(RECEIVE).listen_with(RECEIVE).listen_with(SEND).listen_with(SEND);
    let host = Member::host("host").listen();
    let switch = payments(2, &asker, &host).timer(r#"hold_answer = "30s""#).start();
    let [mut in_1, mut in_2, mut out_1, out_2] = [1, 2, 3, 4].map(|number| switch.join(&asker, number));
    let mut issuer = switch.join(&host, 1);
    let mut out_2 = out_2;
    for turn in 1..=20_u16 {
        ask(if turn % 2 == 0 { &mut in_1 } else { &mut in_2 }, turn, "request");
        let request = issuer.receive();
        issuer.send_frame(&answer_swapped(&request, b"answer"));
        let (_, answer) = receive_from_any(&mut [&mut out_1, &mut out_2]);
        assert_eq!(answer, tpdu(turn, NII, b"answer"));
    }
    // Both sending lines are down: an answer is held, though two receiving lines of the group are up.
    ask(&mut in_1, 0x0042, "answered later");
    let request = issuer.receive();
    out_1.reset();
    out_2.reset();
    for line in ["asker-3", "asker-4"] {
        switch.wait_line_state(line, "listening");
    }
    issuer.send_frame(&answer_swapped(&request, b"held"));
    switch.wait_gauge("frames_held", &[], 1);
    let mut back = switch.join(&asker, 4);
    back.expect_frame(&tpdu(0x0042, NII, b"held"));
    in_1.expect_nothing();
    in_2.expect_nothing();
    fates_add_up(&switch);
}

/// A member may have lines of all three kinds in one group; each carries what its direction allows.
#[test]
fn simplex_and_duplex_lines_work_in_one_group() {
    let issuer = Member::new("issuer", "institution").key(r#"header = "tpdu""#);
    let issuer = issuer.listen_with(RECEIVE).listen_with(SEND).listen();
    let nac = Member::nac("nac").listen();
    let switch = payments(2, &nac, &issuer).start();
    let mut terminal = switch.join(&nac, 1);
    let [mut into, out, duplex] = [1, 2, 3].map(|number| switch.join(&issuer, number));
    let (mut out, mut duplex) = (out, duplex);
    let mut used = [0_u32; 2];
    let mut address = 0;
    eventually("the sending and the duplex line are both used", || {
        for over_simplex in [true, false] {
            address += 1;
            ask(&mut terminal, address, "request");
            let (line, request) = receive_from_any(&mut [&mut out, &mut duplex]);
            used[line] += 1;
            let back = if over_simplex { &mut into } else { &mut duplex };
            back.send_frame(&answer_swapped(&request, b"answer"));
            terminal.expect_frame(&tpdu(address, NII, b"answer"));
        }
        (used[0] > 0 && used[1] > 0).then_some(())
    });
    let mut transact = |requests: &mut Peer, answers: Option<&mut Peer>| {
        ask(&mut terminal, 0x0042, "request");
        let request = requests.receive();
        answers.unwrap_or(requests).send_frame(&answer_swapped(&request, b"answer"));
        terminal.expect_frame(&tpdu(0x0042, NII, b"answer"));
    };
    // The pair alone, then the duplex line alone.
    duplex.reset();
    switch.wait_line_state("issuer-3", "listening");
    (0..5).for_each(|_| transact(&mut out, Some(&mut into)));
    let mut duplex = switch.join(&issuer, 3);
    out.reset();
    into.reset();
    switch.wait_line_state("issuer-1", "listening");
    switch.wait_line_state("issuer-2", "listening");
    (0..5).for_each(|_| transact(&mut duplex, None));
    fates_add_up(&switch);
}

/// The switch closes a line that it sends on: what is queued goes out, nothing new does, then FIN; the
/// member closes. On a line that only the member sends on, it waits for the member's FIN.
#[test]
fn the_switch_closes_its_sending_line_in_order() {
    let (left, inward, outward) = institution("left", "none", false, true);
    let left = left.listen_with(SEND);
    let right = Member::new("right", "institution").listen();
    let switch = World::new(2).member(&left).member(&right).route("left", "right").start();
    let mut other = switch.join(&right, 1);
    let mut from_left = inward.up(&switch, &left, 1);
    let mut closing = outward.up(&switch, &left, 1);
    other.send_frame(b"before the other sending line is there");
    closing.expect_frame(b"before the other sending line is there");
    let mut staying = switch.join(&left, 3);
    assert_eq!(switch.post("/v1/lines/left-2/drain").status, 200);
    for _ in 0..5 {
        other.send_frame(b"after the switch stopped sending on it");
        staying.expect_frame(b"after the switch stopped sending on it");
    }
    closing.expect_fin();
    drop(closing);
    switch.wait_line_state("left-2", "disabled");
    assert_eq!(closed(&switch, "left-2"), [("drained".to_owned(), 1)]);
    from_left.send_frame(b"the other direction goes on");
    other.expect_frame(b"the other direction goes on");
    fates_add_up(&switch);
}

/// The member closes its sending line: its last frame is taken, the switch closes on seeing the FIN,
/// and the line is there again for the next connection, whichever side makes it.
#[test]
fn the_switch_closes_when_the_member_closes_its_sending_line() {
    for switch_connects in [false, true] {
        let (left, inward, outward) = institution("left", "none", switch_connects, false);
        let right = Member::new("right", "institution").listen();
        let world = World::new(2).timer(r#"reconnect = ["20ms", "100ms"]"#);
        let switch = world.member(&left).member(&right).route("left", "right").start();
        let mut other = switch.join(&right, 1);
        let mut to_left = outward.up(&switch, &left, 1);
        for turn in 1..=5 {
            let mut from_left = inward.up(&switch, &left, turn);
            from_left.send_frame(b"the last frame");
            from_left.half_close();
            other.expect_frame(b"the last frame");
            from_left.expect_fin();
        }
        assert_eq!(closed(&switch, "left-1"), [("peer_closed".to_owned(), 5)]);
        other.send_frame(b"the other direction stays");
        to_left.expect_frame(b"the other direction stays");
        assert_eq!(switch.connects("left-2"), 1);
        fates_add_up(&switch);
    }
}

/// Any byte on a line that only sends: a message, half of one, a probe, or what is no length at all.
#[test]
fn any_byte_against_the_direction_is_refused_by_that_name() {
    let (left, _, outward) = institution("left", "none", false, false);
    let right = Member::new("right", "institution").listen();
    let switch = World::new(2).member(&left).member(&right).route("left", "right").start();
    for (turn, bytes) in (1..).zip([&b"0005hello"[..], b"0", b"0005he", b"0000", b"no length", b"9999"]) {
        let mut peer = outward.up(&switch, &left, turn);
        peer.send_raw(bytes);
        peer.expect_closed();
        switch.wait_line_state("left-2", "listening");
        switch.wait_metric("frames_malformed_total", &[("reason", "wrong_direction"), ("line", "left-2")], turn);
    }
    assert_eq!(closed(&switch, "left-2"), [("wrong_direction".to_owned(), 6)]);
    assert_eq!(switch.metric("frames_received_total", &[]), 0, "none of it became a frame");
    fates_add_up(&switch);
}

/// A member that has exchanged its two ports is told apart from one that is only broken: each line says
/// what is wrong with it.
#[test]
fn lines_opened_the_wrong_way_round_are_refused_by_name() {
    let (left, inward, outward) = institution("left", "none", false, false);
    let right = Member::new("right", "institution").key("probe = false").listen();
    let world = World::new(2).timer(r#"probe_after = "200ms""#).timer(r#"silent_after = "1s""#);
    let switch = world.member(&left).member(&right).route("left", "right").start();
    let mut other = switch.join(&right, 1);
    let mut to_send_on = outward.up(&switch, &left, 1);
    let mut to_receive_on = inward.up(&switch, &left, 1);
    to_send_on.send_frame(b"over the line on which the switch sends");
    to_send_on.expect_closed();
    let told = |line: &str| switch.line(line)["last_error"].as_str().unwrap_or_default().to_owned();
    assert_eq!(told("left-2"), "bytes arrived on a line that only sends");
    // It waits here for what the switch sends on the other line, and says nothing.
    to_receive_on.expect_closed();
    assert_eq!(closed(&switch, "left-1"), [("silent".to_owned(), 1)]);
    let events = switch.get("/v1/events").body;
    assert!(events.contains("wrong_direction"), "the event names it, too: {events}");
    assert_eq!(switch.metric("frames_received_total", &[("line", "left-2")]), 0);
    other.expect_nothing();
    // Once it has them right, both work.
    let mut from_left = inward.up(&switch, &left, 2);
    let mut to_left = outward.up(&switch, &left, 2);
    from_left.send_frame(b"there");
    other.expect_frame(b"there");
    other.send_frame(b"back");
    assert_eq!(to_left.receive_message(), b"back");
    fates_add_up(&switch);
}

/// The reasons for which connections of the line ended, those that occurred.
fn closed(switch: &Switch, line: &str) -> Vec<(String, u64)> {
    let metrics = switch.metrics();
    let labels = [("line", line)];
    let ended = metrics.samples("connections_closed_total", &labels).filter(|sample| sample.value > 0.0);
    ended.map(|sample| (sample.label("reason").expect("a reason").to_owned(), sample.value as u64)).collect()
}

/// Institutions with a station header, one line in and one out each: both ask, and nobody in another's name.
#[test]
fn stations_are_reached_over_their_sending_lines() {
    let bank = |id: &str, own: &str| {
        let member = Member::new(id, "institution").key(r#"header = "station""#);
        member.key(&format!("station = [\"{own}\"]")).listen_with(RECEIVE).listen_with(SEND)
    };
    let (left, right) = (bank("left", "10000001"), bank("right", "10000002"));
    let switch = World::new(2).member(&left).member(&right).start();
    let [mut from_left, mut to_left] = [1, 2].map(|number| switch.join(&left, number));
    let [mut from_right, mut to_right] = [1, 2].map(|number| switch.join(&right, number));
    for turn in 0..5 {
        let there = station("10000002", "10000001", format!("0200 number {turn}").as_bytes());
        let back = station("10000001", "10000002", format!("0210 number {turn}").as_bytes());
        from_left.send_frame(&station("10000002", "10000002", b"0200 in another's name"));
        from_left.send_frame(&there);
        to_right.expect_frame(&there);
        from_right.send_frame(&back);
        to_left.expect_frame(&back);
    }
    switch.wait_metric("frames_dropped_total", &[("reason", "foreign_source"), ("line", "left-1")], 5);
    fates_add_up(&switch);
}

/// The receiving line of a host brings answers; a request that comes over it is a request all the same.
#[test]
fn the_message_decides_what_it_is_and_not_the_line() {
    let both = Member::new("both", "institution").key(r#"header = "tpdu""#);
    let both = both.listen_with(RECEIVE).listen_with(SEND);
    let other = Member::new("other", "institution").key(r#"header = "tpdu""#).listen();
    let world = World::new(2).member(&both).member(&other);
    let switch = world.route_nii("both", "other", "0003").route_nii("other", "both", "0006").start();
    let [mut from_both, mut to_both] = [1, 2].map(|number| switch.join(&both, number));
    let mut peer = switch.join(&other, 1);
    peer.send_frame(&tpdu(0x0006, 0x0022, b"asked of it"));
    from_both.send_frame(&tpdu(0x0003, 0x0011, b"asked by it"));
    let (asked, request) = (to_both.receive(), peer.receive());
    assert_eq!((message(&asked), message(&request)), (&b"asked of it"[..], &b"asked by it"[..]));
    from_both.send_frame(&answer_swapped(&asked, b"answered by it"));
    peer.send_frame(&answer_swapped(&request, b"answered to it"));
    peer.expect_frame(&tpdu(0x0022, 0x0006, b"answered by it"));
    to_both.expect_frame(&tpdu(0x0011, 0x0003, b"answered to it"));
    fates_add_up(&switch);
}
