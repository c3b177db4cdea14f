//! What no compiler checks: who may import whom, where foreign interfaces and `unsafe` may stand,
//! that the documents name what exists, and that files and functions stay small. Each failure says
//! what to change. Test code is exempt.

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/source.rs"]
mod source;

use std::path::Path;

use imports::{Import, imports, module};
use source::{Source, sources};

/// What each top-level module may import besides itself and [`VOCABULARY`]: a module, a part of
/// one, or everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("ids", &[]),
    ("time", &[]),
    ("limits", &[]),
    ("reason", &[]),
    ("prefetch", &[]),
    ("plant", &[]),
    ("frame", &[]),
    ("message", &[]),
    ("config", &["frame", "message"]),
    // The plan is published and groups have tiers; listeners travel from control to a shard.
    ("shared", &["config::plan::Plan", "config::plan::Tier", "ring::Listener"]),
    // It moves bytes, it does not route.
    ("ring", &[]),
    ("switch", &["frame", "message", "config", "shared"]),
    ("shard", &["frame", "message", "config", "shared", "ring", "switch", "metrics"]),
    ("metrics", &["config::plan", "shared"]),
    // Of the ring, what binds listeners and ends a shard's wait; all else goes through `shared`.
    ("control", &["config", "shared", "metrics", "ring::Listener", "ring::Wake", "ring::sockets"]),
    // The witness shares no decision with the accused.
    ("simulate", &["frame", "message", "config", "shared::histogram"]),
    // Another witness, with the simulator's sockets and messages.
    ("certify", &["frame", "message", "config", "simulate"]),
    // It asks what a start asks: descriptors of a plan, one ring.
    ("doctor", &["config", "control::descriptors", "ring::uring"]),
    ("app", &[EVERYTHING]),
    ("cli", &[EVERYTHING]),
    ("main", &[EVERYTHING]),
];

const EVERYTHING: &str = "*";

/// The words of the product, free for all.
const VOCABULARY: &[&str] = &["ids", "time", "limits", "reason", "prefetch"];

/// Foreign interfaces and the beginnings of the only paths that may name them. A played member has
/// sockets of its own: the witness shares nothing with the accused.
const FOREIGN: &[(&str, &[&str])] =
    &[("io_uring", &["src/ring/uring"]), ("socket2", &["src/ring/sockets", "src/simulate/sockets"])];

/// Where `unsafe` may stand: the memory that the kernel shares, the lock-free tables, pinning.
const UNSAFE: &[&str] = &[
    "src/ring/uring",
    "src/ring/mapping.rs",
    "src/ring/sockets.rs",
    "src/shared/response_table",
    "src/shared/mailbox",
    "src/shard/cpu.rs",
    "src/prefetch.rs",
    // The clock that the rings read, and the limit of descriptors.
    "src/control/clock.rs",
    "src/control/descriptors.rs",
];

/// Where atomics may stand: memory between threads, and between us and the kernel.
const ATOMICS: &[&str] = &["src/shared/", "src/ring/"];
const ATOMIC_TYPES: &[&str] = &["AtomicBool", "AtomicU8", "AtomicU16", "AtomicU32", "AtomicU64", "AtomicUsize"];

/// Modules that decide and do nothing else, and the names that would be doing something.
const PURE: &[&str] = &["frame", "message", "config", "switch"];
const DOING: &[&str] =
    &["std::fs", "std::env", "std::process", "std::thread", "std::os", "tokio", "mio", "libc", "hyper", "axum"];

const FILE_LINES_MAX: usize = 500;
const LONG_FILES: &[&str] = &[];

const FUNCTION_LINES_MAX: usize = 70;
/// As `src/shard/turn.rs: run`.
const LONG_FUNCTIONS: &[&str] = &[];

/// Runs a check over every file and fails with all that it finds.
fn hold(check: impl Fn(&Source) -> Vec<String>) {
    let faults: Vec<String> = sources().iter().flat_map(check).collect();
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n"));
}

fn is_below(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

/// A fault for each place of the file's code where `word` stands.
fn places(source: &Source, word: &str, advice: &str) -> Vec<String> {
    source.lines_with(word).iter().map(|line| format!("{}:{line}: {advice}", source.path)).collect()
}

#[test]
fn modules_import_only_what_their_layer_may() {
    hold(layer_faults);
}

fn layer_faults(source: &Source) -> Vec<String> {
    let path = &source.path;
    let Some(own) = module(path).first().copied() else { return Vec::new() }; // lib.rs declares modules
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
        return vec![format!("{path}: `{own}` is no layer yet: add what it may import to LAYERS in tests/tidy.rs")];
    };
    let may = |import: &str| {
        let covers = |part: &&str| *part == EVERYTHING || import == *part || import.starts_with(&format!("{part}::"));
        covers(&own) || VOCABULARY.iter().any(covers) || allowed.iter().any(covers)
    };
    let besides = if allowed.is_empty() { "nothing" } else { &allowed.join(", ") };
    let foreign = imports(source).into_iter().filter(|import| !may(&import.path));
    foreign
        .map(|Import { line, path: import }| {
            format!(
                "{path}:{line}: `{own}` may import {besides} besides the vocabulary, but not crate::{import}: hand \
                 the thing in, move it down, or widen LAYERS in tests/tidy.rs and say why"
            )
        })
        .collect()
}

#[test]
fn foreign_interfaces_are_named_in_one_place_each() {
    hold(|source| {
        let elsewhere = FOREIGN.iter().filter(|(_, homes)| !homes.iter().any(|home| source.path.starts_with(home)));
        elsewhere
            .flat_map(|(name, homes)| {
                let homes = homes.join("*, ");
                places(source, name, &format!("{name} is named only in {homes}*: add a function there and call it"))
            })
            .collect()
    });
}

#[test]
fn unsafe_stands_only_where_it_is_expected() {
    hold(|source| {
        if is_below(&source.path, UNSAFE) {
            return Vec::new();
        }
        let advice = "no unsafe here: put it behind a safe function of a file in UNSAFE (tests/tidy.rs), or add \
                      this one there and say why";
        places(source, "unsafe", advice)
    });
}

#[test]
fn atomics_live_between_threads_only() {
    hold(|source| {
        if is_below(&source.path, ATOMICS) {
            return Vec::new();
        }
        let advice = "atomics belong into src/shared/, behind methods that state their orderings";
        ATOMIC_TYPES.iter().flat_map(|name| places(source, name, &format!("{name}: {advice}"))).collect()
    });
}

#[test]
fn what_decides_does_nothing_else() {
    hold(|source| {
        if !module(&source.path).first().is_some_and(|own| PURE.contains(own)) {
            return Vec::new();
        }
        let advice = "take what is needed as an argument, and let shard, control or cli do it";
        DOING.iter().flat_map(|name| places(source, name, &format!("{name} in a pure module: {advice}"))).collect()
    });
}

#[test]
fn files_stay_small() {
    hold(|source| {
        let (path, lines) = (&source.path, source.lines());
        if lines <= FILE_LINES_MAX || LONG_FILES.contains(&path.as_str()) {
            return Vec::new();
        }
        vec![format!("{path}: {lines} lines without tests, at most {FILE_LINES_MAX}: split it by what its parts do")]
    });
}

#[test]
fn functions_stay_small() {
    hold(|source| {
        let path = &source.path;
        let listed = |name: &str| LONG_FUNCTIONS.contains(&format!("{path}: {name}").as_str());
        let long = |(name, line, lines): (String, usize, usize)| {
            let fault =
                || format!("{path}:{line}: `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}: name its steps");
            (lines > FUNCTION_LINES_MAX && !listed(&name)).then(fault)
        };
        source.functions().into_iter().filter_map(long).collect()
    });
}

/// What marks unfinished code, in code or in comments.
fn unfinished(source: &Source) -> Option<String> {
    let macros = ["todo", "unimplemented"].into_iter().find(|name| source.code.contains(&format!("{name}!(")));
    let words = ["TODO", "FIXME", "XXX", "(to come)"].into_iter().find(|word| source.text.contains(word));
    macros.map(|name| format!("{name}!()")).or(words.map(str::to_owned))
}

#[test]
fn nothing_is_left_to_do() {
    hold(|source| {
        let path = &source.path;
        let fault = |mark| format!("{path}: still says `{mark}`: write it, or say elsewhere what is missing");
        unfinished(source).map(fault).into_iter().collect()
    });
}

#[test]
fn the_architecture_page_names_files_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(page) = std::fs::read_to_string(root.join("src/ARCHITECTURE.md")) else { return };
    let exists = |name: &str| root.join(name).exists() || root.join("src").join(name).exists();
    let missing = quoted_paths(&page).into_iter().filter(|(_, name)| !exists(name));
    let faults: Vec<String> = missing
        .map(|(line, name)| format!("src/ARCHITECTURE.md:{line}: `{name}` is neither here nor in src: mend the name"))
        .collect();
    assert!(faults.is_empty(), "\n\n{}\n", faults.join("\n"));
}

/// The code spans of a page that are names of files or folders of the repository, with their lines.
fn quoted_paths(page: &str) -> Vec<(usize, &str)> {
    let ends = [".rs", ".md", ".sh", "/"];
    page.lines()
        .enumerate()
        .flat_map(|(at, line)| line.split('`').skip(1).step_by(2).map(move |span| (at + 1, span)))
        .filter(|(_, span)| ends.iter().any(|end| span.ends_with(end)) && !span.contains([' ', '*', '{', '<']))
        .filter(|(_, span)| !span.starts_with('/'))
        .collect()
}

// The checks on planted faults: a check that cannot fail holds nothing.

#[test]
fn a_planted_import_is_caught() {
    let faults = |path, text| layer_faults(&Source::new(path, text)).len();
    assert_eq!(faults("src/switch/mod.rs", "use crate::shard::Shard; use crate::frame::Scan;"), 1);
    assert_eq!(faults("src/shared/inbox.rs", "use crate::ring::{Listener, Ring};"), 1);
    assert_eq!(faults("src/simulate/load.rs", "use crate::shared::{histogram::Histogram, counters};"), 1);
    assert_eq!(faults("src/frame/scan.rs", "use super::super::config::plan; use crate::ids; use crate::frame::X;"), 1);
    assert_eq!(faults("src/cli/mod.rs", "use crate::shard;"), 0);
    assert_eq!(faults("src/unknown.rs", ""), 1);
    assert_eq!(faults("src/ring/mod.rs", "// crate::switch\n#[cfg(test)]\nmod tests { use crate::switch; }"), 0);
}

#[test]
fn planted_marks_of_unfinished_code_are_caught() {
    let found = |text| unfinished(&Source::new("src/x.rs", text)).is_some();
    assert!(found("fn a() { todo!() }") && found("// TODO: later") && found("//! (to come)"));
    assert!(!found("fn a() { todo(); } // nothing to do"));
}

#[test]
fn quoted_names_are_told_from_other_code() {
    let page = "see `frame/scan.rs` and `cargo test`\n`src/ring/`, `a/*.rs`, `/v1/lines/`, `Wheel::next`";
    assert_eq!(quoted_paths(page), [(1, "frame/scan.rs"), (2, "src/ring/")]);
}
