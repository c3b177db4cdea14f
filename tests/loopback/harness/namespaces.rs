//! Network namespaces: a member on a machine of its own, with links that can be cut. A namespace has no
//! name and is gone with the last process, thread and descriptor in it.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::Command;

/// A network of its own; nothing of this machine's is to be seen in it.
pub struct Namespace {
    file: File,
}

impl Namespace {
    /// `None`, with the reason printed past the test's capture, where no namespace can be made: that needs
    /// root, a kernel with network namespaces, and `ip`.
    pub fn make(clause: &str) -> Option<Self> {
        let made = std::thread::scope(|scope| scope.spawn(Self::try_make).join().expect("it does not panic"));
        match made {
            Ok(namespace) => Some(namespace),
            Err(reason) => {
                // The macros would hide it with the output of a test that passes.
                let _ =
                    writeln!(std::io::stderr(), "{clause} is skipped, network namespaces are not to be had: {reason}");
                None
            }
        }
    }

    /// Only the thread that runs this moves into the new namespace.
    fn try_make() -> Result<Self, String> {
        // SAFETY: unshare touches no memory.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(format!("unshare: {}", std::io::Error::last_os_error()));
        }
        let found = Command::new("ip").args(["link", "set", "lo", "up"]).output();
        match found {
            Err(error) => Err(format!("`ip`: {error}")),
            Ok(output) if !output.status.success() => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Ok(_) => {
                let file = File::open("/proc/thread-self/ns/net").map_err(|error| error.to_string())?;
                Ok(Self { file })
            }
        }
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
        let output = self.inside(|| Command::new("ip").args(arguments.split_whitespace()).output().expect("`ip` runs"));
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
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
