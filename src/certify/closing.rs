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

    /// Whether it ends its own sending in order. Only its people, or who can speak to it, make it.
    pub(super) fn close_by_peer(&mut self) {
        let expected = "it ends its last frame and then requests the disconnect, by a FIN";
        let mut closing = Vec::new();
        for at in self.wanted(Aspect::CloseByPeer) {
            if self.bench.part.receives(self.line(at)) {
                closing.push(at);
            } else {
                let seen = "it sends nothing on this line: to close it is ours";
                self.found(Aspect::CloseByPeer, at, expected, Verdict::NotTestable, seen);
            }
        }
        match (self.options.await_close, self.closer) {
            (Some(limit), _) => self.await_close(closing, expected, limit),
            (None, Some(closer)) => closing.into_iter().for_each(|at| self.have_it_closed(at, expected, closer)),
            (None, None) => {
                let peer = self.bench.part.peer();
                let seen = format!("nobody could have {peer} close it: say --await-close 60s and stop it when told to");
                closing.into_iter().for_each(|at| {
                    self.found(Aspect::CloseByPeer, at, expected, Verdict::NotJudged, seen.as_str());
                });
            }
        }
    }

    /// Its people are told to, once for all lines.
    fn await_close(&mut self, mut closing: Vec<usize>, expected: &str, limit: Span) {
        closing.retain(|&at| self.is_up(Aspect::CloseByPeer, at, expected));
        let Some(&first) = closing.first() else { return };
        let peer = self.bench.part.peer();
        let what = format!("NOW close the lines of {peer} in order, or stop it; waiting up to {}", seconds(limit));
        let before: Vec<u64> = closing.iter().map(|&at| self.bench.wires[at].seen.ends).collect();
        closing.iter().for_each(|&at| self.bench.wires[at].left_down = true);
        self.tell(Aspect::CloseByPeer, first, &what);
        let all = |bench: &mut super::Bench<'_>| {
            closing.iter().zip(&before).all(|(&at, &before)| bench.wires[at].seen.ends != before)
        };
        self.bench.wait(limit, all);
        for (at, before) in closing.into_iter().zip(before) {
            self.bench.wires[at].left_down = false;
            let (verdict, seen) = self.judge_close(at, before, limit);
            self.found(Aspect::CloseByPeer, at, expected, verdict, seen);
        }
    }

    fn have_it_closed(&mut self, at: usize, expected: &str, closer: &dyn super::Closer) {
        if !self.is_up(Aspect::CloseByPeer, at, expected) {
            return;
        }
        let name = self.line(at).name.clone();
        self.tell(Aspect::CloseByPeer, at, &format!("{} is asked to drain it", self.bench.part.peer()));
        let before = self.bench.wires[at].seen.ends;
        self.bench.wires[at].left_down = true;
        if let Err(why) = closer.close(&name) {
            self.bench.wires[at].left_down = false;
            let seen = format!("it could not be asked to close it: {why}");
            return self.found(Aspect::CloseByPeer, at, expected, Verdict::NotJudged, seen);
        }
        self.bench.wait(SLACK, |bench| bench.wires[at].seen.ends != before);
        closer.reopen(&name);
        self.bench.wires[at].left_down = false;
        let (verdict, seen) = self.judge_close(at, before, SLACK);
        self.found(Aspect::CloseByPeer, at, expected, verdict, seen);
    }

    fn judge_close(&self, at: usize, ends: u64, waited: Span) -> (Verdict, String) {
        let seen = &self.bench.wires[at].seen;
        match seen.last_end {
            _ if seen.ends == ends => (Verdict::NotJudged, format!("still open after {}", seconds(waited))),
            Some((_, End::Fin)) if seen.begun > 0 => {
                (Verdict::Failed, format!("closed {} bytes into a frame", seen.begun))
            }
            Some((_, End::Fin)) => (Verdict::Passed, "closed by a FIN between two frames".to_owned()),
            Some((_, End::Ours)) => (Verdict::Failed, "it sent what begins with no length".to_owned()),
            _ => (Verdict::Failed, "closed by a reset".to_owned()),
        }
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
