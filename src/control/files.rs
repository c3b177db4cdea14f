//! The configuration's files: the main one and what its `include` patterns match.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::kept::{self, Unusable};
use crate::config::fault::At;
use crate::config::plan::Plan;
use crate::config::{self, Fault, Host, Reading, Source};

/// What was read from the disk; the first source is the main file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Files {
    pub sources: Vec<Source>,
    /// Files that are not there or cannot be read.
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
    /// The patterns that matched something: at a reload none of them may come to match nothing.
    pub matched: Vec<String>,
}

/// Loads, reads and checks. `matched_before` are the patterns that matched when the configuration
/// that runs was loaded; empty at a start. The second value is the same for the next reload.
pub fn read(main: &Path, host: &Host, running: Option<&Plan>, matched_before: &[String]) -> (Reading, Vec<String>) {
    let Files { sources, mut faults, mut warnings, matched } = load(main, matched_before);
    let complete = faults.is_empty();
    let mut reading = if complete { config::read(&sources, host, running) } else { config::read_part(&sources) };
    faults.append(&mut reading.faults);
    warnings.append(&mut reading.warnings);
    (Reading { faults, warnings, configuration: reading.configuration }, matched)
}

/// Whether the `state` folder can be used, as far as it shows on this host: the switch may run as
/// another user than whoever checks.
pub fn look_at_state(main: &Path, reading: &mut Reading) {
    let Some(source) = load(main, &[]).sources.into_iter().next() else { return };
    let Some(state) = config::parse::state(&source) else { return };
    let Err(unusable) = kept::look(&state.value) else { return };
    let mine = matches!(unusable, Unusable::NotWritable(..));
    let list = if mine { &mut reading.warnings } else { &mut reading.faults };
    list.push(Fault::new(&source, state.place.offset, unusable.to_string()));
}

/// Reads the main file and, in the order of the patterns and then in byte order, what it includes.
pub fn load(main: &Path, matched_before: &[String]) -> Files {
    let mut files = Files::default();
    let Some(source) = files.take(main, |message| Fault {
        file: main.display().to_string(),
        line: 1,
        column: 1,
        message: message.to_owned(),
    }) else {
        return files;
    };
    let folder = main.parent().unwrap_or(Path::new(""));
    let mut loaded = BTreeSet::from([identity(main)]);
    for pattern in config::parse::includes(&source) {
        files.include(&source, folder, &pattern, &mut loaded, matched_before);
    }
    files.sources.insert(0, source);
    files
}

impl Files {
    fn include(
        &mut self,
        main: &Source,
        folder: &Path,
        pattern: &At<String>,
        loaded: &mut BTreeSet<PathBuf>,
        matched_before: &[String],
    ) {
        let at_pattern = |message: String| Fault::new(main, pattern.place.offset, message);
        let paths = match expand(folder, &pattern.value) {
            Ok(paths) => paths,
            Err(message) => return self.faults.push(at_pattern(message)),
        };
        if paths.is_empty() {
            let fault = at_pattern(format!("`{}` matches no file", pattern.value));
            let refused = matched_before.contains(&pattern.value);
            if refused { &mut self.faults } else { &mut self.warnings }.push(fault);
            return;
        }
        self.matched.push(pattern.value.clone());
        for path in paths {
            // The main file may match its own pattern, and two patterns the same file.
            if loaded.insert(identity(&path)) {
                let source = self.take(&path, |message| at_pattern(format!("{}: {message}", path.display())));
                self.sources.extend(source);
            }
        }
    }

    /// One file; if it cannot be read as text, the fault that `unreadable` makes of the reason.
    fn take(&mut self, path: &Path, unreadable: impl FnOnce(&str) -> Fault) -> Option<Source> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.faults.push(unreadable(&reason(&error)));
                return None;
            }
        };
        let name = path.display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => Some(Source { name, text }),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                self.faults.push(Fault::new(&Source { name, text }, good, "this is not UTF-8: save the file as UTF-8"));
                None
            }
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "the switch may not read this file".to_owned(),
        _ => format!("this file cannot be read: {error}"),
    }
}

/// One file, whatever path leads to it.
fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The files that a pattern means, in byte order. A pattern without `*` is one file, there or not.
fn expand(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let path = folder.join(pattern);
    let (parent, last) = (path.parent(), path.file_name());
    let (Some(parent), Some(last)) = (parent, last) else {
        return Err(format!("`{pattern}` names no file"));
    };
    if parent.as_os_str().as_bytes().strip_prefix(folder.as_os_str().as_bytes()).unwrap_or(b"").contains(&b'*') {
        return Err(format!("`{pattern}`: `*` may stand in the last part only, as in \"members.d/*.toml\""));
    }
    if !last.as_bytes().contains(&b'*') {
        return Ok(vec![path]);
    }
    let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let entries = match fs::read_dir(here) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {}", here.display(), reason(&error))),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| format!("{}: {}", here.display(), reason(&error)))?.file_name();
        if matches(last.as_bytes(), name.as_bytes()) && parent.join(&name).is_file() {
            names.push(name);
        }
    }
    names.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    Ok(names.into_iter().map(|name| parent.join(name)).collect())
}

/// Whether `name` fits `pattern`, in which `*` is any run of characters; hidden files only fit a
/// pattern that begins with the dot too.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.starts_with(b".") && !pattern.starts_with(b".") {
        return false;
    }
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or(b"");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&[u8]> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = find(rest, part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Where `part` first occurs. The earliest place leaves most for what follows.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    (0..=text.len().checked_sub(part.len())?).find(|at| text[*at..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: &str =
        "[[member]]\nid = \"ID\"\nprofile = \"tv\"\nallow = [\"10.0.0.1\"]\nline = [{ listen = \"127.0.0.1:0\" }]\n";

    fn member(id: &str) -> String {
        MEMBER.replace("ID", id)
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(files: &Files, folder: &tempfile::TempDir) -> Vec<String> {
        let prefix = format!("{}/", folder.path().display());
        files.sources.iter().map(|source| source.name.replace(&prefix, "")).collect()
    }

    #[test]
    fn included_files_come_in_byte_order_after_the_main_one() {
        let main = "[switch]\ninclude = [\"members.d/*.toml\", \"more.toml\", \"*.toml\"]\n";
        let folder = folder(&[
            ("ringswitch.toml", main),
            ("members.d/b.toml", ""),
            ("members.d/B.toml", ""),
            ("members.d/a.toml", ""),
            ("members.d/.hidden.toml", "not toml"),
            ("members.d/readme", "not toml"),
            ("members.d/x.toml/file", ""),
            ("more.toml", ""),
        ]);
        let files = load(&folder.path().join("ringswitch.toml"), &[]);
        assert_eq!(files.faults, []);
        assert_eq!(files.warnings, []);
        let expected = ["ringswitch.toml", "members.d/B.toml", "members.d/a.toml", "members.d/b.toml", "more.toml"];
        assert_eq!(names(&files, &folder), expected);
        assert_eq!(files.matched, ["members.d/*.toml", "more.toml", "*.toml"]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let main = "[switch]\ninclude = [\"none.d/*.toml\", \"gone.toml\", \"*/a.toml\"]\n";
        let folder = folder(&[("ringswitch.toml", main)]);
        let path = folder.path().join("ringswitch.toml");
        let files = load(&path, &[]);
        let at = |faults: &[Fault]| faults.iter().map(|fault| (fault.line, fault.column)).collect::<Vec<_>>();
        assert_eq!(at(&files.warnings), [(2, 12)]);
        assert!(files.warnings[0].message.contains("`none.d/*.toml` matches no file"));
        assert_eq!(at(&files.faults), [(2, 29), (2, 42)]);
        assert!(files.faults[0].message.contains("gone.toml: there is no such file"), "{:?}", files.faults[0]);
        assert!(files.faults[1].message.contains("last part only"));

        let vanished = load(&path, &["none.d/*.toml".to_owned()]);
        assert_eq!(vanished.warnings, [], "a pattern that matched before and matches nothing now is refused");
        assert_eq!(vanished.faults.len(), 3);

        let nothing = load(&folder.path().join("other.toml"), &[]);
        assert_eq!((nothing.faults[0].line, nothing.faults[0].column), (1, 1));
        assert_eq!(nothing.faults[0].message, "there is no such file");
    }

    #[test]
    fn bytes_that_are_no_text_have_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ringswitch.toml");
        fs::write(&path, b"[switch]\nname = \"a\xff\"\n").unwrap();
        let files = load(&path, &[]);
        assert_eq!((files.faults[0].line, files.faults[0].column), (2, 10));
        assert!(files.sources.is_empty());
    }

    #[test]
    fn faults_of_all_files_are_found_at_once() {
        let main = format!("[switch]\ninclude = [\"m/*\"]\n{}", member("one"));
        let twice = format!("{}[switch]\n", member("one"));
        let folder =
            folder(&[("main.toml", &main), ("m/1.toml", &twice), ("m/2.toml", "[[route]]\nform = [\"one\"]\n")]);
        let host = Host { name: "sw1".to_owned(), cpus: 2 };
        let (reading, _) = read(&folder.path().join("main.toml"), &host, None, &[]);
        let shown: Vec<String> = reading.faults.iter().map(Fault::to_string).collect();
        let shown = shown.join("\n").replace(&format!("{}/", folder.path().display()), "");
        assert!(shown.contains("m/1.toml:2:6: member `one` is given twice: first at main.toml:4:6"), "{shown}");
        assert!(shown.contains("m/1.toml:6:1: [switch] belongs in the main file"), "{shown}");
        assert!(shown.contains("m/2.toml:2:1: unknown key `form`; did you mean `from`?"), "{shown}");
    }

    #[test]
    fn stars_match_any_run() {
        for (pattern, name, fits) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".a.toml", false),
            (".*", ".a", true),
            ("a*b*c", "aXXbYYbc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "x", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("**x", "x", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), fits, "{pattern} {name}");
        }
    }
}
