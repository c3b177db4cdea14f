//! What the audience sees: a block of lines that is redrawn on a terminal, or one line a second.
//!
//! The block is printed and overwritten in place; the terminal is never switched into another mode,
//! so that there is nothing to restore however the demo ends.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use ratatui::crossterm::style::{Color, Print, ResetColor, SetForegroundColor};
use ratatui::crossterm::terminal::{Clear, ClearType};
use ratatui::crossterm::{cursor, queue, terminal};

use crate::simulate::Snapshot;
use crate::simulate::latency::Latency;
use crate::simulate::verdict::{LineReport, LineState, Verdict, millis};
use crate::time::{Instant, Span};

const REDRAW: Span = Span::from_millis(200);
const PLAIN: Span = Span::from_secs(1);

/// Everything that is shown at one moment.
pub struct Scene {
    /// Each member's name and state, those that ask first.
    pub members: Vec<(Arc<str>, Snapshot)>,
    pub doing: String,
    pub page: String,
    pub elapsed: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Medium {
    Terminal,
    Lines,
    Nothing,
}

pub struct View {
    medium: Medium,
    next: Instant,
    before: Option<Scene>,
    /// Lines of the block on the screen.
    drawn: u16,
}

/// A line of the block and its colour.
type Row = (String, Option<Color>);

impl View {
    pub fn new() -> Self {
        let medium = if io::stdout().is_terminal() { Medium::Terminal } else { Medium::Lines };
        Self { medium, next: Instant(0), before: None, drawn: 0 }
    }

    /// Shows nothing.
    #[cfg(test)]
    pub fn silent() -> Self {
        Self { medium: Medium::Nothing, ..Self::new() }
    }

    /// Shows the scene if it is time to.
    pub fn show(&mut self, scene: impl FnOnce() -> Scene, now: Instant) {
        if now < self.next || self.medium == Medium::Nothing {
            return;
        }
        let scene = scene();
        let rows = block(self.before.as_ref(), &scene);
        // A block that does not fit could not be overwritten.
        let fits = terminal::size().is_ok_and(|(_, height)| usize::from(height) > rows.len());
        let shown = if self.medium == Medium::Terminal && fits {
            self.next = now + REDRAW;
            self.draw(&rows)
        } else {
            self.next = now + PLAIN;
            writeln!(io::stdout(), "{}", plain(self.before.as_ref(), &scene))
        };
        if shown.is_err() {
            self.medium = Medium::Nothing; // nobody looks any more; the demo goes on
        }
        // Rates are taken over a second, however often the block is drawn.
        let second = |before: &Scene| scene.elapsed.0 - before.elapsed.0 >= PLAIN.0;
        if self.before.as_ref().is_none_or(second) {
            self.before = Some(scene);
        }
    }

    fn draw(&mut self, rows: &[Row]) -> io::Result<()> {
        let (width, _) = terminal::size()?;
        let mut out = io::stdout().lock();
        if self.drawn > 0 {
            queue!(out, cursor::MoveToPreviousLine(self.drawn))?;
        }
        for (text, color) in rows {
            let text: String = text.chars().take(usize::from(width)).collect();
            if let Some(color) = color {
                queue!(out, SetForegroundColor(*color))?;
            }
            queue!(out, Print(text), ResetColor, Clear(ClearType::UntilNewLine), Print("\n"))?;
        }
        self.drawn = u16::try_from(rows.len()).unwrap_or(u16::MAX);
        out.flush()
    }

    /// Leaves the last block where it is; what is printed next stands below it.
    pub fn end(&mut self) {
        if self.drawn > 0 {
            // Over a `^C` that the terminal may have echoed.
            let _ = queue!(io::stdout(), cursor::MoveToColumn(0), Clear(ClearType::UntilNewLine));
        }
        self.drawn = 0;
        self.medium = Medium::Nothing;
    }
}

/// The sums over the members that ask.
struct Total {
    verdict: Verdict,
    latency: Latency,
}

fn total(scene: &Scene) -> Total {
    let mut total = Total { verdict: Verdict::default(), latency: Latency::default() };
    for (_, snapshot) in &scene.members {
        total.verdict.add(&snapshot.verdict);
        total.latency.merge(&snapshot.latency);
    }
    total
}

fn per_second(count: u64, before: u64, span: Span) -> u64 {
    if span < Span::from_millis(100) { 0 } else { (count.saturating_sub(before) as f64 / span.as_secs_f64()) as u64 }
}

fn since(before: Option<&Scene>, scene: &Scene) -> Span {
    Span(scene.elapsed.0 - before.map_or(0, |before| before.elapsed.0))
}

fn block(before: Option<&Scene>, scene: &Scene) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    rows.push((format!("ringswitch demo   {:>5.1} s   {}", scene.elapsed.as_secs_f64(), scene.page), None));
    let columns = format!(
        "{:<10} {:<12} {:<10} {:>11} {:>11} {:>9}",
        "member", "line", "state", "frames in", "frames out", "frames/s"
    );
    rows.push((columns, Some(Color::DarkGrey)));
    for (name, snapshot) in &scene.members {
        for line in &snapshot.lines {
            rows.push(line_row(name, line, earlier(before, line), since(before, scene)));
        }
    }
    rows.push((sums(before, scene), None));
    rows.push((scene.doing.clone(), Some(Color::Cyan)));
    rows
}

/// Frames of the line, both ways, at the time of the earlier scene.
fn earlier(before: Option<&Scene>, line: &LineReport) -> u64 {
    let lines = before.iter().flat_map(|scene| &scene.members).flat_map(|(_, snapshot)| &snapshot.lines);
    lines.filter(|one| one.name == line.name).map(|one| one.frames_in + one.frames_out).sum()
}

fn line_row(member: &str, line: &LineReport, earlier: u64, span: Span) -> Row {
    let frames = per_second(line.frames_in + line.frames_out, earlier, span);
    let state = if line.quiet && line.state == LineState::Up { "quiet" } else { line.state.name() };
    let text = format!(
        "{member:<10} {:<12} {state:<10} {:>11} {:>11} {frames:>9}",
        line.name, line.frames_in, line.frames_out
    );
    let color = match line.state {
        LineState::Up if line.quiet => Color::Yellow,
        LineState::Up => Color::Green,
        LineState::Broken => Color::Red,
        LineState::Listening | LineState::Connecting | LineState::Waiting => Color::Yellow,
    };
    (text, Some(color))
}

fn sums(before: Option<&Scene>, scene: &Scene) -> String {
    let now = total(scene);
    let earlier = before.map_or(0, |before| total(before).verdict.answered);
    let verdict = &now.verdict;
    let mut text = String::new();
    let rate = per_second(verdict.answered, earlier, since(before, scene));
    let wrong = verdict.wrong + verdict.host.wrong;
    let _ = write!(text, "{rate} requests/s   answered {}   in flight {}", verdict.answered, verdict.in_flight);
    let _ = write!(text, "   lost {}   wrong {wrong}   duplicates {}", verdict.lost, verdict.duplicates);
    let (p50, p99) = (now.latency.percentile(500), now.latency.percentile(990));
    let _ = write!(text, "   p50 {}   p99 {}", millis(p50), millis(p99));
    text
}

fn plain(before: Option<&Scene>, scene: &Scene) -> String {
    format!("{:>5.1} s  {}  {}", scene.elapsed.as_secs_f64(), sums(before, scene), scene.doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(millis: u64, answered: u64) -> Scene {
        let line = LineReport {
            name: "nac-east-1".into(),
            state: LineState::Up,
            frames_in: answered,
            frames_out: answered,
            probes_in: 0,
            probes_out: 0,
            in_flight: 0,
            connects: 1,
            breaks: 0,
            quiet: false,
        };
        let verdict = Verdict { sent: answered, answered, ..Verdict::default() };
        let snapshot = Snapshot { verdict, latency: Latency::default(), lines: vec![line] };
        Scene {
            members: vec![("nac-east".into(), snapshot)],
            doing: "requests over all lines".to_owned(),
            page: "http://127.0.0.1:9600/".to_owned(),
            elapsed: Span::from_millis(millis),
        }
    }

    #[test]
    fn rates_are_taken_between_two_scenes() {
        let line = plain(Some(&scene(1000, 500)), &scene(3000, 2500));
        assert!(line.starts_with("  3.0 s  1000 requests/s   answered 2500   in flight 0   lost 0"), "{line}");
        assert!(plain(None, &scene(0, 0)).contains(" 0 requests/s"));
    }

    #[test]
    fn every_line_has_its_row() {
        let rows = block(Some(&scene(1000, 0)), &scene(2000, 300));
        let row = rows.iter().find(|(text, _)| text.contains("nac-east-1")).expect("the line's row");
        assert!(row.0.ends_with("600"), "{}", row.0);
        assert_eq!(row.1, Some(Color::Green));
        assert!(rows[0].0.contains("http://127.0.0.1:9600/"));
    }
}
