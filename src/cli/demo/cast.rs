//! The members of the demonstration, each played on a thread of its own.

#![expect(clippy::disallowed_methods, reason = "each member of the demo plays on a thread of its own")]

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use crate::config::plan::Plan;
use crate::simulate::{Demand, LiveStats, Options, Report, Simulation};
use crate::time::Span;

/// Requests in flight on each line: enough to keep everybody busy, and far from any queue's limit.
const WINDOW: u32 = 64;

/// How long members listen at the end for what should not come any more.
const LINGER: Span = Span::from_millis(100);

/// The members, ready to play.
pub struct Troupe {
    pub clients: Vec<Role>,
    pub hosts: Vec<Role>,
}

pub struct Role {
    name: Arc<str>,
    lines: Vec<Arc<str>>,
    simulation: Simulation,
}

/// Sets up every member of the plan.
pub fn assemble(plan: &Plan) -> Result<Troupe, String> {
    let demand = Demand { window: Some(WINDOW), rate: None, count: None };
    let options = Options { demand, linger: LINGER, ..Options::default() };
    let mut troupe = Troupe { clients: Vec::new(), hosts: Vec::new() };
    for member in &plan.members {
        let simulation =
            Simulation::new(plan, &member.name, &options).map_err(|error| format!("{}: {error}", member.name))?;
        let lines = plan.lines.iter().flatten().filter(|line| line.member == member.id);
        let lines = lines.map(|line| line.name.clone()).collect();
        let side = if simulation.requests() { &mut troupe.clients } else { &mut troupe.hosts };
        side.push(Role { name: member.name.clone(), lines, simulation });
    }
    Ok(troupe)
}

/// A member that plays. Dropped, it stops and is waited for.
pub struct Cast {
    name: Arc<str>,
    lines: Vec<Arc<str>>,
    live: Arc<LiveStats>,
    stop: Arc<OnceLock<()>>,
    thread: Option<JoinHandle<io::Result<Report>>>,
}

impl Cast {
    pub fn play(role: Role) -> Result<Self, String> {
        let Role { name, lines, mut simulation } = role;
        let (live, stop) = (Arc::new(LiveStats::default()), Arc::new(OnceLock::new()));
        let (watched, stopped) = (Arc::clone(&live), Arc::clone(&stop));
        let thread = thread::Builder::new()
            .name(name.to_string())
            .spawn(move || simulation.run(|| stopped.get().is_some(), &watched))
            .map_err(|error| format!("{name}: no thread: {error}"))?;
        Ok(Self { name, lines, live, stop, thread: Some(thread) })
    }

    pub fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    pub fn has(&self, line: &str) -> bool {
        self.lines.iter().any(|own| &**own == line)
    }

    pub fn live(&self) -> &LiveStats {
        &self.live
    }

    /// Asks it to send nothing more, and waits until everything is answered or given up.
    pub fn finish(&mut self) -> Result<Report, String> {
        self.stop.set(()).ok(); // already set: finished twice
        let thread = self.thread.take().ok_or("already finished")?;
        let report = thread.join().map_err(|_| format!("{}: the simulation panicked", self.name))?;
        report.map_err(|error| format!("{}: {error}", self.name))
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        self.stop.set(()).ok();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // the demo has failed already for another reason
        }
    }
}
