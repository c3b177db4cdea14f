//! What is wrong with a configuration, and where: every fault names file, line and column.

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
        let (line, column) = line_and_column(&source.text, offset);
        Self { file: source.name.clone(), line, column, message: message.into() }
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
    faults: Vec<(Place, String)>,
    warnings: Vec<(Place, String)>,
}

impl<'s> Findings<'s> {
    pub fn new(sources: &'s [Source]) -> Self {
        Self { sources, faults: Vec::new(), warnings: Vec::new() }
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
        let (line, column) = line_and_column(&self.sources[place.file].text, place.offset);
        format!("{}:{line}:{column}", self.sources[place.file].name)
    }

    pub(super) fn text(&self, file: usize) -> &'s str {
        &self.sources[file].text
    }

    /// Drops the faults of `file` that `unwanted` picks by offset.
    pub(super) fn forget(&mut self, file: usize, unwanted: impl Fn(usize) -> bool) {
        self.faults.retain(|(place, _)| place.file != file || !unwanted(place.offset));
    }

    /// The faults and the warnings, each in the order of the files' text.
    pub fn into_sorted(self) -> (Vec<Fault>, Vec<Fault>) {
        let located = |mut found: Vec<(Place, String)>| {
            found.sort();
            found.dedup();
            let fault =
                |(place, message): (Place, String)| Fault::new(&self.sources[place.file], place.offset, message);
            found.into_iter().map(fault).collect()
        };
        (located(self.faults), located(self.warnings))
    }
}

/// Line and column of a byte, both from 1, the column in characters.
pub fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let start_of_line = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[start_of_line..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let text = "a = 1\n组 = 2\n";
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, 5), (1, 6));
        assert_eq!(line_and_column(text, 6), (2, 1));
        assert_eq!(line_and_column(text, text.find("= 2").unwrap()), (2, 3));
        assert_eq!(line_and_column(text, 7), (2, 1), "inside a character is at that character");
        assert_eq!(line_and_column(text, 1000), (3, 1));
    }
}
