//! Certify against peers of known worth.

use std::sync::{Arc, OnceLock};

use super::faulty::{Fault, FaultyPeer};
use super::{Certification, Options, Part, Report, Untestable, Verdict};
use crate::config::plan::{Flow, Plan, Profile, Ways};
use crate::ids::GroupId;
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
