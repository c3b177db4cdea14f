//! From where a setting says its value is to the value.

use super::ethtool;
use super::facts::{Fact, Facts};
use super::host::{Host, Unread};
use super::probe;
use super::setting::{Part, Read, Setting};

/// What was found in one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The network device, where there is one for each.
    pub device: Option<String>,
    pub found: Found,
    /// What the mend's `{remedy}` stands for, where only the probe knows it.
    pub remedy: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Different values in the order of reading: one, unless several files were read.
    Values(Vec<String>),
    /// This host does not have it.
    Absent,
    /// With the reason, and what would help.
    Unknown(String),
}

impl Reading {
    pub fn of(found: Found) -> Self {
        Self { device: None, found, remedy: String::new() }
    }

    pub fn value(value: impl Into<String>) -> Self {
        Self::of(Found::Values(vec![value.into()]))
    }

    pub fn with_remedy(self, remedy: String) -> Self {
        Self { remedy, ..self }
    }
}

/// One reading, or one for each network device. No device: none.
pub fn readings(setting: &Setting, host: &Host, facts: &Facts) -> Vec<Reading> {
    let each_device = |read: &dyn Fn(&str) -> Reading| {
        let devices = host.devices().into_iter();
        devices.map(|device| Reading { device: Some(device.clone()), ..read(&device) }).collect()
    };
    match &setting.read {
        Read::File(pattern) => {
            let pattern = pattern.replace("{process}", &host.process);
            if pattern.contains("{nic}") {
                return each_device(&|device| file(&pattern.replace("{nic}", device), &setting.part, host));
            }
            vec![file(&pattern, &setting.part, host)]
        }
        Read::Ethtool(option) => each_device(&|device| of_ethtool(option, device, &setting.part, host)),
        Read::Fact(name) => vec![fact(name, facts)],
        Read::Probe(probe) if probe::is_of_devices(*probe) => {
            each_device(&|device| probe::of_device(*probe, device, host))
        }
        Read::Probe(probe) => vec![probe::of_host(*probe, host, facts)],
    }
}

/// Whether there is a reading for each network device.
pub fn is_of_devices(setting: &Setting) -> bool {
    match &setting.read {
        Read::File(pattern) => pattern.contains("{nic}"),
        Read::Ethtool(_) => true,
        Read::Fact(_) => false,
        Read::Probe(probe) => probe::is_of_devices(*probe),
    }
}

fn fact(name: &str, facts: &Facts) -> Reading {
    match Fact::named(name) {
        Some(fact) => Reading::value(facts.number(fact).to_string()),
        None => Reading::of(Found::Unknown(format!("there is no fact {name}: mend the file of tuning/"))),
    }
}

fn file(pattern: &str, part: &Part, host: &Host) -> Reading {
    let paths = if pattern.contains('*') { host.expand(pattern) } else { vec![pattern.to_owned()] };
    if *part == Part::Count {
        return Reading::value(paths.len().to_string());
    }
    let mut values: Vec<String> = Vec::new();
    for path in paths {
        let text = match host.read(&path) {
            Ok(text) => text,
            Err(Unread::Absent) => continue,
            Err(Unread::Refused(reason)) => return Reading::of(Found::Unknown(reason)),
        };
        match self::part(part, &text) {
            Some(value) if values.contains(&value) => {}
            Some(value) => values.push(value),
            None => return Reading::of(Found::Unknown(format!("{path} does not say it"))),
        }
    }
    Reading::of(if values.is_empty() { Found::Absent } else { Found::Values(values) })
}

fn of_ethtool(option: &str, device: &str, part: &Part, host: &Host) -> Reading {
    let text = match (host.tools.ethtool)(option, device) {
        Ok(text) => text,
        Err(reason) => return Reading::of(Found::Unknown(reason)),
    };
    match self::part(part, &text).filter(|value| value != "n/a") {
        Some(value) => Reading::value(value),
        None => Reading::of(Found::Absent),
    }
}

/// The value in `text`; `None` if it does not have that part.
pub fn part(part: &Part, text: &str) -> Option<String> {
    match part {
        Part::Whole => Some(text.to_owned()),
        Part::Field(place) => text.split_whitespace().nth(place.checked_sub(1)?).map(str::to_owned),
        Part::Chosen => {
            let (_, rest) = text.split_once('[')?;
            rest.split_once(']').map(|(word, _)| word.to_owned())
        }
        Part::Line(name) => ethtool::value(text, name).map(str::to_owned),
        Part::Limit(name) => hard_limit(text, name),
        Part::PercentOfMaximum(name) => ethtool::percent_of_maximum(text, name).map(|percent| percent.to_string()),
        // Of paths, not of a text.
        Part::Count => None,
    }
}

/// `Max open files            1024                 524288               files`
fn hard_limit(limits: &str, name: &str) -> Option<String> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::testing::{self, Fake};
    use crate::doctor::tuning::parse_setting;

    fn setting(read: &str) -> Setting {
        parse_setting(&format!(
            "name = \"x\"\nneeded = \"never\"\n{read}\nwant = \">= 1\"\nwhat = \"\"\nwhy = \"\"\nverify = \"\"\n\
             mend = \"\"\nundo = \"\"\nmeasured = \"\""
        ))
    }

    fn found(fake: &Fake, read: &str) -> Vec<Found> {
        readings(&setting(read), &fake.host, &testing::facts()).into_iter().map(|reading| reading.found).collect()
    }

    fn values(values: &[&str]) -> Vec<Found> {
        vec![Found::Values(values.iter().map(|value| (*value).to_owned()).collect())]
    }

    #[test]
    fn parts_of_a_text() {
        let of = |kind: Part, text: &str| part(&kind, text);
        assert_eq!(of(Part::Field(3), "4096\t131072\t6291456").as_deref(), Some("6291456"));
        assert_eq!(of(Part::Field(4), "4096\t131072\t6291456"), None);
        assert_eq!(of(Part::Chosen, "always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!(of(Part::Chosen, "madvise"), None);
        assert_eq!(of(Part::Line("MemAvailable".into()), "MemFree: 1 kB\nMemAvailable:  2 kB").as_deref(), Some("2"));
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(of(Part::Limit("Max open files".into()), limits).as_deref(), Some("524288"));
        assert_eq!(of(Part::Limit("Max wishes".into()), limits), None);
    }

    #[test]
    fn several_files_give_their_different_values() {
        let governor = |cpu: u8| format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
        let fake =
            Fake::with(&[(&governor(0), "powersave"), (&governor(1), "performance"), (&governor(2), "powersave")]);
        let read = "read = { file = \"/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor\" }";
        assert_eq!(found(&fake, read), values(&["powersave", "performance"]));
        assert_eq!(found(&Fake::with(&[]), read), [Found::Absent]);
    }

    #[test]
    fn each_device_is_read_and_none_gives_nothing() {
        let read = "read = { file = \"/sys/class/net/{nic}/queues/rx-*\" }\npart = \"count\"";
        let device = |name: &str, file: &str| format!("sys/class/net/{name}/{file}");
        let queues = [device("eth0", "device/x"), device("eth0", "queues/rx-0/x"), device("eth0", "queues/rx-1/x")];
        let fake = Fake::with(&[(&queues[0], ""), (&queues[1], ""), (&queues[2], "")]);
        let read_there = readings(&setting(read), &fake.host, &testing::facts());
        assert_eq!(read_there.len(), 1);
        assert_eq!(read_there[0].device.as_deref(), Some("eth0"));
        assert_eq!(read_there[0].found, Found::Values(vec!["2".to_owned()]));
        assert_eq!(found(&Fake::with(&[]), read), []);
    }

    #[test]
    fn ethtool_tells_or_says_why_not() {
        let mut fake = Fake::with(&[("sys/class/net/eth0/device/x", "")]);
        let read = "read = { ethtool = \"-k\" }\npart = { line = \"generic-receive-offload\" }";
        assert_eq!(found(&fake, read), [Found::Unknown("install ethtool".to_owned())]);
        fake.host.tools.ethtool =
            Box::new(|option, device| Ok(format!("{option} {device}\ngeneric-receive-offload: on\n")));
        assert_eq!(found(&fake, read), values(&["on"]));
        fake.host.tools.ethtool = Box::new(|_, _| Ok("generic-receive-offload: n/a\n".to_owned()));
        assert_eq!(found(&fake, read), [Found::Absent]);
    }

    #[test]
    fn the_limits_are_those_of_the_process_that_is_meant() {
        let limits = "Max open files            1024                 2048               files\n";
        let mut fake = Fake::with(&[("proc/77/limits", limits)]);
        let read = "read = { file = \"/proc/{process}/limits\" }\npart = { limit = \"Max open files\" }";
        assert_eq!(found(&fake, read), [Found::Absent]);
        fake.host.process = "77".to_owned();
        assert_eq!(found(&fake, read), values(&["2048"]));
    }

    #[test]
    fn facts_are_read_by_name() {
        assert_eq!(found(&Fake::with(&[]), "read = { fact = \"shards\" }"), values(&["2"]));
        let unknown = found(&Fake::with(&[]), "read = { fact = \"wishes\" }");
        assert!(matches!(&unknown[..], [Found::Unknown(reason)] if reason.contains("wishes")));
    }
}
