//! The side that asks: makes requests, judges answers.

use super::latency::Latency;
use super::ledger::{Found, Ledger, Waiting};
use super::load::Load;
use super::message::{Request, Way};
use super::verdict::Verdict;
use crate::frame::Framing;
use crate::time::{Instant, Span};

/// The addresses of the terminals played. Two NACs have the same ones, on purpose, and the corners
/// of the range are among them.
const TERMINALS: [u16; 16] = [
    0x0000, 0x0001, 0x0002, 0x0003, 0x0010, 0x00ff, 0x0100, 0x0999, 0x1234, 0x7fff, 0x8000, 0x9999, 0xabcd, 0xff00,
    0xfffe, 0xffff,
];

#[derive(Debug)]
pub struct Client {
    run: u64,
    size: usize,
    answer_within: Span,
    pub load: Load,
    ledger: Ledger,
    /// Requests that wait, by the line they were sent on.
    in_flight: Vec<u32>,
    pub verdict: Verdict,
    pub latency: Latency,
    scratch: Vec<u8>,
}

impl Client {
    /// `run` is a number that no other client has.
    pub fn new(run: u64, size: usize, answer_within: Span, load: Load, lines: usize) -> Self {
        Self {
            run,
            size,
            answer_within,
            load,
            ledger: Ledger::default(),
            in_flight: vec![0; lines],
            verdict: Verdict::default(),
            latency: Latency::default(),
            scratch: Vec::new(),
        }
    }

    pub fn in_flight(&self) -> u64 {
        self.ledger.in_flight()
    }

    #[inline]
    pub fn in_flight_on(&self, line: usize) -> u32 {
        self.in_flight[line]
    }

    /// Requests that `line` has room for now.
    #[inline]
    pub fn room(&self, line: usize) -> u64 {
        self.load.room(self.in_flight[line])
    }

    /// Appends one request of the load to what `line` sends.
    #[inline]
    pub fn send(&mut self, line: usize, ways: &[Way], framing: Framing, now: Instant, out: &mut Vec<u8>) {
        let intended = self.load.send(now);
        self.append(line, ways, framing, (intended, now), Span::ZERO, out);
    }

    /// Appends one request beyond the load, whose answer the host shall hold back.
    pub fn send_held(
        &mut self,
        line: usize,
        ways: &[Way],
        framing: Framing,
        now: Instant,
        hold: Span,
        out: &mut Vec<u8>,
    ) {
        self.append(line, ways, framing, (now, now), hold, out);
    }

    #[inline]
    fn append(
        &mut self,
        line: usize,
        ways: &[Way],
        framing: Framing,
        (intended, sent): (Instant, Instant),
        hold: Span,
        out: &mut Vec<u8>,
    ) {
        let serial = self.ledger.next_serial();
        let way = ways[(serial % ways.len() as u64) as usize];
        let terminal = TERMINALS[(serial / ways.len() as u64) as usize % TERMINALS.len()];
        let request = Request { way, terminal, run: self.run, serial, sent, hold };
        let sum = request.append(self.size, framing, out);
        let line = u16::try_from(line).expect("a member has fewer lines");
        self.ledger.open(Waiting { line, terminal, way, intended, sent, hold, sum });
        self.in_flight[usize::from(line)] += 1;
        self.verdict.sent += 1;
    }

    /// Judges a frame that came in on `line` and reads as an answer.
    #[inline]
    pub fn answered(&mut self, line: usize, run: u64, serial: u64, data: &[u8], now: Instant) {
        if run != self.run {
            self.verdict.wrong += 1; // somebody else's
            return;
        }
        match self.ledger.take(serial) {
            Found::Waiting(waiting) => {
                self.in_flight[usize::from(waiting.line)] -= 1;
                self.judge(line, serial, &waiting, data, now);
            }
            Found::Duplicate => self.verdict.duplicates += 1,
            Found::Late => self.verdict.late += 1,
            Found::Never => self.verdict.wrong += 1,
        }
    }

    #[inline]
    fn judge(&mut self, line: usize, serial: u64, waiting: &Waiting, data: &[u8], now: Instant) {
        let Waiting { terminal, way, sent, hold, .. } = *waiting;
        let request = Request { way, terminal, run: self.run, serial, sent, hold };
        if !request.answered_by(data, self.size, waiting.sum, &mut self.scratch) {
            self.verdict.wrong += 1;
            return;
        }
        self.verdict.answered += 1;
        self.verdict.over_sibling += u64::from(usize::from(waiting.line) != line);
        // What was held back on request says nothing of the switch.
        if hold == Span::ZERO {
            self.latency.record(now.since(waiting.intended));
        }
    }

    /// A request came back because it could not be delivered.
    pub fn rejected(&mut self, run: u64, serial: u64) {
        match (run == self.run).then(|| self.ledger.withdraw(serial)).flatten() {
            Some(waiting) => {
                self.in_flight[usize::from(waiting.line)] -= 1;
                self.verdict.rejected += 1;
            }
            None => self.verdict.wrong += 1,
        }
    }

    /// A frame that is no message of the simulator's.
    pub fn unreadable(&mut self) {
        self.verdict.wrong += 1;
    }

    /// A request of which no byte was given to the kernel before its line broke: it was not sent.
    pub fn withdraw(&mut self, serial: u64) {
        if let Some(waiting) = self.ledger.withdraw(serial) {
            self.in_flight[usize::from(waiting.line)] -= 1;
            self.verdict.sent -= 1;
            if waiting.hold == Span::ZERO {
                self.load.withdraw();
            }
        }
    }

    /// Gives up what is overdue.
    pub fn expire(&mut self, now: Instant) {
        let Self { ledger, in_flight, verdict, .. } = self;
        ledger.expire(now, self.answer_within, |waiting| {
            in_flight[usize::from(waiting.line)] -= 1;
            verdict.lost += 1;
        });
    }
}
