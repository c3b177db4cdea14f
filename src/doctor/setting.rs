//! One setting of a host as a file of `tuning/` describes it.

use serde::Deserialize;

use super::want::Want;

/// A file of `tuning/`: settings of one topic.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// What the file is about, for people.
    pub title: String,
    pub setting: Vec<Setting>,
}

/// What is looked at, what it should be, and everything an operator may ask about it. The texts are
/// all required: a demand without a reason or without a way back is no advice.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Setting {
    /// Unique over all files; the sysctl's own name if it is one.
    pub name: String,
    pub needed: Needed,
    pub read: Read,
    #[serde(default)]
    pub part: Part,
    pub want: Want,
    /// Where there may be nothing to read: what that means. Without it, nothing is "cannot tell".
    pub absent: Option<String>,
    pub what: String,
    pub why: String,
    pub verify: String,
    /// A command or a sentence; may name `{want}`, `{here}`, `{nic}`, `{remedy}` and the facts.
    pub mend: String,
    pub undo: String,
    pub measured: String,
    /// Where an installable file sets it for good.
    #[serde(default)]
    pub keep: Vec<Keep>,
}

/// What an unmet demand means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Needed {
    /// No configuration runs without.
    Always,
    /// A given configuration does not run, or loses something that it promises; advice without one.
    ByTheConfiguration,
    /// Advice.
    Never,
}

/// Where the value comes from.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Read {
    /// An absolute path. `*` stands for any run of characters, `{process}` for the process whose
    /// limits count, `{nic}` for each network device with hardware behind it.
    File(String),
    /// The option of ethtool, asked for each such device.
    Ethtool(String),
    /// A number that the configuration asks for.
    Fact(String),
    /// What takes code to find out.
    Probe(Probe),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// `works`, if a ring can be made.
    Ring,
    /// Who may use io_uring: `everyone`, `group`, `administrators`, `nobody`.
    RingUsers,
    /// RLIMIT_MEMLOCK in bytes, or `unlimited` for a process with CAP_IPC_LOCK.
    LockedMemory,
    /// Listening ports that the kernel may give to an outgoing connection, or `none`.
    PortsTaken,
    /// CPUs of shards on which other programs run too, or `none`.
    SharedCpus,
    /// CPUs of shards that keep their timer tick, or `none`.
    TickingCpus,
    /// Interrupts of a device that share a CPU though there are more CPUs, or `none`.
    CrowdedInterrupts,
}

/// Which part of what was read is the value.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// The word so many words in, from 1.
    Field(usize),
    /// The word in brackets.
    Chosen,
    /// The first word behind `NAME:`, in the last line that has it.
    Line(String),
    /// The hard limit of that name in `/proc/PID/limits`.
    Limit(String),
    /// What ethtool says is set, in percent of the greatest there may be.
    PercentOfMaximum(String),
    /// How many paths the pattern means.
    Count,
}

/// An installable file of `tuning/`, and the key in it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    pub file: String,
    pub key: String,
}
