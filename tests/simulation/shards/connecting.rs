//! Lines that come and go: connecting, back-off, draining, trunk and backup.

use ringswitch::reason::Closed;
use ringswitch::shared::inbox::{Command, Event};
use ringswitch::shared::status::LineState;
use ringswitch::time::{Instant, Span};

use super::stage::{Stage, address};
use super::texts::{CARDS, SHOP};
use super::wire::{Lengths, binary, digits, tpdu};
use crate::fake::{Conditions, Peer, PeerState, Route};

const MOMENT: Span = Span::from_millis(100);

fn attempts(stage: &Stage) -> Vec<Instant> {
    let attempt = |event: &Event| match event {
        Event::Line { at, to: LineState::Connecting, .. } => Some(*at),
        _ => None,
    };
    stage.events.iter().filter_map(attempt).collect()
}

#[test]
fn mc6_4_1_2a_who_is_refused_tries_again_with_pauses_that_double() {
    for seed in 0..20 {
        let mut stage = Stage::with(SHOP, seed, Conditions::default());
        stage.pass_secs(600);
        let attempts = attempts(&stage);
        let mut longest = 200;
        for (nth, pair) in attempts.windows(2).enumerate() {
            let pause = pair[1].since(pair[0]).as_millis();
            // Jitter takes away up to a half; a tick of the clock adds up to 8 ms.
            assert!((longest / 2..=longest + 8).contains(&pause), "seed {seed}, pause {nth}: {pause} of {longest}");
            longest = (2 * longest).min(30_000);
        }
        assert!((25..60).contains(&attempts.len()), "{}", attempts.len());
        assert_eq!(stage.kernel.sockets_open(), 0, "MC6-5.1: each failed socket is closed");
    }
}

#[test]
fn mc6_5_1_a_connect_that_nobody_answers_is_given_up_after_ten_seconds() {
    let mut stage = Stage::before(SHOP, 1, Conditions::default());
    stage.kernel.set_route(address(7401), Some(Route::Silent));
    stage.pass(Span::from_millis(9_900));
    assert_eq!((stage.state("merchant-1"), stage.kernel.sockets_open()), (LineState::Connecting, 1));
    stage.pass(Span::from_millis(199));
    assert_eq!(stage.line("merchant-1").status.details().last_error.as_deref(), Some(TIMED_OUT));
    stage.kernel.set_route(address(7401), None);
    let server = stage.kernel.listen(address(7401));
    stage.pass_secs(11);
    assert_eq!((stage.state("merchant-1"), server.accept().is_some()), (LineState::Up, true));
}

const TIMED_OUT: &str = "connect to 127.0.0.1:7401 timed out";

fn asked(stage: &mut Stage, nac: &Peer, issuer: &Peer) -> Vec<u8> {
    stage.send(nac, &binary(&tpdu(3, 0x4711, b"a request")));
    stage.pass(MOMENT);
    let mut bytes = issuer.receive();
    let frames = Lengths::Digits.take_all(&mut bytes);
    let request = frames.iter().find(|frame| !frame.is_empty()).expect("a request");
    digits(&tpdu(u16::from_be_bytes([request[3], request[4]]), 3, b"an answer"))
}

fn disable(stage: &mut Stage, name: &str) {
    let line = stage.line_id(name);
    let shard = stage.plan.line(line).expect("of the plan").shard.index();
    stage.command(shard, Command::Disable { line });
    stage.settle();
}

#[test]
fn a_line_taken_out_of_service_waits_for_its_answer_and_ends_in_order() {
    let mut stage = Stage::new(CARDS);
    let (nac, issuer) = (stage.connect(7001), stage.connect(7101));
    let answer = asked(&mut stage, &nac, &issuer);
    disable(&mut stage, "nac-1");
    stage.pass_secs(40);
    assert_eq!((stage.state("nac-1"), nac.state()), (LineState::Draining, PeerState::Connected));
    stage.send(&issuer, &answer);
    stage.pass(MOMENT);
    assert_eq!((nac.receive().is_empty(), nac.state()), (false, PeerState::Ended));
    nac.close();
    stage.pass(MOMENT);
    let closed: Vec<_> = Closed::ALL.iter().filter(|reason| stage.closed("nac-1", **reason) > 0).collect();
    assert_eq!((stage.state("nac-1"), closed), (LineState::Disabled, vec![&Closed::Drained]));
    stage.assert_fates_add_up();
}

/// Who changes their mind while a line drains is not left with one that stays down.
#[test]
fn a_line_enabled_while_it_drains_is_opened_again() {
    let mut stage = Stage::new(CARDS);
    let (nac, issuer) = (stage.connect(7001), stage.connect(7101));
    let answer = asked(&mut stage, &nac, &issuer);
    disable(&mut stage, "nac-1");
    let line = stage.line_id("nac-1");
    let shard = stage.plan.line(line).expect("of the plan").shard.index();
    stage.command(shard, Command::Enable { line });
    stage.pass_secs(1);
    assert_eq!(stage.state("nac-1"), LineState::Draining, "its answer is still due");
    stage.send(&issuer, &answer);
    stage.pass(MOMENT);
    assert_eq!((nac.receive().is_empty(), nac.state()), (false, PeerState::Ended));
    nac.close();
    stage.pass(MOMENT);
    assert_eq!((stage.state("nac-1"), stage.closed("nac-1", Closed::Drained)), (LineState::Listening, 1));
    assert_eq!(stage.connect(7001).state(), PeerState::Connected);
    stage.assert_fates_add_up();
}

#[test]
fn a_line_enabled_while_it_still_drains_is_opened_once_it_has() {
    let mut stage = Stage::new(CARDS);
    let (nac, issuer) = (stage.connect(7001), stage.connect(7101));
    let answer = asked(&mut stage, &nac, &issuer);
    disable(&mut stage, "nac-1");
    stage.pass_secs(1);
    let line = stage.line_id("nac-1");
    let shard = stage.plan.line(line).expect("a line of the plan").shard.index();
    stage.command(shard, Command::Enable { line });
    stage.pass_secs(1);
    assert_eq!(stage.state("nac-1"), LineState::Draining, "its answer is due");
    stage.send(&issuer, &answer);
    stage.pass_secs(2);
    assert_eq!(stage.state("nac-1"), LineState::Listening);
    let _again = stage.connect(7001);
    assert_eq!(stage.state("nac-1"), LineState::Up);
}

#[test]
fn drain_within_ends_what_would_wait_longer() {
    let mut stage = Stage::new(
        &CARDS.replace("[[member]]\nid = \"nac\"", "[timers]\ndrain_within = \"5s\"\n[[member]]\nid = \"nac\""),
    );
    let (nac, issuer) = (stage.connect(7001), stage.connect(7101));
    asked(&mut stage, &nac, &issuer);
    disable(&mut stage, "nac-1");
    stage.pass(Span::from_millis(4_900));
    assert_eq!(stage.state("nac-1"), LineState::Draining);
    stage.pass(Span::from_millis(200));
    assert_eq!((stage.state("nac-1"), stage.closed("nac-1", Closed::DrainTimeout)), (LineState::Disabled, 1));
}

/// `CARDS` with `on_line_loss = "reset_group"` on the NAC, whose two lines two shards have.
fn rebuilt(seed: u64) -> Stage {
    let text = CARDS.replace("id = \"nac\"", "id = \"nac\"\non_line_loss = \"reset_group\"");
    Stage::with(&text, seed, Conditions::default())
}

fn resets(stage: &Stage) -> usize {
    stage.events.iter().filter(|event| matches!(event, Event::GroupReset { .. })).count()
}

#[test]
fn a_line_that_breaks_takes_those_of_other_shards_along() {
    for seed in 0..50 {
        let mut stage = rebuilt(seed);
        let (one, other) = (stage.connect(7001), stage.connect(7002));
        one.reset();
        stage.pass(MOMENT);
        assert_eq!((other.state(), stage.state("nac-2")), (PeerState::Ended, LineState::Draining));
        other.close();
        stage.pass(MOMENT);
        assert_eq!((resets(&stage), stage.closed("nac-2", Closed::GroupReset)), (1, 1));
        let lines = [stage.connect(7001), stage.connect(7002)];
        stage.pass_secs(60);
        assert!(lines.iter().all(|line| line.state() == PeerState::Connected), "seed {seed}: what came back stays");
        assert_eq!(resets(&stage), 1);
        lines[0].close();
        stage.pass_secs(5);
        assert_eq!((resets(&stage), stage.state("nac-2")), (2, LineState::Listening), "closed after a second");
        stage.assert_fates_add_up();
    }
}

/// Both ends rebuild: what shows on two shards at once is one loss, and the orders that are still on
/// their way when the peer is back do not meet its new connections.
#[test]
fn a_peer_that_rebuilds_its_lines_at_the_same_moment_is_reset_once() {
    for seed in 0..200 {
        let mut stage = rebuilt(seed);
        let (one, other) = (stage.connect(7001), stage.connect(7002));
        one.reset();
        other.close();
        let lines = [stage.kernel.connect(address(0), address(7001)), stage.kernel.connect(address(0), address(7002))];
        stage.pass_secs(30);
        let states = lines.each_ref().map(Peer::state);
        assert_eq!((resets(&stage), states), (1, [PeerState::Connected; 2]), "seed {seed}");
        stage.assert_fates_add_up();
    }
}

#[test]
fn mp1_5b_a_trunk_that_came_back_carries_again_once_it_is_steady() {
    let text = CARDS
        .replace("{ listen = \"127.0.0.1:7102\" }", "{ listen = \"127.0.0.1:7102\", tier = \"backup\" }")
        .replace("id = \"issuer\"", "id = \"issuer\"\ntimers = { trunk_steady = \"30s\" }");
    let mut stage = Stage::new(&text);
    let (nac, backup) = (stage.connect(7001), stage.connect(7102));
    let ask = |stage: &mut Stage| {
        stage.send(&nac, &binary(&tpdu(3, 1, b"who carries?")));
        stage.pass(MOMENT);
    };
    let got = |peer: &Peer| peer.receive().windows(12).any(|bytes| bytes == b"who carries?");
    ask(&mut stage);
    assert!(got(&backup), "no trunk is up");
    stage.pass_secs(10);
    let trunk = stage.connect(7101);
    ask(&mut stage);
    assert!(got(&backup) && !got(&trunk), "just back");
    stage.pass_secs(29);
    ask(&mut stage);
    assert!(got(&backup) && !got(&trunk), "29 seconds back");
    stage.pass_secs(1);
    ask(&mut stage);
    assert!(got(&trunk) && !got(&backup), "steady");
    trunk.reset();
    stage.pass(MOMENT);
    ask(&mut stage);
    assert!(got(&backup), "down again");
}
