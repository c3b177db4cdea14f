//! Requests at a pace, and the hosts that answer them: in a closed loop with so many under way in
//! all, or at a fixed rate whatever comes back.
//!
//! At a fixed rate each request has an intended time, and latency counts from there: what stalls
//! the load or is stalled by the switch is not left out of the figures (coordinated omission).

use std::collections::VecDeque;

use hdrhistogram::Histogram;
use ringswitch::time::{Instant, Span};

use crate::load::Hub;
use crate::load::cutting::{Piece, cut};
use crate::load::frames::{Frames, Mark, Style};
use crate::load::hub::{Out, Player};

/// An answer that takes longer is lost: nothing in a bench may take so long.
const PATIENCE: Span = Span::from_secs(20);

/// Requests that may be under way; a power of two.
const PLACES: usize = 1 << 17;

/// At a fixed rate: past it requests wait for their turn in the load, their intended times
/// unchanged. More would meet the switch's bound of numbers when a processor stood still.
const UNDER_WAY_MAX: usize = 1 << 15;

/// Requests made before answers are looked at again.
const AT_ONCE: usize = 256;

/// When a request is made.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// So many under way in all; the next when one is answered.
    Window(usize),
    /// So many a second, evenly spaced.
    PerSecond(f64),
    /// No requests; so many probes a second, line by line.
    Probes(f64),
}

/// What came back since it was last taken.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Requests and answers that crossed the switch.
    pub frames: u64,
    /// From a request's intended time to its answer's arrival, in nanoseconds.
    pub latency: Histogram<u64>,
    /// From a request's intended time to its making, in nanoseconds.
    pub late: Histogram<u64>,
    /// Probes of the switch.
    pub probes: u64,
    /// Probes sent to the switch.
    pub probes_sent: u64,
    /// Receives by hosts that brought requests: frames gathered by the switch come together.
    pub host_receives: u64,
}

#[derive(Clone, Copy)]
struct Asked {
    /// 0: answered.
    serial: u64,
    line: u32,
    intended: Instant,
}

/// A request that a host keeps.
struct Kept {
    line: u32,
    data: Vec<u8>,
}

/// The lines of a hub, the first of which are terminals' and the others hosts'.
pub struct Traffic {
    frames: Frames,
    terminals: u32,
    pace: Pace,
    /// The hosts' side answers in order, and only what is beyond so many.
    depth: usize,
    kept: VecDeque<Kept>,
    spare: Vec<Vec<u8>>,
    asked: Vec<Asked>,
    next_line: u32,
    serial: u64,
    began: Instant,
    since_began: u64,
    under_way: usize,
    running: bool,
    tally: Tally,
}

impl Default for Tally {
    fn default() -> Self {
        Self { frames: 0, latency: histogram(), late: histogram(), probes: 0, probes_sent: 0, host_receives: 0 }
    }
}

/// From a nanosecond to over a minute, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 100_000_000_000, 3).expect("bounds that make sense")
}

impl Traffic {
    pub fn new(style: Style, size: usize, terminals: usize) -> Self {
        Self {
            frames: Frames::new(style, size),
            terminals: terminals as u32,
            pace: Pace::Window(0),
            depth: 0,
            kept: VecDeque::new(),
            spare: Vec::new(),
            asked: vec![Asked { serial: 0, line: 0, intended: Instant(0) }; PLACES],
            next_line: 0,
            serial: 0,
            began: Instant(0),
            since_began: 0,
            under_way: 0,
            running: false,
            tally: Tally::default(),
        }
    }

    pub fn start(&mut self, now: Instant, pace: Pace, depth: usize) {
        (self.pace, self.depth, self.began, self.since_began, self.running) = (pace, depth, now, 0, true);
    }

    /// Plays for a time; at a fixed rate, and with a processor of its own, without ever sleeping.
    pub fn run(&mut self, hub: &mut Hub, span: Span, alone: bool) {
        let end = hub.now() + span;
        loop {
            let now = hub.now();
            if now >= end {
                return;
            }
            let next = self.make(hub, now).min(end);
            if next <= now || (alone && matches!(self.pace, Pace::PerSecond(_))) {
                hub.poll(self);
            } else {
                hub.turn(self, next.since(now));
            }
            assert_eq!(hub.closed(), 0, "a line broke");
        }
    }

    /// Plays until the hosts keep as many requests as they are to.
    pub fn fill(&mut self, hub: &mut Hub) {
        let end = hub.now() + PATIENCE;
        while self.kept.len() < self.depth {
            let now = hub.now();
            assert!(now < end && hub.closed() == 0, "{} of {} requests came", self.kept.len(), self.depth);
            self.make(hub, now);
            hub.turn(self, Span::from_millis(1));
        }
    }

    /// Makes no more and waits for what is under way.
    pub fn stop(&mut self, hub: &mut Hub) {
        (self.running, self.depth) = (false, 0);
        let end = hub.now() + PATIENCE;
        while self.under_way > 0 {
            let mut out = hub.out();
            self.answer_kept(&mut out);
            hub.turn(self, Span::from_millis(10));
            assert!(hub.closed() == 0 && hub.now() < end, "{} answers did not come", self.under_way);
        }
    }

    /// Counted since the tally was taken.
    pub fn frames(&self) -> u64 {
        self.tally.frames
    }

    pub fn take(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Makes what is due. When the next is, if that depends on the time alone; at once, if more is due already.
    fn make(&mut self, hub: &mut Hub, now: Instant) -> Instant {
        let mut out = hub.out();
        for _ in 0..AT_ONCE {
            let (intended, under_way_max) = match self.pace {
                Pace::Window(window) => (now, window),
                Pace::PerSecond(rate) | Pace::Probes(rate) => (self.intended(rate), UNDER_WAY_MAX),
            };
            if self.under_way >= under_way_max {
                return Instant::NEVER;
            }
            if intended > now {
                return intended;
            }
            self.since_began += 1;
            if matches!(self.pace, Pace::Probes(_)) {
                self.probe(&mut out);
            } else {
                self.ask(&mut out, intended, now);
            }
        }
        now
    }

    fn intended(&self, per_second: f64) -> Instant {
        self.began + Span((self.since_began as f64 * 1e9 / per_second) as u64)
    }

    fn take_line(&mut self) -> u32 {
        let line = self.next_line;
        self.next_line = if line + 1 == self.terminals { 0 } else { line + 1 };
        line
    }

    fn probe(&mut self, out: &mut Out<'_>) {
        let line = self.take_line();
        out.append(line, &[self.frames.style.terminal.probe()]);
        self.tally.probes_sent += 1;
    }

    #[inline]
    fn ask(&mut self, out: &mut Out<'_>, intended: Instant, now: Instant) {
        let line = self.take_line();
        self.serial += 1;
        let serial = self.serial;
        let place = &mut self.asked[serial as usize % PLACES];
        assert_eq!(place.serial, 0, "an answer is {PLACES} requests late");
        *place = Asked { serial, line, intended };
        self.under_way += 1;
        self.tally.late.saturating_record(now.since(intended).0);
        self.frames.request(Mark { line, slot: serial as u16, serial }, |parts| out.append(line, parts));
    }

    #[inline]
    fn answered(&mut self, out: &mut Out<'_>, line: u32, data: &[u8], now: Instant) {
        let mark = self.frames.check(data);
        let place = &mut self.asked[mark.serial as usize % PLACES];
        assert_eq!((place.serial, place.line), (mark.serial, line), "an answer that nobody waits for here ({mark:?})");
        assert_eq!((mark.line, mark.slot), (line, mark.serial as u16), "a mark that was never made");
        place.serial = 0;
        self.tally.frames += 2;
        self.tally.latency.saturating_record(now.since(place.intended).0);
        self.under_way -= 1;
        if let Pace::Window(window) = self.pace
            && self.running
            && self.under_way < window
        {
            self.ask(out, now, now);
        }
    }

    fn requested(&mut self, out: &mut Out<'_>, line: u32, data: &[u8]) {
        if self.depth == 0 && self.kept.is_empty() {
            return self.frames.answer(data, |parts| out.append(line, parts));
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(data);
        self.kept.push_back(Kept { line, data: copy });
        self.answer_kept(out);
    }

    fn answer_kept(&mut self, out: &mut Out<'_>) {
        while self.kept.len() > self.depth {
            let Kept { line, data } = self.kept.pop_front().expect("more than none");
            self.frames.answer(&data, |parts| out.append(line, parts));
            self.spare.push(data);
        }
    }
}

impl Player for Traffic {
    fn received(&mut self, out: &mut Out<'_>, line: u32, bytes: &[u8], now: Instant) -> usize {
        let terminal = line < self.terminals;
        let prefix = if terminal { self.frames.style.terminal } else { self.frames.style.host };
        self.tally.host_receives += u64::from(!terminal);
        cut(prefix, line, bytes, |piece| match piece {
            Piece::Probe => self.tally.probes += 1,
            Piece::Frame(data) if terminal => self.answered(out, line, data, now),
            Piece::Frame(data) => self.requested(out, line, data),
        })
    }
}
