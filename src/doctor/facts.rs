//! The numbers that a configuration asks of a host.

use std::ops::RangeInclusive;

use super::ring;
use crate::config::plan::{Admin, Plan, Side};
use crate::control::descriptors;
use crate::time::Span;

/// A number that a demand or a mend may name in braces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// Descriptors that the configured lines and connections can come to need.
    Descriptors,
    /// Bytes of locked memory that the rings of all shards take.
    LockedBytes,
    /// `[limits] memory`, in KiB.
    MemoryKib,
    Shards,
    /// CPUs that the process may run on.
    Cpus,
    /// Shards that poll before they sleep: all of them if `spin` is more than nothing.
    SpinningShards,
    /// CPUs that are left when one is kept for the control thread and the kernel.
    SpareCpus,
}

impl Fact {
    pub const ALL: [Self; 7] = [
        Self::Descriptors,
        Self::LockedBytes,
        Self::MemoryKib,
        Self::Shards,
        Self::Cpus,
        Self::SpinningShards,
        Self::SpareCpus,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::LockedBytes => "locked-bytes",
            Self::MemoryKib => "memory-kib",
            Self::Shards => "shards",
            Self::Cpus => "cpus",
            Self::SpinningShards => "spinning-shards",
            Self::SpareCpus => "spare-cpus",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| fact.name() == name)
    }
}

/// What a plan asks for, and the CPUs that its process may run on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    numbers: [u64; Fact::ALL.len()],
    /// Connections that one shard's ring is made for.
    pub connections: usize,
    /// CPUs that shards will be pinned to, ascending, each once.
    pub shard_cpus: Vec<usize>,
    /// Ports that lines and the admin API listen on, ascending, each once.
    pub ports: Vec<u16>,
}

impl Facts {
    /// `cpus`: those that the process may run on, ascending, at least one.
    pub fn new(plan: &Plan, cpus: &[usize]) -> Self {
        let settings = &plan.settings;
        let shards = u64::from(settings.shards);
        let connections = settings.connections as usize;
        let number = |fact: Fact| match fact {
            Fact::Descriptors => descriptors::needed(plan),
            Fact::LockedBytes => shards * ring::locked_bytes(connections),
            Fact::MemoryKib => settings.memory.div_ceil(1024),
            Fact::Shards => shards,
            Fact::Cpus => cpus.len() as u64,
            Fact::SpinningShards => {
                if settings.spin > Span::ZERO {
                    shards
                } else {
                    0
                }
            }
            Fact::SpareCpus => (cpus.len() as u64).saturating_sub(1),
        };
        let numbers = Fact::ALL.map(number);
        // As shards are pinned: shard by shard over the allowed CPUs, and round again.
        let shard_cpus = cpus.iter().copied().take(usize::from(settings.shards)).collect();
        Self { numbers, connections, shard_cpus, ports: ports(plan) }
    }

    pub fn number(&self, fact: Fact) -> u64 {
        self.numbers[fact as usize]
    }

    /// Ports of ours inside of `range`.
    pub fn ports_in(&self, range: &RangeInclusive<u16>) -> Vec<u16> {
        self.ports.iter().copied().filter(|port| range.contains(port)).collect()
    }
}

fn ports(plan: &Plan) -> Vec<u16> {
    let listening = plan.lines.iter().flatten().filter_map(|line| match line.side {
        Side::Listen(address) => Some(address.port()),
        // A bound port is taken just as well.
        Side::Connect { bind, .. } => bind.map(|bind| bind.port()),
    });
    let admin = match plan.settings.admin {
        Admin::Tcp(address) => Some(address.port()),
        Admin::Unix(_) | Admin::Off => None,
    };
    let mut ports: Vec<u16> = listening.chain(admin).filter(|port| *port != 0).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::testing;

    #[test]
    fn each_fact_has_its_place_and_its_name() {
        for (at, fact) in Fact::ALL.into_iter().enumerate() {
            assert_eq!(fact as usize, at);
            assert_eq!(Fact::named(fact.name()), Some(fact));
        }
        assert_eq!(Fact::named("wishes"), None);
    }

    #[test]
    fn a_plan_says_what_it_asks_for() {
        let plan =
            testing::plan("[switch]\nshards = 3\nspin = \"20us\"\n[limits]\nconnections = 500\nmemory = \"1MiB\"\n");
        let facts = Facts::new(&plan, &[2, 3, 5, 7]);
        assert_eq!(facts.number(Fact::Descriptors), descriptors::needed(&plan));
        assert_eq!(facts.number(Fact::LockedBytes), 3 * ring::locked_bytes(500));
        assert_eq!(facts.number(Fact::MemoryKib), 1024);
        assert_eq!(facts.number(Fact::SpinningShards), 3);
        assert_eq!((facts.number(Fact::Cpus), facts.number(Fact::SpareCpus)), (4, 3));
        assert_eq!(facts.shard_cpus, [2, 3, 5]);
        assert_eq!(facts.ports, [9600], "the admin API");
        let quiet = Facts::new(&testing::plan("[switch]\nadmin = \"off\"\nshards = 9\n"), &[0, 1]);
        assert_eq!(quiet.number(Fact::SpinningShards), 0);
        assert_eq!(quiet.shard_cpus, [0, 1], "more shards than CPUs share them");
        assert!(quiet.ports.is_empty());
    }

    #[test]
    fn ports_of_lines_are_known_once_each() {
        let facts = Facts::new(&testing::plan(testing::CONFIGURATION), &[0]);
        assert_eq!(facts.ports, [7001, 7002, 9600, 40_001]);
        assert_eq!(facts.ports_in(&(32_768..=60_999)), [40_001]);
    }
}
