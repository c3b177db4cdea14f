//! Text in, what was written out, and every fault of form with its place. A bad value hides
//! neither the ones beside it nor the ones behind it.

mod members;
mod reader;
pub mod scalar;
mod sections;

use std::collections::BTreeSet;
use std::path::PathBuf;

use toml::de::DeTable;

pub use sections::SHARDS_MAX;

use super::fault::{At, Findings, Place, Source};
use super::model::{Given, Model};
use super::unbuilt::Section;
use reader::Reader;

/// What was read, and whether all of it was TOML: if not, what is missing proves nothing.
#[derive(Debug)]
pub struct Parsed {
    pub model: Model,
    pub well_formed: bool,
}

/// Reads the sources; the first is the main file, the others are what it includes.
pub fn parse(sources: &[Source], findings: &mut Findings<'_>) -> Parsed {
    let mut parsed = Parsed { model: Model::default(), well_formed: true };
    for file in 0..sources.len() {
        parse_file(file, findings, &mut parsed);
    }
    parsed
}

/// The `include` patterns of a main file, as far as they can be read: the whole is judged later.
pub fn includes(main: &Source) -> Vec<At<String>> {
    let sources = std::slice::from_ref(main);
    let mut findings = Findings::new(sources);
    match parse(sources, &mut findings).model.switch.include {
        Given::Here(include) => include.value,
        _ => Vec::new(),
    }
}

/// The `state` folder of a main file and where it is named, as far as it can be read.
pub fn state(main: &Source) -> Option<At<PathBuf>> {
    let sources = std::slice::from_ref(main);
    let mut findings = Findings::new(sources);
    match parse(sources, &mut findings).model.switch.state {
        Given::Here(folder) => Some(folder),
        _ => None,
    }
}

fn parse_file(file: usize, findings: &mut Findings<'_>, parsed: &mut Parsed) {
    let text = findings.text(file);
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(Section::Top, file, root.get_ref(), findings);
    if file == 0 {
        parsed.model.switch = sections::switch(&mut reader);
        parsed.model.timers = sections::timers(&mut reader);
        parsed.model.limits = sections::general_limits(&mut reader);
    } else {
        refuse_general_sections(file, &mut reader);
    }
    if let Given::Here(tables) = reader.tables("member") {
        let members = tables.value.into_iter().map(|table| members::member(&mut reader, table));
        parsed.model.members.extend(members);
    }
    if let Given::Here(tables) = reader.tables("route") {
        let routes = tables.value.into_iter().map(|table| members::route(&mut reader, table));
        parsed.model.routes.extend(routes);
    }
    reader.finish();
    if !errors.is_empty() {
        parsed.well_formed = false;
        report_form(file, text, &errors, findings);
    }
}

fn refuse_general_sections(file: usize, reader: &mut Reader<'_, '_, '_>) {
    for section in ["switch", "timers", "limits"] {
        if let Given::Here(At { place, .. }) = reader.table(section) {
            debug_assert_eq!(place.file, file);
            let message =
                format!("[{section}] belongs in the main file: an included one holds [[member]] and [[route]]");
            reader.findings.refuse(place, message);
        }
    }
}

/// Reports what is not TOML, and takes back what was found on the same lines: the parser guesses
/// what a broken line may have meant, and a fault of that guess would only mislead.
fn report_form(file: usize, text: &str, errors: &[toml::de::Error], findings: &mut Findings<'_>) {
    let place_of = |error: &toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start.min(text.len()));
        Place { file, offset }
    };
    let broken = errors.iter().map(|error| findings.line_and_column(place_of(error)).0).collect();
    findings.forget(file, &broken);
    // One broken bracket yields a dozen: of each line the first says what to mend.
    let mut reported = BTreeSet::new();
    for error in errors {
        let place = place_of(error);
        if reported.insert(findings.line_and_column(place).0) {
            findings.refuse(place, error.message());
        }
    }
}
