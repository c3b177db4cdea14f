//! What is done to the switch's process from outside, and read of it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::Switch;

/// CPU time that the process has used.
pub fn cpu_time(switch: &Switch) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", switch.id())).expect("a running child");
    let behind_name = &stat[stat.rfind(')').expect("a name in brackets") + 2..];
    let ticks: u64 =
        behind_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    // USER_HZ, 100 on every Linux there is.
    Duration::from_millis(ticks * 10)
}

/// Parts of one CPU that the process takes while `act` runs.
pub fn cpu_share(switch: &Switch, act: impl FnOnce()) -> f64 {
    let (before, began) = (cpu_time(switch), Instant::now());
    act();
    (cpu_time(switch) - before).as_secs_f64() / began.elapsed().as_secs_f64()
}

/// Resident memory in MiB.
pub fn resident(switch: &Switch) -> f64 {
    let text = switch.process_status("VmRSS");
    text.split_whitespace().next().expect("a number").parse::<f64>().expect("kB") / 1024.0
}

/// Sets the soft limit of descriptors of the running switch.
pub fn limit_descriptors(switch: &Switch, limit: u64) {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let pid = switch.id() as libc::pid_t;
    // SAFETY: the kernel writes one rlimit.
    assert_eq!(unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, std::ptr::null(), &raw mut old) }, 0);
    let new = libc::rlimit { rlim_cur: limit.min(old.rlim_max), ..old };
    // SAFETY: the kernel reads one rlimit.
    assert_eq!(unsafe { libc::prlimit(pid, libc::RLIMIT_NOFILE, &raw const new, std::ptr::null_mut()) }, 0);
}

/// Lowers the limit of the running switch so far that it can open `free` more descriptors.
pub fn leave_descriptors(switch: &Switch, free: u64) {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", switch.id())).expect("a running child");
    let open = |entry: std::io::Result<std::fs::DirEntry>| -> u64 {
        entry.expect("an entry").file_name().to_string_lossy().parse().expect("a number")
    };
    let open: std::collections::BTreeSet<u64> = folder.map(open).collect();
    let last = (0..).filter(|number| !open.contains(number)).nth(free as usize - 1).expect("numbers go on");
    limit_descriptors(switch, last + 1);
}

/// The ids of the process's threads of that name.
pub fn threads(switch: &Switch, name: &str) -> Vec<libc::pid_t> {
    let folder = format!("/proc/{}/task", switch.id());
    let tasks = std::fs::read_dir(folder).expect("a running child").map(|task| task.expect("an entry").path());
    let named = tasks.filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name));
    named.map(|task| task.file_name().expect("a name").to_string_lossy().parse().expect("a number")).collect()
}

/// One thread of another process, stopped until this is dropped. Both by the thread that made it.
pub struct Stopped(libc::pid_t);

const NOWHERE: *mut libc::c_void = std::ptr::null_mut();

impl Stopped {
    pub fn thread(id: libc::pid_t) -> Result<Self, String> {
        let ask = |request: libc::c_uint| {
            // SAFETY: neither request reads or writes memory of ours.
            match unsafe { libc::ptrace(request, id, NOWHERE, NOWHERE) } {
                0 => Ok(()),
                _ => Err(format!("ptrace: {}: run it as root", std::io::Error::last_os_error())),
            }
        };
        ask(libc::PTRACE_SEIZE)?;
        ask(libc::PTRACE_INTERRUPT)?;
        let mut status = 0;
        // SAFETY: the kernel writes one int.
        assert_eq!(unsafe { libc::waitpid(id, &raw mut status, libc::__WALL) }, id, "it stops");
        Ok(Self(id))
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // SAFETY: the thread goes on; no memory of ours is touched.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, NOWHERE, NOWHERE) };
    }
}

/// strace on the running switch until this is dropped, or why there is none.
pub struct Traced(Child);

impl Traced {
    pub fn attach(switch: &Switch, arguments: &[&str]) -> Result<Self, String> {
        let mut run = Command::new("strace");
        run.args(["-f", "-qq", "-o", "/dev/null", "-p", &switch.id().to_string()]).args(arguments);
        let child = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut traced = Self(child.map_err(|error| format!("strace ({error}): apt-get install strace"))?);
        // It is there once every thread has its tracer.
        let task = format!("/proc/{}/task", switch.id());
        crate::harness::eventually("strace is attached", || {
            assert!(traced.0.try_wait().expect("a child of ours").is_none(), "strace ended: may root trace here?");
            let mut tasks = std::fs::read_dir(&task).ok()?.flatten();
            let is_traced =
                |status: String| status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"));
            tasks.all(|task| std::fs::read_to_string(task.path().join("status")).is_ok_and(is_traced)).then_some(())
        });
        Ok(traced)
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // A strace that is killed leaves the process to itself; one that is asked lets go first.
        // SAFETY: the child is ours and not reaped yet.
        unsafe { libc::kill(self.0.id() as libc::pid_t, libc::SIGTERM) };
        let _ = self.0.wait();
    }
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    // SAFETY: geteuid touches no memory.
    unsafe { libc::geteuid() == 0 }
}
