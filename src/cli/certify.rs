//! `ringswitch certify`: tests the other side of a member's lines, clause by clause.

use std::process::ExitCode;

use hyper::Method;

use super::address::Address;
use super::client;
use super::interrupt::Interrupt;
use super::table::{Align, table};
use crate::certify::{Certification, Closer, Finding, Options, Part, Report, Untestable, Verdict};
use crate::config::plan::Plan;
use crate::control::admin::views::Line;
use crate::time::Span;

const HEAD: &[(&str, Align)] = &[
    ("clause", Align::Left),
    ("line", Align::Left),
    ("verdict", Align::Left),
    ("expected", Align::Left),
    ("seen", Align::Left),
];

/// What `certify --help` says below the options.
pub const CLAUSES: &str = "\
Without --as, certify plays the switch: it listens and connects where the switch would for that
member, so no switch may run meanwhile. With --as member it plays the member against a running
switch, and somebody must answer requests behind it (`ringswitch simulate HOST` will do).
Lines are broken, muted and fed with bad lengths: not for lines that carry business.

A clause is named by its row of the standards, which depends on the line's profile, and an aspect
(`MP1-4.5.4/cut`). --only takes the whole name, a row, or an aspect:
  connect        the line comes up
  request        a whole request is answered (cut, joined, pieces, largest and group need that)
  cut            the same, cut in two at every byte
  joined         several frames in one segment
  pieces         every byte alone
  largest        the largest data of the profile
  probe-ignored  a probe is never answered
  group          an answer returns over another line when the request's has broken; who answers
                 must hold it back for 0.8 s, as `ringswitch simulate` does
  second         a port carries one connection
  stranger       who connects from an address that `allow` does not hold is refused (--stranger
                 names one where this host has none to be found)
  direction      a frame against the direction of a simplex line is not taken
  reconnect      the line is back after a break
  close          after our FIN the peer closes
  bad-length     a bad length prefix is answered with a close
  probe          an idle line is probed on time (takes up to silent_after)
  silence        a silent line is closed (takes silent_after)
  close-by-peer  it ends its last frame, then sends a FIN: a running switch is asked over its admin
                 API to drain each line; any other peer must be closed by hand, with --await-close
  form           every length prefix that came was well formed

Verdicts: passed; failed; not testable here (it does not concern the line, or the line is down);
not judged (what can be seen from outside does not tell); skipped (--quick). Exit 1 if one failed.";

/// Runs the command: exit 0 if no clause failed, 1 if one did or it was interrupted, 2 if there is
/// nothing such to test.
pub fn run(
    plan: &Plan,
    member: &str,
    options: &Options,
    switch: Result<Address, String>,
    json: bool,
    width: usize,
) -> ExitCode {
    let complain = |message: &dyn std::fmt::Display| eprintln!("ringswitch certify {member}: {message}");
    let interrupt = match Interrupt::catch() {
        Ok(interrupt) => interrupt,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let stop = || interrupt.asked();
    let progress = |what: &str| eprintln!("{what}");
    let certification = match Certification::new(plan, member, options, &stop, &progress) {
        Ok(certification) => certification,
        Err(error) => {
            complain(&error);
            return match error {
                Untestable::Listen { .. } => ExitCode::FAILURE,
                Untestable::UnknownMember { .. } | Untestable::UnknownClause { .. } => ExitCode::from(2),
            };
        }
    };
    let admin = Admin(switch);
    let report =
        if options.part == Part::Member { certification.with_closer(&admin).run() } else { certification.run() };
    if json {
        println!("{:#}", report.json());
    } else {
        print!("{}", render(&report, width));
    }
    if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const ASKED_EVERY: Span = Span::from_millis(50);
const ASKED_AT_MOST: u32 = 60;

/// The running switch's own operator.
struct Admin(Result<Address, String>);

impl Admin {
    fn address(&self) -> Result<&Address, String> {
        self.0.as_ref().map_err(Clone::clone)
    }

    fn order(&self, line: &str, order: &str) -> Result<(), String> {
        client::ask(self.address()?, Method::POST, &format!("/v1/lines/{line}/{order}"))?.success().map(|_| ())
    }

    /// Waits until the switch has let in who is connected: to who is not in yet a drained line is closed by a
    /// reset, and rightly.
    #[expect(clippy::disallowed_methods, reason = "nothing else runs here: the switch is asked now and then")]
    fn await_up(&self, line: &str) -> Result<(), String> {
        let mut state = String::new();
        for _ in 0..ASKED_AT_MOST {
            let answer = client::ask(self.address()?, Method::GET, &format!("/v1/lines/{line}"))?;
            state = answer.success()?.read::<Line>()?.state;
            if state == "up" {
                return Ok(());
            }
            std::thread::sleep(ASKED_EVERY.as_duration());
        }
        Err(format!("the switch says that it is {state}"))
    }
}

impl Closer for Admin {
    fn close(&self, line: &str) -> Result<(), String> {
        self.await_up(line)?;
        self.order(line, "drain")
    }

    fn reopen(&self, line: &str) {
        if let Err(why) = self.order(line, "enable") {
            eprintln!("{line} is drained and could not be enabled again: {why}");
        }
    }
}

fn render(report: &Report, width: usize) -> String {
    let row = |finding: &Finding| {
        let Finding { clause, line, verdict, expected, seen } = finding;
        vec![clause.clone(), line.to_string(), verdict.name().to_owned(), expected.clone(), seen.clone()]
    };
    let tested = report.findings.iter().filter(|finding| !has_only_a_reason(finding.verdict));
    let rows: Vec<Vec<String>> = tested.map(row).collect();
    let mut text = table(HEAD, &rows, width);
    for verdict in [Verdict::NotTestable, Verdict::NotJudged] {
        text += &reasons(report, verdict, width);
    }
    // A narrow table has lost what matters most.
    for finding in report.findings.iter().filter(|finding| finding.verdict == Verdict::Failed) {
        let Finding { clause, line, expected, seen, .. } = finding;
        text += &format!("failed: {clause} {line}: expected that {expected}; seen: {seen}\n");
    }
    let all = [Verdict::Passed, Verdict::Failed, Verdict::NotTestable, Verdict::NotJudged, Verdict::Skipped];
    let counts = all.map(|verdict| format!("{} {}", report.count(verdict), verdict.name())).join(", ");
    let tested = match report.part {
        Part::Switch => format!("member {}, tested from the switch's side", report.member),
        Part::Member => format!("the switch, tested from the side of member {}", report.member),
    };
    text += &format!("{tested}: {counts}\n");
    if report.interrupted {
        text += "interrupted: not everything was tested\n";
    }
    text
}

/// Nothing was expected or seen that a row of the table could show.
const fn has_only_a_reason(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::NotTestable | Verdict::NotJudged)
}

/// Under each reason the lines that it concerns, with their clauses: many have the same.
fn reasons(report: &Report, verdict: Verdict, width: usize) -> String {
    let findings: Vec<&Finding> = report.findings.iter().filter(|finding| finding.verdict == verdict).collect();
    let mut text = String::new();
    for reason in in_order(findings.iter().map(|finding| finding.seen.as_str())) {
        text += &format!("{}: {reason}\n", verdict.name());
        let concerned = || findings.iter().filter(|finding| finding.seen == reason);
        for line in in_order(concerned().map(|finding| &*finding.line)) {
            let clauses = concerned().filter(|finding| &*finding.line == line).map(|finding| finding.clause.as_str());
            text += &wrapped(&format!("  {line}:"), clauses, width);
        }
    }
    text
}

/// Each once, in the order in which they come first.
fn in_order<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for text in texts {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen
}

/// The words behind `head`, in as many lines as they need.
fn wrapped<'a>(head: &str, words: impl Iterator<Item = &'a str>, width: usize) -> String {
    let mut text = head.to_owned();
    let mut column = head.len();
    for word in words {
        if column > 4 && column + 1 + word.len() > width {
            text.push_str("\n   ");
            column = 3;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + word.len();
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::Aspect;

    fn report(verdict: Verdict) -> Report {
        let finding = Finding {
            clause: "MP1-4.5.4/cut".to_owned(),
            line: "issuer-1".into(),
            expected: "answered".to_owned(),
            seen: "not answered".to_owned(),
            verdict,
        };
        Report { member: "issuer".into(), part: Part::Switch, findings: vec![finding], interrupted: false }
    }

    #[test]
    fn a_failed_clause_is_told_whole_on_any_terminal() {
        let text = render(&report(Verdict::Failed), 20);
        assert!(text.contains("failed: MP1-4.5.4/cut issuer-1: expected that answered; seen: not answered"), "{text}");
        assert!(text.ends_with("0 passed, 1 failed, 0 not testable here, 0 not judged, 0 skipped\n"), "{text}");
    }

    #[test]
    fn what_was_not_judged_is_told_by_its_reasons() {
        let finding = |clause: &str, line: &str, seen: &str, verdict| Finding {
            clause: clause.to_owned(),
            line: line.into(),
            expected: "answered".to_owned(),
            seen: seen.to_owned(),
            verdict,
        };
        let findings = vec![
            finding("MP1-4.5.1/connect", "a", "up", Verdict::Passed),
            finding("MP1-4.5.4/cut", "a", "not up", Verdict::NotTestable),
            finding("MP1-4.5.4/cut", "b", "not up", Verdict::NotTestable),
            finding("MP1-4.5.4/joined", "a", "not up", Verdict::NotTestable),
            finding("MP1-4.5.4/joined", "b", "not answered", Verdict::NotJudged),
        ];
        let report = Report { findings, ..report(Verdict::Passed) };
        let text = render(&report, 80);
        let expected = "\
not testable here: not up
  a: MP1-4.5.4/cut MP1-4.5.4/joined
  b: MP1-4.5.4/cut
not judged: not answered
  b: MP1-4.5.4/joined
member issuer, tested from the switch's side: 1 passed, 0 failed, 3 not testable here, 1 not judged, 0 skipped
";
        assert!(text.ends_with(expected), "{text}");
        assert_eq!(text.lines().count(), 2 + 6, "the table has what was tested: {text}");
        assert!(
            render(&report, 20).contains("\n  a: MP1-4.5.4/cut\n    MP1-4.5.4/joined\n"),
            "{}",
            render(&report, 20)
        );
    }

    #[test]
    fn only_a_failure_or_an_interruption_fails() {
        for verdict in [Verdict::Passed, Verdict::NotTestable, Verdict::NotJudged, Verdict::Skipped] {
            assert!(report(verdict).passed(), "{verdict:?}");
        }
        assert!(!report(Verdict::Failed).passed());
        assert!(!Report { interrupted: true, ..report(Verdict::Passed) }.passed());
    }

    #[test]
    fn the_help_names_every_aspect() {
        for aspect in Aspect::ALL {
            assert!(CLAUSES.contains(&format!("\n  {} ", aspect.name())), "{}", aspect.name());
        }
    }
}
