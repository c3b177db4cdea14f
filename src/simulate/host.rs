//! The side that answers.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::message::{self, Addresses, Header};
use super::verdict::HostVerdict;
use crate::time::{Instant, Span};

/// An answer that its client asked to be held back.
#[derive(PartialEq, Eq, Debug)]
struct Held {
    due: Instant,
    /// Where the request came in.
    line: usize,
    data: Vec<u8>,
}

impl Ord for Held {
    /// The one that is due first is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.cmp(&self.due).then_with(|| other.data.cmp(&self.data)).then_with(|| other.line.cmp(&self.line))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug)]
pub struct Host {
    addresses: Addresses,
    pub verdict: HostVerdict,
    held: BinaryHeap<Held>,
    scratch: Vec<u8>,
}

impl Host {
    pub fn new(addresses: Addresses) -> Self {
        Self { addresses, verdict: HostVerdict::default(), held: BinaryHeap::new(), scratch: Vec::new() }
    }

    /// Makes the answer to a frame that reads as a request and came in on `line`; `None` if it is
    /// to be held back.
    #[inline]
    pub fn answer(&mut self, line: usize, header: Header, data: &[u8], hold: Span, now: Instant) -> Option<&[u8]> {
        self.verdict.requests += 1;
        let whole = message::answer(header, data, self.addresses, &mut self.scratch);
        self.verdict.wrong += u64::from(!whole);
        if hold == Span::ZERO {
            return Some(&self.scratch);
        }
        self.verdict.held += 1;
        self.held.push(Held { due: now + hold, line, data: self.scratch.clone() });
        None
    }

    /// A frame that is no message of the simulator's.
    pub fn unreadable(&mut self) {
        self.verdict.wrong += 1;
    }

    /// The next held answer that is due, and the line that its request came in on.
    pub fn due(&mut self, now: Instant) -> Option<(usize, Vec<u8>)> {
        if self.next_due() > now {
            return None;
        }
        self.held.pop().map(|held| (held.line, held.data))
    }

    /// When a held answer is due next.
    pub fn next_due(&self) -> Instant {
        self.held.peek().map_or(Instant::NEVER, |held| held.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Framing, Prefix};
    use crate::simulate::message::{Request, Way};

    const FRAMING: Framing = Framing { prefix: Prefix::Bin2, max: 2048 };

    fn request(serial: u64) -> Vec<u8> {
        let sent = Instant(0);
        let request = Request { way: Way::Raw, terminal: 0, run: 1, serial, sent, hold: Span::ZERO };
        let mut frame = Vec::new();
        request.append(100, FRAMING, &mut frame);
        frame.split_off(2)
    }

    #[test]
    fn held_answers_come_in_the_order_in_which_they_are_due() {
        let mut host = Host::new(Addresses::Exchanged);
        let millis = |n| Instant(0) + Span::from_millis(n);
        for (line, hold) in [(0, 30), (1, 10), (2, 20)] {
            let held = host.answer(line, Header::Raw, &request(line as u64), Span::from_millis(hold), millis(0));
            assert_eq!(held, None);
        }
        assert_eq!(host.next_due(), millis(10));
        assert!(host.due(millis(9)).is_none());
        let mut lines = Vec::new();
        while let Some((line, _)) = host.due(millis(25)) {
            lines.push(line);
        }
        assert_eq!(lines, [1, 2]);
        assert_eq!(host.next_due(), millis(30));
    }

    #[test]
    fn a_damaged_request_is_counted_and_answered() {
        let mut host = Host::new(Addresses::Exchanged);
        let mut data = request(1);
        *data.last_mut().unwrap() ^= 1;
        assert!(host.answer(0, Header::Raw, &data, Span::ZERO, Instant(0)).is_some());
        assert_eq!((host.verdict.requests, host.verdict.wrong), (1, 1));
    }
}
