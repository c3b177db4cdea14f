//! Network namespaces: a member on a machine of its own, with links that can be cut, or a whole test behind a packet
//! filter that nothing outside notices. A namespace has no name and is gone with the last process, thread and descriptor
//! in it.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

/// A network of its own; nothing of this machine's is to be seen in it.
pub struct Namespace {
    file: File,
}

impl Namespace {
    /// `None`, with the reason printed past the test's capture, where no namespace can be made or one of the
    /// `tools` is missing: that needs root, and a kernel with network namespaces.
    pub fn make(test: &str, tools: &[&str]) -> Option<Self> {
        let made = std::thread::scope(|scope| scope.spawn(|| Self::try_make(tools)).join().expect("no panic"));
        match made {
            Ok(namespace) => Some(namespace),
            Err(reason) => {
                // The macros would hide it with the output of a test that passes.
                let _ = writeln!(std::io::stderr(), "SKIPPED: {test}, for want of a network of its own: {reason}");
                None
            }
        }
    }

    /// Only the thread that runs this moves into the new namespace.
    fn try_make(tools: &[&str]) -> Result<Self, String> {
        for tool in tools {
            run(tool, &["-V"])?;
        }
        // SAFETY: unshare touches no memory.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(format!("unshare: {}", std::io::Error::last_os_error()));
        }
        run("ip", &["link", "set", "lo", "up"])?;
        let file = File::open("/proc/thread-self/ns/net").map_err(|error| error.to_string())?;
        Ok(Self { file })
    }

    /// Runs it in there, on a thread of its own. Sockets and processes that it makes stay in there.
    pub fn inside<T: Send>(&self, run: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                // SAFETY: setns touches no memory; the descriptor is open as long as `self` lives.
                let entered = unsafe { libc::setns(self.file.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(entered, 0, "setns: {}", std::io::Error::last_os_error());
                run()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs `ip` in there; it must succeed.
    pub fn ip(&self, arguments: &str) {
        self.run("ip", &arguments.split_whitespace().collect::<Vec<_>>());
    }

    /// From now on nothing passes to or from that port, and nobody is told.
    pub fn drop_port(&self, port: u16) {
        self.run("nft", &["add", "table", "inet", "cut"]);
        for hook in ["input", "output"] {
            let filter = format!("{{ type filter hook {hook} priority 0; }}");
            self.run("nft", &["add", "chain", "inet", "cut", hook, &filter]);
            for side in ["sport", "dport"] {
                self.run("nft", &["add", "rule", "inet", "cut", hook, "tcp", side, &port.to_string(), "drop"]);
            }
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        self.inside(|| run(program, arguments)).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Joins this one and the other by a cable with the two addresses (`10.80.1.1/24`) at its ends, both of
    /// which get the name `cable`.
    pub fn join(&self, other: &Self, cable: &str, here: &str, there: &str) {
        let far = format!("/proc/{}/fd/{}", std::process::id(), other.file.as_raw_fd());
        self.ip(&format!("link add {cable} type veth peer name {cable} netns {far}"));
        for (side, address) in [(self, here), (other, there)] {
            side.ip(&format!("addr add {address} dev {cable}"));
            side.ip(&format!("link set {cable} up"));
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("`{program}`: {error}"))?;
    let said = || format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(said()) }
}
