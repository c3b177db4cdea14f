//! What takes more than reading a file.

use super::facts::Facts;
use super::host::{Host, Unread, cpu_list};
use super::reading::{Found, Reading};
use super::setting::{Part, Probe};
use super::{interrupts, ports, reading};

/// What a probe says when there is nothing to complain of.
pub const NONE: &str = "none";

/// Bit of CAP_IPC_LOCK in a set of capabilities: who has it is not bound by RLIMIT_MEMLOCK.
const IPC_LOCK: u32 = 14;

pub fn is_of_devices(probe: Probe) -> bool {
    matches!(probe, Probe::CrowdedInterrupts)
}

pub fn of_device(probe: Probe, device: &str, host: &Host) -> Reading {
    debug_assert!(is_of_devices(probe));
    interrupts::crowded(device, host)
}

pub fn of_host(probe: Probe, host: &Host, facts: &Facts) -> Reading {
    match probe {
        Probe::Ring => ring(host, facts),
        Probe::RingUsers => ring_users(host),
        Probe::LockedMemory => locked_memory(host),
        Probe::PortsTaken => ports::taken(host, facts),
        Probe::SharedCpus => cpus_outside("/sys/devices/system/cpu/isolated", host, facts),
        Probe::TickingCpus => cpus_outside("/sys/devices/system/cpu/nohz_full", host, facts),
        Probe::CrowdedInterrupts => Reading::of(Found::Absent),
    }
}

fn ring(host: &Host, facts: &Facts) -> Reading {
    match (host.tools.ring)(facts.connections) {
        Ok(()) => Reading::value("works"),
        Err(reason) => Reading::value("refused").with_remedy(reason),
    }
}

fn ring_users(host: &Host) -> Reading {
    let disabled = match host.read("/proc/sys/kernel/io_uring_disabled") {
        Ok(disabled) => disabled,
        // The sysctl is younger (6.6) than what the switch needs is old: no file, no io_uring.
        Err(Unread::Absent) => return Reading::value("nobody"),
        Err(Unread::Refused(reason)) => return Reading::of(Found::Unknown(reason)),
    };
    let group = host.read("/proc/sys/kernel/io_uring_group").unwrap_or_default();
    let has_group = group.parse::<i64>().is_ok_and(|group| group >= 0);
    Reading::value(match disabled.as_str() {
        "0" => "everyone",
        "1" if has_group => "group",
        "1" => "administrators",
        _ => "nobody",
    })
}

fn locked_memory(host: &Host) -> Reading {
    let status = host.read(&format!("/proc/{}/status", host.process)).unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
    if set >> IPC_LOCK & 1 == 1 {
        return Reading::value("unlimited");
    }
    match host.read(&format!("/proc/{}/limits", host.process)) {
        Ok(limits) => match reading::part(&Part::Limit("Max locked memory".to_owned()), &limits) {
            Some(limit) => Reading::value(limit),
            None => Reading::of(Found::Absent),
        },
        Err(Unread::Absent) => Reading::of(Found::Absent),
        Err(Unread::Refused(reason)) => Reading::of(Found::Unknown(reason)),
    }
}

/// CPUs of shards that are not in the set of that file.
fn cpus_outside(path: &str, host: &Host, facts: &Facts) -> Reading {
    let set = match host.read(path) {
        Ok(set) => cpu_list(&set).unwrap_or_default(),
        Err(Unread::Absent) => return Reading::of(Found::Absent),
        Err(Unread::Refused(reason)) => return Reading::of(Found::Unknown(reason)),
    };
    let outside: Vec<String> = facts.shard_cpus.iter().filter(|cpu| !set.contains(cpu)).map(usize::to_string).collect();
    Reading::value(if outside.is_empty() { NONE.to_owned() } else { format!("CPU {}", outside.join(",")) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::testing::{self, Fake};

    fn probed(fake: &Fake, probe: Probe) -> Reading {
        of_host(probe, &fake.host, &testing::facts())
    }

    fn value(fake: &Fake, probe: Probe) -> String {
        match probed(fake, probe).found {
            Found::Values(values) => values.join(" "),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_ring_that_is_refused_says_why() {
        let mut fake = Fake::with(&[]);
        assert_eq!(value(&fake, Probe::Ring), "works");
        fake.host.tools.ring = Box::new(|connections| Err(format!("no ring for {connections}")));
        let refused = probed(&fake, Probe::Ring);
        assert_eq!(refused.remedy, "no ring for 9000");
        assert_eq!(refused.found, Found::Values(vec!["refused".to_owned()]));
    }

    #[test]
    fn who_may_use_io_uring() {
        for (disabled, group, users) in
            [("0", "-1", "everyone"), ("1", "990", "group"), ("1", "-1", "administrators"), ("2", "990", "nobody")]
        {
            let files = [("proc/sys/kernel/io_uring_disabled", disabled), ("proc/sys/kernel/io_uring_group", group)];
            assert_eq!(value(&Fake::with(&files), Probe::RingUsers), users);
        }
        assert_eq!(value(&Fake::with(&[]), Probe::RingUsers), "nobody");
    }

    #[test]
    fn a_capability_lifts_the_limit_of_locked_memory() {
        let limits =
            ("proc/self/limits", "Max locked memory         65536                8388608              bytes\n");
        let plain = Fake::with(&[limits, ("proc/self/status", "CapEff:\t0000000000000000\n")]);
        assert_eq!(value(&plain, Probe::LockedMemory), "8388608");
        let capable = Fake::with(&[limits, ("proc/self/status", "CapEff:\t0000000000004000\n")]);
        assert_eq!(value(&capable, Probe::LockedMemory), "unlimited");
    }

    #[test]
    fn cpus_of_shards_that_others_use_are_named() {
        let file = "sys/devices/system/cpu/isolated";
        assert_eq!(value(&Fake::with(&[(file, "\n")]), Probe::SharedCpus), "CPU 0,1");
        assert_eq!(value(&Fake::with(&[(file, "1-7\n")]), Probe::SharedCpus), "CPU 0");
        assert_eq!(value(&Fake::with(&[(file, "0-7\n")]), Probe::SharedCpus), NONE);
        assert_eq!(probed(&Fake::with(&[]), Probe::TickingCpus).found, Found::Absent);
    }
}
