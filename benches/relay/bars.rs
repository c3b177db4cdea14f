//! What we hold ourselves to: processor time a frame, as a part of what HAProxy takes for the same
//! lines, window and size in the same round.

use super::rounds::{Rounds, Scenario, Spread};
use super::subject::Subject;
use crate::load::Shape;

/// Shape, lines, window, and the largest ratio.
const BARS: [(Shape, usize, usize, f64); 10] = [
    (Shape::Terminals, 512, 1, 0.38),
    (Shape::Terminals, 32, 1, 0.62),
    (Shape::Terminals, 32, 32, 0.70),
    (Shape::Terminals, 32, 256, 0.60),
    (Shape::Terminals, 512, 32, 0.80),
    (Shape::Pairs, 512, 1, 0.90),
    (Shape::Pairs, 32, 1, 0.92),
    (Shape::Pairs, 32, 32, 0.95),
    (Shape::Pairs, 32, 256, 0.55),
    (Shape::Pairs, 512, 32, 1.00),
];

/// Every scenario that has a bar, of frames of one size.
pub fn scenarios(size: usize) -> impl Iterator<Item = Scenario> {
    BARS.into_iter().map(move |(shape, lines, window, _)| Scenario { shape, lines, window, size })
}

/// A bar and whether the median of the rounds is within it.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Verdict {
    pub bar: f64,
    /// Nothing without HAProxy in the same rounds.
    pub met: Option<bool>,
}

impl Verdict {
    pub fn of(rounds: &Rounds) -> Option<Self> {
        let Scenario { shape, lines, window, .. } = rounds.scenario;
        let (.., bar) = BARS.into_iter().find(|(of, k, w, _)| (*of, *k, *w) == (shape, lines, window))?;
        let ratios = rounds.ratios(Subject::Haproxy);
        Some(Self { bar, met: ratios.map(|ratios| Spread::of(ratios).median <= bar) })
    }

    pub const fn word(self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not judged",
        }
    }
}
