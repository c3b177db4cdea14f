//! Random runs: a seed draws members, lines, limits, a network with faults and a schedule of events, which is played
//! with an independent judge looking on after every step.
//!
//! `SEED=17 cargo test --test simulation replay -- --nocapture` plays one seed again and says what happens;
//! `SEEDS=5000 cargo test --test simulation runs::seeds` plays many; `scripts/seeds.sh 10m` goes on for so long.

mod cast;
mod draw;
mod message;
mod model;
#[cfg(ringswitch_plant)]
mod plants;
mod play;
mod player;
mod schedule;
mod shrink;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use model::Counts;
use play::{Drawn, play};
use shrink::{Failure, attempt, attempt_steps, shrunk};

/// Seeds of every run of the tests.
const SEEDS: u64 = 1_000;

/// Threads that play seeds: each seed is a world of its own.
const THREADS: usize = 2;

/// Between two signs of life of a run that goes on for so long.
const PROGRESS_SECONDS: u64 = 5;

/// Failures after which a thread has seen enough.
const FAILURES: usize = 20;

/// Failures that are shown with a shrunk schedule.
const REPORTS: usize = 6;

/// How long a schedule may be shrunk.
const SHRINKING: Duration = Duration::from_secs(10);

/// A number that the caller of the tests gives.
fn asked_for(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Steps of a schedule as they are written: `3,7,12-15`.
fn kept(text: &str) -> Vec<usize> {
    let number = |text: &str| -> usize { text.parse().unwrap_or_else(|_| panic!("{text} is no number")) };
    let range = |part: &str| match part.split_once('-') {
        Some((first, last)) => (number(first)..=number(last)).collect::<Vec<_>>(),
        None => vec![number(part)],
    };
    text.split(',').filter(|part| !part.is_empty()).flat_map(range).collect()
}

/// Says what failed, and how to see it again.
fn report(failure: &Failure) -> String {
    let drawn = Drawn::new(failure.seed);
    let keep = shrunk(&drawn, SHRINKING);
    // With fewer steps it may be another fault that shows, as a rule of the same cause.
    let then = attempt_steps(&drawn, |at| keep.contains(&at)).err().map_or(String::new(), |failure| failure.what);
    let steps: Vec<String> = keep.iter().map(|at| format!("{at:>6}: {}", drawn.schedule[*at])).collect();
    let list = keep.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    format!(
        "seed {seed}: {what}\n  again:  SEED={seed} cargo test --test simulation replay -- --nocapture\n  \
         shrunk: SEED={seed} STEPS={list} cargo test --test simulation replay -- --nocapture\n{steps}\n{then}",
        seed = failure.seed,
        what = failure.what.lines().next().unwrap_or_default(),
        steps = steps.join("\n")
    )
}

/// One failure of each sort with its schedule, the others with their seeds.
fn reports(failed: &[&Failure]) -> String {
    let sort = |failure: &Failure| {
        let first = failure.what.lines().next().unwrap_or_default();
        let first = first.split('(').next().unwrap_or_default();
        first.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>()
    };
    let mut seen: Vec<String> = Vec::new();
    let mut text = Vec::new();
    for failure in failed {
        if seen.contains(&sort(failure)) || seen.len() >= REPORTS {
            text.push(format!("seed {}: {}", failure.seed, failure.what.lines().next().unwrap_or_default()));
        } else {
            text.push(report(failure));
            seen.push(sort(failure));
        }
    }
    text.join("\n")
}

#[test]
fn replay() {
    let drawn = Drawn::new(asked_for("SEED").unwrap_or(0));
    let asked = std::env::var("SEED").is_ok();
    let steps = std::env::var("STEPS").ok().map(|text| kept(&text));
    if asked {
        println!("{}\n{:#?}\n{:#?}", drawn.casts[0].text(), drawn.conditions, drawn.faults);
    }
    let run = play(&drawn, |at| steps.as_ref().is_none_or(|steps| steps.contains(&at)), asked);
    assert!(run.stage.turns > 100);
    if asked {
        println!("{:#?}", run.model.borrow().counts);
    }
}

#[test]
fn seeds() {
    let begun = Instant::now();
    let first = asked_for("SEEDS_FROM").unwrap_or(0);
    let last = first + asked_for("SEEDS").unwrap_or(SEEDS);
    let until = asked_for("SEEDS_SECONDS").map(|seconds| begun + Duration::from_secs(seconds));
    let (next, told) = (AtomicU64::new(first), AtomicU64::new(0));
    // Of a long run it is good to know that it goes on.
    let tell = |seed: u64| {
        let round = begun.elapsed().as_secs() / PROGRESS_SECONDS;
        if until.is_some() && told.fetch_max(round, Relaxed) < round {
            println!("{:>6} s: {} seeds", round * PROGRESS_SECONDS, seed - first);
        }
    };
    let work = || {
        let (mut all, mut failed) = (Counts::default(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if until.map_or(seed >= last, |until| Instant::now() >= until) || failed.len() > FAILURES {
                return (all, failed);
            }
            tell(seed);
            match attempt(seed) {
                Ok(counts) => all.add(counts),
                Err(failure) => {
                    // At once: whoever ends a long run early has what it found.
                    println!("seed {}: {}", failure.seed, failure.what.lines().next().unwrap_or_default());
                    failed.push(failure);
                }
            }
        }
    };
    let done: Vec<(Counts, Vec<Failure>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("failures are values")).collect()
    });
    let mut all = Counts::default();
    done.iter().for_each(|(counts, _)| all.add(*counts));
    let mut failed: Vec<&Failure> = done.iter().flat_map(|(_, failed)| failed).collect();
    failed.sort_by_key(|failure| failure.seed);
    if !failed.is_empty() {
        panic!("{} of {} seeds fail\n{}", failed.len(), failed.len() as u64 + all.runs, reports(&failed));
    }
    println!("{} seeds from {first}, {:?}: {all:?}", all.runs, begun.elapsed());
    // Otherwise the runs prove less than they seem to.
    let messages = [all.pairs, all.stations, all.requests, all.answers, all.guarded, all.keyed, all.rejected];
    let trouble = [all.answers_again, all.resent, all.reloads, all.ended];
    let of = [&messages[..], &trouble].concat();
    assert!(all.runs < 200 || of.iter().all(|of| *of > 0) && all.answers > 50 * all.runs, "{all:?}");
}

#[test]
fn one_seed_is_one_run() {
    let transcript = |seed| play(&Drawn::new(seed), |_| true, false).transcript();
    for seed in [5, 6] {
        assert!(transcript(seed) == transcript(seed), "seed {seed}");
        assert!(transcript(seed) != transcript(seed + 100));
    }
}
