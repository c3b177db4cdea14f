//! The loop: one thread, all lines of one member.

#![expect(clippy::disallowed_methods, reason = "a low rate is paced by naps")]

mod orders;
mod setup;
mod traffic;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll};
use traffic::give;

use super::client::Client;
use super::clock::Clock;
use super::connection::Connection;
use super::host::Host;
use super::live::LiveStats;
use super::load::Load;
use super::message::{self, Seen};
use super::role::{self, Role};
use super::verdict::Report;
use super::{Options, Unplayable};
use crate::config::plan::{Line, Plan};
use crate::time::{Instant, Span};

/// How often timers are looked at and figures published.
const TICK: Span = Span::from_millis(20);

/// A host that was told to stop and is still asked goes on answering for this long.
const ASKED_ON: Span = Span::from_secs(5);

/// The poll waits in whole milliseconds; what is due earlier is waited for in naps this short.
const NAP: Span = Span::from_micros(50);

/// One member, played until it is told to stop.
#[derive(Debug)]
pub struct Simulation {
    member: Arc<str>,
    clock: Clock,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    roles: Vec<Role>,
    /// For each connection: its group's role.
    role_of: Vec<Option<usize>>,
    client: Client,
    host: Host,
    /// Answers whose line broke, with the line they were for: they go over a sibling.
    stranded: VecDeque<(usize, Vec<u8>)>,
    /// Connections that requests may go over now.
    usable: Vec<usize>,
    usable_is_old: bool,
    /// Where the next request of an open loop goes, and the next answer that needs a sibling.
    rotation: usize,
    /// An open loop has requests due that no line takes.
    blocked: bool,
    linger: Span,
    first_activity: Option<Instant>,
    last_activity: Instant,
    next_tick: Instant,
}

impl Simulation {
    /// Sets up `member` of `plan`; listening sockets are bound, nothing is connected yet.
    ///
    /// # Errors
    /// See [`Unplayable`].
    pub fn new(plan: &Plan, member: &str, options: &Options) -> Result<Self, Unplayable> {
        let member = setup::find(plan, member)?;
        let roles = role::roles(plan, member, options.part);
        let lines: Vec<&Arc<Line>> = plan.lines.iter().flatten().filter(|line| line.member == member.id).collect();
        setup::check(&roles, &lines, options)?;
        let poll = Poll::new().map_err(Unplayable::Poll)?;
        let connections = setup::open(&lines, options, &poll)?;
        let role_of = lines.iter().map(|line| roles.iter().position(|role| role.group == line.group)).collect();
        let switch_waits = roles.iter().map(|role| role.answer_within).max().unwrap_or(Span::ZERO);
        let answer_within = options.answer_within.unwrap_or(Span(switch_waits.0 + Span::from_secs(1).0));
        let load = Load::new(options.demand);
        Ok(Self {
            member: member.name.clone(),
            clock: Clock::start(),
            poll,
            events: Events::with_capacity(1024),
            client: Client::new(setup::random(), options.size, answer_within, load, connections.len()),
            host: Host::new(options.addresses),
            connections,
            roles,
            role_of,
            stranded: VecDeque::new(),
            usable: Vec::new(),
            usable_is_old: true,
            rotation: 0,
            blocked: false,
            linger: options.linger,
            first_activity: None,
            last_activity: Instant(0),
            next_tick: Instant(0),
        })
    }

    /// The member sends requests.
    pub fn requests(&self) -> bool {
        self.roles.iter().any(Role::requests)
    }

    /// The member answers requests.
    pub fn answers(&self) -> bool {
        self.roles.iter().any(|role| role.answers)
    }

    /// Plays until `until` says so, or the count is reached and nobody needs answers; then sends
    /// nothing new, waits for what is in flight and lingers. `until` is asked every turn.
    ///
    /// # Errors
    /// The poll itself failed. What happens to lines is no error but a finding.
    pub fn run(&mut self, until: impl Fn() -> bool, live: &LiveStats) -> io::Result<Report> {
        let mut stopping = None;
        loop {
            let now = self.clock.now();
            if stopping.is_none() && until() {
                stopping = Some(now);
                self.client.load.stop();
            }
            self.obey(live, now);
            if now >= self.next_tick {
                self.tick(now);
                self.publish(live);
                self.next_tick = now + TICK;
            }
            self.release_answers(now);
            self.send_requests(now);
            self.flush(now);
            if self.finished(stopping, now) {
                self.publish(live);
                return Ok(self.report());
            }
            self.wait()?;
            self.receive();
        }
    }

    fn finished(&self, stopping: Option<Instant>, now: Instant) -> bool {
        let asked_enough = stopping.is_some() || (self.client.load.exhausted() && !self.answers());
        let given = |connection: &Connection| connection.output.waiting() == 0 || !connection.is_up();
        let asked_on = stopping.is_some_and(|since| now.since(since) >= ASKED_ON);
        let settled = self.host.next_due() == Instant::NEVER && self.connections.iter().all(given);
        let quiet = now.since(self.last_activity) >= self.linger;
        asked_enough && self.client.in_flight() == 0 && ((settled && quiet) || asked_on)
    }

    /// Waits for sockets, or for what is due next.
    fn wait(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let busy = self.connections.iter().any(Connection::is_readable);
        let due = self.next_due();
        let left = if busy { Span::ZERO } else { due.since(now) };
        // Rounded down to whole milliseconds, so that nothing is late by the rounding.
        let timeout = Duration::from_millis(left.as_millis());
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        if left > Span::ZERO && timeout.is_zero() && self.events.is_empty() {
            std::thread::sleep(left.min(NAP).as_duration());
        }
        self.take_events();
        Ok(())
    }

    fn next_due(&self) -> Instant {
        let request = if self.blocked { Instant::NEVER } else { self.client.load.next() };
        self.next_tick.min(self.host.next_due()).min(request)
    }

    fn take_events(&mut self) {
        let now = self.clock.now();
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let at = event.token().0 / 2;
            if event.token().0 % 2 == 1 {
                self.accept(at, now);
            } else {
                self.usable_is_old |= self.connections[at].on_event(event, now);
            }
        }
        self.events = events;
    }

    fn accept(&mut self, at: usize, now: Instant) {
        let Some(stream) = self.connections[at].accept(self.poll.registry()) else { return };
        if self.connections[at].is_up() {
            self.broke(at, false, now);
        }
        self.connections[at].up(stream, now);
        self.usable_is_old = true;
    }

    fn flush(&mut self, now: Instant) {
        for at in 0..self.connections.len() {
            if !self.connections[at].flush(now) {
                self.broke(at, false, now);
            }
        }
    }

    /// The connection has ended: requests that never left are withdrawn, answers go to a sibling.
    fn broke(&mut self, at: usize, hard: bool, now: Instant) {
        let Self { connections, client, stranded, roles, role_of, .. } = self;
        let connection = &mut connections[at];
        connection.close(hard, now);
        let framing = connection.line.framing;
        let header = role_of[at].map(|role| roles[role].header);
        let mut withdrawn = 0;
        connection.output.take_unsent(framing, |data| match header.and_then(|header| message::read(header, data)) {
            Some(Seen::Request { serial, .. }) => {
                client.withdraw(serial);
                withdrawn += 1;
            }
            Some(Seen::Answer { .. }) => {
                stranded.push_back((at, data.to_vec()));
                withdrawn += 1;
            }
            Some(Seen::Rejected { .. }) | None => {}
        });
        connection.report.frames_out -= withdrawn;
        self.usable_is_old = true;
    }

    fn tick(&mut self, now: Instant) {
        for at in 0..self.connections.len() {
            self.connections[at].tick(self.poll.registry(), now);
            self.connections[at].probe(now);
            if self.connections[at].is_silent(now) {
                self.broke(at, false, now);
            }
        }
        self.client.expire(now);
        for _ in 0..self.stranded.len() {
            let Some((at, data)) = self.stranded.pop_front() else { break };
            give(&mut self.connections, &mut self.rotation, at, &data, &mut self.stranded);
        }
    }
}
