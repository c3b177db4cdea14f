//! Timer wheels of many idle lines.

use ringswitch::switch::random::Random;
use ringswitch::switch::timers::{TICK, Wheel};
use ringswitch::time::{Instant, Span};

/// How long a line may be idle.
pub const IDLE: Span = Span::from_secs(120);

/// A wheel with an entry for each line, spread over the time that lines may be idle.
pub struct IdleLines {
    pub wheel: Wheel,
    lines: u32,
    random: Random,
    now: Instant,
    due: Vec<u32>,
}

impl IdleLines {
    pub fn new(lines: u32) -> Self {
        let (mut wheel, mut random) = (Wheel::new(Instant(0)), Random::new(1));
        for line in 0..lines {
            wheel.schedule(line, Instant(random.below(IDLE.0)));
        }
        Self { wheel, lines, random, now: Instant(0), due: Vec::with_capacity(lines as usize) }
    }

    /// Any line's entry goes anywhere.
    #[inline]
    pub fn move_one(&mut self) {
        let line = self.random.below(u64::from(self.lines)) as u32;
        self.wheel.schedule(line, Instant(self.random.below(IDLE.0)));
    }

    /// Lets 120 seconds pass: each line fires once, on average, and is set again. Wake-ups and moves
    /// between levels are in it.
    #[inline]
    pub fn pass(&mut self) {
        let (end, mut fired) = (self.now + IDLE, 0);
        while self.wheel.next() <= end {
            self.now = self.wheel.next().max(self.now);
            self.wheel.due(self.now, &mut self.due);
            fired += self.due.len();
            for line in self.due.drain(..) {
                self.wheel.schedule(line, self.now + Span(IDLE.0 - self.random.below(TICK.0)));
            }
        }
        self.now = end;
        assert!(fired as u32 >= self.lines / 10 * 9, "{fired} fired");
    }
}
