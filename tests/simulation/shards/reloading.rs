//! Reloads that meet lines in the middle of something.

use ringswitch::reason::Drop;
use ringswitch::shared::counters::Hot;
use ringswitch::shared::inbox::Command;
use ringswitch::shared::status::LineState;
use ringswitch::time::Span;

use super::stage::{Stage, address};
use super::texts::{CARDS, SHOP};
use super::wire::{Lengths, binary, digits, tpdu};
use crate::fake::{Conditions, Peer, PeerState};

/// Another host, so that terminals have somewhere to go while the issuer is not configured.
const ACQUIRER: &str = r#"
[[member]]
id = "acquirer"
profile = "institution"
allow = ["127.0.0.1"]
header = "tpdu"
line = [ { listen = "127.0.0.1:7201" } ]

[[route]]
from = ["nac"]
to = ["acquirer"]
match = { nii = ["0006"] }
"#;

fn ask(stage: &mut Stage, nac: &Peer) {
    stage.send(nac, &binary(&tpdu(3, 0x4711, b"a request")));
    stage.pass(Span::from_millis(150));
}

/// The answers to what a host was asked since the last time; probes are passed over.
fn answers(issuer: &Peer) -> Vec<Vec<u8>> {
    let requests = Lengths::Digits.take_all(&mut issuer.receive());
    let answer = |request: Vec<u8>| digits(&tpdu(u16::from_be_bytes([request[3], request[4]]), 3, b"an answer"));
    requests.into_iter().filter(|request| !request.is_empty()).map(answer).collect()
}

fn order(stage: &mut Stage, name: &str, command: impl Fn(ringswitch::ids::LineId) -> Command) {
    let line = stage.line_id(name);
    let shard = stage.plan.line(line).expect("a line of the plan").shard;
    stage.command(shard.index(), command(line));
    stage.settle();
}

#[test]
fn a_host_that_comes_back_while_its_line_still_drains_has_numbers_of_its_own() {
    let both = [CARDS, ACQUIRER].concat();
    let without = {
        let issuer = both.find("[[member]]\nid = \"issuer\"").expect("it is there");
        let end = both.find("[[member]]\nid = \"acquirer\"").expect("it is there");
        [&both[..issuer], &both[end..]].concat()
    };
    let mut stage = Stage::new(&both);
    let (nac, issuer) = (stage.connect(7001), stage.connect(7101));
    ask(&mut stage, &nac);
    stage.reload(&without).expect("a sound configuration");
    stage.pass_secs(1);
    stage.reload(&both).expect("a sound configuration");
    stage.pass_secs(1);
    let late = answers(&issuer);
    assert_eq!(late.len(), 1);
    stage.send(&issuer, &late[0]);
    issuer.close();
    stage.pass_secs(60);
    let issuer = stage.connect(7101);
    ask(&mut stage, &nac);
    let answer = answers(&issuer);
    assert_eq!(answer.len(), 1);
    nac.receive();
    stage.send(&issuer, &answer[0]);
    assert_eq!(nac.receive(), binary(&tpdu(0x4711, 3, b"an answer")));
    stage.pass_secs(100);
    assert_eq!((stage.line("nac-1").counters.pending(), stage.held()), (0, 0));
}

/// Who stays when the members of the other configuration have gone.
const OTHERS: &str = r#"
[[member]]
id = "other"
profile = "terminal"
allow = ["127.0.0.1"]
header = "tpdu"
line = [ { listen = "127.0.0.1:7301" } ]

[[member]]
id = "clearing"
profile = "institution"
allow = ["127.0.0.1"]
header = "tpdu"
line = [ { listen = "127.0.0.1:7401" } ]

[[route]]
from = ["other"]
to = ["clearing"]
match = { nii = ["0009"] }
"#;

fn settings_of(text: &str) -> &str {
    &text[..text.find("[[member]]").expect("it has members")]
}

/// One line of the issuer: on a shard of the two that have a line of the terminals each. Where it is not, nobody knows
/// the issuer once a reload has removed it.
fn one_issuer_line() -> String {
    let one = CARDS.replace(", { listen = \"127.0.0.1:7102\" }", "");
    assert_ne!(one, CARDS);
    one
}

#[test]
fn a_line_that_drains_may_still_ask_a_host_that_has_gone_with_it() {
    for (port, name) in [(7001, "nac-1"), (7002, "nac-2")] {
        let mut stage = Stage::new(&[&one_issuer_line(), OTHERS].concat());
        let (nac, _issuer) = (stage.connect(port), stage.connect(7101));
        let line = stage.line(name);
        ask(&mut stage, &nac);
        stage.reload(&[settings_of(CARDS), OTHERS].concat()).expect("a sound configuration");
        stage.pass_secs(1);
        assert_eq!(line.status.state(), LineState::Draining, "its answer is due");
        ask(&mut stage, &nac);
        let dropped = [Drop::Draining, Drop::NoLine].map(|reason| line.counters.dropped(reason));
        assert_eq!(dropped.iter().sum::<u64>(), 1, "{dropped:?}");
        stage.pass_secs(60);
        assert_eq!(stage.held(), 0);
    }
}

#[test]
fn a_line_planned_anew_while_it_drains_out_of_service_comes_back_as_planned() {
    let backup = CARDS.replace("{ listen = \"127.0.0.1:7102\" }", "{ listen = \"127.0.0.1:7102\", tier = \"backup\" }");
    assert_ne!(backup, CARDS);
    let mut stage = Stage::new(CARDS);
    let (nac, second) = (stage.connect(7001), stage.connect(7102));
    ask(&mut stage, &nac);
    order(&mut stage, "issuer-2", |line| Command::Disable { line });
    assert_eq!(stage.state("issuer-2"), LineState::Draining, "its answer is due");
    stage.reload(&backup).expect("a sound configuration");
    stage.pass_secs(1);
    stage.send(&second, &answers(&second)[0]);
    second.close();
    stage.pass_secs(2);
    assert_eq!(stage.state("issuer-2"), LineState::Disabled);
    order(&mut stage, "issuer-2", |line| Command::Enable { line });
    let (first, second) = (stage.connect(7101), stage.connect(7102));
    // At one instant: one after the other would all be put to the line of the same shard.
    for _ in 0..10 {
        stage.send(&nac, &binary(&tpdu(3, 0x4711, b"a request")));
    }
    stage.pass(Span::from_millis(150));
    assert_eq!((answers(&first).len(), answers(&second).len()), (10, 0), "a backup line, and the trunk is up");
}

#[test]
fn a_line_that_comes_back_while_it_still_drains_is_opened_again() {
    let without = CARDS.replace(", { listen = \"127.0.0.1:7002\" }", "");
    assert_ne!(without, CARDS);
    let mut stage = Stage::new(CARDS);
    let (nac, issuer) = (stage.connect(7002), stage.connect(7101));
    ask(&mut stage, &nac);
    stage.reload(&without).expect("a sound configuration");
    stage.pass_secs(1);
    stage.reload(CARDS).expect("a sound configuration");
    stage.pass_secs(1);
    stage.send(&issuer, &answers(&issuer)[0]);
    assert_eq!(nac.receive(), binary(&tpdu(0x4711, 3, b"an answer")), "it drained for that");
    nac.close();
    stage.pass_secs(2);
    let nac = stage.connect(7002);
    ask(&mut stage, &nac);
    stage.send(&issuer, &answers(&issuer)[0]);
    assert_eq!(nac.receive(), binary(&tpdu(0x4711, 3, b"an answer")));
}

#[test]
fn a_line_whose_name_was_lent_to_another_while_it_drained_says_again_how_it_is() {
    let text = |nac: &str, issuer: &str| {
        CARDS
            .replace("{ listen = \"127.0.0.1:7002\" }", nac)
            .replace("{ listen = \"127.0.0.1:7102\" }", issuer)
            .replace("shards = 2", "shards = 1")
    };
    let plain = "{ listen = \"127.0.0.1:7102\" }";
    let before = text("{ id = \"name\", listen = \"127.0.0.1:7002\" }", plain);
    let lent = text("{ listen = \"127.0.0.1:7003\" }", "{ id = \"name\", listen = \"127.0.0.1:7102\" }");
    let mut stage = Stage::before(&before, 1, Conditions::default());
    stage.pass_secs(1);
    let (nac, _issuer) = (stage.connect(7002), stage.connect(7101));
    ask(&mut stage, &nac);
    stage.reload(&lent).expect("a sound configuration");
    stage.pass_secs(1);
    stage.reload(&before).expect("a sound configuration");
    stage.pass_secs(1);
    nac.close();
    stage.pass_secs(90);
    assert_eq!(stage.state("name"), LineState::Listening);
    let _nac = stage.connect(7002);
    assert_eq!(stage.state("name"), LineState::Up);
}

#[test]
fn a_line_that_comes_back_some_plans_after_it_has_gone_has_one_connection() {
    let second = ", { connect = \"127.0.0.1:7402\" } ]";
    let both =
        SHOP.replace("{ connect = \"127.0.0.1:7401\" } ]", &format!("{{ connect = \"127.0.0.1:7401\" }}{second}"));
    let another = SHOP.replace("[[route]]", "[limits]\nline_queue = \"64KiB\"\n[[route]]");
    assert!(both != SHOP && another != SHOP);
    let mut stage = Stage::before(&both, 1, Conditions::default());
    let servers = [7401, 7402].map(|port| stage.kernel.listen(address(port)));
    stage.pass_secs(1);
    let [_first, gone] = servers.each_ref().map(|server| server.accept().expect("the switch connects"));
    stage.reload(SHOP).expect("a sound configuration");
    stage.pass_secs(2);
    assert_eq!(gone.state(), PeerState::Ended, "there is no such line any more");
    gone.close();
    stage.pass_secs(2);
    for text in [&another, &both] {
        stage.reload(text).expect("a sound configuration");
        stage.pass_secs(2);
    }
    let connections = std::iter::from_fn(|| servers[1].accept()).count();
    assert_eq!(connections, 1);
}

#[test]
fn a_line_with_the_number_of_one_that_has_gone_has_counters_and_a_state_of_its_own() {
    let with = |line: &str| {
        SHOP.replace("{ connect = \"127.0.0.1:7401\" } ]", &format!("{{ connect = \"127.0.0.1:7401\" }}{line} ]"))
    };
    let before = with(", { id = \"before\", connect = \"127.0.0.1:7402\" }");
    let after = with(", { id = \"after\", connect = \"127.0.0.1:7403\" }");
    let mut stage = Stage::before(&before, 1, Conditions::default());
    let servers = [7401, 7402, 7403].map(|port| stage.kernel.listen(address(port)));
    stage.pass_secs(1);
    let number = stage.line_id("before");
    let gone = servers[1].accept().expect("the switch connects");
    stage.reload(SHOP).expect("a sound configuration");
    gone.close();
    // Longer than any number rests.
    stage.pass_secs(600);
    stage.reload(&after).expect("a sound configuration");
    stage.pass_secs(2);
    assert_eq!(stage.line_id("after"), number);
    let peer = servers[2].accept().expect("the switch connects");
    stage.send(&peer, &digits(b"a frame"));
    let received = stage.line("after").counters.hot(Hot::FramesReceived);
    assert_eq!((stage.state("after"), received), (LineState::Up, 1));
}

#[test]
fn a_port_of_a_plan_that_was_taken_back_is_let_go_of() {
    let listens = "allow = [\"127.0.0.1\"]\nline = [ { id = \"merchant-1\", listen = \"127.0.0.1:7450\" } ]";
    let other = SHOP.replace("line = [ { connect = \"127.0.0.1:7401\" } ]", listens);
    assert_ne!(other, SHOP);
    let mut stage = Stage::before(SHOP, 1, Conditions::default());
    let server = stage.kernel.listen(address(7401));
    stage.pass_secs(1);
    let _merchant = server.accept().expect("the switch connects");
    stage.reload(&other).expect("a sound configuration");
    stage.pass(Span::from_millis(100));
    assert_eq!(stage.state("merchant-1"), LineState::Draining, "until the merchant's FIN, or for a second");
    stage.reload(SHOP).expect("a sound configuration");
    stage.pass_secs(5);
    let _again = server.accept().expect("it connects as before");
    stage.kernel.bind(address(7450)).expect("nobody listens there any more");
}
