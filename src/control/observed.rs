//! What the control thread knows beside the shared counters: the lines that ever were, the last
//! events, how reloads went.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process;
use std::sync::Arc;

use parking_lot::Mutex;

use super::clock::{self, WallClock};
use crate::metrics::snapshot::{ReloadFacts, SwitchFacts};
use crate::metrics::{KnownLines, Snapshot};
use crate::shared::published::World;
use crate::shared::status::{Cause, LineState};
use crate::time::Instant;

/// A change of a line's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineEvent {
    pub at: Instant,
    pub line: Arc<str>,
    pub from: LineState,
    pub to: LineState,
    pub cause: Cause,
    pub remote: Option<SocketAddr>,
}

/// The last reload, or the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastReload {
    pub at: Instant,
    /// `started`, `applied`, `unchanged` or `refused`.
    pub result: &'static str,
    /// One line: what changed, or the first fault.
    pub summary: String,
}

#[derive(Debug)]
pub struct Observed {
    pub wall: WallClock,
    pub known: Mutex<KnownLines>,
    started: Instant,
    events: Mutex<VecDeque<LineEvent>>,
    reloads: Mutex<(ReloadFacts, LastReload)>,
    /// Set once the switch was asked to stop.
    stopping: Mutex<bool>,
}

impl Observed {
    pub fn new(known: KnownLines) -> Self {
        let (wall, started) = (WallClock::default(), clock::now());
        let facts = ReloadFacts {
            last_successful: true,
            last_success_timestamp: wall.at(started).as_secs_f64(),
            ..ReloadFacts::default()
        };
        let last = LastReload { at: started, result: "started", summary: String::new() };
        Self {
            wall,
            known: Mutex::new(known),
            started,
            events: Mutex::default(),
            reloads: Mutex::new((facts, last)),
            stopping: Mutex::new(false),
        }
    }

    /// Keeps an event, and of all the newest `keep`; counts it under its line.
    pub fn keep_event(&self, event: LineEvent, keep: u32) {
        self.known.lock().count_change(&event.line, event.to, event.cause);
        let mut events = self.events.lock();
        events.push_front(event);
        events.truncate(keep as usize);
    }

    /// Newest first.
    pub fn events(&self) -> Vec<LineEvent> {
        self.events.lock().iter().cloned().collect()
    }

    pub fn count_reload(&self, result: &'static str, summary: String) {
        let at = clock::now();
        let (facts, last) = &mut *self.reloads.lock();
        match result {
            "applied" => facts.applied += 1,
            "unchanged" => facts.unchanged += 1,
            _ => facts.refused += 1,
        }
        facts.last_successful = result != "refused";
        if facts.last_successful {
            facts.last_success_timestamp = self.wall.at(at).as_secs_f64();
        }
        *last = LastReload { at, result, summary };
    }

    pub fn last_reload(&self) -> LastReload {
        self.reloads.lock().1.clone()
    }

    pub fn set_stopping(&self) {
        *self.stopping.lock() = true;
    }

    pub fn is_stopping(&self) -> bool {
        *self.stopping.lock()
    }

    pub fn snapshot(&self, world: &World) -> Snapshot {
        let now = clock::now();
        let switch = SwitchFacts {
            name: world.current().plan.settings.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            pid: process::id(),
            uptime: now.since(self.started),
            epoch: 0, // as published, filled in by `take`
            reloads: self.reloads.lock().0.clone(),
        };
        Snapshot::take(world, &self.known.lock(), switch, now)
    }

    /// Requests of all lines that wait for an answer.
    pub fn pending(&self) -> u64 {
        self.known.lock().iter().map(|line| line.shared.counters.pending()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::testing::{listening, plan};

    fn event(at: u64) -> LineEvent {
        LineEvent {
            at: Instant(at),
            line: Arc::from("a"),
            from: LineState::Listening,
            to: LineState::Up,
            cause: Cause::Accepted,
            remote: None,
        }
    }

    #[test]
    fn the_newest_events_are_kept_newest_first_and_all_are_counted() {
        let mut known = KnownLines::default();
        known.learn(&plan(&[listening("a", 1)]));
        let observed = Observed::new(known);
        for at in 1..=5 {
            observed.keep_event(event(at), 3);
        }
        assert_eq!(observed.events().iter().map(|event| event.at.0).collect::<Vec<_>>(), [5, 4, 3]);
        let known = observed.known.lock();
        assert_eq!(known.iter().next().expect("one line").changes, [(LineState::Up, Cause::Accepted, 5)]);
    }

    #[test]
    fn a_refused_reload_is_remembered_until_one_succeeds() {
        let observed = Observed::new(KnownLines::default());
        observed.count_reload("refused", "a fault".to_owned());
        assert!(!observed.reloads.lock().0.last_successful);
        observed.count_reload("unchanged", String::new());
        let (facts, last) = observed.reloads.lock().clone();
        assert!(facts.last_successful);
        assert_eq!((facts.applied, facts.unchanged, facts.refused, last.result), (0, 1, 1, "unchanged"));
    }
}
