//! Where plans come from: whoever reads and checks the configuration.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::plan::Plan;

/// Reads, parses and checks the configuration whole. Called at the start and at every reload, on a
/// thread that may block.
pub trait PlanSource: Send + Sync {
    /// `previous` is what runs now: its numbers stay with the names that stay. Loading decides
    /// nothing: the plan may still be refused, or was only asked for to be looked at.
    ///
    /// # Errors
    /// Every fault of every file, all at once.
    fn load(&self, previous: Option<&Plan>) -> Result<Loaded, Refused>;

    /// The plan that was loaded last is what runs now: what it removed begins to rest.
    fn taken(&self);

    /// What runs now as TOML, every default filled in.
    fn effective(&self) -> String;

    /// The file that the operator named.
    fn file(&self) -> PathBuf;
}

/// A configuration without faults.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub plan: Arc<Plan>,
    pub warnings: Vec<Fault>,
}

/// A configuration with faults; nothing of it is used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    pub faults: Vec<Fault>,
}

impl fmt::Display for Refused {
    /// One fault a line, as `check` writes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

/// One fault and its place. What has no place in a file (a port that is taken) has line 0.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
}

impl Fault {
    /// A fault of the whole configuration.
    pub fn without_place(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}", self.file, self.message);
        }
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}
