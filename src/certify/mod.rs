#![forbid(unsafe_code)]
//! The other side of a member's lines, tested clause by clause.
//!
//! Certify plays one end of every line of a member over real sockets: the switch's end against the
//! real member, or the member's end against a running switch. Whoever is at the other end is the
//! *peer*. Each clause does what a standard speaks of, looks at what the peer does, and makes one
//! [`Finding`] for each line. What cannot be seen from outside is said to be not judged: a clause
//! passes only by something that was seen.
//!
//! Lines are broken, muted and fed with bad lengths on purpose: it is for lines that carry no
//! business.

pub mod clause;
pub mod report;

mod bench;
mod closing;
mod connecting;
mod framing;
mod groups;
mod idle;
mod part;
mod requests;
mod stranger;
mod wire;

#[cfg(test)]
mod faulty;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::{fmt, io};

pub use clause::Aspect;
pub use part::Part;
pub use report::{Finding, Report, Verdict};

use crate::config::plan::{Line, Plan};
use crate::time::Span;
use bench::Bench;

/// With [`Options::quick`], what takes longer than this is skipped.
pub const QUICK: Span = Span::from_secs(15);

/// How long the end of a line may take to show on the others of its group.
const GROUP_FALLS: Span = Span::from_millis(300);

/// What is to be tested.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    pub part: Part,
    /// A clause (`MP1-4.5.4/cut`), a row of the standards (`MP1-4.5.4`) or an aspect (`cut`);
    /// everything by default.
    pub only: Option<String>,
    /// Leave out what takes longer than [`QUICK`].
    pub quick: bool,
    /// Connect from here instead of an allowed local address.
    pub bind: Option<IpAddr>,
    /// Connect from here where an address is needed that is not allowed.
    pub stranger: Option<IpAddr>,
    /// How long, at the end, the peer's people have to close its lines in order.
    pub await_close: Option<Span>,
}

/// Who can have the peer close a line in order: nothing that is sent over the line can.
pub trait Closer {
    /// Has it close the line of that name.
    ///
    /// # Errors
    /// A sentence: why it was not asked, or refuses.
    fn close(&self, line: &str) -> Result<(), String>;

    /// Puts the line back into service.
    fn reopen(&self, line: &str);
}

/// Why a member's lines cannot be tested.
#[derive(Debug)]
pub enum Untestable {
    UnknownMember { known: Vec<String> },
    UnknownClause { known: Vec<String> },
    Listen { part: Part, address: SocketAddr, error: io::Error },
}

impl fmt::Display for Untestable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownMember { known } => write!(f, "no such member; there are: {}", known.join(", ")),
            Self::UnknownClause { known } => write!(f, "no such clause for its lines; there are: {}", known.join(", ")),
            Self::Listen { part, address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                let (whose, other) = match part {
                    Part::Switch => ("the switch", "a running one is tested with --as member"),
                    Part::Member => ("the member", "a running one is tested without --as member"),
                };
                write!(f, "cannot listen at {address}: {error}; certify plays {whose} here, and {other}")
            }
            Self::Listen { address, error, .. } => write!(f, "cannot listen at {address}: {error}"),
        }
    }
}

impl std::error::Error for Untestable {}

/// A certification under way.
pub struct Certification<'a> {
    bench: Bench<'a>,
    options: Options,
    findings: Vec<Finding>,
    progress: &'a dyn Fn(&str),
    closer: Option<&'a dyn Closer>,
}

impl<'a> Certification<'a> {
    /// Binds what is to listen; nothing is connected yet. `stop` is asked all the time, `progress`
    /// is told what begins and how long it may take.
    ///
    /// # Errors
    /// See [`Untestable`].
    pub fn new(
        plan: &Plan,
        member: &str,
        options: &Options,
        stop: &'a dyn Fn() -> bool,
        progress: &'a dyn Fn(&str),
    ) -> Result<Self, Untestable> {
        let Some(member) = plan.members.iter().find(|candidate| &*candidate.name == member) else {
            let known = plan.members.iter().map(|member| member.name.to_string()).collect();
            return Err(Untestable::UnknownMember { known });
        };
        let lines: Vec<_> = plan.lines.iter().flatten().filter(|line| line.member == member.id).cloned().collect();
        if let Some(only) = &options.only {
            let known = clause::names(lines.iter().map(|line| &**line), options.part);
            if !Aspect::ALL.iter().any(|aspect| lines.iter().any(|line| aspect.is_meant(only, line, options.part))) {
                return Err(Untestable::UnknownClause { known });
            }
        }
        let bench = Bench::open(plan, member, &lines, options, stop)?;
        Ok(Self { bench, options: options.clone(), findings: Vec::new(), progress, closer: None })
    }

    /// With somebody who can have the peer close its lines; [`Options::await_close`] goes before.
    pub fn with_closer(mut self, closer: &'a dyn Closer) -> Self {
        self.closer = Some(closer);
        self
    }

    /// Tests everything that was asked for. Slow peers make it slow, none makes it endless.
    pub fn run(mut self) -> Report {
        self.connect();
        for aspect in Aspect::ALL {
            if self.bench.stopped() {
                break;
            }
            for at in 0..self.bench.wires.len() {
                if self.wants(aspect, at) && !self.bench.stopped() && !aspect.takes_all_lines_at_once() {
                    self.test(aspect, at);
                }
            }
            if aspect.takes_all_lines_at_once() {
                self.test_all(aspect);
            }
        }
        Report {
            member: self.bench.member.clone(),
            part: self.options.part,
            findings: self.findings,
            interrupted: self.bench.stopped(),
        }
    }

    /// What is tested on one line after the other.
    fn test(&mut self, aspect: Aspect, at: usize) {
        let ends = self.bench.ends();
        self.test_alone(aspect, at);
        if self.bench.falls_with_others(at) && self.bench.ends() != ends {
            // The others of the group are closed for it: the next test must not take that for its own doing.
            self.bench.pause(GROUP_FALLS);
        }
    }

    fn test_alone(&mut self, aspect: Aspect, at: usize) {
        match aspect {
            Aspect::Request => self.request(at),
            Aspect::Cut => self.cut(at),
            Aspect::Joined => self.joined(at),
            Aspect::Pieces => self.pieces(at),
            Aspect::Largest => self.largest(at),
            Aspect::ProbeIgnored => self.probe_ignored(at),
            Aspect::Group => self.group(at),
            Aspect::Second => self.second(at),
            Aspect::Stranger => self.stranger(at),
            Aspect::Direction => self.direction(at),
            Aspect::Reconnect => self.reconnect(at),
            Aspect::Close => self.close(at),
            Aspect::BadLength => self.bad_length(at),
            Aspect::Form => self.form(at),
            Aspect::Connect | Aspect::Probe | Aspect::Silence | Aspect::CloseByPeer => {}
        }
    }

    /// What takes minutes is waited for on all lines together.
    fn test_all(&mut self, aspect: Aspect) {
        match aspect {
            Aspect::Probe => self.probes(),
            Aspect::Silence => self.silence(),
            Aspect::CloseByPeer => self.close_by_peer(),
            _ => {}
        }
    }

    fn wanted(&self, aspect: Aspect) -> Vec<usize> {
        (0..self.bench.wires.len()).filter(|&at| self.wants(aspect, at)).collect()
    }

    fn wants(&self, aspect: Aspect, at: usize) -> bool {
        self.options
            .only
            .as_ref()
            .is_none_or(|only| aspect.is_meant(only, &self.bench.wires[at].line, self.options.part))
    }

    fn line(&self, at: usize) -> &Line {
        &self.bench.wires[at].line
    }

    fn found(
        &mut self,
        aspect: Aspect,
        at: usize,
        expected: impl Into<String>,
        verdict: Verdict,
        seen: impl Into<String>,
    ) {
        let line = self.line(at);
        let clause = aspect.clause(line, self.options.part);
        let finding =
            Finding { clause, line: line.name.clone(), expected: expected.into(), seen: seen.into(), verdict };
        // A wait that was cut short has seen nothing.
        if !self.bench.stopped() {
            self.findings.push(finding);
        }
    }

    /// The line, up; false if it does not come up, which is then the finding.
    fn is_up(&mut self, aspect: Aspect, at: usize, expected: &str) -> bool {
        let up = self.bench.bring_up(at);
        if !up {
            self.found(aspect, at, expected, Verdict::NotTestable, "the line is not up");
        }
        up
    }

    fn tell(&self, aspect: Aspect, at: usize, what: &str) {
        let line = self.line(at);
        (self.progress)(&format!("{} {}: {what}", aspect.clause(line, self.options.part), line.name));
    }
}
