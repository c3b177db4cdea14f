//! What a certification found.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Part;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Passed,
    Failed,
    /// The clause does not concern this line, or the line is down.
    NotTestable,
    /// It was tried, or cannot be tried, and what can be seen from outside does not tell.
    NotJudged,
    /// Left out because it takes long.
    Skipped,
}

impl Verdict {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotTestable => "not testable here",
            Self::NotJudged => "not judged",
            Self::Skipped => "skipped",
        }
    }

    pub const fn of(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed }
    }
}

/// One clause on one line. No payload byte is in it; a length prefix may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub clause: String,
    pub line: Arc<str>,
    pub expected: String,
    /// What happened, or why nothing could be tried.
    pub seen: String,
    pub verdict: Verdict,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    pub member: Arc<str>,
    pub part: Part,
    pub findings: Vec<Finding>,
    /// Ended before everything was tested.
    pub interrupted: bool,
}

impl Report {
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// Nothing failed, and all was tested that was asked for.
    pub fn passed(&self) -> bool {
        self.count(Verdict::Failed) == 0 && !self.interrupted
    }

    pub fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "clause": finding.clause,
                "line": &*finding.line,
                "expected": finding.expected,
                "seen": finding.seen,
                "verdict": finding.verdict.name(),
            })
        };
        json!({
            "member": &*self.member,
            "as": self.part.name(),
            "passed": self.passed(),
            "interrupted": self.interrupted,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}
