//! What is: the files of /proc and /sys below a root, and the two things that no file tells.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{ethtool, ring};

/// The host that is looked at.
pub struct Host {
    /// `/`, or a directory tree that stands for it.
    pub root: PathBuf,
    /// Whose limits and CPUs are meant: `self`, or the id of a process.
    pub process: String,
    pub tools: Tools,
}

/// What a program prints for an option and a device, or why it cannot be told.
pub type Ethtool = Box<dyn Fn(&str, &str) -> Result<String, String>>;

/// What is asked of programs and of the kernel.
pub struct Tools {
    /// What `ethtool OPTION DEVICE` prints, or why it cannot be told.
    pub ethtool: Ethtool,
    /// Whether the kernel makes a ring for so many connections; if not, the reason.
    pub ring: Box<dyn Fn(usize) -> Result<(), String>>,
}

/// Why a file gave no text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unread {
    /// There is no such file.
    Absent,
    /// With the reason, and what would help.
    Refused(String),
}

impl Host {
    /// This one. `process`: whose limits count; `None` for those of this process, which are those
    /// of the shell that it was started from.
    pub fn here(process: Option<u32>) -> Self {
        let tools = Tools { ethtool: Box::new(ethtool::run), ring: Box::new(ring::can_be_made) };
        let process = process.map_or_else(|| "self".to_owned(), |id| id.to_string());
        Self { root: PathBuf::from("/"), process, tools }
    }

    /// The text of the file at `path` (absolute), without blanks at its ends.
    pub fn read(&self, path: &str) -> Result<String, Unread> {
        match fs::read_to_string(self.below(path)) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) => Err(unread(path, &error)),
        }
    }

    /// The paths that a pattern with at most one `*` in each part means, in the order of their
    /// names, numbers by value.
    pub fn expand(&self, pattern: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        for part in pattern.trim_start_matches('/').split('/') {
            found = match part.split_once('*') {
                None => found.into_iter().map(|before| format!("{before}/{part}")).collect(),
                Some((first, last)) => found
                    .iter()
                    .flat_map(|before| {
                        self.names(before, first, last).into_iter().map(move |name| format!("{before}/{name}"))
                    })
                    .collect(),
            };
        }
        found.retain(|path| self.below(path).exists());
        found
    }

    /// The names in a folder; none if it cannot be read.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.below(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_by_key(|name| by_number(name));
        names
    }

    pub fn exists(&self, path: &str) -> bool {
        self.below(path).exists()
    }

    /// Network devices with hardware, or a virtual machine's idea of it, behind them.
    pub fn devices(&self) -> Vec<String> {
        let mut names = self.list("/sys/class/net");
        names.retain(|name| self.exists(&format!("/sys/class/net/{name}/device")));
        names
    }

    /// The CPUs that the process may run on; CPU 0 if it does not say.
    pub fn cpus(&self) -> Vec<usize> {
        let status = self.read(&format!("/proc/{}/status", self.process)).unwrap_or_default();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cpus = list.and_then(cpu_list).unwrap_or_default();
        if cpus.is_empty() { vec![0] } else { cpus }
    }

    fn names(&self, folder: &str, first: &str, last: &str) -> Vec<String> {
        let mut names = self.list(folder);
        names.retain(|name| name.len() >= first.len() + last.len() && name.starts_with(first) && name.ends_with(last));
        names
    }

    fn below(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Host").field("root", &self.root).field("process", &self.process).finish_non_exhaustive()
    }
}

fn unread(path: &str, error: &io::Error) -> Unread {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unread::Absent,
        io::ErrorKind::PermissionDenied => {
            Unread::Refused(format!("this user may not read {path}: run doctor as root"))
        }
        // As sysfs answers for what the device does not have.
        _ => Unread::Refused(format!("{} cannot be read: {error}", Path::new(path).display())),
    }
}

/// `cpu10` behind `cpu9`.
fn by_number(name: &str) -> (String, u64, String) {
    let digits = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let end = name[digits..].find(|c: char| !c.is_ascii_digit()).map_or(name.len(), |at| digits + at);
    (name[..digits].to_owned(), name[digits..end].parse().unwrap_or(0), name[end..].to_owned())
}

/// `0-2,5` as the kernel writes sets of CPUs, ascending; `None` if it is no such list.
pub fn cpu_list(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    cpus.sort_unstable();
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::testing::Fake;

    #[test]
    fn stars_mean_names_in_the_order_of_their_numbers() {
        let file = |cpu: u8| format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
        let fake = Fake::with(&[
            (&file(10), "powersave\n"),
            (&file(9), "performance\n"),
            ("sys/devices/system/cpu/isolated", ""),
        ]);
        let found = fake.host.expand("/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor");
        assert_eq!(found, [format!("/{}", file(9)), format!("/{}", file(10))]);
        assert_eq!(fake.host.read(&found[0]), Ok("performance".to_owned()));
        assert_eq!(fake.host.expand("/sys/none/*/x"), Vec::<String>::new());
        assert_eq!(fake.host.read("/sys/none"), Err(Unread::Absent));
    }

    #[test]
    fn a_folder_in_place_of_a_file_is_named() {
        let fake = Fake::with(&[("proc/sys/x/y", "")]);
        let Err(Unread::Refused(reason)) = fake.host.read("/proc/sys/x") else { panic!("a folder has no text") };
        assert!(reason.starts_with("/proc/sys/x cannot be read"), "{reason}");
        let denied = unread("/proc/1/limits", &io::ErrorKind::PermissionDenied.into());
        assert!(matches!(denied, Unread::Refused(reason) if reason.contains("root")));
    }

    #[test]
    fn only_devices_with_something_behind_them_count() {
        let fake = Fake::with(&[("sys/class/net/lo/mtu", "65536"), ("sys/class/net/eth0/device/vendor", "x")]);
        assert_eq!(fake.host.devices(), ["eth0"]);
    }

    #[test]
    fn sets_of_cpus_are_read_as_the_kernel_writes_them() {
        assert_eq!(cpu_list("0-2,5\n"), Some(vec![0, 1, 2, 5]));
        assert_eq!(cpu_list("\n"), Some(vec![]));
        assert_eq!(cpu_list("(null)"), None);
        let fake = Fake::with(&[("proc/self/status", "Name:\tx\nCpus_allowed_list:\t2-3\n")]);
        assert_eq!(fake.host.cpus(), [2, 3]);
        assert_eq!(Fake::with(&[]).host.cpus(), [0]);
    }
}
