//! Assembles a switch and takes it down: plan, shared tables, shards, control.

#![allow(clippy::disallowed_methods, reason = "threads are made here")]

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::config::Host;
use crate::control::admin::socket::{self, Socket};
use crate::control::configured::Configured;
use crate::control::kept::{Folder, Keeper, Unusable};
use crate::control::listeners::Bind;
use crate::control::log::Log;
use crate::control::reload::publish_first;
use crate::control::source::{Fault, Loaded, PlanSource, Refused};
use crate::control::{Control, End, Manner};
use crate::ring::{Listener, sockets};
use crate::shard::cpu;
use crate::shard::thread::Prepared;
use crate::shared::published::World;
use crate::shared::status::LineState;

/// What this machine adds to a configuration: its name, and the processors that the process may use.
pub fn host() -> Host {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = if name.trim().is_empty() { "ringswitch" } else { name.trim() };
    Host { name: name.to_owned(), cpus: cpu::allowed().map_or(1, |cpus| cpus.len()) }
}

/// Numbers of requests begin at random, so that after a restart an old answer hardly meets a new
/// request; reconnects are jittered by it, too.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Binds as [`sockets::listen`], with patience for ports that are in use: a switch that was killed
/// leaves its sockets to the kernel's worker that takes its rings apart, and that takes a moment.
/// All ports together have the patience of one.
fn patient_bind() -> impl Fn(SocketAddr) -> io::Result<Listener> {
    let patience = Mutex::new(Patience::default());
    move |address| {
        let in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
        patience.lock().take(in_use, || sockets::listen(address, sockets::BACKLOG))
    }
}

/// What the last run kept. A switch that was killed may hold the folder for a moment longer.
fn keeper_of(state: &Path) -> Result<Arc<Keeper>, String> {
    let in_use = |error: &Unusable| matches!(error, Unusable::InUse { .. });
    Patience::default()
        .take(in_use, || Folder::take(state))
        .and_then(Keeper::open)
        .map(Arc::new)
        .map_err(|unusable| unusable.to_string())
}

const FREE_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// With what the process before may hold for a moment longer: [`FREE_WITHIN`], all waits together.
struct Patience {
    pauses: u128,
}

impl Default for Patience {
    fn default() -> Self {
        Self { pauses: FREE_WITHIN.as_millis() / LOOK_EVERY.as_millis() }
    }
}

impl Patience {
    /// Takes it, again and again as long as it is in use and patience lasts.
    fn take<T, E>(&mut self, in_use: impl Fn(&E) -> bool, mut take: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        loop {
            match take() {
                Err(error) if in_use(&error) && self.pauses > 0 => {
                    self.pauses -= 1;
                    thread::sleep(LOOK_EVERY);
                }
                settled => return settled,
            }
        }
    }
}

/// `ringswitch run`: the switch in the foreground.
pub fn run(config: &Path) -> ExitCode {
    let started = match Started::new(Arc::new(Configured::file(config, host())), Manner::Process) {
        Ok(started) => started,
        Err(refused) => {
            let _ = writeln!(io::stderr(), "{refused}");
            return ExitCode::FAILURE;
        }
    };
    match started.run() {
        Ok(End::Stopped) => ExitCode::SUCCESS,
        // The shards are not waited for: the operator wants out, or they would not come.
        Ok(end) => process::exit(end.exit_status().into()),
        Err(error) => {
            let _ = writeln!(io::stderr(), "ringswitch: the control thread cannot run: {error}");
            process::exit(1);
        }
    }
}

/// A switch whose shards run and whose control thread is still to be run.
pub struct Started {
    control: Control,
    threads: Vec<JoinHandle<()>>,
}

impl Started {
    /// Loads the configuration, binds everything that it names and starts the shards.
    ///
    /// # Errors
    /// Every fault of the configuration, or of this host.
    pub fn new(source: Arc<dyn PlanSource>, manner: Manner) -> Result<Self, Refused> {
        let file = source.file().display().to_string();
        let of_host = |message: String| Refused { faults: vec![Fault::without_place(&*file, message)] };
        let Loaded { plan, warnings } = source.load(None)?;
        let log = match manner {
            Manner::Process => Some(Log::start(plan.settings.log).map_err(|error| of_host(error.to_string()))?),
            // A part of a larger program leaves the log to that.
            Manner::Embedded { .. } => None,
        };
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let keeper = plan.settings.state.as_deref().map(keeper_of).transpose().map_err(of_host)?;
        let admin = socket::bind(&plan.settings.admin).map_err(of_host)?;
        // Whatever the kernel refuses, it refuses before a port is bound.
        let rings = Prepared::new(&plan.settings).map_err(|refused| of_host(refused.to_string()))?;
        let wakers = rings.wakers();
        let bind: Arc<Bind> = Arc::new(|address| sockets::listen(address, sockets::BACKLOG));
        let opening = publish_first(plan, &patient_bind(), &file, keeper)?;
        source.taken();
        let started = rings.start(&opening.world, seed());
        let threads = started.map_err(|error| of_host(format!("the shards cannot start: {error}")))?;
        let control = Control { opening, wakers, source, bind, admin, log: log.map(Arc::new), manner };
        Ok(Self { control, threads })
    }

    /// Runs the control thread here until the switch has stopped; the shards are joined if they
    /// stopped, too.
    ///
    /// # Errors
    /// If this host refuses the control thread its runtime or its signals.
    pub fn run(self) -> io::Result<End> {
        let Self { control, threads } = self;
        let end = control.run()?;
        if end == End::Stopped {
            for thread in threads {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
        }
        Ok(end)
    }
}

/// A switch inside a larger program (the demo), which stops it.
pub struct Embedded {
    pub world: Arc<World>,
    /// Where its admin API answers: `http://…`, `unix:…` or `off`.
    pub admin: String,
    stop: Arc<Notify>,
    control: JoinHandle<io::Result<End>>,
}

impl Embedded {
    /// # Errors
    /// As [`Started::new`].
    pub fn start(source: Arc<dyn PlanSource>) -> Result<Self, Refused> {
        let file = source.file().display().to_string();
        let stop = Arc::new(Notify::new());
        let started = Started::new(source, Manner::Embedded { stop: stop.clone() })?;
        let world = started.control.opening.world.clone();
        let admin = started.control.admin.as_ref().map_or_else(|| "off".to_owned(), Socket::name);
        let control = thread::Builder::new().name("control".to_owned()).spawn(|| started.run());
        let control =
            control.map_err(|error| Refused { faults: vec![Fault::without_place(file, error.to_string())] })?;
        Ok(Self { world, admin, stop, control })
    }

    /// Configured lines that are up.
    pub fn lines_up(&self) -> usize {
        let published = self.world.current();
        published.lines.iter().flatten().filter(|line| line.status.state() == LineState::Up).count()
    }

    /// Stops it in order and waits for the end.
    ///
    /// # Errors
    /// As [`Started::run`].
    pub fn stop(self) -> io::Result<End> {
        self.stop.notify_one();
        self.control.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
