//! Terminals and hosts in a closed loop: each of a terminal's slots asks again when it is answered.

use ringswitch::simulate::latency::Latency;
use ringswitch::time::{Instant, Span};

use super::cutting::{Piece, cut};
use super::frames::{Frames, Mark, Style};
use super::hub::{Hub, Out, Player};

/// An answer that takes longer is lost: nothing in a bench may take so long.
const PATIENCE: Span = Span::from_secs(20);

/// The lines of a hub, the first of which are terminals' and the others hosts'.
pub struct Generator {
    frames: Frames,
    terminals: u32,
    window: u16,
    slots: Vec<Slot>,
    running: bool,
    under_way: usize,
    tally: Tally,
}

#[derive(Clone, Copy)]
struct Slot {
    serial: u64,
    asked: Instant,
}

/// What came back since it was last taken.
#[derive(Clone, Default)]
pub struct Tally {
    /// Frames that crossed what lies between terminals and hosts: two for each answer.
    pub frames: u64,
    /// From a request's making to its answer's arrival.
    pub latency: Latency,
}

impl Tally {
    /// What came back after it.
    pub fn add(&mut self, later: Self) {
        self.frames += later.frames;
        self.latency.merge(&later.latency);
    }
}

impl Generator {
    pub fn new(style: Style, size: usize, terminals: usize, window: usize) -> Self {
        let slot = Slot { serial: 0, asked: Instant(0) };
        Self {
            frames: Frames::new(style, size),
            terminals: terminals as u32,
            window: u16::try_from(window).expect("a window of some hundred"),
            slots: vec![slot; terminals * window],
            running: false,
            under_way: 0,
            tally: Tally::default(),
        }
    }

    /// Asks on every slot.
    pub fn start(&mut self, hub: &mut Hub) {
        let now = hub.now();
        let mut out = hub.out();
        self.running = true;
        for line in 0..self.terminals {
            (0..self.window).for_each(|slot| self.ask(&mut out, line, slot, now));
        }
    }

    /// Plays for a time and says what came back in it.
    pub fn run(&mut self, hub: &mut Hub, span: Span) -> Tally {
        let end = hub.now() + span;
        loop {
            let left = end.since(hub.now());
            if left == Span::ZERO {
                return std::mem::take(&mut self.tally);
            }
            hub.turn(self, left);
            assert_eq!(hub.closed(), 0, "a line broke");
        }
    }

    /// Plays until so many frames have crossed.
    pub fn run_frames(&mut self, hub: &mut Hub, frames: u64) {
        let until = self.tally.frames + frames;
        let end = hub.now() + PATIENCE;
        while self.tally.frames < until {
            hub.turn(self, PATIENCE);
            assert!(hub.closed() == 0 && hub.now() < end, "{} of {until} frames crossed", self.tally.frames);
        }
    }

    /// Asks no more and waits for what is under way.
    pub fn stop(&mut self, hub: &mut Hub) {
        self.running = false;
        let end = hub.now() + PATIENCE;
        while self.under_way > 0 {
            hub.turn(self, PATIENCE);
            assert!(hub.closed() == 0 && hub.now() < end, "{} answers did not come", self.under_way);
        }
        self.tally = Tally::default();
    }

    #[inline]
    fn ask(&mut self, out: &mut Out<'_>, line: u32, slot: u16, now: Instant) {
        let at = line as usize * usize::from(self.window) + usize::from(slot);
        self.slots[at].serial += 1;
        self.slots[at].asked = now;
        self.under_way += 1;
        let mark = Mark { line, slot, serial: self.slots[at].serial };
        self.frames.request(mark, |parts| out.append(line, parts));
    }

    #[inline]
    fn answered(&mut self, out: &mut Out<'_>, line: u32, data: &[u8], now: Instant) {
        let mark = self.frames.check(data);
        assert!(mark.line == line && mark.slot < self.window, "line {line} got the answer of {mark:?}");
        let at = line as usize * usize::from(self.window) + usize::from(mark.slot);
        assert_eq!(mark.serial, self.slots[at].serial, "an answer that nobody waits for ({mark:?})");
        self.tally.frames += 2;
        self.tally.latency.record(now.since(self.slots[at].asked));
        self.under_way -= 1;
        if self.running {
            self.ask(out, line, mark.slot, now);
        }
    }
}

impl Player for Generator {
    fn received(&mut self, out: &mut Out<'_>, line: u32, bytes: &[u8], now: Instant) -> usize {
        let terminal = line < self.terminals;
        let prefix = if terminal { self.frames.style.terminal } else { self.frames.style.host };
        cut(prefix, line, bytes, |piece| match piece {
            Piece::Probe => {}
            Piece::Frame(data) if terminal => self.answered(out, line, data, now),
            Piece::Frame(data) => self.frames.answer(data, |parts| out.append(line, parts)),
        })
    }
}
