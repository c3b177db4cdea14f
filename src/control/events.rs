//! What the shards tell: each change of a line's state is kept, counted and logged; refusals are
//! logged in bounded number. The shards never wait for any of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::clock;
use super::observed::{LineEvent, Observed};
use super::refusals::{Notice, Refusals};
use crate::shared::inbox::Event;
use crate::shared::published::World;
use crate::time::{Instant, Span};

/// Between two looks into the inbox: soon enough for whoever watches, seldom enough to cost nothing.
pub const LOOK: Duration = Duration::from_millis(50);

/// Between two log lines about connections that cannot be accepted; they are tried ten times a second.
const STARVED_EVERY: Span = Span::from_secs(10);

/// The reading end of the inbox.
pub struct Pump {
    world: Arc<World>,
    observed: Arc<Observed>,
    refusals: Refusals,
    starved_told: Option<Instant>,
    lost: u64,
}

impl Pump {
    pub fn new(world: Arc<World>, observed: Arc<Observed>) -> Self {
        Self { world, observed, refusals: Refusals::default(), starved_told: None, lost: 0 }
    }

    /// Takes what waits now; what comes in meanwhile waits for the next look.
    pub fn look(&mut self) {
        let keep = self.world.current().plan.settings.events;
        for _ in 0..self.world.inbox.events.len() {
            let Some(event) = self.world.inbox.events.pop() else { break };
            self.take(event, keep);
        }
        self.refusals.due(clock::now()).iter().for_each(log_refusal);
        self.tell_lost();
    }

    fn take(&mut self, event: Event, keep: u32) {
        match event {
            Event::Line { at, line, from, to, cause, remote } => {
                let event = LineEvent { at, line, from, to, cause, remote };
                log_line(&event);
                self.observed.keep_event(event, keep);
            }
            Event::Refused { at, line, remote, reason } => {
                let notice = self.refusals.take(at, line, remote.ip().to_canonical(), reason);
                notice.iter().for_each(log_refusal);
            }
            Event::GroupReset { member, group, line, reason } => {
                let cause = reason.name();
                tracing::warn!(%member, %group, %line, cause, "group reset: a line broke, all its lines are rebuilt");
            }
            Event::Starved { at, line, error } => self.take_starved(at, &line, error),
        }
    }

    fn take_starved(&mut self, at: Instant, line: &str, error: i32) {
        if self.starved_told.is_some_and(|told| at.since(told) < STARVED_EVERY) {
            return;
        }
        self.starved_told = Some(at);
        let error = io::Error::from_raw_os_error(error);
        tracing::error!(%line, %error, "no descriptor or memory to accept with: connections wait in the backlog");
    }

    fn tell_lost(&mut self) {
        // Relaxed: a statistic
        let lost = self.world.shards.iter().map(|shard| shard.events_lost.load(Relaxed)).sum();
        if lost > self.lost {
            tracing::warn!(events = lost - self.lost, "events lost: more came in a moment than could be kept");
            self.lost = lost;
        }
    }
}

fn log_line(event: &LineEvent) {
    let LineEvent { line, from, to, cause, remote, .. } = event;
    let (from, to, cause) = (from.name(), to.name(), cause.name());
    match remote {
        Some(remote) => tracing::info!(%line, from, to, cause, remote = %Canonical(*remote), "line"),
        None => tracing::info!(%line, from, to, cause, "line"),
    }
}

fn log_refusal(notice: &Notice) {
    let Notice { line, count, remote, reason } = notice;
    tracing::warn!(%line, %remote, reason = reason.name(), count, "connection refused");
}

/// A v4-mapped address as the IPv4 address it is.
struct Canonical(SocketAddr);

impl std::fmt::Display for Canonical {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SocketAddr::new(self.0.ip().to_canonical(), self.0.port()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::Plan;
    use crate::control::reload::publish_first;
    use crate::control::testing::{bind_but, listening, plan};
    use crate::shared::status::{Cause, LineState};

    fn pump(plan: Plan) -> Pump {
        let opening = publish_first(Arc::new(plan), &*bind_but(0), "f", None).expect("nothing to bind");
        Pump::new(opening.world, Arc::new(Observed::new(opening.known)))
    }

    #[test]
    fn a_change_of_state_is_kept_and_counted() {
        let mut pump = pump(plan(&[listening("a", 7001)]));
        let (from, to) = (LineState::Listening, LineState::Up);
        let event = Event::Line { at: Instant(9), line: "a".into(), from, to, cause: Cause::Accepted, remote: None };
        pump.world.inbox.events.push(event).expect("room");
        pump.look();
        assert_eq!(pump.observed.events()[0].at, Instant(9));
        assert!(pump.world.inbox.events.is_empty());
        let snapshot = pump.observed.snapshot(&pump.world);
        assert_eq!(snapshot.lines[0].changes, [(LineState::Up, Cause::Accepted, 1)]);
    }

    #[test]
    fn what_cannot_be_accepted_is_told_now_and_then() {
        let mut pump = pump(plan(&[listening("a", 7001)]));
        let mut told = Vec::new();
        for seconds in [1, 2, 10, 11, 12] {
            let at = Instant::default() + Span::from_secs(seconds);
            let event = Event::Starved { at, line: "a".into(), error: 24 };
            pump.world.inbox.events.push(event).expect("room");
            pump.look();
            told.extend((pump.starved_told == Some(at)).then_some(seconds));
        }
        assert_eq!(told, [1, 11]);
    }
}
