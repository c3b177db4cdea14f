//! The files of `tuning/`: part of the program, or read from a folder that an operator keeps.

use std::fs;
use std::path::Path;

use super::facts::Facts;
use super::installed::{Installed, differences};
use super::setting::{Setting, Topic};

/// Every setting that this switch has a word to say about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tuning {
    /// Files by name, in the order of reading.
    pub topics: Vec<(String, Topic)>,
    files: Vec<Installed>,
}

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../tuning/", $name)))),*]
    };
}

/// In the order in which an operator wants to read them: what stops a start first.
const TOPICS: &[(&str, &str)] =
    embedded!["kernel.toml", "limits.toml", "network.toml", "cpu.toml", "memory.toml", "nic.toml", "interrupts.toml",];

const INSTALLABLE: &[(&str, &str)] =
    embedded!["90-ringswitch.conf", "ringswitch.service.d/limits.conf", "limits.d/ringswitch.conf",];

impl Tuning {
    /// Those of the program; `general` are the facts of no configuration.
    ///
    /// # Panics
    /// If the program was built from files that contradict themselves; a test keeps them sound.
    pub fn embedded(general: &Facts) -> Self {
        let owned = |files: &[(&str, &str)]| -> Vec<Installed> {
            files.iter().map(|(name, text)| Installed { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
        };
        Self::of(owned(TOPICS), owned(INSTALLABLE), general).unwrap_or_else(|faults| panic!("{}", faults.join("\n")))
    }

    /// The files of the same names in `folder`.
    ///
    /// # Errors
    /// Every file that is not there or is not what it should be, and every contradiction.
    pub fn from_folder(folder: &Path, general: &Facts) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut read = |files: &[(&str, &str)]| -> Vec<Installed> {
            let mut texts = Vec::new();
            for (name, _) in files {
                let path = folder.join(name);
                match fs::read_to_string(&path) {
                    Ok(text) => texts.push(Installed { name: (*name).to_owned(), text }),
                    Err(error) => faults.push(format!("{}: {error}", path.display())),
                }
            }
            texts
        };
        let (topics, files) = (read(TOPICS), read(INSTALLABLE));
        if faults.is_empty() { Self::of(topics, files, general) } else { Err(faults) }
    }

    fn of(topics: Vec<Installed>, files: Vec<Installed>, general: &Facts) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut parsed: Vec<(String, Topic)> = Vec::new();
        for Installed { name, text } in topics {
            match toml::from_str(&text) {
                Ok(topic) => parsed.push((name, topic)),
                Err(error) => faults.push(format!("{name}: {error}")),
            }
        }
        let tuning = Self { topics: parsed, files };
        let settings: Vec<&Setting> = tuning.settings().map(|(_, setting)| setting).collect();
        faults.extend(twice(&settings));
        if faults.is_empty() {
            faults.extend(differences(&tuning.files, &settings, general));
        }
        if faults.is_empty() { Ok(tuning) } else { Err(faults) }
    }

    /// Each setting with the name of its file.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.topics.iter().flat_map(|(file, topic)| topic.setting.iter().map(move |setting| (file.as_str(), setting)))
    }

    /// The text of an installable file.
    pub fn file(&self, name: &str) -> Option<&str> {
        self.files.iter().find(|file| file.name == name).map(|file| file.text.as_str())
    }

    pub fn file_names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }
}

fn twice(settings: &[&Setting]) -> Vec<String> {
    let mut names: Vec<&str> = settings.iter().map(|setting| setting.name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| format!("{} is there twice", pair[0])).collect()
}

#[cfg(test)]
pub fn parse_setting(text: &str) -> Setting {
    toml::from_str(text).expect("a setting")
}

#[cfg(test)]
#[path = "tuning_tests.rs"]
mod tests;
