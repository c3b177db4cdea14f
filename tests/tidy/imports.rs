//! Which other modules of the package a file names: `crate::…` and `super::…` that leave its own.

use super::source::{Source, is_word, line_of, words_at};

/// A path from the package's root, such as `config::plan::Tier`, and the line it stands on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    pub line: usize,
    pub path: String,
}

/// Every path of the file that begins at the package's root, use trees taken apart.
pub fn imports(source: &Source) -> Vec<Import> {
    let code = &source.code;
    let module = module(&source.path);
    let mut found = Vec::new();
    for at in words_at(code, "crate") {
        if let Some(rest) = behind_colons(code, at + "crate".len()) {
            expand(code, rest, "", &mut found);
        }
    }
    for at in words_at(code, "super").filter(|at| !code[..*at].trim_end().ends_with("::")) {
        let (mut up, mut rest) = (1, behind_colons(code, at + "super".len()));
        while let Some(at) = rest.filter(|at| code[*at..].starts_with("super::")) {
            (up, rest) = (up + 1, behind_colons(code, at + "super".len()));
        }
        if let Some(at) = rest.filter(|_| up >= module.len()) {
            expand(code, at, "", &mut found);
        }
    }
    found
}

/// The module that a file is: `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`.
pub fn module(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    path.split('/').filter(|part| !["mod", "lib"].contains(part)).collect()
}

/// The place behind `::`, if that follows.
fn behind_colons(code: &str, at: usize) -> Option<usize> {
    let at = behind_blanks(code, at);
    code[at..].starts_with("::").then(|| behind_blanks(code, at + 2))
}

fn behind_blanks(code: &str, at: usize) -> usize {
    at + code[at..].len() - code[at..].trim_start().len()
}

/// Adds the paths of the tree at `at`, each behind `prefix`; returns the place behind the tree.
fn expand(code: &str, at: usize, prefix: &str, found: &mut Vec<Import>) -> usize {
    let at = behind_blanks(code, at);
    if code[at..].starts_with('{') {
        return expand_group(code, at + 1, prefix, found);
    }
    let name: String = code[at..].bytes().take_while(|byte| is_word(*byte)).map(char::from).collect();
    let end = at + name.len();
    let path = match (prefix, name.as_str()) {
        (_, "" | "self") => prefix.to_owned(),
        ("", _) => name,
        _ => format!("{prefix}::{name}"),
    };
    match behind_colons(code, end) {
        Some(rest) if code[rest..].starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_alphabetic()) => {
            expand(code, rest, &path, found)
        }
        Some(rest) if code[rest..].starts_with('*') => {
            found.push(Import { line: line_of(code, at), path: format!("{path}::*") });
            rest + 1
        }
        _ => {
            found.push(Import { line: line_of(code, at), path });
            end
        }
    }
}

fn expand_group(code: &str, mut at: usize, prefix: &str, found: &mut Vec<Import>) -> usize {
    loop {
        at = behind_blanks(code, at);
        if at >= code.len() || code[at..].starts_with('}') {
            return at + 1;
        }
        at = expand(code, at, prefix, found);
        at += code[at..].find([',', '}']).unwrap_or(code.len() - at); // behind `as name`
        at += usize::from(code[at..].starts_with(','));
    }
}

mod tests {
    use super::*;

    fn paths(path: &str, text: &str) -> Vec<String> {
        imports(&Source::new(path, text)).into_iter().map(|import| import.path).collect()
    }

    #[test]
    fn use_trees_are_taken_apart() {
        let text = "use crate::{a, b::{self, C as D, e::*}};\nuse std::crates;\nlet x = crate::f::g::<u8>(1);";
        assert_eq!(paths("src/x.rs", text), ["a", "b", "b::C", "b::e::*", "f::g"]);
    }

    #[test]
    fn super_is_followed_out_of_the_module_and_not_within() {
        assert_eq!(paths("src/a/mod.rs", "use super::b::C;"), ["b::C"]);
        assert_eq!(paths("src/a/b.rs", "use super::C; use super::super::d::E; let x = super::F;"), ["d::E"]);
    }

    #[test]
    fn a_path_knows_its_line() {
        let found = imports(&Source::new("src/x.rs", "use crate::{\n    a,\n    b,\n};"));
        assert_eq!(found.iter().map(|import| import.line).collect::<Vec<_>>(), [2, 3]);
    }
}
