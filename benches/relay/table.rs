//! The figures as text: a block for each scenario, and the ratios of all of them at the end.

use std::fmt::Write;

use super::bars::Verdict;
use super::rounds::{Effort, Figures, Rounds, Spread};
use super::subject::Subject;

pub fn header(effort: Effort) -> String {
    format!(
        "{} rounds of {:.2} s after {:.2} s of warm-up; a frame is counted when it has crossed (request and answer are two).\n\
         CPU ns: of all threads of the subject, kernel included, median (min..max) of the rounds; the others are medians.\n\
         switch/it: CPU ns of the switch for that of the peer, round by round. busy, load: part of their CPU that subject and load used.\n",
        effort.rounds,
        effort.measured.as_secs_f64(),
        effort.warm_up.as_secs_f64(),
    )
}

pub fn block(rounds: &Rounds) -> String {
    let mut text = format!(
        "\n{:<31} {:>9} {:>22} {:>5} {:>5} {:>8} {:>8} {:>8} {:>8}  {}\n",
        format!("{}, {} bytes", rounds.scenario.name(), rounds.scenario.size),
        "frames/s",
        "CPU ns/frame",
        "busy",
        "load",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "RSS MiB",
        "switch/it"
    );
    for (subject, figures) in &rounds.subjects {
        let compared = if *subject == Subject::Switch { verdict(rounds) } else { ratio(rounds, *subject) };
        row(&mut text, subject.name(), figures, &compared);
    }
    row(&mut text, "direct (the load alone)", &[rounds.direct], "");
    text
}

fn row(text: &mut String, name: &str, figures: &[Figures], compared: &str) {
    let middle = |figure: fn(&Figures) -> f64| Spread::of(figures.iter().map(figure)).median;
    let _ = writeln!(
        text,
        "  {:<29} {:>8.0}k {:>22} {:>4.0}% {:>4.0}% {:>8.0} {:>8.0} {:>8.0} {:>8.1}  {compared}",
        name,
        middle(|of| of.frames_per_second) / 1e3,
        spread(Spread::of(figures.iter().map(|of| of.cpu_ns_per_frame)), 0),
        middle(|of| of.busy) * 100.0,
        middle(|of| of.load_busy) * 100.0,
        middle(|of| of.p50_us),
        middle(|of| of.p99_us),
        middle(|of| of.p999_us),
        middle(|of| of.resident_mib),
    );
}

fn verdict(rounds: &Rounds) -> String {
    Verdict::of(rounds).map_or_else(String::new, |of| format!("bar {:.2} of haproxy: {}", of.bar, of.word()))
}

fn ratio(rounds: &Rounds, peer: Subject) -> String {
    rounds.ratios(peer).map_or_else(String::new, |ratios| spread(Spread::of(ratios), 2))
}

fn spread(spread: Spread, digits: usize) -> String {
    let Spread { min, median, max } = spread;
    format!("{median:.digits$} ({min:.digits$}..{max:.digits$})")
}

/// A line for each scenario: what the switch takes for what each peer takes, and its bar.
pub fn ratios(all: &[Rounds], subjects: &[Subject]) -> String {
    let peers = || subjects.iter().filter(|subject| **subject != Subject::Switch);
    let mut text = format!("\n{:<24} {:>10}", "CPU of the switch for", "switch ns");
    for peer in peers() {
        let _ = write!(text, " {:>18}", peer.name());
    }
    text.push_str("  bar of haproxy\n");
    for rounds in all {
        let name = format!("{} {}", rounds.scenario.name(), rounds.scenario.size);
        let cpu = rounds.figures(Subject::Switch).into_iter().flatten().map(|of| of.cpu_ns_per_frame);
        let _ = write!(text, "{name:<24} {:>10.0}", Spread::of(cpu).median);
        for peer in peers() {
            let _ = write!(text, " {:>18}", ratio(rounds, *peer));
        }
        let verdict = Verdict::of(rounds).map_or_else(String::new, |of| format!("{:.2} {}", of.bar, of.word()));
        let _ = writeln!(text, "  {verdict}");
    }
    text
}
