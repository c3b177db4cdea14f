//! The files of `tuning/` that a host can use as they are: sysctl.d, limits.d, a systemd drop-in.
//! They set for good what the topics demand, so the two must not differ.

use super::facts::Facts;
use super::setting::Setting;

/// A file and its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Installed {
    pub name: String,
    pub text: String,
}

/// One thing that a file sets.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    key: String,
    value: String,
    /// From 1.
    line: usize,
}

/// Sentences that say where files and settings differ; `facts` are those of no configuration.
pub fn differences(files: &[Installed], settings: &[&Setting], facts: &Facts) -> Vec<String> {
    let mut faults: Vec<String> = files.iter().flat_map(|file| unknown(file, settings, facts)).collect();
    for setting in settings {
        for keep in &setting.keep {
            let file = files.iter().find(|file| file.name == keep.file);
            let there = file.is_some_and(|file| entries(file).iter().any(|entry| entry.key == keep.key));
            if !there {
                faults.push(format!("{}: {} is to set {}, and does not", setting.name, keep.file, keep.key));
            }
        }
    }
    faults
}

/// Entries that no setting speaks of, and ones that do not set what it wants.
fn unknown(file: &Installed, settings: &[&Setting], facts: &Facts) -> Vec<String> {
    let judge = |entry: Entry| {
        let place = format!("{}:{}", file.name, entry.line);
        let kept =
            |setting: &&&Setting| setting.keep.iter().any(|keep| keep.file == file.name && keep.key == entry.key);
        let Some(setting) = settings.iter().find(kept) else {
            return Some(format!("{place}: no setting says why {} is there", entry.key));
        };
        let value = super::reading::part(&setting.part, &entry.value).unwrap_or_else(|| entry.value.clone());
        match setting.want.holds(&value, facts) {
            Some(true) => None,
            _ => {
                Some(format!("{place}: sets {}, but {} wants {}", entry.value, setting.name, setting.want.shown(facts)))
            }
        }
    };
    entries(file).into_iter().filter_map(judge).collect()
}

fn entries(file: &Installed) -> Vec<Entry> {
    let limits = file.name.starts_with("limits.d/");
    let lines = file.text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let spoken = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', ';', '[']));
    spoken
        .map(|(line, text)| {
            let (key, value) = if limits { of_limits(text) } else { of_assignment(text) };
            Entry { key, value, line }
        })
        .collect()
}

/// `key = value`, sizes in bytes.
fn of_assignment(line: &str) -> (String, String) {
    let (key, value) = line.split_once('=').unwrap_or((line, ""));
    (key.trim().to_owned(), in_bytes(value.trim()))
}

/// `user hard item value`, as pam_limits has it; locked memory and cores there are KiB.
fn of_limits(line: &str) -> (String, String) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, _, item, value] = words[..] else { return (line.to_owned(), String::new()) };
    let kib = matches!(item, "memlock" | "core");
    let value =
        value.parse::<u64>().map_or_else(|_| value.to_owned(), |n| (n * if kib { 1024 } else { 1 }).to_string());
    (item.to_owned(), value)
}

/// `64M` as systemd means it.
fn in_bytes(value: &str) -> String {
    let (number, shift) = match value.as_bytes().last() {
        Some(b'K') => (&value[..value.len() - 1], 10),
        Some(b'M') => (&value[..value.len() - 1], 20),
        Some(b'G') => (&value[..value.len() - 1], 30),
        _ => (value, 0),
    };
    number.parse::<u64>().map_or_else(|_| value.to_owned(), |number| (number << shift).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::testing;
    use crate::doctor::tuning::parse_setting;

    fn setting(name: &str, want: &str, file: &str, key: &str) -> Setting {
        parse_setting(&format!(
            "name = \"{name}\"\nneeded = \"never\"\nread = {{ file = \"/proc/x\" }}\nwant = \"{want}\"\nwhat = \"\"\n\
             why = \"\"\nverify = \"\"\nmend = \"\"\nundo = \"\"\nmeasured = \"\"\n\
             keep = [{{ file = \"{file}\", key = \"{key}\" }}]"
        ))
    }

    fn differ(file: &str, text: &str, setting: &Setting) -> Vec<String> {
        let files = [Installed { name: file.to_owned(), text: text.to_owned() }];
        differences(&files, &[setting], &testing::facts())
    }

    #[test]
    fn what_a_file_sets_must_be_what_is_wanted() {
        let somaxconn = setting("net.core.somaxconn", ">= 4096", "90.conf", "net.core.somaxconn");
        let none: &[String] = &[];
        assert_eq!(differ("90.conf", "# why\n\nnet.core.somaxconn = 4096\n", &somaxconn), none);
        let low = differ("90.conf", "# why\nnet.core.somaxconn = 128\n", &somaxconn);
        assert_eq!(low, ["90.conf:2: sets 128, but net.core.somaxconn wants >= 4096"]);
        let missing = differ("90.conf", "", &somaxconn);
        assert_eq!(missing, ["net.core.somaxconn: 90.conf is to set net.core.somaxconn, and does not"]);
        let more = differ("90.conf", "net.core.somaxconn=4096\nvm.swappiness=1\n", &somaxconn);
        assert_eq!(more, ["90.conf:2: no setting says why vm.swappiness is there"]);
    }

    #[test]
    fn units_are_those_of_the_file() {
        let locked = setting("limit.memlock", ">= 67108864", "x.service.d/limits.conf", "LimitMEMLOCK");
        assert_eq!(differ("x.service.d/limits.conf", "[Service]\nLimitMEMLOCK=64M\n", &locked).len(), 0);
        assert_eq!(differ("x.service.d/limits.conf", "[Service]\nLimitMEMLOCK=64K\n", &locked).len(), 1);
        let locked = setting("limit.memlock", ">= 67108864", "limits.d/x.conf", "memlock");
        assert_eq!(differ("limits.d/x.conf", "x hard memlock 65536\n", &locked).len(), 0);
        assert_eq!(differ("limits.d/x.conf", "x hard memlock 65535\n", &locked).len(), 1);
        assert_eq!(differ("limits.d/x.conf", "x hard memlock unlimited\n", &locked).len(), 0);
    }
}
