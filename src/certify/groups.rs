//! Answers return by group (`MC6-4.1.4`, `MP1-4.5.2b`).

use super::report::Verdict;
use super::{Aspect, Certification, Part};
use crate::time::Span;

/// How long who answers is asked to hold the answer back. One that does not know the request's
/// form answers at once.
const HOLD: Span = Span::from_millis(800);

/// The request must have arrived before its line breaks.
const ARRIVED: Span = Span::from_millis(300);

impl Certification<'_> {
    pub(super) fn group(&mut self, at: usize) {
        let expected = "its line broken, a request is answered over another of the group";
        if !self.does_answer(Aspect::Group, at, expected) {
            return;
        }
        if self.bench.sibling(at, Part::receives).is_none() {
            let seen = "no other line of the group is up that could bring it";
            return self.found(Aspect::Group, at, expected, Verdict::NotTestable, seen);
        }
        self.tell(Aspect::Group, at, "broken while a request waits");
        let size = self.bench.least(at);
        let Some((serial, frame)) = self.bench.ask(at, size, HOLD) else { return };
        self.bench.wires[at].send(&frame);
        if self.bench.wait(ARRIVED, |bench| bench.answer(serial).is_some()) {
            let seen = "answered before its line could be broken: who answers must hold back, as simulate does";
            return self.found(Aspect::Group, at, expected, Verdict::NotJudged, seen);
        }
        // The line must be down when the answer comes.
        self.bench.wires[at].left_down = true;
        self.bench.wires[at].reset();
        let patience = self.bench.talk(at).map_or(Span::ZERO, |talk| talk.patience);
        self.bench.wait(patience, |bench| bench.answer(serial).is_some());
        self.bench.wires[at].left_down = false;
        let (verdict, seen) = match self.bench.answer(serial) {
            Some(answer) if answer.right => {
                (Verdict::Passed, format!("answered over {}", self.bench.wires[answer.over].line.name))
            }
            Some(_) => (Verdict::Failed, "the answer is damaged".to_owned()),
            None => (Verdict::Failed, "not answered".to_owned()),
        };
        self.found(Aspect::Group, at, expected, verdict, seen);
    }
}
