//! Requests that wait under keys: what a shard does with copies and clocks.

use ringswitch::reason::Drop;
use ringswitch::shared::counters::{Cold, Hot};
use ringswitch::time::Span;

use super::stage::Stage;
use super::wire::{Lengths, digits, keyed};
use crate::fake::Peer;

const BANKS: &str = r#"
[switch]
shards = 2
admin = "off"

[[member]]
id = "one"
profile = "institution"
allow = ["127.0.0.1"]
header = "iso8583"
line = [ { listen = "127.0.0.1:7001" }, { listen = "127.0.0.1:7002" } ]

[[member]]
id = "other"
profile = "institution"
allow = ["127.0.0.1"]
header = "iso8583"
line = [ { listen = "127.0.0.1:7011" } ]

[[member]]
id = "issuer"
profile = "institution"
allow = ["127.0.0.1"]
header = "iso8583"
line = [ { listen = "127.0.0.1:7101" }, { listen = "127.0.0.1:7102", tier = "backup" } ]

[[route]]
from = ["one", "other"]
to = ["issuer"]
"#;

fn request(id: u64) -> Vec<u8> {
    digits(&keyed("0200", id))
}

fn answer(id: u64) -> Vec<u8> {
    digits(&keyed("0210", id))
}

/// Messages that a member has received; probes are passed over.
fn received(peer: &Peer) -> Vec<Vec<u8>> {
    let frames = Lengths::Digits.take_all(&mut peer.receive());
    frames.into_iter().filter(|frame| !frame.is_empty()).map(|frame| digits(&frame)).collect()
}

#[test]
fn a_repeat_starts_the_deadline_anew_on_its_own_line() {
    let mut stage = Stage::new(BANKS);
    let (first, second) = (stage.connect(7001), stage.connect(7002));
    let issuer = stage.connect(7101);
    stage.send(&first, &request(1));
    stage.pass_secs(40);
    stage.send(&second, &request(1));
    assert_eq!(received(&issuer), [request(1), request(1)]);
    stage.pass_secs(40);
    // Past the first copy's deadline, and before the second's.
    let timed_out = |stage: &Stage, line| stage.line(line).counters.cold(Cold::RequestsTimedOut);
    assert_eq!((timed_out(&stage, "one-1"), timed_out(&stage, "one-2")), (0, 0));
    stage.send(&issuer, &answer(1));
    assert_eq!((received(&first), received(&second)), (vec![], vec![answer(1)]));
    stage.send(&issuer, &answer(1));
    assert_eq!(stage.dropped("issuer-1", Drop::Unmatched), 1, "the other copy's");
    for line in ["one-1", "one-2"] {
        assert_eq!(stage.line(line).counters.pending(), 0, "{line}");
    }
    stage.assert_fates_add_up();
}

#[test]
fn a_repeat_that_times_out_does_so_once() {
    let mut stage = Stage::new(BANKS);
    let (first, second) = (stage.connect(7001), stage.connect(7002));
    let issuer = stage.connect(7101);
    stage.send(&first, &request(1));
    stage.pass_secs(10);
    stage.send(&second, &request(1));
    stage.pass_secs(46);
    stage.send(&issuer, &answer(1));
    assert_eq!(stage.dropped("issuer-1", Drop::Late), 1);
    let timed_out = |line| stage.line(line).counters.cold(Cold::RequestsTimedOut);
    assert_eq!((timed_out("one-1"), timed_out("one-2")), (0, 1));
    assert_eq!(stage.line("one-2").counters.pending() + stage.line("one-1").counters.pending(), 0);
    assert_eq!(received(&first).len() + received(&second).len(), 0);
    stage.assert_fates_add_up();
}

/// The key of a request that was never answered is its requester's until answers to it are no
/// longer to be feared.
#[test]
fn a_key_that_timed_out_is_kept_from_others() {
    let mut stage = Stage::new(BANKS);
    let (one, other, issuer) = (stage.connect(7001), stage.connect(7011), stage.connect(7101));
    stage.send(&one, &request(1));
    stage.pass_secs(46);
    stage.send(&other, &request(1));
    assert_eq!(stage.dropped("other-1", Drop::KeyInUse), 1);
    stage.pass_secs(45);
    stage.send(&other, &request(1));
    stage.send(&issuer, &answer(1));
    assert_eq!((received(&one), received(&other)), (vec![], vec![answer(1)]));
    stage.assert_fates_add_up();
}

/// Requests that never left the switch give their keys back: whoever asks then is no repeat.
#[test]
fn a_request_that_is_lost_unsent_leaves_no_key_behind() {
    let mut stage = Stage::new(BANKS);
    let (one, other, issuer) = (stage.connect(7001), stage.connect(7011), stage.connect(7101));
    issuer.stop_reading();
    let mut filler = keyed("0200", 0);
    filler.resize(2_000, b'x');
    for id in 1..=100u64 {
        filler[12..28].copy_from_slice(format!("{id:016}").as_bytes());
        stage.send(&one, &digits(&filler));
        stage.pass(Span::from_millis(1));
    }
    assert!(stage.held() > 10, "{}", stage.held());
    issuer.reset();
    stage.pass_secs(1);
    let lost = stage.dropped("one-1", Drop::LineLost);
    assert!(lost > 10, "{lost}");
    let issuer = stage.connect(7101);
    // The last one never left: it is free for everybody.
    stage.send(&other, &request(100));
    assert_eq!(received(&issuer), [request(100)]);
    assert_eq!(stage.line("other-1").counters.cold(Cold::RequestsRepeated), 0);
    stage.send(&issuer, &answer(100));
    assert_eq!(received(&other), [answer(100)]);
    stage.pass_secs(100);
    assert_eq!(stage.line("one-1").counters.pending(), 0);
    stage.assert_fates_add_up();
}

/// Of two copies one is lost before it was sent: the other's answer comes home.
#[test]
fn a_copy_that_is_lost_does_not_end_the_waiting() {
    let mut stage = Stage::new(BANKS);
    let (first, second) = (stage.connect(7001), stage.connect(7002));
    let issuer = stage.connect(7101);
    stage.send(&first, &request(1));
    assert_eq!(received(&issuer), [request(1)]);
    issuer.stop_reading();
    let mut filler = keyed("0200", 0);
    filler.resize(2_000, b'x');
    for id in 2..=100u64 {
        filler[12..28].copy_from_slice(format!("{id:016}").as_bytes());
        stage.send(&first, &digits(&filler));
        stage.pass(Span::from_millis(1));
    }
    stage.send(&second, &request(1));
    assert_eq!(stage.line("one-2").counters.cold(Cold::RequestsRepeated), 1);
    issuer.reset();
    stage.pass_secs(1);
    assert_eq!(stage.dropped("one-2", Drop::LineLost), 1);
    let issuer = stage.connect(7101);
    stage.send(&issuer, &answer(1));
    assert_eq!((received(&first), received(&second)), (vec![], vec![answer(1)]));
    assert_eq!(stage.line("one-2").counters.hot(Hot::RequestsForwarded), 0);
    stage.pass_secs(100);
    assert_eq!(stage.line("one-1").counters.pending() + stage.line("one-2").counters.pending(), 0);
    stage.assert_fates_add_up();
}
