//! What happens in a run, as a list of data: drawn before the run begins, so that any part of it can be played.

use std::fmt;

use super::draw::RELOADS;
use crate::fake::Random;

/// A line's place among all lines of all members.
pub type Nth = u16;

/// How a connection is cut off by the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Nothing reaches the member.
    Inward,
    /// Nothing of the member arrives.
    Outward,
    Both,
}

/// Why a configuration is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A route to nobody.
    Faulty,
    /// Another number of shards.
    Restart,
    /// One of its ports is somebody else's.
    Bind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The member sends so many frames over the line; what they are follows from `seed`.
    Send {
        line: Nth,
        frames: u8,
        seed: u32,
    },
    /// Hosts answer so many of the requests that they have.
    Answer {
        many: u8,
        seed: u32,
    },
    /// An answer goes out a second time, over whichever line of the host.
    AnswerAgain {
        seed: u32,
    },
    /// Something that must reach nobody: an unknown number, a foreign sender, a header cut short.
    Junk {
        line: Nth,
        seed: u32,
    },
    Probe {
        line: Nth,
    },
    /// A length that is none.
    BadLength {
        line: Nth,
    },
    /// The member stops reading, or goes on.
    Slow {
        line: Nth,
    },
    /// Every member connects what is not connected.
    Begin,
    Reset {
        line: Nth,
    },
    Close {
        line: Nth,
    },
    Finish {
        line: Nth,
    },
    Cut {
        line: Nth,
        way: Cut,
    },
    Heal {
        line: Nth,
    },
    /// The member's program dies behind a cut: its reset is lost, and it connects anew.
    Vanish {
        line: Nth,
    },
    /// A second connection to an occupied port.
    Second {
        line: Nth,
    },
    /// A connection from where none is allowed; it sends at once.
    Stranger {
        line: Nth,
    },
    Disable {
        line: Nth,
    },
    Enable {
        line: Nth,
    },
    Reload {
        to: u8,
    },
    RefusedReload {
        how: Refusal,
    },
    /// The process stands still while the world goes on.
    Freeze {
        millis: u16,
    },
    /// No descriptor is left for so long.
    NoDescriptors {
        millis: u16,
    },
    /// Nothing but time.
    Wait,
}

/// An event, and how long nothing else happens after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    pub event: Event,
    pub pause_micros: u32,
}

/// How often each sort of trouble comes, drawn once a run: most of them never, so that a run has a few of them often.
#[derive(Clone, Copy, Debug)]
struct Swarm {
    breaks: u64,
    cuts: u64,
    slow: u64,
    junk: u64,
    strangers: u64,
    operator: u64,
    reloads: u64,
    freezes: u64,
    long_pauses: u8,
    bursts: u8,
}

impl Swarm {
    fn draw(random: &mut Random) -> Self {
        let mut some = |percent: u8, most: u64| if random.chance(percent) { 1 + random.below(most) } else { 0 };
        Self {
            breaks: some(65, 12),
            cuts: some(25, 5),
            slow: some(50, 6),
            junk: some(40, 5),
            strangers: some(30, 3),
            operator: some(25, 5),
            reloads: some(35, 6),
            freezes: some(20, 2),
            long_pauses: some(50, 10) as u8,
            bursts: some(60, 30) as u8,
        }
    }
}

/// The schedule of a seed, for so many lines.
pub fn draw(random: &mut Random, lines: Nth) -> Vec<Step> {
    let swarm = Swarm::draw(random);
    let steps = 40 + random.below(120);
    (0..steps)
        .map(|_| {
            let event = swarm.event(random, lines);
            let most = if random.chance(swarm.long_pauses) { 4_000_000 } else { 30_000 };
            Step { event, pause_micros: random.below(most) as u32 }
        })
        .collect()
}

impl Swarm {
    fn event(&self, random: &mut Random, lines: Nth) -> Event {
        let line = random.below(u64::from(lines)) as Nth;
        let seed = random.next() as u32;
        let weights = [
            (45, 0),
            (30, 1),
            (3, 2),
            (3, 3),
            (6, 4),
            (2, 5),
            (self.breaks, 6),
            (self.cuts, 7),
            (self.slow, 8),
            (self.junk, 9),
            (self.strangers, 10),
            (self.operator, 11),
            (self.reloads, 12),
            (self.freezes, 13),
        ];
        let mut at = random.below(weights.iter().map(|(weight, _)| weight).sum());
        let sort = weights.iter().find(|(weight, _)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        let below = |random: &mut Random, end: u64| random.below(end);
        match sort.expect("the weights add up").1 {
            0 => {
                let most = if random.chance(self.bursts) { 80 } else { 6 };
                Event::Send { line, frames: random.some_of(most) as u8, seed }
            }
            1 => Event::Answer { many: random.some_of(25) as u8, seed },
            2 => Event::AnswerAgain { seed },
            3 => Event::Probe { line },
            4 => Event::Begin,
            5 => Event::Wait,
            6 => [Event::Reset { line }, Event::Close { line }, Event::Finish { line }][below(random, 3) as usize],
            7 => {
                let cut = |way| Event::Cut { line, way };
                let heal = Event::Heal { line };
                let vanish = Event::Vanish { line };
                [cut(Cut::Inward), cut(Cut::Outward), cut(Cut::Both), heal, heal, vanish][below(random, 6) as usize]
            }
            8 => Event::Slow { line },
            9 => match below(random, 6) {
                0 => Event::BadLength { line },
                _ => Event::Junk { line, seed },
            },
            10 => [Event::Stranger { line }, Event::Second { line }][below(random, 2) as usize],
            11 => {
                let (enable, disable) = (Event::Enable { line }, Event::Disable { line });
                [disable, enable, enable][below(random, 3) as usize]
            }
            12 => match below(random, 5) {
                0 => {
                    let how = [Refusal::Faulty, Refusal::Restart, Refusal::Bind][below(random, 3) as usize];
                    Event::RefusedReload { how }
                }
                _ => Event::Reload { to: below(random, RELOADS as u64 + 1) as u8 },
            },
            _ => match below(random, 3) {
                0 => Event::NoDescriptors { millis: below(random, 500) as u16 },
                _ => Event::Freeze { millis: 1 + below(random, 3_000) as u16 },
            },
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}, then {} µs", self.event, self.pause_micros)
    }
}
