//! The processors that a shard may run on.

use std::io;
use std::mem;

/// Enough for any machine that Linux runs on (`CONFIG_NR_CPUS` goes up to 8,192).
const WORDS: usize = 8192 / WORD_BITS;
const WORD_BITS: usize = u64::BITS as usize;

type Mask = [u64; WORDS];

/// The CPUs that the calling thread may run on, ascending: those of its cgroup and its affinity.
pub fn allowed() -> io::Result<Vec<usize>> {
    let mut mask: Mask = [0; WORDS];
    // SAFETY: the kernel writes at most the bytes of `mask` that it is told of; any bits are a value of it.
    let failed = unsafe { libc::sched_getaffinity(0, mem::size_of_val(&mask), (&raw mut mask).cast()) };
    if failed == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok((0..WORDS * WORD_BITS).filter(|cpu| mask[cpu / WORD_BITS] >> (cpu % WORD_BITS) & 1 == 1).collect())
}

/// Pins the calling thread to one CPU, numbered as in [`allowed`].
///
/// `InvalidInput` if that CPU is offline, outside of the cgroup's set, or past what a mask holds.
pub fn pin(cpu: usize) -> io::Result<()> {
    let mut mask: Mask = [0; WORDS];
    *mask.get_mut(cpu / WORD_BITS).ok_or(io::ErrorKind::InvalidInput)? |= 1 << (cpu % WORD_BITS);
    // SAFETY: the kernel reads the bytes of `mask` that it is told of.
    let failed = unsafe { libc::sched_setaffinity(0, mem::size_of_val(&mask), (&raw const mask).cast()) };
    if failed == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| scope.spawn(work).join().expect("no panic"))
    }

    #[test]
    fn a_pinned_thread_may_run_on_its_cpu_alone() {
        let all = allowed().expect("an affinity");
        assert!(!all.is_empty() && all.is_sorted());
        let last = *all.last().expect("a CPU");
        let seen = on_a_thread(|| {
            pin(last).expect("an allowed CPU");
            allowed().expect("an affinity")
        });
        assert_eq!(seen, [last]);
        assert_eq!(allowed().expect("an affinity"), all, "other threads are not touched");
    }

    #[test]
    fn a_cpu_that_is_not_there_is_refused() {
        for cpu in [8_191, 8_192, usize::MAX] {
            assert_eq!(on_a_thread(|| pin(cpu)).expect_err("no such CPU").kind(), io::ErrorKind::InvalidInput);
        }
    }
}
