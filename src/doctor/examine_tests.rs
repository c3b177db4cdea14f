//! Whole examinations of hosts that are directory trees, by the files of `tuning/` as they are.

use super::*;
use crate::doctor::testing::{self, Fake};

const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 4096                 files     \n\
                      Max core file size        0                    0                    bytes     \n\
                      Max locked memory         8388608              8388608              bytes     \n";

fn host() -> Fake {
    Fake::with(&[
        ("proc/sys/kernel/osrelease", "6.18.1\n"),
        ("proc/sys/kernel/io_uring_disabled", "0\n"),
        ("proc/sys/net/core/somaxconn", "128\n"),
        ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
        ("proc/self/limits", LIMITS),
        ("proc/self/status", "CapEff:\t0000000000000000\nCpus_allowed_list:\t0-1\n"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"),
    ])
}

fn findings(fake: &Fake, text: Option<&str>) -> Vec<Finding> {
    let general = testing::facts();
    let facts = Facts::new(&testing::plan(text.unwrap_or("")), &fake.host.cpus());
    examine(&Tuning::embedded(&general), &fake.host, &facts, text.is_some())
}

fn finding(findings: &[Finding], name: &str) -> Finding {
    findings.iter().find(|finding| finding.setting == name).unwrap_or_else(|| panic!("{name}")).clone()
}

#[test]
fn every_setting_has_a_verdict() {
    let all = findings(&host(), None);
    for (file, setting) in Tuning::embedded(&testing::facts()).settings() {
        let found = finding(&all, &setting.name);
        assert_eq!(found.file, file);
        assert_eq!(found.mend.is_some(), found.verdict == Verdict::Mend, "{found:?}");
        let explained = matches!(found.verdict, Verdict::CannotTell | Verdict::NotHere);
        assert_eq!(found.reason.is_some(), explained, "{found:?}");
        if let Some(mend) = &found.mend {
            assert!(!mend.contains(['{', '}']), "everything is filled in: {mend}");
        }
    }
}

#[test]
fn advice_is_told_from_need() {
    let all = findings(&host(), Some(testing::CONFIGURATION));
    let somaxconn = finding(&all, "net.core.somaxconn");
    assert_eq!((somaxconn.verdict, somaxconn.weight), (Verdict::Mend, Weight::Advice));
    assert_eq!((somaxconn.here.as_str(), somaxconn.wanted.as_str()), ("128", ">= 4096"));
    assert_eq!(somaxconn.mend.as_deref(), Some("sysctl -w net.core.somaxconn=4096"));
    assert_eq!(somaxconn.keep, ["90-ringswitch.conf"]);
    let files = finding(&all, "limit.nofile");
    assert!(files.is_unmet_need(), "{files:?}");
    assert_eq!(finding(&all, "kernel.version").verdict, Verdict::Ok);
}

#[test]
fn a_configuration_turns_what_it_needs_into_a_need() {
    let general = finding(&findings(&host(), None), "limit.nofile");
    assert_eq!((general.verdict, general.weight), (Verdict::Mend, Weight::Advice));
    let small = "[limits]\nconnections = 100\n";
    let fits = finding(&findings(&host(), Some(small)), "limit.nofile");
    assert_eq!((fits.verdict, fits.weight), (Verdict::Ok, Weight::Need));
    let port = finding(&findings(&host(), Some(testing::CONFIGURATION)), "net.ipv4.ip_local_reserved_ports");
    assert!(port.is_unmet_need());
    assert_eq!(port.here, "40001");
    assert_eq!(port.mend.as_deref(), Some("sysctl -w net.ipv4.ip_local_reserved_ports=40001"));
}

#[test]
fn what_a_configuration_asks_for_grows_with_its_shards() {
    let many = "[switch]\nshards = 9\n";
    let locked = finding(&findings(&host(), Some(many)), "limit.memlock");
    assert!(locked.is_unmet_need(), "{locked:?}");
    assert_eq!(locked.wanted, format!(">= {}", 9 * 1_122_304));
    assert_eq!(finding(&findings(&host(), Some(many)), "cpu.shards").verdict, Verdict::Mend);
    let spinning = "[switch]\nshards = 2\nspin = \"20us\"\n";
    assert_eq!(finding(&findings(&host(), Some(spinning)), "cpu.spin").verdict, Verdict::Mend);
    assert_eq!(finding(&findings(&host(), Some("")), "cpu.spin").verdict, Verdict::Ok);
}

#[test]
fn without_io_uring_no_configuration_runs() {
    let mut fake = host();
    fake.write("proc/sys/kernel/io_uring_disabled", "2\n");
    fake.host.tools.ring =
        Box::new(|_| Err("io_uring is not allowed: sysctl -w kernel.io_uring_disabled=0".to_owned()));
    let all = findings(&fake, None);
    assert!(finding(&all, "kernel.io_uring_disabled").is_unmet_need());
    let ring = finding(&all, "kernel.io_uring");
    assert!(ring.is_unmet_need());
    assert!(ring.mend.is_some_and(|mend| mend.contains("kernel.io_uring_disabled=0")));
    fake.write("proc/sys/kernel/osrelease", "5.10.0-8-amd64\n");
    assert!(finding(&findings(&fake, None), "kernel.version").is_unmet_need());
}

#[test]
fn an_old_or_strange_host_is_no_panic_and_no_false_ok() {
    let all = findings(&Fake::with(&[("proc/sys/net/core/somaxconn", "many\n")]), Some(testing::CONFIGURATION));
    let somaxconn = finding(&all, "net.core.somaxconn");
    assert_eq!(somaxconn.verdict, Verdict::CannotTell);
    assert_eq!(somaxconn.reason.as_deref(), Some("`many` is no number"));
    assert_eq!(finding(&all, "kernel.version").verdict, Verdict::CannotTell);
    let offload = finding(&all, "nic.gro");
    assert_eq!(offload.verdict, Verdict::NotHere);
    assert!(offload.reason.is_some_and(|reason| reason.contains("no network device")));
}

#[test]
fn each_network_device_has_findings_of_its_own() {
    let mut fake = host();
    fake.write("sys/class/net/eth0/device/vendor", "");
    fake.write("sys/class/net/eth1/device/vendor", "");
    fake.write("sys/class/net/lo/mtu", "");
    let unknown = finding(&findings(&fake, None), "nic.gro");
    assert_eq!((unknown.verdict, unknown.reason.as_deref()), (Verdict::CannotTell, Some("install ethtool")));
    fake.host.tools.ethtool = Box::new(|_, device| {
        let gro = if device == "eth1" { "off" } else { "on" };
        Ok(format!("generic-receive-offload: {gro}\n"))
    });
    let all = findings(&fake, None);
    let gro: Vec<_> = all.iter().filter(|finding| finding.setting == "nic.gro").collect();
    let seen: Vec<_> = gro.iter().map(|finding| (finding.device.as_deref(), finding.verdict)).collect();
    assert_eq!(seen, [(Some("eth0"), Verdict::Ok), (Some("eth1"), Verdict::Mend)]);
    assert_eq!(gro[1].mend.as_deref(), Some("ethtool -K eth1 gro on"));
}
