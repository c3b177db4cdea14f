//! What a process that a bench has started says to it, a line at a time.

use std::io::BufRead;

/// What follows `word` in the next line, which must begin with it.
pub fn said(output: &mut impl BufRead, word: &str) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("a pipe");
    let rest = line.strip_prefix(word).unwrap_or_else(|| panic!("{word} was due, and this came: {line:?}"));
    rest.trim().to_owned()
}
