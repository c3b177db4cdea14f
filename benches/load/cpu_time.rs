//! The processor time of a thread, to the nanosecond, from `/proc`.

use std::fs;
use std::path::PathBuf;

/// A thread whose time on a processor is asked for.
#[derive(Clone, Debug)]
pub struct CpuTime {
    schedstat: PathBuf,
    pub thread: u32,
}

impl CpuTime {
    /// The thread of that name in a process.
    pub fn of(process: u32, name: &str) -> Self {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("a process that runs");
        let named = tasks.flatten().find(|task| {
            let found = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            found.trim_end() == name
        });
        let task = named.unwrap_or_else(|| panic!("process {process} has no thread {name}"));
        let thread = task.file_name().to_string_lossy().parse().expect("threads have numbers");
        Self { schedstat: task.path().join("schedstat"), thread }
    }

    /// The calling thread.
    pub fn own() -> Self {
        let task = fs::read_link("/proc/thread-self").expect("a thread of its own");
        let thread = task.file_name().expect("ends in a number").to_string_lossy().parse().expect("a number");
        Self { schedstat: PathBuf::from("/proc").join(task).join("schedstat"), thread }
    }

    /// Nanoseconds on a processor since the thread began. Of a running thread it may be one tick of
    /// the scheduler (some ms) old.
    pub fn read(&self) -> u64 {
        let text = fs::read_to_string(&self.schedstat).expect("a kernel with schedstat, and a thread that runs");
        text.split(' ').next().and_then(|first| first.parse().ok()).expect("three numbers")
    }

    /// Clock ticks (of 10 ms) that the thread spent in the program and in the kernel. On most
    /// kernels their sum is exact and the parting of it sampled, some hundred times a second.
    pub fn user_and_system(&self) -> (u64, u64) {
        let text = fs::read_to_string(self.schedstat.with_file_name("stat")).expect("a thread that runs");
        // Behind the name, which may hold anything: state is the first, utime the 12th.
        let (_, fields) = text.rsplit_once(')').expect("a name in brackets");
        let mut fields = fields.split_whitespace().skip(11).map(|field| field.parse().expect("ticks"));
        (fields.next().expect("utime"), fields.next().expect("stime"))
    }
}
