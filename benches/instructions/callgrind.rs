//! Runs this executable under valgrind, and reads what it has counted.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::counter::{COUNTED, ENDED};

/// How the executable is told to go through the operations.
pub const COUNT: &str = "--count";

/// An operation as it was counted.
pub struct Count {
    pub name: String,
    pub instructions_each: f64,
}

/// Counts the operations whose name contains one of `names`; all, if there are none. A profile of each is left in
/// `folder`, for callgrind_annotate.
///
/// # Errors
/// With what to do about it.
pub fn count(names: &[String], folder: &Path) -> Result<Vec<Count>, String> {
    let fault = |what: &str, error: io::Error| format!("{what}: {error}");
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| fault("the last profiles stay", error))?;
    }
    fs::create_dir_all(folder).map_err(|error| fault("no folder for the profiles", error))?;
    let output = run(names, &folder.join("part"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("{}\nvalgrind or an operation failed: {}", complaints(&output), output.status));
    }
    let counts = said.lines().enumerate().map(|(at, line)| {
        let (name, units) = line.split_once(' ').ok_or_else(|| format!("not a count: {line}"))?;
        let units: u64 = units.parse().map_err(|_| format!("not a number: {line}"))?;
        let profile = folder.join(name.replace('/', "-"));
        // Parts are numbered from 1, in the order in which the operations ended.
        fs::rename(folder.join(format!("part.{}", at + 1)), &profile).map_err(|error| {
            format!("{name}: valgrind wrote no part for it ({error}); is {ENDED} its own function?")
        })?;
        let total = total(&profile)?;
        Ok(Count { name: name.to_owned(), instructions_each: total as f64 / units as f64 })
    });
    counts.collect()
}

fn run(names: &[String], parts: &Path) -> Result<Output, String> {
    let own = std::env::current_exe().map_err(|error| format!("this executable is nowhere: {error}"))?;
    let mut valgrind = Command::new("valgrind");
    valgrind
        .arg("--tool=callgrind")
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--dump-after={ENDED}"))
        .arg(format!("--callgrind-out-file={}", parts.display()))
        .arg(own)
        .arg(COUNT)
        .args(names);
    // The size of the environment moves the stack, and with it what a copy to it takes.
    let path = std::env::var_os("PATH").unwrap_or_default();
    valgrind.env_clear().env("PATH", path).env("LC_ALL", "C").env("GLIBC_TUNABLES", SAME_COPIES);
    valgrind.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "valgrind is not installed: apt-get install valgrind (or dnf, pacman)".to_owned(),
        _ => format!("valgrind does not start: {error}"),
    })
}

/// The C library copies with what the processor has; so it copies alike everywhere.
const SAME_COPIES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-AVX_Fast_Unaligned_Load";

/// What valgrind and the operations have said of their failure.
fn complaints(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<_> = said.lines().rev().take(20).collect();
    last.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// The instructions of a profile.
fn total(profile: &Path) -> Result<u64, String> {
    let text = fs::read_to_string(profile).map_err(|error| format!("{}: {error}", profile.display()))?;
    let mut totals = text.lines().filter_map(|line| line.strip_prefix("totals: "));
    let total = totals.next_back().and_then(|total| total.trim().parse().ok()).unwrap_or(0);
    if total == 0 {
        return Err(format!("{}: nothing was counted; is {COUNTED} its own function?", profile.display()));
    }
    Ok(total)
}

/// The tools that have a say in the figures.
pub fn made_with() -> String {
    let first_line = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.lines().next().map(str::to_owned)
    };
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let tools =
        [compiler.as_str(), "valgrind", "ldd"].map(|tool| first_line(tool).unwrap_or_else(|| format!("no {tool}")));
    tools.join("; ")
}
