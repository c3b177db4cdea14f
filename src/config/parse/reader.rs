//! Typed reading of one table. What a section reads is what it knows: a key that nobody asked for
//! is reported when the reading ends.

use toml::de::{DeTable, DeValue};

use super::scalar::Converted;
use crate::config::fault::{At, Findings, Place};
use crate::config::model::Given;
use crate::config::unbuilt::{Section, Unbuilt, unbuilt_value};

/// How alike two keys must be (Jaro-Winkler) for one to be suggested for the other.
const ALIKE: f64 = 0.75;

pub struct Reader<'a, 'f, 's> {
    table: &'a DeTable<'a>,
    section: Section,
    file: usize,
    asked: Vec<&'static str>,
    pub findings: &'f mut Findings<'s>,
}

/// A table and where it begins.
pub type PlacedTable<'a> = (Place, &'a DeTable<'a>);

impl<'a, 'f, 's> Reader<'a, 'f, 's> {
    pub fn new(section: Section, file: usize, table: &'a DeTable<'a>, findings: &'f mut Findings<'s>) -> Self {
        Self { table, section, file, asked: Vec::new(), findings }
    }

    /// One value.
    pub fn read<T>(&mut self, key: &'static str, convert: impl FnOnce(&DeValue<'_>) -> Converted<T>) -> Given<T> {
        let Some((place, value)) = self.take(key) else { return Given::Absent };
        if let Some(row) = unbuilt(self.section, key, value) {
            return self.refused(place, row.message());
        }
        match convert(value) {
            Ok(value) => Given::Here(At { value, place }),
            Err(message) => self.refused(place, format!("`{key}`: {message}")),
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Given<T> {
        self.read(key, |value| {
            let written = super::scalar::text(value)?;
            let known = words.iter().find(|(word, _)| *word == written).map(|(_, meaning)| *meaning);
            known.ok_or_else(|| {
                let near = nearest(written, words.iter().map(|(word, _)| *word));
                let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                format!("`{written}` is not known here: write {}{near}", words.join(" or "))
            })
        })
    }

    /// A list of values; every bad one is named, and then the list as a whole is bad.
    pub fn list<T>(&mut self, key: &'static str, convert: impl Fn(&DeValue<'_>) -> Converted<T>) -> Given<Vec<At<T>>> {
        let Some((place, value)) = self.take(key) else { return Given::Absent };
        let Some(array) = value.as_array() else {
            return self.refused(place, format!("`{key}`: write a list, between [ and ]"));
        };
        let mut items = Vec::with_capacity(array.len());
        for item in array {
            let place = Place { file: self.file, offset: item.span().start };
            match convert(item.get_ref()) {
                Ok(value) => items.push(At { value, place }),
                Err(message) => self.findings.refuse(place, format!("`{key}`: {message}")),
            }
        }
        if items.len() < array.len() { Given::Bad(place) } else { Given::Here(At { value: items, place }) }
    }

    /// A table whose keys are the operator's; every bad entry is named, at its key.
    pub fn entries<T>(
        &mut self,
        key: &'static str,
        convert: impl Fn(&str, &DeValue<'_>) -> Converted<T>,
    ) -> Given<Vec<At<T>>> {
        let table = match self.table(key) {
            Given::Absent => return Given::Absent,
            Given::Bad(place) => return Given::Bad(place),
            Given::Here(table) => table,
        };
        let mut items = Vec::with_capacity(table.value.len());
        for (name, value) in table.value {
            let place = Place { file: self.file, offset: name.span().start };
            match convert(name.get_ref(), value.get_ref()) {
                Ok(value) => items.push(At { value, place }),
                Err(message) => self.findings.refuse(place, format!("`{key}`: {message}")),
            }
        }
        let all = items.len() == table.value.len();
        if all { Given::Here(At { value: items, place: table.place }) } else { Given::Bad(table.place) }
    }

    /// A table within this one.
    pub fn table(&mut self, key: &'static str) -> Given<&'a DeTable<'a>> {
        let Some((place, value)) = self.take(key) else { return Given::Absent };
        match value.as_table() {
            Some(value) => Given::Here(At { value, place }),
            None => self.refused(place, format!("`{key}`: write a table, [{key}] or {{ … }}")),
        }
    }

    /// A list of tables: `[[key]]`, or `key = [ { … } ]`.
    pub fn tables(&mut self, key: &'static str) -> Given<Vec<PlacedTable<'a>>> {
        let Some((place, value)) = self.take(key) else { return Given::Absent };
        let Some(array) = value.as_array() else {
            return self.refused(place, format!("`{key}`: write [[{key}]] with two brackets, or {key} = [ {{ … }} ]"));
        };
        let mut tables = Vec::with_capacity(array.len());
        for item in array {
            let place = Place { file: self.file, offset: item.span().start };
            match item.get_ref().as_table() {
                Some(table) => tables.push((place, table)),
                None => self.findings.refuse(place, format!("`{key}`: write a table, {{ … }}")),
            }
        }
        if tables.len() < array.len() { Given::Bad(place) } else { Given::Here(At { value: tables, place }) }
    }

    /// A reader of another table, with the same findings.
    pub fn inner(&mut self, section: Section, table: &'a DeTable<'a>) -> Reader<'a, '_, 's> {
        Reader::new(section, self.file, table, self.findings)
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let place = Place { file: self.file, offset: key.span().start };
            let message = self.unknown(name);
            self.findings.refuse(place, message);
        }
    }

    fn unknown(&self, name: &str) -> String {
        match nearest(name, self.asked.iter().copied()) {
            Some(near) => format!("unknown key `{name}`; did you mean `{near}`?"),
            None => format!("unknown key `{name}` in {}", self.section.name()),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(Place, &'a DeValue<'a>)> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        Some((Place { file: self.file, offset: value.span().start }, value.get_ref()))
    }

    fn refused<T>(&mut self, place: Place, message: String) -> Given<T> {
        self.findings.refuse(place, message);
        Given::Bad(place)
    }
}

fn unbuilt(section: Section, key: &str, value: &DeValue<'_>) -> Option<&'static Unbuilt> {
    match value {
        DeValue::String(text) => unbuilt_value(section, key, text),
        DeValue::Boolean(true) => unbuilt_value(section, key, "true"),
        _ => None,
    }
}

/// The known key most like `name`, if any is alike at all.
fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let rated = known.map(|key| (strsim::jaro_winkler(name, key), key)).filter(|(likeness, _)| *likeness >= ALIKE);
    rated.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, key)| key)
}
