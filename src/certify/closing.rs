//! The end of a line (`MP1-4.5.3`), and frames against its direction (`MP1-4.3.1a`).

use super::bench::{SLACK, framed};
use super::framing::seconds;
use super::report::Verdict;
use super::wire::End;
use super::{Aspect, Certification, Part};
use crate::time::Span;

/// How long a close is waited for where no answer can come.
const CLOSED_WITHIN: Span = Span::from_secs(2);

impl Certification<'_> {
    pub(super) fn close(&mut self, at: usize) {
        let expected = format!("after our FIN {} closes in {}", self.bench.part.peer(), seconds(SLACK));
        if !self.bench.part.sends(self.line(at)) {
            let seen = "we send nothing on this line: to close it is the peer's";
            return self.found(Aspect::Close, at, expected, Verdict::NotTestable, seen);
        }
        if !self.is_up(Aspect::Close, at, &expected) {
            return;
        }
        self.tell(Aspect::Close, at, "the disconnect is requested");
        let before = self.bench.wires[at].seen.ends;
        self.bench.wires[at].finish();
        let closed = self.bench.wait(SLACK, |bench| bench.wires[at].seen.ends != before);
        self.bench.wires[at].mute = false;
        if !closed {
            self.bench.wires[at].reset();
            return self.found(Aspect::Close, at, expected, Verdict::Failed, "still open");
        }
        let seen = match self.bench.wires[at].seen.last_end {
            Some((_, End::Ours)) => {
                let seen = "it sent what begins with no length";
                return self.found(Aspect::Close, at, expected, Verdict::Failed, seen);
            }
            Some((_, End::Reset)) => "closed, by a reset",
            _ => "closed",
        };
        self.found(Aspect::Close, at, expected, Verdict::Passed, seen);
    }

    pub(super) fn close_by_peer(&mut self, at: usize) {
        let expected = "it stops sending before it requests the disconnect";
        let seen = "only its operator can make it close in order; from outside it cannot be asked to";
        self.found(Aspect::CloseByPeer, at, expected, Verdict::NotJudged, seen);
    }

    pub(super) fn direction(&mut self, at: usize) {
        let expected = "a frame against the direction is not taken";
        if self.bench.part.sends(self.line(at)) {
            return self.found(Aspect::Direction, at, expected, Verdict::NotTestable, "we may send on this line");
        }
        if !self.is_up(Aspect::Direction, at, expected) {
            return;
        }
        self.tell(Aspect::Direction, at, "a frame against its direction");
        let other = self.bench.sibling(at, Part::sends);
        let answers = other.is_some_and(|other| self.bench.answers(other));
        let ignored_after = self.bench.talk(at).map(|talk| talk.patience).filter(|_| answers).unwrap_or(CLOSED_WITHIN);
        let size = self.bench.least(at).max(1);
        let asked = self.bench.ask(at, size, Span::ZERO);
        let line = self.bench.wires[at].line.clone();
        let frame = asked.as_ref().map_or_else(|| framed(&line, &[b'0'; 64]), |(_, frame)| frame.clone());
        let before = self.bench.wires[at].seen.ends;
        self.bench.wires[at].send(&frame);
        let answered =
            |bench: &super::Bench<'_>| asked.as_ref().is_some_and(|&(serial, _)| bench.answer(serial).is_some());
        self.bench.wait(ignored_after, |bench| answered(bench) || bench.wires[at].seen.ends != before);
        let (verdict, seen) = if answered(&self.bench) {
            (Verdict::Failed, "it was answered")
        } else if self.bench.wires[at].seen.ends != before {
            (Verdict::Passed, "the line was closed")
        } else if answers {
            (Verdict::Passed, "it was ignored")
        } else {
            (Verdict::NotJudged, "the line stays open, and requests are not answered on the right lines either")
        };
        self.found(Aspect::Direction, at, expected, verdict, seen);
    }
}
