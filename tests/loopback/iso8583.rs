//! `header = "iso8583"`: requests and answers by the message type, matched by version, class and key
//! fields.

use crate::certify::Played;
use crate::harness::command;
use crate::harness::iso8583::{cups, hex, pos, samples};
use crate::harness::{Member, Peer, Switch, World, fates_add_up, receive_from_any};
use crate::on_1_2_and_5_shards;

const HEADER: &str = r#"header = "iso8583""#;

fn bank(id: &str) -> Member {
    Member::new(id, "channel").key(HEADER)
}

/// One that asks and one that answers.
fn banks(shards: u16, acquirer: &Member, issuer: &Member) -> World {
    World::new(shards).member(acquirer).member(issuer).route(&acquirer.id, &issuer.id)
}

/// What a message of this trace number carries of its key, from one acquirer.
fn fields(trace: &str) -> [(u8, &str); 5] {
    [(7, "1121203000"), (11, trace), (32, "48410000"), (33, "00010344"), (41, "TERM0001")]
}

fn request(trace: &str) -> Vec<u8> {
    cups("0200", &fields(trace))
}

/// The answer carries a field more and one less: the key is the same.
fn answer(trace: &str) -> Vec<u8> {
    let [date, number, acquirer, sender, _] = fields(trace);
    cups("0210", &[date, number, acquirer, sender, (39, "00")])
}

/// Every message of another encoder comes through as it was, and every answer to its own request's
/// line, whichever lines it takes and in whatever order it comes.
fn samples_pass(dialect: &str, shards: u16) {
    let key = format!("dialect = \"{dialect}\"");
    let acquirer = bank("acquirer").key(&key).listen().listen().listen();
    let issuer = bank("issuer").key(&key).listen().listen();
    let switch = banks(shards, &acquirer, &issuer).start();
    let (mut askers, mut hosts) = (switch.join_all(&acquirer), switch.join_all(&issuer));
    let samples = samples(dialect);
    for (nth, sample) in samples.iter().enumerate() {
        askers[nth % 3].send_frame(&sample.request);
    }
    let mut lines: Vec<&mut Peer> = hosts.iter_mut().collect();
    let mut received: Vec<Vec<u8>> = samples.iter().map(|_| receive_from_any(&mut lines).1).collect();
    let mut sent: Vec<Vec<u8>> = samples.iter().map(|sample| sample.request.clone()).collect();
    received.sort();
    sent.sort();
    assert_eq!(received, sent, "each of them, each once, unchanged");
    for (nth, sample) in samples.iter().enumerate().rev() {
        hosts[nth % 2].send_frame(&sample.stranger);
        hosts[nth % 2].send_frame(&sample.answer);
        // Until it is there, so that the order is known.
        askers[nth % 3].expect_frame(&sample.answer);
    }
    switch.wait_metric("answers_unmatched_total", &[], samples.len() as u64);
    fates_add_up(&switch);
}

fn another_encoders_messages_pass_in_cups(shards: u16) {
    samples_pass("cups", shards);
}

fn another_encoders_messages_pass_in_pos(shards: u16) {
    samples_pass("pos", shards);
}

fn another_encoders_messages_pass_in_hex(shards: u16) {
    samples_pass("hex", shards);
}

/// A run of requests in one piece, answered in one piece, backwards.
fn many_at_once_find_their_lines(shards: u16) {
    const EACH: u32 = 200;
    let (acquirer, issuer) = (bank("acquirer").listen().listen(), bank("issuer").listen());
    let switch = banks(shards, &acquirer, &issuer).start();
    let (mut askers, mut host) = (switch.join_all(&acquirer), switch.join(&issuer, 1));
    let trace = |line: u32, nth: u32| format!("{:06}", line * 1_000 + nth);
    for (line, asker) in (0..).zip(&mut askers) {
        let prefix = asker.prefix();
        let all: Vec<u8> = (0..EACH).flat_map(|nth| prefix.frame(&request(&trace(line, nth)))).collect();
        asker.send_raw(&all);
    }
    let mut traces: Vec<String> = (0..2 * EACH).map(|_| trace_of(&host.receive())).collect();
    let prefix = host.prefix();
    let answers: Vec<u8> = traces.iter().rev().flat_map(|trace| prefix.frame(&answer(trace))).collect();
    host.send_raw(&answers);
    for (line, asker) in (0..).zip(&mut askers) {
        let mut back: Vec<String> = (0..EACH).map(|_| trace_of(&asker.receive())).collect();
        back.sort();
        assert_eq!(back, (0..EACH).map(|nth| trace(line, nth)).collect::<Vec<_>>());
    }
    traces.sort();
    traces.dedup();
    assert_eq!(traces.len(), 2 * EACH as usize);
    switch.wait_gauge("pending_requests", &[], 0);
    fates_add_up(&switch);
}

/// Field 11 behind type, bitmap and field 7.
fn trace_of(message: &[u8]) -> String {
    String::from_utf8(message[22..28].to_vec()).expect("digits")
}

fn an_answer_goes_over_a_sibling_when_its_line_broke(shards: u16) {
    let (acquirer, issuer) = (bank("acquirer").listen().listen(), bank("issuer").listen().listen());
    let switch = banks(shards, &acquirer, &issuer).start();
    let mut sibling = switch.join(&acquirer, 2);
    let mut hosts = switch.join_all(&issuer);
    let mut asker = switch.join(&acquirer, 1);
    asker.send_frame(&request("000001"));
    let (over, _) = receive_from_any(&mut hosts.iter_mut().collect::<Vec<_>>());
    asker.reset();
    switch.wait_line_state("acquirer-1", "listening");
    hosts[1 - over].send_frame(&answer("000001"));
    sibling.expect_frame(&answer("000001"));
    assert_eq!(switch.metric("answers_rerouted_total", &[]), 1);
    fates_add_up(&switch);
}

/// Version and class belong to the key: a reversal carries its original's trace number.
#[test]
fn a_reversal_is_not_its_original() {
    let (acquirer, issuer) = (bank("acquirer").listen().listen(), bank("issuer").listen());
    let switch = banks(2, &acquirer, &issuer).start();
    let (mut askers, mut host) = (switch.join_all(&acquirer), switch.join(&issuer, 1));
    let of = |message_type: &str| cups(message_type, &fields("000007"));
    askers[0].send_frame(&of("0200"));
    host.expect_frame(&of("0200"));
    askers[1].send_frame(&of("0400"));
    host.expect_frame(&of("0400"));
    for stranger in ["1210", "0230", "0110"] {
        host.send_frame(&of(stranger));
    }
    host.send_frame(&of("0410"));
    askers[1].expect_frame(&of("0410"));
    host.send_frame(&of("0210"));
    askers[0].expect_frame(&of("0210"));
    switch.wait_dropped("unmatched", 3);
    fates_add_up(&switch);
}

/// Both may ask, over the same lines: the message type tells.
fn members_ask_each_other(shards: u16) {
    let (one, other) = (bank("one").listen(), bank("other").listen());
    let world = banks(shards, &one, &other).route("other", "one");
    let switch = world.start();
    let (mut first, mut second) = (switch.join(&one, 1), switch.join(&other, 1));
    // With one trace number: each waits in the other's table.
    first.send_frame(&request("000001"));
    second.expect_frame(&request("000001"));
    second.send_frame(&request("000001"));
    first.expect_frame(&request("000001"));
    second.send_frame(&answer("000001"));
    first.expect_frame(&answer("000001"));
    first.send_frame(&answer("000001"));
    second.expect_frame(&answer("000001"));
    fates_add_up(&switch);
}

fn a_repeat_is_handed_on_and_answered_once(shards: u16) {
    let (acquirer, issuer) = (bank("acquirer").listen().listen(), bank("issuer").listen());
    let switch = banks(shards, &acquirer, &issuer).start();
    let (mut askers, mut host) = (switch.join_all(&acquirer), switch.join(&issuer, 1));
    for trace in ["000001", "000002", "000003"] {
        askers[0].send_frame(&request(trace));
        host.expect_frame(&request(trace));
        askers[1].send_frame(&request(trace));
        host.expect_frame(&request(trace));
        host.send_frame(&answer(trace));
        host.send_frame(&answer(trace));
        // The newest copy's line has it, and no line has another.
        askers[1].expect_frame(&answer(trace));
    }
    switch.wait_dropped("unmatched", 3);
    switch.wait_metric("requests_repeated_total", &[("line", "acquirer-2")], 3);
    switch.wait_gauge("pending_requests", &[], 0);
    askers[0].send_frame(&request("000009"));
    host.expect_frame(&request("000009"));
    host.send_frame(&answer("000009"));
    askers[0].expect_frame(&answer("000009"));
    switch.wait_metric("answers_forwarded_total", &[], 4);
    fates_add_up(&switch);
}

/// The fourth digit of the type may differ: 0401 repeats 0400.
#[test]
fn a_repeat_may_say_so_in_its_type() {
    let (acquirer, issuer) = (bank("acquirer").listen(), bank("issuer").listen());
    let switch = banks(2, &acquirer, &issuer).start();
    let (mut asker, mut host) = (switch.join(&acquirer, 1), switch.join(&issuer, 1));
    let of = |message_type: &str| cups(message_type, &fields("000001"));
    asker.send_frame(&of("0400"));
    asker.send_frame(&of("0401"));
    host.expect_frame(&of("0400"));
    host.expect_frame(&of("0401"));
    switch.wait_metric("requests_repeated_total", &[], 1);
    host.send_frame(&of("0411"));
    asker.expect_frame(&of("0411"));
    fates_add_up(&switch);
}

fn a_repeat_is_dropped_where_so_configured(shards: u16) {
    for side in 0..2 {
        let drops = |member: Member, own: usize| if side == own { member.key(r#"repeat = "drop""#) } else { member };
        let (acquirer, issuer) = (drops(bank("acquirer"), 0).listen().listen(), drops(bank("issuer"), 1).listen());
        let switch = banks(shards, &acquirer, &issuer).start();
        let (mut askers, mut host) = (switch.join_all(&acquirer), switch.join(&issuer, 1));
        askers[0].send_frame(&request("000001"));
        host.expect_frame(&request("000001"));
        askers[1].send_frame(&request("000001"));
        askers[1].send_frame(&request("000002"));
        host.expect_frame(&request("000002"));
        switch.wait_dropped("repeat", 1);
        host.send_frame(&answer("000001"));
        askers[0].expect_frame(&answer("000001"));
        // Once answered it is no repeat.
        askers[1].send_frame(&request("000001"));
        host.expect_frame(&request("000001"));
        fates_add_up(&switch);
    }
}

/// Two requesters, one key: the second is refused while the first waits, and never answered for it.
fn a_key_is_one_requesters(shards: u16) {
    let (first, second, issuer) = (bank("first").listen(), bank("second").listen(), bank("issuer").listen());
    let world = banks(shards, &first, &issuer).member(&second).route("second", "issuer");
    let switch = world.start();
    let (mut one, mut other) = (switch.join(&first, 1), switch.join(&second, 1));
    let mut host = switch.join(&issuer, 1);
    one.send_frame(&request("000001"));
    host.expect_frame(&request("000001"));
    other.send_frame(&request("000001"));
    other.send_frame(&request("000002"));
    host.expect_frame(&request("000002"));
    switch.wait_metric("frames_dropped_total", &[("reason", "key_in_use"), ("member", "second")], 1);
    host.send_frame(&answer("000001"));
    one.expect_frame(&answer("000001"));
    other.send_frame(&request("000001"));
    host.expect_frame(&request("000001"));
    host.send_frame(&answer("000001"));
    other.expect_frame(&answer("000001"));
    // A repeated request may be answered again: until then its key is nobody else's.
    for _ in 0..2 {
        one.send_frame(&request("000003"));
        host.expect_frame(&request("000003"));
    }
    host.send_frame(&answer("000003"));
    one.expect_frame(&answer("000003"));
    other.send_frame(&request("000003"));
    switch.wait_metric("frames_dropped_total", &[("reason", "key_in_use"), ("member", "second")], 2);
    host.send_frame(&answer("000003"));
    switch.wait_dropped("unmatched", 1);
    fates_add_up(&switch);
}

/// After the deadline nobody gets the answer: not the requester, and nobody with the same key.
fn a_late_answer_reaches_nobody(shards: u16) {
    let (first, second) = (bank("first").listen(), bank("second").listen());
    let issuer = bank("issuer").key(r#"timers = { answer_within = "2s" }"#).listen();
    let switch = banks(shards, &first, &issuer).member(&second).route("second", "issuer").start();
    let (mut one, mut other) = (switch.join(&first, 1), switch.join(&second, 1));
    let mut host = switch.join(&issuer, 1);
    one.send_frame(&request("000001"));
    host.expect_frame(&request("000001"));
    switch.wait_metric("requests_timed_out_total", &[("line", "first-1")], 1);
    other.send_frame(&request("000001"));
    switch.wait_dropped("key_in_use", 1);
    host.send_frame(&answer("000001"));
    switch.wait_dropped("late", 1);
    // Its own requester may ask again at once.
    one.send_frame(&request("000001"));
    host.expect_frame(&request("000001"));
    host.send_frame(&answer("000001"));
    one.expect_frame(&answer("000001"));
    switch.wait_gauge("pending_requests", &[], 0);
    fates_add_up(&switch);
}

#[test]
fn what_has_no_key_goes_nowhere_and_its_line_stays_up() {
    let (acquirer, issuer) = (bank("acquirer").listen(), bank("issuer").listen());
    let switch = banks(2, &acquirer, &issuer).start();
    let (mut asker, mut host) = (switch.join(&acquirer, 1), switch.join(&issuer, 1));
    let whole = request("000001");
    for unreadable in [&b"x"[..], b"02x0", &whole[..10], b"no message at all, and long enough"] {
        asker.send_frame(unreadable);
    }
    switch.wait_dropped("bad_header", 4);
    asker.send_frame(&cups("0200", &[(41, "TERM0001")]));
    asker.send_frame(&whole[..30]);
    asker.send_frame(&cups("0200", &[(32, "48410000"), (41, "TERM0001")])[..13]);
    host.send_frame(&cups("0210", &[(39, "00")]));
    switch.wait_dropped("key_missing", 4);
    asker.send_frame(&whole);
    host.expect_frame(&whole);
    fates_add_up(&switch);
}

/// Answers are looked for only in the table of the group that they came in from.
#[test]
fn nobody_answers_for_another() {
    let (acquirer, issuer, other) = (bank("acquirer").listen(), bank("issuer").listen(), bank("other").listen());
    let asking = bank("asking").listen();
    let switch = banks(2, &acquirer, &issuer).member(&other).member(&asking).route("asking", "other").start();
    let (mut asker, mut host) = (switch.join(&acquirer, 1), switch.join(&issuer, 1));
    let mut stranger = switch.join(&other, 1);
    asker.send_frame(&request("000001"));
    host.expect_frame(&request("000001"));
    stranger.send_frame(&answer("000001"));
    asker.send_frame(&answer("000001"));
    switch.wait_dropped("unmatched", 2);
    host.send_frame(&answer("000001"));
    asker.expect_frame(&answer("000001"));
    stranger.send_frame(&request("000002"));
    switch.wait_dropped("no_route", 1);
    fates_add_up(&switch);
}

/// A route is ready while one of those that it leads to is live, and the next of them is used while the
/// one before is not.
#[test]
fn requests_go_to_the_first_that_is_live() {
    let (acquirer, first, second) = (bank("acquirer").listen(), bank("first").listen(), bank("second").listen());
    let world = World::new(2).member(&acquirer).member(&first).member(&second);
    let switch = world.route_text("from = [\"acquirer\"]\nto = [\"first\", \"second\"]").start();
    let mut asker = switch.join(&acquirer, 1);
    assert_eq!(switch.get("/readyz").status, 503);
    asker.send_frame(&request("000001"));
    switch.wait_dropped("no_line", 1);
    let mut spare = switch.join(&second, 1);
    assert_eq!(switch.get("/readyz").status, 200);
    ask_and_answer(&mut asker, &mut spare, &switch);
    let mut preferred = switch.join(&first, 1);
    ask_and_answer(&mut asker, &mut preferred, &switch);
    fates_add_up(&switch);
}

/// Another length prefix, bytes in front of the message, a key of one's own.
#[test]
fn members_differ_in_prefix_and_key() {
    let keys = |member: Member| member.key(HEADER).key(r#"dialect = "pos""#).key("key = [11, 41]").key("skip = 11");
    let nac = keys(Member::new("nac", "terminal")).listen();
    let host = keys(Member::new("host", "channel")).listen();
    let switch = banks(2, &nac, &host).start();
    let (mut terminals, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    let behind = |head: &[u8; 11], message: Vec<u8>| [&head[..], &message].concat();
    let asked = behind(b"\x60\x00\x03\x12\x34\x60\x31\x00\x31\x01\x00", {
        pos("0200", &[(3, "000000"), (11, "000017"), (41, "TERM0001"), (42, "MERCHANT0000001")])
    });
    let told = behind(b"\x60\x12\x34\x00\x03\x60\x31\x00\x31\x01\x00", {
        pos("0210", &[(11, "000017"), (39, "00"), (41, "TERM0001")])
    });
    terminals.send_frame(&asked);
    issuer.expect_frame(&asked);
    issuer.send_frame(&told);
    terminals.expect_frame(&told);
    fates_add_up(&switch);
}

#[test]
fn the_bitmap_may_be_written_in_digits() {
    let written = |id: &str| bank(id).key(r#"dialect = "hex""#);
    let (acquirer, issuer) = (written("acquirer").listen(), written("issuer").listen());
    let switch = banks(2, &acquirer, &issuer).start();
    let (mut asker, mut host) = (switch.join(&acquirer, 1), switch.join(&issuer, 1));
    asker.send_frame(&hex("0200", &fields("000001")));
    host.expect_frame(&hex("0200", &fields("000001")));
    host.send_frame(&hex("0210", &fields("000001")));
    asker.expect_frame(&hex("0210", &fields("000001")));
    fates_add_up(&switch);
}

/// A member that spoke TPDU comes to speak ISO 8583: its lines are opened anew, and its tables serve.
#[test]
fn a_reload_may_change_what_is_spoken() {
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let before = World::new(2).member(&nac).member(&host).route("nac", "host");
    let switch = before.start();
    let speaks = |member: &Member, profile: &'static str| {
        Member::new(&member.id, profile).key(HEADER).listen_at(member.address(1), "")
    };
    let after = before.clone().with(&speaks(&nac, "terminal")).with(&speaks(&host, "channel"));
    switch.reload_applied(&after);
    let (mut asker, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    ask_and_answer(&mut asker, &mut issuer, &switch);
    switch.reload_applied(&before);
    drop((asker, issuer));
    ["nac-1", "host-1"].iter().for_each(|line| switch.wait_line_state(line, "listening"));
    let (mut terminals, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    crate::harness::round_trip(&mut terminals, &mut [&mut issuer], 0x0042, "by number again");
    fates_add_up(&switch);
}

fn ask_and_answer(asker: &mut Peer, host: &mut Peer, switch: &Switch) {
    asker.send_frame(&request("000001"));
    host.expect_frame(&request("000001"));
    host.send_frame(&answer("000001"));
    asker.expect_frame(&answer("000001"));
    switch.wait_gauge("pending_requests", &[], 0);
}

/// Members that `ringswitch simulate` plays: every request answered, in every dialect.
#[test]
fn simulated_members_speak_it() {
    for dialect in ["cups", "pos", "hex"] {
        let speaks = |id| bank(id).key(&format!("dialect = \"{dialect}\"")).key("skip = 4").listen().listen();
        let switch = banks(2, &speaks("acquirer"), &speaks("issuer")).start();
        let file = switch.config_file();
        let file = file.to_str().expect("a plain path");
        let _issuer = Played::start("issuer", file);
        switch.wait_line_state("issuer-1", "up");
        switch.wait_line_state("issuer-2", "up");
        let ended = command::run(&["simulate", "acquirer", "--count", "5000", "--json", "-c", file]);
        assert_eq!(ended.code, Some(0), "{dialect}: {ended:?}");
        switch.wait_metric("answers_forwarded_total", &[], 5_000);
        switch.wait_gauge("pending_requests", &[], 0);
        fates_add_up(&switch);
    }
}

on_1_2_and_5_shards!(
    another_encoders_messages_pass_in_cups,
    another_encoders_messages_pass_in_pos,
    another_encoders_messages_pass_in_hex,
    many_at_once_find_their_lines,
    an_answer_goes_over_a_sibling_when_its_line_broke,
    members_ask_each_other,
    a_repeat_is_handed_on_and_answered_once,
    a_repeat_is_dropped_where_so_configured,
    a_key_is_one_requesters,
    a_late_answer_reaches_nobody,
);
