//! The figures of the last recorded run, and what has become of them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Growth that is none, in instructions: one more in an operation of ten is ten percent.
const SLACK: f64 = 1.5;

/// Recorded figures in the order of the file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record {
    /// Compiler, valgrind, C library.
    pub made_with: String,
    /// Names, and instructions each.
    pub figures: Vec<(String, f64)>,
}

/// An operation then and now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Change {
    Same { percent: f64 },
    Fewer { percent: f64 },
    More { percent: f64 },
    New,
}

impl Record {
    /// # Errors
    /// With what to do about it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}: make the first record with --record", path.display()))?;
        Self::parse(&text).map_err(|fault| format!("{}: {fault}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut record = Self::default();
        for line in text.lines() {
            if let Some(made_with) = line.strip_prefix("# made with ") {
                record.made_with = made_with.to_owned();
            } else if !line.starts_with('#') && !line.is_empty() {
                let figure = line.split_once(char::is_whitespace);
                let figure = figure.and_then(|(name, each)| Some((name.to_owned(), each.trim().parse().ok()?)));
                record.figures.push(figure.ok_or_else(|| format!("not a name and a number: {line}"))?);
            }
        }
        Ok(record)
    }

    pub fn text(&self) -> String {
        let mut text = String::from("# Instructions of each operation, by scripts/instructions.sh --record\n");
        let _ = writeln!(text, "# made with {}", self.made_with);
        for (name, each) in &self.figures {
            let _ = writeln!(text, "{name:<26} {each:>10.2}");
        }
        text
    }

    pub fn of(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|(recorded, _)| recorded == name).map(|(_, each)| *each)
    }

    /// What an operation that now takes `each` has become, if it may grow by `limit_percent`.
    pub fn change(&self, name: &str, each: f64, limit_percent: f64) -> Change {
        let Some(before) = self.of(name) else { return Change::New };
        let percent = (each / before - 1.0) * 100.0;
        if percent.abs() <= limit_percent || (each - before).abs() <= SLACK {
            Change::Same { percent }
        } else if percent < 0.0 {
            Change::Fewer { percent }
        } else {
            Change::More { percent }
        }
    }

    /// The record with these figures in place of those before, new ones last; with `whole` nothing
    /// else stays.
    pub fn renewed(mut self, figures: Vec<(String, f64)>, made_with: String, whole: bool) -> Self {
        if whole {
            return Self { made_with, figures };
        }
        for (name, each) in figures {
            match self.figures.iter_mut().find(|(recorded, _)| *recorded == name) {
                Some(figure) => figure.1 = each,
                None => self.figures.push((name, each)),
            }
        }
        self
    }

    /// Those that no operation has any more.
    pub fn gone(&self, is_there: impl Fn(&str) -> bool) -> Vec<&str> {
        self.figures.iter().map(|(name, _)| name.as_str()).filter(|name| !is_there(name)).collect()
    }
}

/// A check that cannot fail holds nothing: planted changes are told apart.
pub fn assert_changes_are_seen() {
    let record = Record::parse("# made with a, b\nlong 1000.00\nshort   10.00\n").expect("a record");
    assert_eq!(Record::parse(&record.text()), Ok(record.clone()), "what is written is read");
    assert!(Record::parse("long many\n").is_err());
    assert!(matches!(record.change("long", 1_029.0, 3.0), Change::Same { .. }));
    assert!(matches!(record.change("long", 1_031.0, 3.0), Change::More { .. }));
    assert!(matches!(record.change("long", 960.0, 3.0), Change::Fewer { .. }));
    assert!(matches!(record.change("short", 11.0, 3.0), Change::Same { .. }), "within the slack");
    assert!(matches!(record.change("short", 12.0, 3.0), Change::More { .. }));
    assert_eq!(record.change("other", 1.0, 3.0), Change::New);
    assert_eq!(record.gone(|name| name == "long"), ["short"]);
    let renewed = record.renewed(vec![("short".to_owned(), 12.0)], "c".to_owned(), false);
    assert_eq!((renewed.of("short"), renewed.of("long"), &*renewed.made_with), (Some(12.0), Some(1_000.0), "a, b"));
}
