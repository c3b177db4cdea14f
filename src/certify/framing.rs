//! Where a frame ends: judged by the answers to requests that are cut, joined, large or malformed.

use super::bench::SLACK;
use super::report::Verdict;
use super::wire::End;
use super::{Aspect, Certification};
use crate::frame::Prefix;
use crate::time::Span;

/// Between two pieces, so that each travels in a segment of its own and is received alone, unless
/// the peer is slower than this.
const GAP: Span = Span::from_millis(2);

/// Between single bytes: a whole frame must be there within the shortest `partial_within`.
const BYTE_GAP: Span = Span::from_millis(1);

const JOINED: usize = 8;

const UNANSWERED: &str = "a whole request was not answered either: who answers must run and answer";

impl Certification<'_> {
    pub(super) fn request(&mut self, at: usize) {
        let expected = "a whole request is answered";
        if !self.can_ask(Aspect::Request, at, expected) {
            return;
        }
        self.tell(Aspect::Request, at, "asks once, and again if need be");
        let answered = self.bench.answers(at);
        // Whether anybody answers is the business of the application behind the line.
        let (verdict, seen) = if answered {
            (Verdict::Passed, "answered".to_owned())
        } else if let Some(prefix) = &self.bench.wires[at].seen.malformed {
            (Verdict::Failed, format!("what came begins with no length: {}", hex(prefix)))
        } else {
            (Verdict::NotJudged, "not answered: who answers must run and answer".to_owned())
        };
        self.found(Aspect::Request, at, expected, verdict, seen);
    }

    /// The line is up and the peer is one that answers; else that is the finding.
    fn can_ask(&mut self, aspect: Aspect, at: usize, expected: &str) -> bool {
        if !self.bench.part.sends(self.line(at)) {
            self.found(aspect, at, expected, Verdict::NotTestable, "nothing may be sent on this line");
            return false;
        }
        if self.bench.talk(at).is_none_or(|talk| talk.way.is_none()) {
            let why = format!("by the routes, {} answers no requests here", self.bench.part.peer());
            self.found(aspect, at, expected, Verdict::NotJudged, why);
            return false;
        }
        self.is_up(aspect, at, expected)
    }

    /// The same, and it did answer a whole request.
    pub(super) fn does_answer(&mut self, aspect: Aspect, at: usize, expected: &str) -> bool {
        if !self.can_ask(aspect, at, expected) {
            return false;
        }
        let answers = self.bench.answers(at);
        if !answers {
            self.found(aspect, at, expected, Verdict::NotJudged, UNANSWERED);
        }
        answers
    }

    pub(super) fn cut(&mut self, at: usize) {
        let expected = "answered wherever the frame is cut in two";
        if !self.does_answer(Aspect::Cut, at, expected) {
            return;
        }
        self.tell(Aspect::Cut, at, "a request cut after each of its bytes");
        let size = self.bench.least(at);
        let frame_bytes = self.line(at).framing.prefix.bytes() + size;
        for cut in 1..frame_bytes {
            if let Err(seen) = self.exchange(at, size, &[cut], GAP) {
                let seen = format!("cut after byte {cut} of {frame_bytes}: {seen}");
                return self.found(Aspect::Cut, at, expected, Verdict::Failed, seen);
            }
        }
        self.found(Aspect::Cut, at, expected, Verdict::Passed, format!("answered for all {} cuts", frame_bytes - 1));
    }

    pub(super) fn pieces(&mut self, at: usize) {
        let expected = "answered when every byte comes alone";
        if !self.does_answer(Aspect::Pieces, at, expected) {
            return;
        }
        let size = self.bench.least(at);
        let frame_bytes = self.line(at).framing.prefix.bytes() + size;
        let cuts: Vec<usize> = (1..frame_bytes).collect();
        self.judge(Aspect::Pieces, at, expected, |own| own.exchange(at, size, &cuts, BYTE_GAP));
    }

    pub(super) fn largest(&mut self, at: usize) {
        let size = self.bench.talk(at).map_or(0, |talk| talk.largest);
        let expected = format!("{size} bytes of data are answered whole");
        if !self.does_answer(Aspect::Largest, at, &expected) {
            return;
        }
        self.judge(Aspect::Largest, at, &expected, |own| {
            own.exchange(at, size, &[], GAP)?;
            // In segments of which none ends where the frame does.
            let cuts: Vec<usize> = (1..size).step_by(536).collect();
            own.exchange(at, size, &cuts, BYTE_GAP)
        });
    }

    pub(super) fn joined(&mut self, at: usize) {
        let expected = format!("{JOINED} requests in one segment are all answered");
        if !self.does_answer(Aspect::Joined, at, &expected) {
            return;
        }
        self.judge(Aspect::Joined, at, &expected, |own| {
            let size = own.bench.least(at);
            let asked: Vec<_> = (0..JOINED).filter_map(|_| own.bench.ask(at, size, Span::ZERO)).collect();
            let bytes: Vec<u8> = asked.iter().flat_map(|(_, frame)| frame.clone()).collect();
            let before = own.bench.wires[at].seen.ends;
            own.bench.wires[at].send(&bytes);
            asked.iter().try_for_each(|&(serial, _)| own.await_answer(at, serial, before))
        });
    }

    fn judge(
        &mut self,
        aspect: Aspect,
        at: usize,
        expected: &str,
        attempt: impl FnOnce(&mut Self) -> Result<(), String>,
    ) {
        let (verdict, seen) = match attempt(self) {
            Ok(()) => (Verdict::Passed, "answered".to_owned()),
            Err(seen) => (Verdict::Failed, seen),
        };
        self.found(aspect, at, expected, verdict, seen);
    }

    /// Sends one request, cut at these places, and waits for its answer.
    fn exchange(&mut self, at: usize, size: usize, cuts: &[usize], gap: Span) -> Result<(), String> {
        let Some((serial, frame)) = self.bench.ask(at, size, Span::ZERO) else { return Ok(()) };
        let before = self.bench.wires[at].seen.ends;
        let mut sent = 0;
        for &cut in cuts {
            self.bench.wires[at].send(&frame[sent..cut]);
            self.bench.pause(gap);
            // The rest must not go out over a connection that does not know the beginning.
            if self.bench.wires[at].seen.ends != before {
                return Err(self.how_it_ended(at));
            }
            sent = cut;
        }
        self.bench.wires[at].send(&frame[sent..]);
        self.await_answer(at, serial, before)
    }

    fn await_answer(&mut self, at: usize, serial: u64, ends: u64) -> Result<(), String> {
        let patience = self.bench.talk(at).map_or(SLACK, |talk| talk.patience);
        let settled =
            |bench: &mut super::Bench<'_>| bench.answer(serial).is_some() || bench.wires[at].seen.ends != ends;
        self.bench.wait(patience, settled);
        match self.bench.answer(serial) {
            Some(answer) if answer.right => Ok(()),
            Some(_) => Err("the answer is damaged".to_owned()),
            None if self.bench.wires[at].seen.ends != ends => Err(self.how_it_ended(at)),
            None => Err(format!("not answered in {}", seconds(patience))),
        }
    }

    fn how_it_ended(&self, at: usize) -> String {
        match &self.bench.wires[at].seen.malformed {
            Some(prefix) => format!("what came back begins with no length: {}", hex(prefix)),
            None => format!("{} closed the line", self.bench.part.peer()),
        }
    }

    pub(super) fn bad_length(&mut self, at: usize) {
        let expected = "the line is closed";
        if !self.bench.part.sends(self.line(at)) {
            return self.found(
                Aspect::BadLength,
                at,
                expected,
                Verdict::NotTestable,
                "nothing may be sent on this line",
            );
        }
        let bad = bad_prefixes(self.line(at).framing);
        if bad.is_empty() {
            let seen = "every length that the prefix can express is allowed";
            return self.found(Aspect::BadLength, at, expected, Verdict::NotTestable, seen);
        }
        for prefix in &bad {
            if !self.is_up(Aspect::BadLength, at, expected) {
                return;
            }
            self.tell(Aspect::BadLength, at, &format!("the prefix {}", hex(prefix)));
            let before = self.bench.wires[at].seen.ends;
            // What a reader that takes it for a length would wait for follows: it shows itself.
            let bytes = [prefix.as_slice(), &[b'0'; 188]].concat();
            self.bench.wires[at].send(&bytes);
            let ended = self.bench.wait(SLACK, |bench| bench.wires[at].seen.ends != before);
            // A line that we closed ourselves, because of what came, was not closed by the peer.
            let by_us = self.bench.wires[at].seen.last_end.is_some_and(|(_, end)| end == End::Ours);
            if !ended || by_us {
                let seen = format!("not closed in {} after the prefix {}", seconds(SLACK), hex(prefix));
                self.bench.wires[at].reset();
                return self.found(Aspect::BadLength, at, expected, Verdict::Failed, seen);
            }
        }
        let seen: Vec<String> = bad.iter().map(|prefix| hex(prefix)).collect();
        self.found(Aspect::BadLength, at, expected, Verdict::Passed, format!("closed after {}", seen.join(", ")));
    }

    /// What can be said of everything that came over the line, last.
    pub(super) fn form(&mut self, at: usize) {
        let expected = "every length prefix is well formed and within the limit";
        let seen = self.bench.wires[at].seen.clone();
        let (verdict, text) = match seen.malformed {
            Some(prefix) => (Verdict::Failed, format!("{} is none", hex(&prefix))),
            None if !self.bench.part.receives(self.line(at)) && seen.frames + seen.probes > 0 => {
                let text = format!("{} frames on a line that it only receives on", seen.frames + seen.probes);
                (Verdict::Failed, text)
            }
            None if !self.bench.part.receives(self.line(at)) => {
                (Verdict::NotTestable, "nothing may come on this line, and nothing did".to_owned())
            }
            None if seen.frames + seen.probes == 0 => (Verdict::NotJudged, "nothing came".to_owned()),
            None => (Verdict::Passed, format!("{} frames and {} probes", seen.frames, seen.probes)),
        };
        self.found(Aspect::Form, at, expected, verdict, text);
    }
}

/// Prefixes that are no length, or one past the limit.
fn bad_prefixes(framing: crate::frame::Framing) -> Vec<Vec<u8>> {
    let max = usize::from(framing.max);
    let mut bad: Vec<Vec<u8>> = match framing.prefix {
        Prefix::Bin2 => Vec::new(),
        Prefix::Ascii4 => [b"+188", b" 188", b"-001", b"00b0"].iter().map(|prefix| prefix.to_vec()).collect(),
    };
    if max < framing.prefix.limit() {
        let mut prefix = vec![0; framing.prefix.bytes()];
        framing.prefix.write(max + 1, &mut prefix);
        bad.push(prefix);
    }
    bad
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

pub(super) fn seconds(span: Span) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
