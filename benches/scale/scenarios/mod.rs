//! The questions that the bench answers, one file each.

use super::bench::{Effort, Figures};
use super::report::{Cell, Report, median};

mod idle;
mod lines;
mod open_loop;
mod pending;
mod shards;
mod spin;

/// One question.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub asks: &'static str,
    pub run: fn(Effort) -> Report,
}

pub const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "open-loop",
        asks: "how long do answers take at 10, 50 and 75 % of what it can?",
        run: open_loop::run,
    },
    Scenario { name: "idle", asks: "what do lines cost that say nothing?", run: idle::run },
    Scenario { name: "lines", asks: "does a frame cost more where there are more lines?", run: lines::run },
    Scenario { name: "pending", asks: "does a frame cost more where more requests wait?", run: pending::run },
    Scenario { name: "shards", asks: "what does a second shard cost, at home and across?", run: shards::run },
    Scenario { name: "spin", asks: "what does polling before sleeping gain, and what does it cost?", run: spin::run },
];

/// A figure of every round.
fn each(rounds: &[Figures], figure: impl Fn(&Figures) -> f64) -> Cell {
    Cell::Rounds(rounds.iter().map(figure).collect())
}

/// The largest of all rounds.
fn largest(rounds: &[Figures], figure: impl Fn(&Figures) -> f64) -> Cell {
    Cell::from(rounds.iter().map(figure).fold(0.0, f64::max))
}

/// A figure for what it was in `base`, round by round: what disturbs both cancels.
fn ratios(rounds: &[Figures], base: &[Figures], figure: impl Fn(&Figures) -> f64) -> Vec<f64> {
    rounds.iter().zip(base).map(|(of, base)| figure(of) / figure(base)).collect()
}

fn middle(rounds: &[Figures], figure: impl Fn(&Figures) -> f64) -> f64 {
    median(&rounds.iter().map(figure).collect::<Vec<_>>())
}

/// The measurements of each case, all rounds of it together. The rounds go around the cases, so that
/// a slow minute of the machine meets all alike.
fn in_turns<T: Copy>(cases: &[T], rounds: usize, mut measure: impl FnMut(T) -> Figures) -> Vec<Vec<Figures>> {
    let mut all: Vec<Vec<Figures>> = cases.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        eprintln!("  round {} of {rounds}", round + 1);
        for (case, figures) in cases.iter().zip(&mut all) {
            figures.push(measure(*case));
        }
    }
    all
}
