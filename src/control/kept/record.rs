//! What is kept, as a text that an operator can read.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::io;

use serde::Deserialize;

/// Of the text. Another one is not guessed at.
const FORMAT: i64 = 1;

const HEAD: &str = "\
# Kept by ringswitch over a restart, and written by it while it runs.
# To forget something, stop the switch and remove it here, or the whole file.
format = 1
";

const MARKS: &str = "
# Numbers of requests go on from here, by answering group, hexadecimal. All that were given out lie
# before; after a kill, up to an eighth of all numbers may lie between.
[marks]
";

const DISABLED: &str = "
# Disabled or drained by hand, and so until enabled.
";

/// Without it the text was cut short.
const END: &str = "
[end]
";

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// By `member/group`: where the numbers of a later run begin.
    pub marks: BTreeMap<String, u16>,
    pub disabled: Vec<DisabledLine>,
}

/// A line out of service, and what it is recognised by.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisabledLine {
    pub line: String,
    pub member: String,
    /// Where it listens, or connects to.
    pub address: String,
}

impl DisabledLine {
    /// Whether they are one line: by the name that the operator gave it, or else by the address. Names
    /// that are counted (`MEMBER-1`) move when a line before them goes.
    pub fn is(&self, other: &Self) -> bool {
        if self.is_named() && other.is_named() {
            self.line == other.line
        } else {
            self.member == other.member && self.address == other.address
        }
    }

    fn is_named(&self) -> bool {
        let counted = self.line.strip_prefix(&self.member).and_then(|rest| rest.strip_prefix('-'));
        !counted.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// Why a text is no record.
#[derive(Debug)]
pub enum Damage {
    Unreadable(io::Error),
    /// Not in the form of a record at all.
    Foreign(String),
    OtherFormat(i64),
    CutShort,
    /// A value that no version writes.
    Value(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "it cannot be read: {error}"),
            Self::Foreign(what) => write!(f, "it was not written by a switch, or is damaged: {what}"),
            Self::OtherFormat(format) => write!(f, "its format is {format}, and this version knows {FORMAT}"),
            Self::CutShort => f.write_str("its end is missing"),
            Self::Value(what) => write!(f, "it is damaged: {what}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "format")]
    _format: i64,
    marks: BTreeMap<String, String>,
    #[serde(default)]
    disabled: Vec<DisabledLine>,
    #[serde(rename = "end")]
    _end: End,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {}

impl Record {
    /// Reads what [`Record::text`] wrote, whole or not at all.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, Damage> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| foreign(&error))?;
        match table.get("format") {
            Some(toml::Value::Integer(FORMAT)) => {}
            Some(toml::Value::Integer(format)) => return Err(Damage::OtherFormat(*format)),
            _ => return Err(Damage::Foreign("there is no `format`".to_owned())),
        }
        if !table.contains_key("end") {
            return Err(Damage::CutShort);
        }
        let written: Written = table.try_into().map_err(|error: toml::de::Error| foreign(&error))?;
        let mark = |(group, text): (String, String)| match number(&text) {
            Some(number) => Ok((group, number)),
            None => Err(Damage::Value(format!("`{text}` of {group} is no number"))),
        };
        let marks = written.marks.into_iter().map(mark).collect::<Result<_, _>>()?;
        Ok(Self { marks, disabled: written.disabled })
    }

    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}{MARKS}");
        for (group, number) in &self.marks {
            let _ = writeln!(text, "{} = \"{number:04x}\"", quoted(group));
        }
        if !self.disabled.is_empty() {
            text.push_str(DISABLED);
        }
        for DisabledLine { line, member, address } in &self.disabled {
            let (line, member, address) = (quoted(line), quoted(member), quoted(address));
            let _ = writeln!(text, "[[disabled]]\nline = {line}\nmember = {member}\naddress = {address}");
        }
        text.push_str(END);
        text
    }
}

/// Four hexadecimal digits.
fn number(text: &str) -> Option<u16> {
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u16::from_str_radix(text, 16).ok()).flatten()
}

/// A TOML string.
fn quoted(name: &str) -> String {
    toml::Value::String(name.to_owned()).to_string()
}

fn foreign(error: &toml::de::Error) -> Damage {
    Damage::Foreign(error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(line: &str, address: &str) -> DisabledLine {
        DisabledLine { line: line.to_owned(), member: "nac".to_owned(), address: address.to_owned() }
    }

    fn record() -> Record {
        Record {
            marks: BTreeMap::from([("host/main".to_owned(), 0x1f00), ("host/b.2".to_owned(), 0)]),
            disabled: vec![line("nac-1", "127.0.0.1:7001"), line("east", "[::1]:7002")],
        }
    }

    #[test]
    fn what_was_written_is_read() {
        for record in [record(), Record::default()] {
            assert_eq!(Record::read(&record.text()).expect("sound"), record);
        }
        assert!(record().text().contains("\"host/main\" = \"1f00\"\n"), "{}", record().text());
    }

    #[test]
    fn a_line_is_known_by_the_name_it_was_given_or_else_by_its_address() {
        for (one, other, same) in [
            (line("east", "127.0.0.1:1"), line("east", "127.0.0.1:2"), true),
            (line("east", "127.0.0.1:1"), line("west", "127.0.0.1:1"), false),
            (line("nac-2", "127.0.0.1:1"), line("nac-1", "127.0.0.1:1"), true),
            (line("nac-2", "127.0.0.1:1"), line("nac-2", "127.0.0.1:2"), false),
            (line("east", "127.0.0.1:1"), line("nac-1", "127.0.0.1:1"), true),
            (line("nac-east", "127.0.0.1:1"), line("nac-east", "127.0.0.1:2"), true),
        ] {
            assert_eq!((one.is(&other), other.is(&one)), (same, same), "{one:?} {other:?}");
        }
    }

    #[test]
    fn wherever_a_text_is_cut_it_is_not_believed() {
        let text = record().text();
        // The last line break may be missing: everything is there.
        for end in 0..text.len() - 1 {
            assert!(Record::read(&text[..end]).is_err(), "{}", &text[..end]);
        }
    }

    #[test]
    fn another_format_and_other_texts_are_told_apart() {
        let read = |from: &str, to: &str| Record::read(&record().text().replacen(from, to, 1));
        assert!(matches!(read("format = 1", "format = 2"), Err(Damage::OtherFormat(2))));
        assert!(matches!(read("format = 1", ""), Err(Damage::Foreign(_))));
        assert!(matches!(read("[end]", ""), Err(Damage::CutShort)));
        assert!(matches!(read("[end]", "[else]\n[end]"), Err(Damage::Foreign(_))));
        for number in ["1f0", "1f000", "+1f0", "1g00", ""] {
            assert!(matches!(read("1f00", number), Err(Damage::Value(_))), "{number}");
        }
        assert!(matches!(Record::read("\u{0}\u{0}\u{0}"), Err(Damage::Foreign(_))));
    }

    proptest! {
        #[test]
        fn no_damage_panics_the_reader(at in 0..400usize, length in 0..40usize, with in "\\PC{0,3}") {
            let text = record().text();
            let (at, end) = (at.min(text.len()), (at + length).min(text.len()));
            if let Ok(read) = Record::read(&format!("{}{with}{}", &text[..at], &text[end..])) {
                prop_assert_eq!(Record::read(&read.text()).unwrap(), read);
            }
        }
    }
}
