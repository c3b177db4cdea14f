//! Two hosts with a cable between them: network namespaces without names, gone with their test. The
//! test's own thread is on the switch's host, and so is every process that it starts.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

use crate::harness::Member;

pub const SWITCH: Ipv4Addr = Ipv4Addr::new(10, 203, 0, 1);
pub const MEMBERS: Ipv4Addr = Ipv4Addr::new(10, 203, 0, 2);

/// The two hosts; on drop the test's thread goes back to where it came from.
pub struct Hosts {
    home: OwnedFd,
    switch: OwnedFd,
    members: OwnedFd,
}

impl Hosts {
    /// Two hosts without a cable, or why there are none.
    fn apart() -> Result<Self, String> {
        for tool in ["ip", "nft"] {
            if Command::new(tool).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
                return Err(format!("no command {tool}: apt-get install iproute2 nftables"));
            }
        }
        let home = here();
        let another = || {
            // SAFETY: the calling thread alone gets a network namespace of its own.
            match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
                0 => Ok(here()),
                _ => Err(format!("no network namespace ({}): run it as root", std::io::Error::last_os_error())),
            }
        };
        let members = another()?;
        let switch = another()?;
        let hosts = Self { home, switch, members };
        hosts.do_on_both(&["link set lo up"], &["link set lo up"]);
        Ok(hosts)
    }

    /// Joined by a pair of virtual cards, `vs` and `vm`.
    pub fn joined() -> Result<Self, String> {
        let hosts = Self::apart()?;
        let members = format!("/proc/{}/fd/{}", std::process::id(), hosts.members.as_raw_fd());
        ip("link add vs type veth peer name vm");
        ip(&format!("link set vm netns {members}"));
        hosts.do_on_both(
            &[&format!("addr add {SWITCH}/24 dev vs"), "link set vs up"],
            &[&format!("addr add {MEMBERS}/24 dev vm"), "link set vm up"],
        );
        Ok(hosts)
    }

    /// Joined by a TUN device on each, whose packets a program carries: the devices are the caller's.
    pub fn joined_by_program() -> Result<(Self, [File; 2]), String> {
        let hosts = Self::apart()?;
        let switch = tun("ts")?;
        let members = hosts.at_members(|| tun("tm"))?;
        hosts.do_on_both(
            &[&format!("addr add {SWITCH}/24 dev ts"), "link set ts up"],
            &[&format!("addr add {MEMBERS}/24 dev tm"), "link set tm up"],
        );
        Ok((hosts, [switch, members]))
    }

    /// Does something on the members' host. What is made there (sockets, threads, processes) stays there.
    pub fn at_members<T>(&self, act: impl FnOnce() -> T) -> T {
        enter(&self.members);
        let value = act();
        enter(&self.switch);
        value
    }

    fn do_on_both(&self, switch: &[&str], members: &[&str]) {
        switch.iter().for_each(|words| ip(words));
        self.at_members(|| members.iter().for_each(|words| ip(words)));
    }

    /// The packet filter of the switch's host, from now on these rules and no others.
    pub fn filter(&self, input: &str, output: &str) {
        nft(input, output);
    }

    /// The same on the members' host.
    pub fn filter_members(&self, input: &str, output: &str) {
        self.at_members(|| nft(input, output));
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        enter(&self.home);
    }
}

/// `ip WORDS` on the host of the calling thread.
pub fn ip(words: &str) {
    run(Command::new("ip").args(words.split_whitespace()), "");
}

/// Where the switch has a line in these tests.
pub fn at(port: u16) -> SocketAddr {
    SocketAddr::from((SWITCH, port))
}

/// A member whose lines listen on the switch's host, one for each port, and who comes from the other.
pub fn over_the_cable(member: Member, ports: &[u16]) -> Member {
    let allowed = MEMBERS.to_string();
    let member = member.allow(&[&allowed, "127.0.0.1"]);
    ports.iter().fold(member, |member, port| member.listen_at(at(*port), ""))
}

fn nft(input: &str, output: &str) {
    let rules = format!(
        "flush ruleset\ntable inet faults {{\n\
         chain arriving {{ type filter hook input priority 0;\n{input}\n}}\n\
         chain leaving {{ type filter hook output priority 0;\n{output}\n}}\n}}\n"
    );
    run(Command::new("nft").args(["-f", "-"]), &rules);
}

fn run(command: &mut Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool is there");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success(), "{command:?}: {}\n{input}", String::from_utf8_lossy(&ended.stderr));
}

fn here() -> OwnedFd {
    File::open("/proc/thread-self/ns/net").expect("Linux").into()
}

fn enter(host: &OwnedFd) {
    // SAFETY: the calling thread alone moves to the network namespace behind the descriptor.
    assert_eq!(unsafe { libc::setns(host.as_raw_fd(), libc::CLONE_NEWNET) }, 0, "{}", std::io::Error::last_os_error());
}

/// A TUN device of that name on the host of the calling thread: whole IP packets, no header before them.
fn tun(name: &str) -> Result<File, String> {
    use std::os::unix::fs::OpenOptionsExt;
    const TUNSETIFF: libc::Ioctl = 0x4004_54ca;
    const IFF_TUN_NO_PI: u16 = 0x1001;
    let device = std::fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun");
    let device = device.map_err(|error| format!("/dev/net/tun: {error}"))?;
    let mut request = [0u8; 40];
    request[..name.len()].copy_from_slice(name.as_bytes());
    request[16..18].copy_from_slice(&IFF_TUN_NO_PI.to_ne_bytes());
    // SAFETY: the kernel reads and writes one `ifreq`, which is 40 bytes long.
    match unsafe { libc::ioctl(device.as_raw_fd(), TUNSETIFF, request.as_mut_ptr()) } {
        0 => Ok(device),
        _ => Err(format!("no TUN device: {}", std::io::Error::last_os_error())),
    }
}

/// The two hosts, or the row's line with the reason why there are none, and the test's end.
#[macro_export]
macro_rules! hosts_or_skip {
    ($row:expr, $hosts:expr) => {
        match $hosts {
            Ok(hosts) => hosts,
            Err(why) => return $crate::rows::skip($row, &why),
        }
    };
}
