//! The results for programs, and the folder of a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::bars::Verdict;
use super::rounds::{Effort, Figures, Rounds, Spread};
use super::subject::ALL;
use super::surroundings::Surroundings;

#[derive(Serialize)]
struct Results<'a> {
    run: &'a Surroundings,
    rounds: usize,
    seconds: f64,
    warm_up_seconds: f64,
    scenarios: Vec<Scenario<'a>>,
}

#[derive(Serialize)]
struct Scenario<'a> {
    name: String,
    size_bytes: usize,
    lines: usize,
    window: usize,
    #[serde(flatten)]
    verdict: Option<Verdict>,
    /// Of each subject, round by round.
    figures: BTreeMap<&'static str, &'a [Figures]>,
    direct: Figures,
    /// Processor time a frame of the switch for that of each peer.
    ratios: BTreeMap<&'static str, Ratios>,
}

#[derive(Serialize)]
struct Ratios {
    #[serde(flatten)]
    spread: Spread,
    rounds: Vec<f64>,
}

/// As JSON.
pub fn of(run: &Surroundings, effort: Effort, all: &[Rounds]) -> String {
    let results = Results {
        run,
        rounds: effort.rounds,
        seconds: effort.measured.as_secs_f64(),
        warm_up_seconds: effort.warm_up.as_secs_f64(),
        scenarios: all.iter().map(scenario).collect(),
    };
    serde_json::to_string_pretty(&results).expect("numbers and names")
}

fn scenario(rounds: &Rounds) -> Scenario<'_> {
    let ratios = ALL.into_iter().filter(|peer| *peer != super::subject::Subject::Switch);
    let ratios = ratios.filter_map(|peer| Some((peer.name(), rounds.ratios(peer)?)));
    let spread = |rounds: Vec<f64>| Ratios { spread: Spread::of(rounds.iter().copied()), rounds };
    Scenario {
        name: rounds.scenario.name(),
        size_bytes: rounds.scenario.size,
        lines: rounds.scenario.lines,
        window: rounds.scenario.window,
        verdict: Verdict::of(rounds),
        figures: rounds.subjects.iter().map(|(subject, figures)| (subject.name(), figures.as_slice())).collect(),
        direct: rounds.direct,
        ratios: ratios.map(|(name, rounds)| (name, spread(rounds))).collect(),
    }
}

/// Writes the files of a run; the folder may be there already.
pub fn record(folder: &Path, run: &Surroundings, summary: &str, results: &str) {
    let page = format!(
        "# A run of `scripts/bench.sh`\n\n{}\n`summary.txt` is what it printed, `results.json` has every round. \
         What the figures mean stands in `benches/README.md`.\n",
        run.described()
    );
    let files = [("README.md", page.as_str()), ("summary.txt", summary), ("results.json", results)];
    let written = fs::create_dir_all(folder)
        .and_then(|()| files.into_iter().try_for_each(|(name, text)| fs::write(folder.join(name), text)));
    written.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
}
