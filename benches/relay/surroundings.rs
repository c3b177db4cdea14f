//! What was measured, on what, and when: enough to judge figures by, later.

use std::fs;
use std::process::Command;

use serde::Serialize;

use super::play::programs::Program;

#[derive(Serialize)]
pub struct Surroundings {
    /// UTC.
    pub began: String,
    pub arguments: String,
    pub commit: String,
    pub kernel: String,
    pub processor: String,
    pub processors: usize,
    pub memory_gib: u64,
    pub compiler: String,
    pub haproxy: Option<String>,
    pub nginx: Option<String>,
    /// Programs that ran or wanted to, over the last minute: others than the bench, at its start.
    pub load_average: String,
}

impl Surroundings {
    pub fn now(arguments: &[String]) -> Self {
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let memory = value(&read("/proc/meminfo"), "MemTotal");
        let memory_kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        let own = |argument: &&String| *argument != "--bench";
        Self {
            began: said("date", &["-u", "+%Y-%m-%d %H:%M"]),
            arguments: arguments.iter().filter(own).cloned().collect::<Vec<_>>().join(" "),
            commit: commit(),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            processor: value(&read("/proc/cpuinfo"), "model name"),
            processors: ringswitch::app::host().cpus,
            memory_gib: memory_kib.div_ceil(1024 * 1024),
            compiler: said("rustc", &["--version"]),
            haproxy: Program::Haproxy.version(),
            nginx: Program::Nginx.version(),
            load_average: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
        }
    }

    /// As a list for people.
    pub fn described(&self) -> String {
        let absent = || "not installed".to_owned();
        let rows = [
            ("began", format!("{} UTC", self.began)),
            ("arguments", format!("`{}`", self.arguments)),
            ("commit", self.commit.clone()),
            ("machine", format!("{} × {}, {} GiB", self.processors, self.processor, self.memory_gib)),
            ("kernel", self.kernel.clone()),
            ("compiler", self.compiler.clone()),
            ("HAProxy", self.haproxy.clone().unwrap_or_else(absent)),
            ("nginx", self.nginx.clone().unwrap_or_else(absent)),
            ("load average at the start", self.load_average.clone()),
        ];
        rows.map(|(name, value)| format!("- {name}: {value}\n")).concat()
    }
}

/// The commit, and whether files differed from it.
fn commit() -> String {
    let commit = said("git", &["rev-parse", "--short=12", "HEAD"]);
    let changed = !said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
    if changed { format!("{commit}, with changes") } else { commit }
}

/// The first line that a program prints; empty if it cannot be run.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or_default().trim().to_owned()
}

/// The value of the first line `name : value`.
fn value(text: &str, name: &str) -> String {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned());
    values.next().unwrap_or_default()
}
