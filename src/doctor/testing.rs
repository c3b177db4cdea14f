//! For tests: plans, and a host that is a directory tree.

use std::fs;
use std::sync::Arc;

use tempfile::TempDir;

use super::facts::Facts;
use super::host::{Host, Tools};
use crate::config::plan::Plan;
use crate::config::{self, Source};
use crate::time::Instant;

pub const CONFIGURATION: &str = r#"
[switch]
shards = 2
[[member]]
id = "one"
profile = "institution"
allow = ["10.0.0.1"]
line = [{ listen = "127.0.0.1:7001" }, { listen = "127.0.0.2:7001" }, { listen = "127.0.0.1:40001", tier = "backup" }]
[[member]]
id = "other"
profile = "institution"
line = [{ connect = "10.0.0.2:7001", bind = "10.0.0.1:7002" }, { connect = "10.0.0.3:7001" }]
[[route]]
from = ["one"]
to = ["other"]
"#;

pub fn plan(text: &str) -> Arc<Plan> {
    let sources = [Source { name: "a.toml".to_owned(), text: text.to_owned() }];
    let host = config::Host { name: "sw1".to_owned(), cpus: 2 };
    let reading = config::read(&sources, &host, None);
    let configuration = reading.configuration.unwrap_or_else(|| panic!("{:?}", reading.faults));
    config::build(&configuration, None, Instant(0)).expect("numbers enough").plan
}

pub fn facts() -> Facts {
    Facts::new(&plan(""), &[0, 1])
}

/// A host of these files, `/` left off their names, without tools and with a ring.
pub struct Fake {
    folder: TempDir,
    pub host: Host,
}

impl Fake {
    pub fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let tools = Tools { ethtool: Box::new(|_, _| Err("install ethtool".to_owned())), ring: Box::new(|_| Ok(())) };
        let fake = Self { host: Host { root: folder.path().to_owned(), process: "self".to_owned(), tools }, folder };
        files.iter().for_each(|(name, text)| fake.write(name, text));
        fake
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        fs::write(path, text).expect("written");
    }
}
