//! The switch as a process: started, asked, told to reload or to end, and always ended on drop.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::http::{self, Response};
use super::metrics::Metrics;
use super::{Member, PATIENCE, Peer, World, command, eventually};

pub struct Switch {
    child: Child,
    folder: TempDir,
    admin: SocketAddr,
    log: Arc<Mutex<String>>,
    said: Arc<Mutex<String>>,
}

impl Switch {
    /// Writes the configuration, runs the binary on it and waits for the line with `ready`.
    pub fn start(config: &str, admin: SocketAddr) -> Self {
        Self::start_by(config, admin, |run| run)
    }

    /// The same by another command, made of the one that runs the binary.
    pub fn start_by(config: &str, admin: SocketAddr, other: impl FnOnce(Command) -> Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the configuration");
        std::fs::write(folder.path().join("ringswitch.toml"), config).expect("the configuration is written");
        let mut run = command::ringswitch(&["run", "-c"]);
        run.arg(folder.path().join("ringswitch.toml"));
        let mut run = other(run);
        run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        end_with_the_test(&mut run);
        let mut child = run.spawn().expect("the binary runs");
        let log = Arc::new(Mutex::new(String::new()));
        collect(child.stderr.take().expect("piped"), Arc::clone(&log));
        let said = Arc::new(Mutex::new(String::new()));
        let ready = watch_for_ready(child.stdout.take().expect("piped"), Arc::clone(&said));
        let mut switch = Self { child, folder, admin, log, said };
        switch.wait_ready(&ready, config);
        switch
    }

    fn wait_ready(&mut self, ready: &Receiver<()>, config: &str) {
        let deadline = Instant::now() + PATIENCE;
        while ready.recv_timeout(super::LOOK_AGAIN).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the switch ended with {status} instead of getting ready on:\n{config}\nlog:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "the switch did not get ready");
        }
    }

    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("ringswitch.toml")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything written to standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the collector does not panic").clone()
    }

    /// Everything written to standard output so far.
    pub fn said(&self) -> String {
        self.said.lock().expect("the collector does not panic").clone()
    }

    /// What the kernel says of the process under this word, as in `/proc/PID/status`.
    pub fn process_status(&self, word: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a running child");
        let line = status.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {word} in:\n{status}")).trim().to_owned()
    }

    pub fn get(&self, path: &str) -> Response {
        http::request(self.admin, "GET", path, &[])
    }

    pub fn post(&self, path: &str) -> Response {
        http::request(self.admin, "POST", path, &[])
    }

    pub fn admin_get(&self, path: &str) -> (u16, String) {
        let response = self.get(path);
        (response.status, response.body)
    }

    pub fn metrics(&self) -> Metrics {
        let response = self.get("/metrics");
        assert_eq!(response.status, 200, "/metrics: {}", response.body);
        Metrics::parse(response.body)
    }

    /// The sum of all samples of that name with those labels.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.metrics().sum(name, labels)
    }

    /// Frames dropped with that reason, whatever line they came in on.
    pub fn dropped(&self, reason: &str) -> u64 {
        self.metric("frames_dropped_total", &[("reason", reason)])
    }

    /// Waits until the metric is exactly `value`; passing it is a failure at once.
    pub fn wait_metric(&self, name: &str, labels: &[(&str, &str)], value: u64) {
        eventually(&format!("{name}{labels:?} = {value}"), || {
            let seen = self.metric(name, labels);
            assert!(seen <= value, "{name}{labels:?} is {seen}, past {value}");
            (seen == value).then_some(())
        });
    }

    /// Waits until a metric that may also fall is exactly `value`.
    pub fn wait_gauge(&self, name: &str, labels: &[(&str, &str)], value: u64) {
        eventually(&format!("{name}{labels:?} = {value}"), || (self.metric(name, labels) == value).then_some(()));
    }

    pub fn wait_metric_at_least(&self, name: &str, labels: &[(&str, &str)], value: u64) {
        eventually(&format!("{name}{labels:?} >= {value}"), || (self.metric(name, labels) >= value).then_some(()));
    }

    pub fn wait_dropped(&self, reason: &str, count: u64) {
        self.wait_metric("frames_dropped_total", &[("reason", reason)], count);
    }

    /// What `/v1/lines/ID` says.
    pub fn line(&self, id: &str) -> Value {
        let response = self.get(&format!("/v1/lines/{id}"));
        assert_eq!(response.status, 200, "/v1/lines/{id}: {}", response.body);
        response.json()
    }

    pub fn line_state(&self, id: &str) -> String {
        self.line(id)["state"].as_str().expect("a state").to_owned()
    }

    pub fn wait_line_state(&self, id: &str, state: &str) {
        eventually(&format!("line {id} is {state}"), || (self.line_state(id) == state).then_some(()));
    }

    /// How many connections the line has had.
    pub fn connects(&self, id: &str) -> u64 {
        self.line(id)["connects"].as_u64().expect("a count")
    }

    /// Connects to the member's `number`th line and waits until the switch has admitted it.
    pub fn join(&self, member: &Member, number: usize) -> Peer {
        let before = self.connects(&member.line(number));
        let peer = Peer::connect(member.address(number), member.prefix());
        self.wait_joined(&member.line(number), before + 1);
        peer
    }

    /// All lines of a member, in order.
    pub fn join_all(&self, member: &Member) -> Vec<Peer> {
        (1..=member.lines()).map(|number| self.join(member, number)).collect()
    }

    /// Waits until the line is up with its `connects`th connection.
    pub fn wait_joined(&self, id: &str, connects: u64) {
        eventually(&format!("line {id} is up, connection {connects}"), || {
            let line = self.line(id);
            (line["state"] == "up" && line["connects"].as_u64() >= Some(connects)).then_some(())
        });
    }

    pub fn write_config(&self, text: &str) {
        std::fs::write(self.config_file(), text).expect("the configuration is written");
    }

    /// Writes another configuration and asks for a reload over the admin API.
    pub fn reload(&self, world: &World) -> Response {
        self.reload_text(&world.text())
    }

    pub fn reload_text(&self, text: &str) -> Response {
        self.write_config(text);
        self.post("/v1/reload")
    }

    /// The same, and it must be applied.
    pub fn reload_applied(&self, world: &World) {
        let response = self.reload(world);
        assert_eq!(response.status, 200, "the reload was refused: {}\nlog:\n{}", response.body, self.log());
    }

    /// Reloads by SIGHUP and returns the verdict: `applied`, `unchanged` or `refused`.
    pub fn reload_by_signal(&self, text: &str) -> &'static str {
        const VERDICTS: [&str; 3] = ["applied", "unchanged", "refused"];
        let counts = || VERDICTS.map(|verdict| self.metric("config_reloads_total", &[("result", verdict)]));
        self.write_config(text);
        let before = counts();
        self.signal(libc::SIGHUP);
        eventually("a verdict on the reload", || {
            let now = counts();
            VERDICTS.iter().enumerate().find(|(index, _)| now[*index] > before[*index]).map(|(_, verdict)| *verdict)
        })
    }

    pub fn signal(&self, signal: i32) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("a process id");
        // SAFETY: kill has no memory effects; the child is not reaped yet, so the id is still its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "the process takes a signal");
    }

    pub fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    /// Descriptors that the process has open.
    pub fn open_files(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).expect("a running child of ours").count()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_none()
    }

    /// Waits until the process has ended by itself.
    pub fn wait_exit(&mut self) -> ExitStatus {
        eventually("the process ends", || self.child.try_wait().expect("a child of ours"))
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the switch ---\n{}--- end of the log ---", self.log());
        }
    }
}

/// A test that is killed takes its switch along.
fn end_with_the_test(run: &mut std::process::Command) {
    let set = || {
        // SAFETY: prctl is async-signal-safe and touches no memory of ours.
        match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec the closure makes one async-signal-safe call and no allocation.
    unsafe { run.pre_exec(set) };
}

fn collect(source: impl std::io::Read + Send + 'static, into: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(source);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            into.lock().expect("nobody panics with it").push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
}

/// Tells when a line with `ready` came, and reads on so that the switch never meets a full pipe.
fn watch_for_ready(source: impl std::io::Read + Send + 'static, said: Arc<Mutex<String>>) -> Receiver<()> {
    let (told, ready) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            said.lock().expect("nobody panics with it").push_str(&format!("{line}\n"));
            if line.contains("ready") {
                let _ = told.send(());
            }
        }
    });
    ready
}
