//! What whole processes cost: time on a processor and resident memory, from `/proc`.

use std::fs;
use std::path::Path;

/// Processes that are measured as one: a program and its workers.
#[derive(Clone, Debug)]
pub struct Processes {
    numbers: Vec<u32>,
}

impl Processes {
    /// Processes that run and are ours to look at.
    pub fn of(numbers: Vec<u32>) -> Self {
        assert!(!numbers.is_empty(), "nothing to measure");
        Self { numbers }
    }

    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// Nanoseconds that all their threads were on a processor. Of a thread that runs now it may be
    /// one tick of the scheduler (some ms) old. A thread that ends takes its time away with it:
    /// compare only figures between which none has ended.
    pub fn cpu_ns(&self) -> u64 {
        self.threads(|task| {
            let text = fs::read_to_string(task.join("schedstat")).expect("a kernel with schedstat");
            text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).expect("three numbers")
        })
        .sum()
    }

    /// The CPUs that each of their threads may run on, as the kernel lists them: `0`, `0-1`.
    pub fn cpus(&self) -> Vec<String> {
        let mut lists: Vec<_> = self.threads(|task| field(task, "Cpus_allowed_list:")).collect();
        lists.sort();
        lists.dedup();
        lists
    }

    /// Resident bytes. What several processes share counts for each.
    pub fn resident_bytes(&self) -> u64 {
        let of = |number: &u32| {
            let text = field(Path::new(&format!("/proc/{number}")), "VmRSS:");
            let kib = text.strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok()).expect("a number of kB");
            kib * 1024
        };
        self.numbers.iter().map(of).sum()
    }

    fn threads<T>(&self, look: impl Fn(&Path) -> T) -> impl Iterator<Item = T> {
        let folders = self.numbers.iter().flat_map(|number| {
            let tasks = fs::read_dir(format!("/proc/{number}/task"));
            tasks.unwrap_or_else(|error| panic!("process {number} is gone: {error}"))
        });
        folders.map(move |task| look(&task.expect("a thread").path()))
    }
}

/// A line of a `status` file, without its name.
fn field(folder: &Path, name: &str) -> String {
    let text = fs::read_to_string(folder.join("status")).expect("a process that runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{} has no {name}", folder.display())).trim().to_owned()
}
