//! What is wrong with a configuration, and where: every fault names file, line and column.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

/// One configuration file: its name as the operator will read it, and what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// A byte of one of the sources.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Place {
    pub file: usize,
    pub offset: usize,
}

/// A value and the place where it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct At<T> {
    pub value: T,
    pub place: Place,
}

/// A fault or a warning: shown as `file:line:column: message`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Fault {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
}

impl Fault {
    /// At a byte of a source.
    pub fn new(source: &Source, offset: usize, message: impl Into<String>) -> Self {
        let (line, column) = LineStarts::new(&source.text).line_and_column(&source.text, offset);
        Self { file: source.name.clone(), line, column, message: one_line(message.into()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// Gathers what is refused and what is warned of, so that one run shows the operator everything.
#[derive(Debug)]
pub struct Findings<'s> {
    sources: &'s [Source],
    /// By source.
    lines: Vec<LineStarts>,
    faults: Vec<(Place, String)>,
    warnings: Vec<(Place, String)>,
}

impl<'s> Findings<'s> {
    pub fn new(sources: &'s [Source]) -> Self {
        let lines = sources.iter().map(|source| LineStarts::new(&source.text)).collect();
        Self { sources, lines, faults: Vec::new(), warnings: Vec::new() }
    }

    pub fn refuse(&mut self, place: Place, message: impl Into<String>) {
        self.faults.push((place, message.into()));
    }

    pub fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.warnings.push((place, message.into()));
    }

    pub fn is_faultless(&self) -> bool {
        self.faults.is_empty()
    }

    /// `file:line:column`, for a message that points to a second place.
    pub fn name_of(&self, place: Place) -> String {
        let (line, column) = self.line_and_column(place);
        format!("{}:{line}:{column}", self.sources[place.file].name)
    }

    /// Both from 1.
    pub(super) fn line_and_column(&self, place: Place) -> (usize, usize) {
        self.lines[place.file].line_and_column(&self.sources[place.file].text, place.offset)
    }

    pub(super) fn text(&self, file: usize) -> &'s str {
        &self.sources[file].text
    }

    /// Drops the faults on these lines of `file`.
    pub(super) fn forget(&mut self, file: usize, lines: &BTreeSet<usize>) {
        let faults = std::mem::take(&mut self.faults);
        let kept =
            |(place, _): &(Place, String)| place.file != file || !lines.contains(&self.line_and_column(*place).0);
        self.faults = faults.into_iter().filter(kept).collect();
    }

    /// The faults and the warnings, each in the order of the files' text.
    pub fn into_sorted(mut self) -> (Vec<Fault>, Vec<Fault>) {
        let (faults, warnings) = (std::mem::take(&mut self.faults), std::mem::take(&mut self.warnings));
        (self.located(faults), self.located(warnings))
    }

    fn located(&self, mut found: Vec<(Place, String)>) -> Vec<Fault> {
        found.sort();
        found.dedup();
        let fault = |(place, message): (Place, String)| {
            let (line, column) = self.line_and_column(place);
            Fault { file: self.sources[place.file].name.clone(), line, column, message: one_line(message) }
        };
        found.into_iter().map(fault).collect()
    }
}

/// A fault is one line, whatever it quotes: a value of several lines, or one that would steer a terminal, is shown
/// with its control characters written out.
fn one_line(message: String) -> String {
    if !message.contains(char::is_control) {
        return message;
    }
    let shown = |char: char| if char.is_control() { char.escape_default().to_string() } else { char.to_string() };
    message.chars().map(shown).collect()
}

/// Where the lines of a text begin: thousands of faults in a long file are found without reading
/// it again for each.
#[derive(Debug)]
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn new(text: &str) -> Self {
        let behind_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(behind_breaks).collect())
    }

    /// Both from 1, the column in characters; an offset within a character is at that character.
    fn line_and_column(&self, text: &str, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.0.partition_point(|start| *start <= offset);
        (line, text[self.0[line - 1]..offset].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_several_lines_is_quoted_in_one() {
        let source = Source { name: "f.toml".to_owned(), text: "a = 1\n".to_owned() };
        let fault = Fault::new(&source, 0, "`a\n\u{1b}[2J组` is not known here");
        assert_eq!(fault.message, "`a\\n\\u{1b}[2J组` is not known here");
        let mut findings = Findings::new(std::slice::from_ref(&source));
        findings.refuse(Place::default(), "`b\r\n`");
        assert_eq!(findings.into_sorted().0[0].message, "`b\\r\\n`");
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        let text = "a = 1\n组 = 2\n";
        let place = |offset| LineStarts::new(text).line_and_column(text, offset);
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(5), (1, 6));
        assert_eq!(place(6), (2, 1));
        assert_eq!(place(text.find("= 2").unwrap()), (2, 3));
        assert_eq!(place(7), (2, 1), "inside a character is at that character");
        assert_eq!(place(1000), (3, 1));
    }
}
