//! Who is not registered for a port is refused (`MC6-4.3`).

use std::net::IpAddr;

use super::bench::SLACK;
use super::framing::seconds;
use super::report::Verdict;
use super::wire::has_ended;
use super::{Aspect, Certification, Part};
use crate::simulate::sockets;
use crate::time::Span;

/// The peer has to see that our own connection has ended: a port that is taken refuses everybody.
const FREE_WITHIN: Span = Span::from_millis(500);

/// What became of a stranger's connect.
enum Outcome {
    Refused,
    Unanswered,
    LetIn,
    /// It could not even be tried.
    Untried(std::io::Error),
}

impl Certification<'_> {
    pub(super) fn stranger(&mut self, at: usize) {
        let expected = "a connection from an address that is not registered is refused";
        let local = match self.strange_address(at) {
            Ok(local) => local,
            Err(seen) => return self.found(Aspect::Stranger, at, expected, Verdict::NotTestable, seen),
        };
        if !self.is_up(Aspect::Stranger, at, expected) {
            return;
        }
        self.tell(Aspect::Stranger, at, &format!("the line is broken, and {local} connects to its port"));
        self.bench.wires[at].left_down = true;
        self.bench.wires[at].reset();
        self.bench.pause(FREE_WITHIN);
        let outcome = self.connect_as(at, local);
        self.bench.wires[at].left_down = false;
        // A port that lets in nobody has refused nobody in particular.
        let owner_returns = self.bench.bring_up(at);
        let (verdict, seen) = match outcome {
            Outcome::LetIn => (Verdict::Failed, format!("{local} was let in")),
            Outcome::Untried(error) => (Verdict::NotJudged, format!("nothing can connect from {local} here: {error}")),
            _ if !owner_returns => {
                (Verdict::NotJudged, format!("{local} was not let in, but then neither was who is registered"))
            }
            Outcome::Refused => (Verdict::Passed, format!("{local} was refused")),
            Outcome::Unanswered => {
                (Verdict::Passed, format!("the connect from {local} was not answered in {}", seconds(SLACK)))
            }
        };
        self.found(Aspect::Stranger, at, expected, verdict, seen);
    }

    /// An address that this host can connect from and `allow` does not hold, or why there is none.
    fn strange_address(&self, at: usize) -> Result<IpAddr, String> {
        let wire = &self.bench.wires[at];
        if self.bench.part == Part::Switch {
            let who = if self.bench.part.listens(&wire.line) { "the port is ours" } else { "the port is the member's" };
            return Err(format!("the clause is about the switch's ports; {who}"));
        }
        if self.bench.part.listens(&wire.line) {
            return Err("the switch connects; the port is ours".to_owned());
        }
        match self.options.stranger {
            Some(given) if wire.line.allow.contains(given) => Err(format!("`allow` holds {given}: it is no stranger")),
            Some(given) => Ok(given),
            None => sockets::stranger(wire.remote(), &wire.line.allow)
                .ok_or_else(|| "`allow` holds every address of this host: name another with --stranger".to_owned()),
        }
    }

    fn connect_as(&mut self, at: usize, local: IpAddr) -> Outcome {
        let mut stream = match self.bench.wires[at].dial_from(local) {
            Ok(stream) => stream,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Outcome::Refused,
            Err(error) => return Outcome::Untried(error),
        };
        let (mut refused, mut answered) = (false, false);
        self.bench.wait(SLACK, |_| {
            let failed = matches!(stream.take_error(), Ok(Some(_)) | Err(_));
            answered |= stream.peer_addr().is_ok();
            refused |= failed || (answered && has_ended(&mut stream));
            refused
        });
        match (refused, answered) {
            (true, _) => Outcome::Refused,
            (false, true) => Outcome::LetIn,
            (false, false) => Outcome::Unanswered,
        }
    }
}
