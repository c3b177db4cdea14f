//! Configurations of the switch, and which of their lines are connected.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::load::plan::{LoadPlan, member};

/// A NAC with so many lines of terminals and a host that answers.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub terminals: usize,
    pub hosts: usize,
    pub shards: u16,
    /// `[switch] spin`.
    pub spin_us: u64,
    /// Probes on every line after so long; without it only after the usual 120 s, which no
    /// measurement lasts.
    pub probe_after_s: Option<u64>,
}

/// Lines of the host, unless a scenario says otherwise.
pub const HOSTS: usize = 8;

impl Setup {
    pub const fn of(terminals: usize) -> Self {
        Self { terminals, hosts: HOSTS, shards: 1, spin_us: 0, probe_after_s: None }
    }

    pub fn plan(self) -> LoadPlan {
        let Self { terminals, hosts, shards, spin_us, probe_after_s } = self;
        let mut ports = addresses(terminals + hosts);
        let hosts = ports.split_off(terminals);
        // Some beyond the lines: a connection is there for a moment before it is anyone's.
        let connections = terminals + hosts.len() + 64;
        let mut text =
            format!("[switch]\nname = \"bench\"\nshards = {shards}\nadmin = \"off\"\nspin = \"{spin_us}us\"\n");
        let _ = writeln!(text, "[limits]\nconnections = {connections}");
        if let Some(after) = probe_after_s {
            let _ = writeln!(text, "[timers]\nprobe_after = \"{after}s\"\nsilent_after = \"{}s\"", 10 * after);
        }
        member(&mut text, "nac", "terminal", "tpdu", &ports);
        if probe_after_s.is_some() {
            text.push_str("probe = true\n");
        }
        member(&mut text, "host", "institution", "tpdu", &hosts);
        text.push_str("[[route]]\nfrom = [\"nac\"]\nto = [\"host\"]\nmatch = { nii = [\"0003\"] }\n");
        LoadPlan { text, terminals: ports, hosts }
    }
}

/// Below where the kernel takes the ports of connections from.
const FIRST_PORT: u16 = 20_000;

/// Where the lines listen: on a loopback address that no other plan of this or another process
/// has. Of thousands of free ports of 127.0.0.1 some would be taken by other programs' connections
/// before the switch listens on them.
fn addresses(count: usize) -> Vec<SocketAddr> {
    static PLANS: AtomicU8 = AtomicU8::new(0);
    let nth = 1 + PLANS.fetch_add(1, Relaxed) % 250; // Relaxed: only has to be another one
    let process = process::id();
    let address = Ipv4Addr::new(127, 64 + (process >> 8) as u8 % 128, process as u8, nth);
    (FIRST_PORT..).take(count).map(|port| SocketAddr::from((address, port))).collect()
}

/// Which lines of a plan are connected; the others only listen. Lines of a group are laid out over
/// the shards in turn, and both groups begin on shard 0 where the first has an even number of
/// lines: of two shards, lines with an even place are on the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connected {
    All,
    /// The first half of each member's: both shards have as many of both members.
    FirstHalf,
    /// Terminals on the first shard, hosts on the second: nothing finds a line at home.
    Apart,
}

impl Connected {
    pub fn of(self, mut plan: LoadPlan) -> LoadPlan {
        match self {
            Self::All => {}
            Self::FirstHalf => {
                plan.terminals.truncate(plan.terminals.len() / 2);
                plan.hosts.truncate(plan.hosts.len() / 2);
            }
            Self::Apart => {
                plan.terminals = plan.terminals.into_iter().step_by(2).collect();
                plan.hosts = plan.hosts.into_iter().skip(1).step_by(2).collect();
            }
        }
        plan
    }
}
