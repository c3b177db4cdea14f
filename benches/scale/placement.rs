//! Which processors the switch and the load run on.

use std::thread;

use ringswitch::shard::cpu;

/// Where a measurement's processes run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// The switch on the first CPU, the load on the second.
    Apart,
    /// A shard on each of the first CPUs, and the load on whichever the scheduler chooses of them.
    Shared,
}

impl Placement {
    /// [`Self::Apart`], unless there is only one CPU to be had.
    pub fn of(shards: u16) -> Self {
        if shards == 1 && cpus() > 1 { Self::Apart } else { Self::Shared }
    }

    pub const fn says(self) -> &'static str {
        match self {
            Self::Apart => "own CPU",
            Self::Shared => "shared",
        }
    }

    /// Whether the load has a processor that it may use up.
    pub fn load_is_alone(self) -> bool {
        self == Self::Apart
    }

    /// Runs the load, on a thread of its own: where it is pinned ends with it.
    pub fn for_load<T: Send>(self, run: impl FnOnce() -> T + Send) -> T {
        self.on_thread(1, run)
    }

    /// Starts the switch: children are born with the affinity of the thread that makes them.
    pub fn for_switch<T: Send>(self, start: impl FnOnce() -> T + Send) -> T {
        self.on_thread(0, start)
    }

    fn on_thread<T: Send>(self, nth: usize, run: impl FnOnce() -> T + Send) -> T {
        let pinned = || {
            if self == Self::Apart {
                cpu::pin(cpus_at_start()[nth]).expect("a CPU that was allowed at the start");
            }
            run()
        };
        thread::scope(|scope| scope.spawn(pinned).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// CPUs that this process may use.
pub fn cpus() -> usize {
    cpus_at_start().len()
}

/// Asked once, on the main thread, which is never pinned.
fn cpus_at_start() -> &'static [usize] {
    static CPUS: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    CPUS.get_or_init(|| cpu::allowed().expect("an affinity"))
}
