//! The system calls of one thread, as strace sees them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

/// A trace of a thread that goes on.
pub struct Trace {
    strace: Child,
    /// Kept open: what strace says at its end must not end it early.
    _said: BufReader<ChildStderr>,
    file: tempfile::NamedTempFile,
}

impl Trace {
    /// `None`, and a line that says so, where strace is missing or may not look.
    pub fn of(thread: u32) -> Option<Self> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut command = Command::new("strace");
        command.args(["-p", &thread.to_string(), "-o"]).arg(file.path()).stderr(Stdio::piped());
        let mut strace = match command.spawn() {
            Ok(strace) => strace,
            Err(error) => {
                eprintln!("SKIPPED: no system call was looked at, strace is not to be had: {error}");
                return None;
            }
        };
        let (mut said, mut first) = (BufReader::new(strace.stderr.take().expect("piped")), String::new());
        let _ = said.read_line(&mut first);
        if !first.contains("attached") {
            eprintln!("SKIPPED: no system call was looked at, strace may not look: {}", first.trim());
            let _ = strace.wait();
            return None;
        }
        Some(Self { strace, _said: said, file })
    }

    /// Ends it. The names of all calls, in order.
    pub fn end(mut self) -> Vec<String> {
        // SAFETY: a signal to a child that was not waited for, so its number is still its own.
        unsafe { libc::kill(self.strace.id() as i32, libc::SIGINT) };
        self.strace.wait().expect("a child of ours");
        let text = fs::read_to_string(self.file.path()).expect("what strace wrote");
        let is_name =
            |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        text.lines()
            .filter_map(|line| line.split_once('('))
            .map(|(name, _)| name)
            .filter(is_name)
            .map(str::to_owned)
            .collect()
    }
}
