//! Certify against peers of known worth.

use std::sync::{Arc, OnceLock};

use super::faulty::{Fault, FaultyPeer};
use super::{Certification, Closer, Options, Part, Report, Untestable, Verdict};
use crate::config::plan::{Flow, Plan, Profile, Ways};
use crate::ids::GroupId;
use crate::simulate::fake_switch::{FakeSwitch, no_faults};
use crate::simulate::test_plan::{ASCII4, Lines, TWO_LISTENING, TestPlan};
use crate::simulate::{self, LiveStats, Simulation};
use crate::time::Span;

/// A channel that asks, and one that answers and connects; their timers are short.
fn plan(flows: &'static [Flow]) -> Plan {
    let lines = Lines { profile: Profile::Channel, framing: ASCII4, flows, ..TWO_LISTENING };
    let timers = |timers: &mut crate::config::plan::Timers| {
        timers.probe_after = Span::from_millis(400);
        timers.silent_after = Span::from_secs(4);
        timers.answer_within = Span::from_secs(2);
        timers.connect_within = Span::from_secs(2);
    };
    TestPlan::new()
        .with_timers(timers)
        .member("asker", lines, Ways::Pair { to: GroupId(1) }, false)
        .member("host", lines, Ways::Pair { to: GroupId(0) }, true)
        .build(&[])
}

fn certify(plan: &Plan, only: Option<&str>) -> Report {
    let options = Options { part: Part::Switch, only: only.map(str::to_owned), ..Options::default() };
    Certification::new(plan, "host", &options, &|| false, &|_| {}).unwrap().run()
}

/// What certify says of a peer with this fault when it tests this aspect alone.
fn judged(fault: Fault, aspect: &str) -> (Verdict, String) {
    let plan = plan(&[Flow::Duplex]);
    let _peer = FaultyPeer::start(&plan, "host", fault);
    let report = certify(&plan, Some(aspect));
    let [finding] = report.findings.as_slice() else { panic!("one line, one aspect: {report:?}") };
    assert!(finding.clause.ends_with(&format!("/{aspect}")), "{finding:?}");
    assert_eq!(report.passed(), finding.verdict != Verdict::Failed);
    (finding.verdict, finding.seen.clone())
}

fn fails(fault: Fault, aspect: &str) {
    let (verdict, seen) = judged(fault, aspect);
    assert_eq!(verdict, Verdict::Failed, "{fault:?}, {aspect}: {seen}");
}

#[test]
fn a_peer_without_fault_fails_nothing() {
    let plan = plan(&[Flow::Duplex]);
    let _peer = FaultyPeer::start(&plan, "host", Fault::None);
    let report = certify(&plan, None);
    assert!(report.passed(), "{report:#?}");
    for aspect in ["cut", "joined", "probe-ignored", "reconnect", "close", "bad-length", "probe", "silence", "form"] {
        let passed = |finding: &&super::Finding| finding.clause.ends_with(&format!("/{aspect}"));
        let finding = report.findings.iter().find(passed).unwrap();
        assert_eq!(finding.verdict, Verdict::Passed, "{finding:?}");
    }
}

#[test]
fn an_answered_probe_is_found() {
    fails(Fault::AnswersProbes, "probe-ignored");
}

#[test]
fn frames_that_are_mixed_are_found() {
    fails(Fault::MixesFrames, "cut");
    fails(Fault::MixesFrames, "joined");
    fails(Fault::MixesFrames, "pieces");
}

#[test]
fn a_prefix_that_is_no_length_is_found() {
    let (verdict, seen) = judged(Fault::PlusPrefix, "request");
    assert_eq!((verdict, seen.as_str()), (Verdict::Failed, "what came begins with no length: 2b 30 34 32"));
}

#[test]
fn a_line_that_never_comes_back_is_found() {
    fails(Fault::NeverReconnects, "reconnect");
}

#[test]
fn a_line_that_stays_open_is_found() {
    fails(Fault::StaysOpenAfterFin, "close");
}

#[test]
fn a_bad_length_that_is_taken_is_found() {
    fails(Fault::TakesBadLengths, "bad-length");
}

#[test]
fn missing_probes_are_found() {
    fails(Fault::NeverProbes, "probe");
}

#[test]
fn silence_that_is_endured_is_found() {
    fails(Fault::EnduresSilence, "silence");
}

/// What certify says of how a peer with this fault closes, when its operator is told to stop it.
fn closed_by_hand(fault: Fault, stops: bool) -> (Verdict, String) {
    let plan = plan(&[Flow::Duplex]);
    let peer = FaultyPeer::start(&plan, "host", fault);
    let await_close = Some(Span::from_secs(if stops { 20 } else { 1 }));
    let options = Options { only: Some("close-by-peer".to_owned()), await_close, ..Options::default() };
    let told = |what: &str| {
        if stops && what.contains("NOW close the lines of the member") {
            peer.stop();
        }
    };
    let report = Certification::new(&plan, "host", &options, &|| false, &told).unwrap().run();
    let [finding] = report.findings.as_slice() else { panic!("one line, one aspect: {report:?}") };
    (finding.verdict, finding.seen.clone())
}

#[test]
fn how_a_peer_closes_is_judged_by_how_it_does() {
    let says = |verdict, seen: &str| (verdict, seen.to_owned());
    assert_eq!(closed_by_hand(Fault::None, true), says(Verdict::Passed, "closed by a FIN between two frames"));
    assert_eq!(closed_by_hand(Fault::ResetsAtItsEnd, true), says(Verdict::Failed, "closed by a reset"));
    assert_eq!(closed_by_hand(Fault::EndsInAFrame, true), says(Verdict::Failed, "closed 1 bytes into a frame"));
    assert_eq!(closed_by_hand(Fault::None, false), says(Verdict::NotJudged, "still open after 1.0 s"));
    let (verdict, seen) = judged(Fault::None, "close-by-peer");
    assert_eq!(verdict, Verdict::NotJudged);
    assert!(seen.contains("--await-close"), "it says how it could be judged: {seen}");
}

/// Somebody who can speak to the peer, or cannot.
struct Hand<'a>(&'a FaultyPeer, Result<(), String>);

impl Closer for Hand<'_> {
    fn close(&self, line: &str) -> Result<(), String> {
        assert_eq!(line, "host-1");
        if self.1.is_ok() {
            self.0.stop();
        }
        self.1.clone()
    }

    fn reopen(&self, line: &str) {
        assert_eq!((line, &self.1), ("host-1", &Ok(())), "only what was closed");
    }
}

#[test]
fn a_peer_that_can_be_spoken_to_is_asked_to_close() {
    for (fault, answer, verdict) in [
        (Fault::None, Ok(()), Verdict::Passed),
        (Fault::ResetsAtItsEnd, Ok(()), Verdict::Failed),
        (Fault::None, Err("no switch answers".to_owned()), Verdict::NotJudged),
    ] {
        let plan = plan(&[Flow::Duplex]);
        let peer = FaultyPeer::start(&plan, "host", fault);
        let hand = Hand(&peer, answer);
        let options = Options { only: Some("close-by-peer".to_owned()), ..Options::default() };
        let certification = Certification::new(&plan, "host", &options, &|| false, &|_| {}).unwrap();
        let report = certification.with_closer(&hand).run();
        assert_eq!(report.findings[0].verdict, verdict, "{report:#?}");
    }
}

/// What certify says, as the member, of a switch that lets in everybody, until it is gone.
fn stranger(local: Option<&str>, goes: bool) -> (Verdict, String) {
    let plan = plan(&[Flow::Duplex]);
    let switch = std::cell::RefCell::new(Some(FakeSwitch::start(&plan, no_faults())));
    let _asker = FaultyPeer::start(&plan, "asker", Fault::None);
    let stranger = local.map(|local| local.parse().unwrap());
    let options = Options { part: Part::Member, only: Some("stranger".to_owned()), stranger, ..Options::default() };
    let told = |what: &str| {
        if goes && what.contains("connects to its port") {
            switch.take();
        }
    };
    let report = Certification::new(&plan, "host", &options, &|| false, &told).unwrap().run();
    let [finding] = report.findings.as_slice() else { panic!("one line, one aspect: {report:?}") };
    assert_eq!(finding.clause, "MC6-4.3/stranger");
    (finding.verdict, finding.seen.clone())
}

#[test]
fn a_stranger_who_is_let_in_is_found() {
    let says = |verdict, seen: &str| (verdict, seen.to_owned());
    assert_eq!(stranger(None, false), says(Verdict::Failed, "127.0.0.2 was let in"));
    assert_eq!(stranger(Some("127.0.0.9"), false), says(Verdict::Failed, "127.0.0.9 was let in"));
}

#[test]
fn a_refusal_that_says_nothing_of_strangers_is_not_judged() {
    let known = "`allow` holds 127.0.0.1: it is no stranger";
    assert_eq!(stranger(Some("127.0.0.1"), false), (Verdict::NotTestable, known.to_owned()));
    let nobody = "127.0.0.2 was not let in, but then neither was who is registered";
    assert_eq!(stranger(None, true), (Verdict::NotJudged, nobody.to_owned()));
    let (verdict, _) = stranger(Some("192.0.2.1"), false);
    assert_eq!(verdict, Verdict::NotJudged, "no address of this host");
}

#[test]
fn a_peer_that_does_not_connect_fails_to_and_nothing_else_passes() {
    let report = certify(&plan(&[Flow::Duplex]), None);
    assert!(!report.passed());
    assert_eq!((report.count(Verdict::Failed), report.count(Verdict::Passed)), (1, 0), "{report:#?}");
}

#[test]
fn a_simulated_member_passes_over_two_lines() {
    let plan = plan(&[Flow::Duplex, Flow::Duplex]);
    let stop = Arc::new(OnceLock::new());
    let stopped = Arc::clone(&stop);
    let mut simulation = Simulation::new(&plan, "host", &simulate::Options::default()).unwrap();
    let player = std::thread::spawn(move || simulation.run(|| stopped.get().is_some(), &LiveStats::default()));
    let report = certify(&plan, None);
    stop.set(()).unwrap();
    player.join().unwrap().unwrap();
    assert!(report.passed(), "{report:#?}");
    let group = report.findings.iter().find(|finding| finding.clause == "MC6-4.1.4/group").unwrap();
    assert_eq!((group.verdict, group.seen.as_str()), (Verdict::Passed, "answered over host-2"));
}

#[test]
fn quick_skips_what_takes_long_and_says_so() {
    let mut plan = plan(&[Flow::Duplex]);
    for line in plan.lines.iter_mut().flatten() {
        Arc::make_mut(line).timers.silent_after = Span::from_secs(180);
    }
    let _peer = FaultyPeer::start(&plan, "host", Fault::None);
    let options = Options { only: Some("MC6-5.4.2".to_owned()), quick: true, ..Options::default() };
    let report = Certification::new(&plan, "host", &options, &|| false, &|_| {}).unwrap().run();
    let seen: Vec<_> = report.findings.iter().map(|finding| (finding.verdict, finding.seen.as_str())).collect();
    assert_eq!(seen[1..], [(Verdict::Skipped, "takes 180.0 s"); 2], "{report:#?}");
}

#[test]
fn what_is_not_there_is_refused_with_what_there_is() {
    let plan = plan(&[Flow::Duplex]);
    let refused = |member: &str, only: &str| {
        let options = Options { only: Some(only.to_owned()), ..Options::default() };
        Certification::new(&plan, member, &options, &|| false, &|_| {}).map(|_| ()).unwrap_err()
    };
    assert!(matches!(refused("nobody", "cut"), Untestable::UnknownMember { known } if known == ["asker", "host"]));
    let Untestable::UnknownClause { known } = refused("host", "MP1-9") else { panic!("no such clause") };
    assert!(known.contains(&"MC6-5.2b/cut".to_owned()), "{known:?}");
}
