//! The simulator against the fake switch, over real sockets.

use std::sync::{Arc, OnceLock};
use std::thread;

use super::fake_switch::{FakeSwitch, Fate, Faults, no_faults};
use super::test_plan::{self, Lines, TWO_LISTENING, TestPlan};
use super::verdict::{LineState, Verdict};
use super::{Addresses, Command, Demand, LiveStats, Options, Part, Report, Simulation, Unplayable};
use crate::config::plan::{Flow, Plan};
use crate::time::Span;

fn options(count: u64) -> Options {
    Options {
        demand: Demand { window: Some(8), rate: None, count: Some(count) },
        answer_within: Some(Span::from_secs(2)),
        linger: Span::from_millis(50),
        ..Options::default()
    }
}

/// A simulation in a thread of its own.
struct Player {
    live: Arc<LiveStats>,
    stop: Arc<OnceLock<()>>,
    thread: thread::JoinHandle<Report>,
}

impl Player {
    fn start(plan: &Plan, member: &str, options: &Options) -> Self {
        let mut simulation = Simulation::new(plan, member, options).unwrap();
        let (live, stop) = (Arc::new(LiveStats::default()), Arc::new(OnceLock::new()));
        let (watched, stopped) = (Arc::clone(&live), Arc::clone(&stop));
        let thread = thread::spawn(move || simulation.run(|| stopped.get().is_some(), &watched).unwrap());
        Self { live, stop, thread }
    }

    fn stop(self) -> Report {
        self.stop.set(()).ok();
        self.join()
    }

    fn join(self) -> Report {
        self.thread.join().unwrap()
    }

    fn wait_until(&self, what: &str, met: impl Fn(&super::Snapshot) -> bool) {
        for _ in 0..2000 {
            if met(&self.live.snapshot()) {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("never {what}: {:?}", self.live.snapshot());
    }

    fn wait_up(&self) {
        let up = |snapshot: &super::Snapshot| snapshot.lines.iter().all(|line| line.state == LineState::Up);
        self.wait_until("up", |snapshot| !snapshot.lines.is_empty() && up(snapshot));
    }
}

/// Plays `asking` and `answering` of the plan over a switch with faults.
fn play(plan: &Plan, (asking, answering): (&str, &str), options: &Options, faults: Faults) -> (Report, Report) {
    let _switch = FakeSwitch::start(plan, faults);
    let host = Player::start(plan, answering, &Options { part: Part::AnswersOnly, ..options.clone() });
    host.wait_up();
    let mut client = Simulation::new(plan, asking, &Options { part: Part::RequestsOnly, ..options.clone() }).unwrap();
    let report = client.run(|| false, &LiveStats::default()).unwrap();
    (report, host.stop())
}

fn nac(options: &Options, faults: Faults) -> (Report, Report) {
    play(&test_plan::terminal_and_host(), ("nac", "issuer"), options, faults)
}

#[test]
fn every_request_is_answered_over_a_faultless_switch() {
    let (client, host) = nac(&options(5000), no_faults());
    let want = Verdict { sent: 5000, answered: 5000, over_sibling: client.verdict.over_sibling, ..Verdict::default() };
    assert_eq!(client.verdict, want);
    assert_eq!((host.verdict.host.requests, host.verdict.host.answers), (5000, 5000));
    assert!(client.passed() && host.passed());
    assert_eq!(client.latency.count(), 5000);
    assert!(client.lines.iter().all(|line| line.frames_out > 0), "every line was used: {client}");
}

#[test]
fn hosts_that_copy_the_addresses_are_understood() {
    let (client, _) = nac(&Options { addresses: Addresses::Copied, ..options(200) }, no_faults());
    assert_eq!(client.verdict.answered, 200);
    assert!(client.passed());
}

#[test]
fn a_changed_byte_of_an_answer_is_wrong_wherever_it_is() {
    for at in [0, 2, 4, 11, 20, 40, 60, 199] {
        let fate = move |answer: bool, nth: u64| if answer && nth == 10 { Fate::Corrupt(at) } else { Fate::Pass };
        let (client, _) = nac(&Options { answer_within: Some(Span::from_millis(300)), ..options(50) }, Box::new(fate));
        let verdict = client.verdict;
        assert!(!client.passed(), "byte {at}");
        assert!(verdict.wrong + verdict.lost > 0, "byte {at}: {verdict:?}");
        assert_eq!(verdict.answered, 49, "byte {at}: {verdict:?}");
    }
}

#[test]
fn a_changed_byte_of_a_request_is_seen_by_host_and_client() {
    let fate = |answer: bool, nth: u64| if !answer && nth == 3 { Fate::Corrupt(150) } else { Fate::Pass };
    let (client, host) = nac(&options(50), Box::new(fate));
    assert_eq!((client.verdict.wrong, client.verdict.answered), (1, 49));
    assert_eq!(host.verdict.host.wrong, 1);
    assert!(!client.passed() && !host.passed());
}

#[test]
fn a_swallowed_answer_is_lost() {
    let fate = |answer: bool, nth: u64| if answer && nth < 3 { Fate::Swallow } else { Fate::Pass };
    let (client, host) = nac(&Options { answer_within: Some(Span::from_millis(300)), ..options(100) }, Box::new(fate));
    assert_eq!((client.verdict.lost, client.verdict.answered), (3, 97));
    assert!(!client.passed() && host.passed(), "the host did its part");
}

#[test]
fn a_doubled_answer_is_a_duplicate() {
    let fate = |answer: bool, nth: u64| if answer && nth.is_multiple_of(10) { Fate::Double } else { Fate::Pass };
    let (client, _) = nac(&options(100), Box::new(fate));
    assert_eq!((client.verdict.duplicates, client.verdict.answered), (10, 100));
    assert!(!client.passed());
}

#[test]
fn a_doubled_last_answer_is_not_missed() {
    let fate = |answer: bool, _: u64| if answer { Fate::Double } else { Fate::Pass };
    let (client, _) = nac(&options(1), Box::new(fate));
    assert_eq!((client.verdict.duplicates, client.verdict.answered), (1, 1));
}

#[test]
fn pairs_work_where_the_switch_connects() {
    let (client, host) = play(&test_plan::pair(), ("channel", "merchant"), &options(1000), no_faults());
    assert_eq!(client.verdict.answered, 1000);
    assert!(client.passed() && host.passed());
}

#[test]
fn stations_ask_and_answer_at_once() {
    let plan = TestPlan::stations();
    let _switch = FakeSwitch::start(&plan, no_faults());
    let players = ["east", "west"].map(|member| Player::start(&plan, member, &options(500)));
    for player in &players {
        player.wait_until("answered", |snapshot| {
            snapshot.verdict.answered == 500 && snapshot.verdict.host.answers == 500
        });
    }
    for report in players.map(Player::stop) {
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn simplex_lines_carry_one_way_only() {
    let lines = Lines { flows: &[Flow::Receive, Flow::Send], ..TWO_LISTENING };
    let plan = test_plan::terminal_and_host_with(lines, |_| {});
    let (client, _) = play(&plan, ("nac", "issuer"), &options(300), no_faults());
    assert!(client.passed());
    assert_eq!(client.verdict.over_sibling, 300);
    let [to_switch, from_switch] = &client.lines[..] else { panic!("two lines") };
    assert_eq!((to_switch.frames_out, to_switch.frames_in), (300, 0));
    assert_eq!((from_switch.frames_out, from_switch.frames_in), (0, 300));
}

#[test]
fn a_rate_is_kept() {
    let demand = Demand { window: None, rate: Some(2000), count: Some(400) };
    let (client, _) = nac(&Options { demand, ..options(0) }, no_faults());
    assert!(client.passed());
    // 400 requests at 2000 a second take 399 intervals of half a millisecond, and never less.
    assert!(client.elapsed >= Span::from_micros(399 * 500), "{:?}", client.elapsed);
}

#[test]
fn a_member_probes_where_the_switch_expects_something() {
    let timers = |timers: &mut crate::config::plan::Timers| timers.probe_after = Span::from_millis(30);
    let plan = test_plan::terminal_and_host_with(TWO_LISTENING, timers);
    let _switch = FakeSwitch::start(&plan, no_faults());
    let client = Player::start(&plan, "nac", &options(10));
    // No host answers: the requests are lost after two seconds, and meanwhile nothing is sent.
    let probed = |snapshot: &super::Snapshot| snapshot.lines.iter().all(|line| line.probes_out >= 2);
    client.wait_until("probed", |snapshot| !snapshot.lines.is_empty() && probed(snapshot));
    assert_eq!(client.join().verdict.lost, 10);
}

#[test]
fn a_line_that_broke_comes_back() {
    let plan = test_plan::terminal_and_host();
    let switch = FakeSwitch::start(&plan, no_faults());
    let endless = Options { demand: Demand { window: Some(4), rate: None, count: None }, ..options(0) };
    let host = Player::start(&plan, "issuer", &endless);
    let client = Player::start(&plan, "nac", &endless);
    let answered = |more: u64| move |snapshot: &super::Snapshot| snapshot.verdict.answered > more;
    client.wait_until("answered", answered(100));
    drop(switch);
    client.wait_until("down", |snapshot| snapshot.lines.iter().all(|line| line.breaks > 0));
    let before = client.live.snapshot().verdict.answered;
    let _switch = FakeSwitch::start(&plan, no_faults());
    client.wait_until("answered again", answered(before + 100));
    let report = client.stop();
    assert!(report.lines.iter().all(|line| line.connects >= 2), "{report}");
    assert_eq!((report.verdict.wrong, report.verdict.duplicates), (0, 0), "{report}");
    host.stop();
}

#[test]
fn held_answers_come_over_the_sibling_of_a_broken_line() {
    let plan = test_plan::terminal_and_host();
    let _switch = FakeSwitch::start(&plan, no_faults());
    let demand = Demand { window: Some(4), rate: None, count: None };
    let endless = Options { demand, answer_within: Some(Span::from_secs(10)), ..options(0) };
    let host = Player::start(&plan, "issuer", &endless);
    host.wait_up();
    let client = Player::start(&plan, "nac", &endless);
    client.wait_up();
    let line: Arc<str> = "nac-1".into();
    client.live.order(Command::Quiet { line: line.clone(), held: 50, hold: Span::from_millis(1500) });
    host.wait_until("held", |snapshot| snapshot.verdict.host.held == 50);
    client.wait_until("quiet", |snapshot| snapshot.lines[0].in_flight == 50);
    client.live.order(Command::Break { line: line.clone() });
    client.wait_until("rerouted", |snapshot| snapshot.verdict.over_sibling >= 50);
    assert_eq!(client.live.snapshot().lines[0].state, LineState::Broken);
    client.live.order(Command::Restore { line });
    client.wait_up();
    let report = client.stop();
    assert!(report.passed(), "{report}");
    assert_eq!(report.lines[0].breaks, 1);
    assert!(host.stop().passed());
}

#[test]
fn what_cannot_be_played_is_refused() {
    let plan = test_plan::terminal_and_host();
    let refused = |member: &str, options: Options| Simulation::new(&plan, member, &options).unwrap_err();
    assert!(matches!(refused("nobody", options(1)), Unplayable::UnknownMember { known } if known == ["nac", "issuer"]));
    let size = |size| refused("nac", Options { size, ..options(1) });
    assert!(matches!(size(10), Unplayable::Size { least: 51, most: 2048 }), "{:?}", size(10));
    assert!(matches!(size(2049), Unplayable::Size { .. }));
    let asking = Options { part: Part::RequestsOnly, ..options(1) };
    assert!(matches!(refused("issuer", asking), Unplayable::NoRole));
}
