//! The binary as a command that runs and ends.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use super::eventually;

/// What a command that ended left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Both outputs together, where it does not matter which of them carries a text.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// The binary under test: the one just built, or the one that `RINGSWITCH_BINARY` names.
pub fn ringswitch(arguments: &[&str]) -> Command {
    let built = env!("CARGO_BIN_EXE_ringswitch");
    let path = std::env::var("RINGSWITCH_BINARY").unwrap_or_else(|_| built.to_owned());
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end, which must come.
pub fn run(arguments: &[&str]) -> Ended {
    run_command(ringswitch(arguments))
}

/// Runs `ringswitch ARGUMENTS FILE`.
pub fn run_on(arguments: &[&str], file: &Path) -> Ended {
    let mut command = ringswitch(arguments);
    command.arg(file);
    run_command(command)
}

fn run_command(mut command: Command) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let stdout = read_all(child.stdout.take().expect("piped"));
    let stderr = read_all(child.stderr.take().expect("piped"));
    let mut guard = KillOnDrop(child);
    let status = eventually(&format!("{command:?} ends"), || guard.0.try_wait().expect("a child of ours"));
    let text = |reader: std::thread::JoinHandle<String>| reader.join().expect("a reader does not panic");
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

struct KillOnDrop(std::process::Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn read_all(mut source: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = source.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
