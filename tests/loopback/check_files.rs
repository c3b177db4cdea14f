//! Configuration files for the tests of `check`, and what it says of them.

use std::path::Path;

use crate::harness::command::{self, Ended};

/// Two members with a spare trunk line and a backup each: nothing to warn of.
pub const SOUND: &str = r#"
[switch]
name = "sw1"
shards = 1

[[member]]
id = "nac"
profile = "terminal"
allow = ["127.0.0.1", "10.8.1.0/24", "2001:db8::/64"]
header = "tpdu"
line = [
  { listen = "127.0.0.1:7001" },
  { listen = "127.0.0.1:7002" },
  { listen = "127.0.0.1:7003", tier = "backup" },
]

[[member]]
id = "host"
profile = "institution"
allow = ["127.0.0.1"]
header = "tpdu"
line = [
  { listen = "127.0.0.1:7101" },
  { connect = "127.0.0.1:7201", bind = "127.0.0.1" },
  { listen = "127.0.0.1:7103", tier = "backup" },
]

[[route]]
from = ["nac"]
to = ["host"]
match = { nii = ["0003", "01f1"] }
"#;

pub struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    pub fn with(text: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().expect("a folder") };
        files.write("ringswitch.toml", text);
        files
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    pub fn main(&self) -> std::path::PathBuf {
        self.folder.path().join("ringswitch.toml")
    }

    pub fn check(&self) -> Ended {
        command::run_on(&["check", "-c"], &self.main())
    }

    pub fn check_strictly(&self) -> Ended {
        command::run_on(&["check", "--strict", "-c"], &self.main())
    }
}

/// One `file:line:column: message`.
#[derive(Debug)]
pub struct Fault {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
}

pub fn faults(ended: &Ended) -> Vec<Fault> {
    ended.stderr.lines().filter_map(parse_fault).collect()
}

fn parse_fault(text: &str) -> Option<Fault> {
    let (place, message) = text.split_once(": ")?;
    let mut parts = place.rsplitn(3, ':');
    let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    let file = Path::new(file).file_name()?.to_str()?.to_owned();
    Some(Fault { file, line: line.parse().ok()?, column: column.parse().ok()?, message: message.to_owned() })
}

/// The lines of `text` that end in a comment with `mark`, counted from 1.
pub fn marked(text: &str, mark: &str) -> Vec<usize> {
    (1..).zip(text.lines()).filter(|(_, line)| line.contains(mark)).map(|(number, _)| number).collect()
}

/// `text` is refused, and one of the lines marked `#!` is named as the place.
pub fn refused_at_a_mark(case: &str, text: &str) -> Vec<Fault> {
    let ended = Files::with(text).check();
    assert_eq!(ended.code, Some(1), "{case} passes: {ended:?}\n{text}");
    let faults = faults(&ended);
    let marks = marked(text, "#!");
    assert!(
        faults.iter().any(|fault| marks.contains(&fault.line) && fault.column > 0 && fault.file == "ringswitch.toml"),
        "{case}: no fault in one of the lines {marks:?}: {}",
        ended.stderr
    );
    faults
}
