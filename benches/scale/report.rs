//! What a scenario found, as a table for people and as JSON for programs.

use std::fmt::Write;

use serde_json::{Map, Value, json};

/// A table and what is to be said with it.
pub struct Report {
    pub name: &'static str,
    /// What was done, in sentences.
    pub about: Vec<String>,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    /// What follows from the figures.
    pub findings: Vec<Finding>,
}

/// One sentence, and the figure in it by name.
pub struct Finding {
    pub key: String,
    pub value: f64,
    pub says: String,
}

/// A column: its name in JSON, its title, and digits behind the point.
#[derive(Clone, Copy)]
pub struct Column {
    pub key: &'static str,
    pub title: &'static str,
    pub digits: usize,
}

/// One field of a row.
pub enum Cell {
    Text(String),
    /// What a row is about, or one figure of all rounds.
    Number(f64),
    /// Of each round.
    Rounds(Vec<f64>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for Cell {
    fn from(figure: f64) -> Self {
        Self::Number(figure)
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::from(count as f64)
    }
}

pub const fn column(key: &'static str, title: &'static str, digits: usize) -> Column {
    Column { key, title, digits }
}

/// The middle one; the lower of two.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) / 2]
}

impl Report {
    pub fn new(name: &'static str, about: Vec<String>, columns: Vec<Column>) -> Self {
        Self { name, about, columns, rows: Vec::new(), findings: Vec::new() }
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        assert_eq!(cells.len(), self.columns.len(), "a row has a cell for each column of {}", self.name);
        self.rows.push(cells);
    }

    pub fn finding(&mut self, key: impl Into<String>, value: f64, says: String) {
        self.findings.push(Finding { key: key.into(), value, says });
    }

    pub fn table(&self) -> String {
        let titles = self.columns.iter().map(|column| column.title.to_owned()).collect();
        let mut lines: Vec<Vec<String>> = vec![titles];
        for row in &self.rows {
            lines.push(row.iter().zip(&self.columns).map(|(cell, column)| cell.shown(column.digits)).collect());
        }
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut text = format!("## {}\n", self.name);
        self.about.iter().for_each(|sentence| {
            let _ = writeln!(text, "{sentence}");
        });
        for line in lines {
            let fields: Vec<String> =
                line.iter().zip(&widths).map(|(field, width)| format!("{field:>width$}")).collect();
            let _ = writeln!(text, "{}", fields.join("  "));
        }
        self.findings.iter().for_each(|finding| {
            let _ = writeln!(text, "{}", finding.says);
        });
        text
    }

    pub fn json(&self) -> Value {
        let row = |row: &Vec<Cell>| {
            let fields = row.iter().zip(&self.columns);
            Value::Object(fields.map(|(cell, column)| (column.key.to_owned(), cell.json())).collect::<Map<_, _>>())
        };
        let finding = |of: &Finding| json!({ "key": of.key, "value": number(of.value), "says": of.says });
        json!({
            "scenario": self.name,
            "about": self.about,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}

impl Cell {
    fn shown(&self, digits: usize) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(figure) => shown(*figure, digits),
            Self::Rounds(rounds) => shown(median(rounds), digits),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(figure) => number(*figure),
            Self::Rounds(rounds) => {
                let of = |pick: fn(f64, f64) -> f64| rounds.iter().copied().reduce(pick).map_or(Value::Null, number);
                json!({ "median": number(median(rounds)), "min": of(f64::min), "max": of(f64::max) })
            }
        }
    }
}

fn shown(figure: f64, digits: usize) -> String {
    if figure.is_nan() { "-".to_owned() } else { format!("{figure:.digits$}") }
}

/// JSON knows no NaN: what could not be told is null.
fn number(figure: f64) -> Value {
    if figure.is_finite() { json!((figure * 1e3).round() / 1e3) } else { Value::Null }
}
