//! The files of `src` as the checks see them: code without comments, literals and tests, every
//! byte where it was, so that places can be named.

use std::fs;
use std::path::Path;

/// One file.
pub struct Source {
    /// As from the package's folder: `src/frame/scan.rs`.
    pub path: String,
    pub text: String,
    /// The text with comments, the insides of literals and `#[cfg(test)]` items blanked out.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = without_tests(&without_words(text));
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// Lines with code on them, or between code: from the first to the last that is not a test's.
    pub fn lines(&self) -> usize {
        self.code.trim_end().lines().count()
    }

    /// Where `word` stands as a whole word, as line numbers.
    pub fn lines_with(&self, word: &str) -> Vec<usize> {
        words_at(&self.code, word).map(|at| line_of(&self.code, at)).collect()
    }

    /// Names, first lines and lengths of all functions with a body, nested ones too.
    pub fn functions(&self) -> Vec<(String, usize, usize)> {
        words_at(&self.code, "fn").filter_map(|at| function(&self.code, at)).collect()
    }
}

/// All files below `src` that are not tests as a whole, by path.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root).expect("below the package").to_str().expect("UTF-8").to_owned();
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let texts: Vec<(String, String)> = paths.iter().map(|path| (name(path), text(path))).collect();
    let tests: Vec<String> = texts.iter().flat_map(|(path, text)| test_files(path, text)).collect();
    let is_test = |path: &str| tests.iter().any(|test| path == test || path.starts_with(&test.replace(".rs", "/")));
    texts.iter().filter(|(path, _)| !is_test(path)).map(|(path, text)| Source::new(path, text)).collect()
}

fn collect(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the package") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The files that a file declares as `#[cfg(test)] mod name;`.
fn test_files(path: &str, text: &str) -> Vec<String> {
    let code = without_words(text);
    let parent = Path::new(path).parent().expect("a folder");
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).expect("a name");
    let own = if ["mod", "lib", "main"].contains(&stem) { parent.to_owned() } else { parent.join(stem) };
    let declared = |item: &(usize, usize)| {
        let (code, text) = (&code[item.0..item.1], &text[item.0..item.1]);
        let name = code.split_once("mod ")?.1.strip_suffix(';')?.trim();
        let named = text.split_once("path = \"").and_then(|(_, rest)| rest.split('"').next());
        let file = named.map_or_else(|| own.join(format!("{name}.rs")), |file| parent.join(file));
        file.to_str().map(str::to_owned)
    };
    test_items(&code).iter().filter_map(declared).collect()
}

/// Blanks out comments and the insides of string and character literals.
fn without_words(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = skipped(text, at);
        if end == at {
            at += 1;
            continue;
        }
        code[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    String::from_utf8(code).expect("whole characters are blanked out")
}

/// The end of the comment or literal that begins at `at`; `at` itself if none does.
fn skipped(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let rest = &bytes[at..];
    let begins_word = at == 0 || !is_word(bytes[at - 1]);
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment(rest),
        [b'"', ..] => at + quoted(rest, b'"'),
        [b'b', b'"', ..] | [b'c', b'"', ..] if begins_word => at + 1 + quoted(&rest[1..], b'"'),
        [b'r', b'"' | b'#', ..] if begins_word => at + 1 + raw(&rest[1..]),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if begins_word => at + 2 + raw(&rest[2..]),
        [b'\'', b'\\', ..] => at + quoted(rest, b'\''),
        // A character, unless it is a lifetime: no quote then closes behind one character.
        [b'\'', ..] => match text.get(at + 1..).and_then(|inside| inside.chars().next()) {
            Some(c) if rest.get(1 + c.len_utf8()) == Some(&b'\'') => at + 2 + c.len_utf8(),
            _ => at,
        },
        _ => at,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a literal with escapes, both quotes included.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of a raw literal from its first `#` or quote; 0 for a raw name such as `r#type`.
fn raw(rest: &[u8]) -> usize {
    let marks = rest.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(marks) != Some(&b'"') {
        return 0;
    }
    let close = [&b"\""[..], &vec![b'#'; marks]].concat();
    let inside = &rest[marks + 1..];
    let end = inside.windows(close.len()).position(|bytes| bytes == close);
    end.map_or(rest.len(), |end| marks + 1 + end + close.len())
}

fn without_tests(code: &str) -> String {
    let mut bytes = code.as_bytes().to_vec();
    for (start, end) in test_items(code) {
        bytes[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    }
    String::from_utf8(bytes).expect("items end between characters")
}

/// The items that exist in tests only, their attributes included.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let begins = |mark: &str| code.match_indices(mark).map(|(at, _)| at).collect::<Vec<_>>();
    let marks = [begins("#[cfg(test)]"), begins("#[cfg(all(test")].concat();
    marks.into_iter().map(|at| (at, end_of_item(code, at))).collect()
}

/// One past the end of the item at `start`: its closing brace, or its semicolon.
fn end_of_item(code: &str, start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    let bytes = code.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'{' if depth == 0 => return closing_brace(code, at),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    code.len()
}

/// One past the brace that closes the one at `open`.
fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Name, first line and number of lines of the function whose `fn` stands at `at`; `None` for a
/// function pointer or a declaration without a body.
fn function(code: &str, at: usize) -> Option<(String, usize, usize)> {
    let name: String = code[at + 2..].trim_start().chars().take_while(|c| c.is_ascii() && is_word(*c as u8)).collect();
    let end = end_of_item(code, at);
    if name.is_empty() || !code[..end].ends_with('}') {
        return None;
    }
    Some((name, line_of(code, at), code[at..end].lines().count()))
}

pub fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

pub fn words_at<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let end = at + word.len();
        (*at == 0 || !is_word(bytes[at - 1])) && (end == bytes.len() || !is_word(bytes[end]))
    })
}

pub fn line_of(code: &str, at: usize) -> usize {
    1 + code[..at].matches('\n').count()
}

mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = "let a = \"un\\\"safe\"; // unsafe\n/* unsafe /* unsafe */ unsafe */ let b = r#\"un\"safe\"#;";
        let code = without_words(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["let", "a", "=", ";", "let", "b", "=", ";"]);
    }

    #[test]
    fn characters_are_blanked_out_and_lifetimes_are_not() {
        let code = without_words("f('{', '\\'', b'}', '站', \"\") -> &'a str { x: &'static T }");
        assert_eq!(code.matches(['{', '}']).collect::<String>(), "{}");
        assert!(code.contains("'a str") && code.contains("'static T") && !code.contains('站'), "{code}");
    }

    #[test]
    fn what_exists_in_tests_only_is_left_out() {
        let source = Source::new(
            "src/x.rs",
            "fn a() {}\n#[cfg(test)]\nuse x::{y, z};\n#[cfg(test)]\n#[rustfmt::skip]\nmod tests {\n    \
             fn b() {}\n}\nfn c() {}\n",
        );
        assert_eq!(source.functions(), [("a".to_owned(), 1, 1), ("c".to_owned(), 9, 1)]);
    }

    #[test]
    fn a_file_of_tests_is_found_by_its_declaration() {
        let text = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path = \"b_more.rs\"]\nmod more;\nmod code;";
        assert_eq!(test_files("src/a/b.rs", text), ["src/a/b/tests.rs", "src/a/b_more.rs"]);
        assert_eq!(test_files("src/a/mod.rs", "#[cfg(test)]\nmod tests;"), ["src/a/tests.rs"]);
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let text = "trait T {\n    fn none(&self) -> u8;\n    fn some(\n        &self,\n    ) -> [u8; 3] {\n        \
                    f(|x| { x })\n    }\n}\ntype F = fn(u8);";
        assert_eq!(Source::new("src/x.rs", text).functions(), [("some".to_owned(), 3, 5)]);
    }
}
