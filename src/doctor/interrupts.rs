//! Which CPUs a network device's receive interrupts wake.

use std::collections::BTreeMap;

use super::host::{Host, cpu_list};
use super::probe::NONE;
use super::reading::{Found, Reading};

/// Words in the names of interrupts that carry what was received, by driver: virtio, most Intel and
/// Broadcom drivers, mlx5, ena.
const RECEIVING: [&str; 5] = ["input", "rx", "Rx", "comp", "queue"];

#[derive(Clone, PartialEq, Eq, Debug)]
struct Interrupt {
    number: String,
    /// CPUs that it may go to.
    cpus: Vec<usize>,
}

/// Interrupts that share a CPU with more of their kind than they would if they were spread. The
/// remedy spreads them, one CPU after the other.
pub fn crowded(device: &str, host: &Host) -> Reading {
    let interrupts = match receiving(device, host) {
        Ok(interrupts) if interrupts.is_empty() => return Reading::of(Found::Absent),
        Ok(interrupts) => interrupts,
        Err(reason) => return Reading::of(Found::Unknown(reason)),
    };
    let online = host.read("/sys/devices/system/cpu/online").ok();
    let cpus = online.and_then(|online| cpu_list(&online)).filter(|cpus| !cpus.is_empty()).unwrap_or_else(|| vec![0]);
    let share = interrupts.len().div_ceil(cpus.len());
    let mut by_cpu: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for interrupt in &interrupts {
        // The kernel sends it to the first CPU of a set unless the driver says otherwise.
        let cpu = interrupt.cpus.first().copied().unwrap_or(0);
        by_cpu.entry(cpu).or_default().push(&interrupt.number);
    }
    let too_many = by_cpu.iter().filter(|(_, numbers)| numbers.len() > share);
    let named: Vec<String> = too_many.map(|(cpu, numbers)| format!("{} on CPU {cpu}", numbers.join(","))).collect();
    if named.is_empty() {
        return Reading::value(NONE);
    }
    Reading::value(named.join("; ")).with_remedy(spread(&interrupts, &cpus))
}

fn spread(interrupts: &[Interrupt], cpus: &[usize]) -> String {
    let orders: Vec<String> = interrupts
        .iter()
        .zip(cpus.iter().cycle())
        .map(|(interrupt, cpu)| format!("echo {cpu} > /proc/irq/{}/smp_affinity_list", interrupt.number))
        .collect();
    orders.join("; ")
}

/// The device's receive interrupts; all of its interrupts if no name tells them apart.
fn receiving(device: &str, host: &Host) -> Result<Vec<Interrupt>, String> {
    // A virtio device's interrupts are those of the PCI device above it.
    let places = ["device/msi_irqs", "device/../msi_irqs"];
    let lists = places.map(|place| host.list(&format!("/sys/class/net/{device}/{place}")));
    let numbers = lists.into_iter().find(|numbers| !numbers.is_empty()).unwrap_or_default();
    let (mut receiving, mut all) = (Vec::new(), Vec::new());
    for number in numbers {
        let folder = format!("/proc/irq/{number}");
        let set = ["effective_affinity_list", "smp_affinity_list"].map(|file| host.read(&format!("{folder}/{file}")));
        let Some(set) = set.into_iter().flatten().find(|set| !set.is_empty()) else {
            return Err(format!("{folder} does not say which CPUs it wakes: run doctor as root"));
        };
        let interrupt = Interrupt { number, cpus: cpu_list(&set).unwrap_or_default() };
        let names = host.list(&folder);
        if names.iter().any(|name| RECEIVING.iter().any(|word| name.contains(word))) {
            receiving.push(interrupt.clone());
        }
        all.push(interrupt);
    }
    Ok(if receiving.is_empty() { all } else { receiving })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::testing::Fake;

    fn with(interrupts: &[(u32, &str, &str)]) -> Fake {
        let fake = Fake::with(&[("sys/devices/system/cpu/online", "0-1\n"), ("sys/class/net/eth0/device/vendor", "")]);
        for (number, name, cpu) in interrupts {
            fake.write(&format!("sys/class/net/eth0/device/msi_irqs/{number}"), "msix");
            fake.write(&format!("proc/irq/{number}/{name}/x"), "");
            fake.write(&format!("proc/irq/{number}/effective_affinity_list"), cpu);
            fake.write(&format!("proc/irq/{number}/smp_affinity_list"), "0-1");
        }
        fake
    }

    #[test]
    fn interrupts_on_one_cpu_are_named_with_what_spreads_them() {
        let fake = with(&[(9, "eth0-TxRx-0", "1"), (10, "eth0-TxRx-1", "1"), (8, "eth0", "1")]);
        let reading = crowded("eth0", &fake.host);
        assert_eq!(reading.found, Found::Values(vec!["9,10 on CPU 1".to_owned()]));
        assert_eq!(reading.remedy, "echo 0 > /proc/irq/9/smp_affinity_list; echo 1 > /proc/irq/10/smp_affinity_list");
    }

    #[test]
    fn spread_ones_are_fine_also_when_there_are_more_than_cpus() {
        assert_eq!(crowded("eth0", &with(&[(9, "rx-0", "0"), (10, "rx-1", "1")]).host), Reading::value(NONE));
        let three = with(&[(9, "rx-0", "0"), (10, "rx-1", "1"), (11, "rx-2", "1")]);
        assert_eq!(crowded("eth0", &three.host), Reading::value(NONE));
        let three = with(&[(9, "rx-0", "1"), (10, "rx-1", "1"), (11, "rx-2", "1")]);
        assert_ne!(crowded("eth0", &three.host), Reading::value(NONE));
    }

    #[test]
    fn one_receive_interrupt_cannot_be_spread() {
        let fake = with(&[(37, "virtio2-config", "1"), (38, "virtio2-input.0", "1"), (39, "virtio2-output.0", "1")]);
        assert_eq!(crowded("eth0", &fake.host), Reading::value(NONE));
    }

    #[test]
    fn without_interrupts_of_its_own_there_is_nothing_to_say() {
        assert_eq!(crowded("eth0", &with(&[]).host).found, Found::Absent);
    }
}
