//! Many members at once, as after a restart of the switch or of a network: who works already goes on working.

use ringswitch::limits::{CONNECTS_PER_TURN, NEWCOMERS_PER_TURN};
use ringswitch::shared::status::LineState;
use ringswitch::time::Span;

use super::stage::{Stage, address};
use super::texts::CARDS;
use super::wire::{Lengths, binary, tpdu};
use crate::fake::{Conditions, Peer};

const MANY: u16 = 300;
const FIRST_PORT: u16 = 8001;

/// Terminals and their issuer on one shard, and a member of many lines, each made by `line` of its port.
fn crowd(line: impl Fn(u16) -> String) -> String {
    let lines: Vec<String> = (FIRST_PORT..FIRST_PORT + MANY).map(line).collect();
    let cards = CARDS.replace("shards = 2", "shards = 1").replace("from = [\"nac\"]", "from = [\"nac\", \"many\"]");
    format!(
        r#"{cards}
[[member]]
id = "many"
profile = "terminal"
allow = ["127.0.0.1"]
header = "tpdu"
line = [ {} ]
"#,
        lines.join(", ")
    )
}

fn listening() -> Stage {
    Stage::new(&crowd(|port| format!("{{ listen = \"127.0.0.1:{port}\" }}")))
}

fn in_state(stage: &Stage, state: LineState) -> usize {
    (1..=MANY).filter(|number| stage.state(&format!("many-{number}")) == state).count()
}

/// All of them at one instant; the switch has not looked yet.
fn all_connect(stage: &mut Stage) -> Vec<Peer> {
    let ports = FIRST_PORT..FIRST_PORT + MANY;
    let peers = ports.map(|port| stage.kernel.connect(address(0), address(port))).collect();
    stage.arrive();
    peers
}

#[test]
fn newcomers_are_let_in_bit_by_bit_and_frames_do_not_wait_for_them_all() {
    let mut stage = listening();
    let (nac, issuer) = (stage.connect(7001), stage.connect(7101));
    let many = all_connect(&mut stage);
    nac.send(&binary(&tpdu(3, 0x4711, b"in the storm")));
    stage.arrive();
    let (mut before, mut in_when_it_came) = (0, None);
    while stage.step() {
        let up = in_state(&stage, LineState::Up);
        assert!(up - before <= NEWCOMERS_PER_TURN, "{} in one turn", up - before);
        before = up;
        stage.arrive();
        if in_when_it_came.is_none() && !Lengths::Digits.take_all(&mut issuer.receive()).is_empty() {
            in_when_it_came = Some(up);
        }
    }
    assert_eq!(before, usize::from(MANY), "all of them, and no moment has passed");
    assert!(in_when_it_came.is_some_and(|up| up < usize::from(MANY) / 2), "{in_when_it_came:?}");
    many[usize::from(MANY) - 1].send(&binary(&tpdu(3, 0x4712, b"the last one's")));
    stage.pass(Span::from_millis(100));
    assert_eq!(Lengths::Digits.take_all(&mut issuer.receive()).len(), 1);
    stage.assert_fates_add_up();
}

#[test]
fn a_stop_in_the_middle_of_a_storm_leaves_nobody_at_the_door() {
    let mut stage = listening();
    let _many = all_connect(&mut stage);
    while in_state(&stage, LineState::Up) == 0 {
        assert!(stage.step());
    }
    assert!(in_state(&stage, LineState::Up) < usize::from(MANY));
    stage.stop(Span::from_secs(1));
}

#[test]
fn the_switch_connects_bit_by_bit_too() {
    let text = crowd(|port| format!("{{ connect = \"127.0.0.1:{port}\" }}"));
    let mut stage =
        Stage::before(&text.replace("profile = \"terminal\"", "profile = \"merchant\""), 1, Conditions::default());
    let servers: Vec<_> = (FIRST_PORT..FIRST_PORT + MANY).map(|port| stage.kernel.listen(address(port))).collect();
    stage.settle();
    let begun = in_state(&stage, LineState::Connecting) + in_state(&stage, LineState::Up);
    assert_eq!(begun, CONNECTS_PER_TURN, "at the first instant");
    stage.pass_secs(1);
    assert_eq!(in_state(&stage, LineState::Up), usize::from(MANY));
    assert!(servers.iter().all(|server| server.accept().is_some() && server.accept().is_none()), "once each");
}
