//! The loop: one thread, all lines of one member.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token};

use super::client::Client;
use super::clock::Clock;
use super::connection::{Connection, Received};
use super::host::Host;
use super::live::{Command, LiveStats};
use super::load::Load;
use super::message::{self, Seen};
use super::role::{self, Role};
use super::stream::Next;
use super::verdict::{LineReport, Report, Verdict};
use super::{Options, Unplayable};
use crate::config::plan::{Line, Member, Plan, Side, Tier};
use crate::time::{Instant, Span};

/// How often timers are looked at and figures published.
const TICK: Span = Span::from_millis(20);

/// Requests are not piled higher on a line whose socket takes no more.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;

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
        let member = find(plan, member)?;
        let roles = role::roles(plan, member, options.part);
        let lines: Vec<&Arc<Line>> = plan.lines.iter().flatten().filter(|line| line.member == member.id).collect();
        check(&roles, &lines, options)?;
        let poll = Poll::new().map_err(Unplayable::Poll)?;
        let connections = open(&lines, options, &poll)?;
        let role_of = lines.iter().map(|line| roles.iter().position(|role| role.group == line.group)).collect();
        let switch_waits = roles.iter().map(|role| role.answer_within).max().unwrap_or(Span::ZERO);
        let answer_within = options.answer_within.unwrap_or(Span(switch_waits.0 + Span::from_secs(1).0));
        let load = Load::new(options.demand);
        Ok(Self {
            member: member.name.clone(),
            clock: Clock::start(),
            poll,
            events: Events::with_capacity(1024),
            client: Client::new(random(), options.size, answer_within, load, connections.len()),
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

    /// One receive for each line that may have something, and a judgement on each frame.
    fn receive(&mut self) {
        for at in 0..self.connections.len() {
            if !self.connections[at].is_readable() {
                continue;
            }
            let now = self.clock.now();
            let mut input = std::mem::take(&mut self.connections[at].input);
            let received = self.connections[at].receive(&mut input, now);
            let mut intact = received != Received::Ended;
            if received == Received::Bytes {
                let mut parsed = 0;
                intact = self.take_frames(at, &input, &mut parsed, now);
                input.forget(parsed);
            }
            self.connections[at].input = input;
            if !intact {
                self.broke(at, false, now);
            }
        }
    }

    /// False: the stream cannot be followed further.
    fn take_frames(&mut self, at: usize, input: &super::stream::Input, parsed: &mut usize, now: Instant) -> bool {
        let framing = self.connections[at].line.framing;
        loop {
            match input.next(framing, parsed) {
                Next::Frame(data) => self.take_frame(at, data, now),
                Next::Probe => self.connections[at].report.probes_in += 1,
                Next::Part => return true,
                Next::Malformed => {
                    self.unreadable(at);
                    return false;
                }
            }
        }
    }

    #[inline]
    fn take_frame(&mut self, at: usize, data: &[u8], now: Instant) {
        self.connections[at].report.frames_in += 1;
        self.first_activity.get_or_insert(now);
        self.last_activity = now;
        let Some(role) = self.role_of[at].map(|role| &self.roles[role]) else { return self.unreadable(at) };
        if !self.connections[at].receives() {
            return self.unreadable(at); // over a line on which the switch must not send
        }
        match message::read(role.header, data) {
            Some(Seen::Answer { run, serial }) => self.client.answered(at, run, serial, data, now),
            Some(Seen::Rejected { run, serial }) => self.client.rejected(run, serial),
            Some(Seen::Request { hold, .. }) if role.answers => {
                if let Some(answer) = self.host.answer(at, role.header, data, hold, now) {
                    give(&mut self.connections, &mut self.rotation, at, answer, &mut self.stranded);
                    self.host.verdict.answers += 1;
                }
            }
            Some(Seen::Request { .. }) | None => self.unreadable(at),
        }
    }

    fn unreadable(&mut self, at: usize) {
        match self.role_of[at].map(|role| &self.roles[role]) {
            Some(role) if role.answers => self.host.unreadable(),
            _ => self.client.unreadable(),
        }
    }

    /// Answers held back until now, and those whose line broke.
    fn release_answers(&mut self, now: Instant) {
        while let Some((at, data)) = self.host.due(now) {
            give(&mut self.connections, &mut self.rotation, at, &data, &mut self.stranded);
            self.host.verdict.answers += 1;
            self.last_activity = now;
        }
    }

    fn send_requests(&mut self, now: Instant) {
        if self.client.load.exhausted() {
            return;
        }
        if self.usable_is_old {
            self.usable = self.find_usable();
            self.usable_is_old = false;
        }
        if self.usable.is_empty() {
            self.blocked = true;
            return;
        }
        self.first_activity.get_or_insert(now);
        let due = self.client.load.due(now);
        if self.client.load.next() == Instant::NEVER { self.fill_windows(due, now) } else { self.pace(due, now) }
    }

    /// A closed loop: every line up to its window.
    fn fill_windows(&mut self, due: u64, now: Instant) {
        let share = due.div_ceil(self.usable.len() as u64);
        for nth in 0..self.usable.len() {
            let at = self.usable[nth];
            let mut room = self.client.room(at).min(share);
            while room > 0 && !self.client.load.exhausted() && self.takes_more(at) {
                self.send_request(at, now);
                room -= 1;
            }
        }
    }

    /// An open loop: what is due, over the lines in turn.
    fn pace(&mut self, due: u64, now: Instant) {
        let mut refused = 0;
        let mut left = due;
        while left > 0 && refused < self.usable.len() {
            let at = self.usable[self.rotation % self.usable.len()];
            self.rotation = self.rotation.wrapping_add(1);
            if self.client.room(at) > 0 && self.takes_more(at) {
                self.send_request(at, now);
                left -= 1;
                refused = 0;
            } else {
                refused += 1;
            }
        }
        self.blocked = left > 0;
    }

    fn takes_more(&self, at: usize) -> bool {
        self.connections[at].output.waiting() < OUTPUT_BYTES_MAX
    }

    #[inline]
    fn send_request(&mut self, at: usize, now: Instant) {
        let role = self.role_of[at].expect("only lines with a role are usable");
        let connection = &mut self.connections[at];
        let framing = connection.line.framing;
        self.client.send(at, &self.roles[role].ways, framing, now, connection.output.bytes());
        connection.report.frames_out += 1;
    }

    /// Lines that are up and may carry requests; backup lines only where no trunk line is up.
    fn find_usable(&self) -> Vec<usize> {
        let able = |at: usize, tier: Tier| {
            let connection = &self.connections[at];
            let asks = self.role_of[at].is_some_and(|role| self.roles[role].requests());
            asks && connection.is_up() && connection.sends() && connection.line.tier == tier
        };
        let trunk_is_up = |at: usize| {
            let group = self.connections[at].line.group;
            let mut siblings = (0..self.connections.len()).filter(|&one| self.connections[one].line.group == group);
            siblings.any(|one| able(one, Tier::Trunk))
        };
        let mut usable: Vec<usize> = (0..self.connections.len())
            .filter(|&at| able(at, Tier::Trunk) || (able(at, Tier::Backup) && !trunk_is_up(at)))
            .collect();
        usable.retain(|&at| !self.connections[at].report.quiet);
        usable
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

    fn obey(&mut self, live: &LiveStats, now: Instant) {
        while let Some(command) = live.next_command() {
            let (Command::Quiet { line, .. } | Command::Break { line } | Command::Restore { line }) = &command;
            let Some(at) = self.connections.iter().position(|connection| connection.line.name == *line) else {
                continue;
            };
            match command {
                Command::Quiet { held, hold, .. } => self.quiet(at, held, hold, now),
                Command::Break { .. } => {
                    self.broke(at, true, now);
                    self.connections[at].keep_down();
                }
                Command::Restore { .. } => {
                    self.connections[at].report.quiet = false;
                    self.connections[at].restore(now);
                    self.usable_is_old = true;
                }
            }
        }
    }

    fn quiet(&mut self, at: usize, held: u32, hold: Span, now: Instant) {
        let connection = &mut self.connections[at];
        connection.report.quiet = true;
        self.usable_is_old = true;
        let Some(role) = self.role_of[at].map(|role| &self.roles[role]) else { return };
        if !role.requests() || !connection.is_up() {
            return;
        }
        for _ in 0..held {
            let framing = connection.line.framing;
            self.client.send_held(at, &role.ways, framing, now, hold, connection.output.bytes());
            connection.report.frames_out += 1;
        }
    }

    fn publish(&self, live: &LiveStats) {
        live.publish(|snapshot| {
            snapshot.verdict = self.verdict();
            snapshot.latency.clone_from(&self.client.latency);
            snapshot.lines = self.lines();
        });
    }

    fn verdict(&self) -> Verdict {
        Verdict { in_flight: self.client.in_flight(), host: self.host.verdict, ..self.client.verdict }
    }

    fn lines(&self) -> Vec<LineReport> {
        let line = |(at, connection): (usize, &Connection)| LineReport {
            state: connection.state(),
            in_flight: self.client.in_flight_on(at),
            ..connection.report.clone()
        };
        self.connections.iter().enumerate().map(line).collect()
    }

    fn report(&self) -> Report {
        Report {
            member: self.member.clone(),
            requests: self.requests(),
            answers: self.answers(),
            elapsed: self.last_activity.since(self.first_activity.unwrap_or(self.last_activity)),
            verdict: self.verdict(),
            latency: self.client.latency.clone(),
            lines: self.lines(),
        }
    }
}

/// Puts an answer on the line its request came in on, or on a sibling; else it waits for one.
#[inline]
fn give(
    connections: &mut [Connection],
    rotation: &mut usize,
    at: usize,
    data: &[u8],
    stranded: &mut VecDeque<(usize, Vec<u8>)>,
) {
    let can = |connection: &Connection| connection.is_up() && connection.sends();
    let chosen = if can(&connections[at]) {
        Some(at)
    } else {
        *rotation = rotation.wrapping_add(1);
        let group = connections[at].line.group;
        let siblings: Vec<usize> = (0..connections.len())
            .filter(|&one| connections[one].line.group == group && can(&connections[one]))
            .collect();
        (!siblings.is_empty()).then(|| siblings[*rotation % siblings.len()])
    };
    let Some(chosen) = chosen else {
        stranded.push_back((at, data.to_vec()));
        return;
    };
    let connection = &mut connections[chosen];
    connection.output.push(connection.line.framing, data);
    connection.report.frames_out += 1;
}

fn find<'a>(plan: &'a Plan, member: &str) -> Result<&'a Arc<Member>, Unplayable> {
    plan.members.iter().find(|candidate| &*candidate.name == member).ok_or_else(|| Unplayable::UnknownMember {
        known: plan.members.iter().map(|member| member.name.to_string()).collect(),
    })
}

fn check(roles: &[Role], lines: &[&Arc<Line>], options: &Options) -> Result<(), Unplayable> {
    if roles.is_empty() {
        return Err(Unplayable::NoRole);
    }
    if options.demand.rate == Some(0) {
        return Err(Unplayable::Rate);
    }
    if options.demand.window == Some(0) {
        return Err(Unplayable::Window);
    }
    let asking = || roles.iter().filter(|role| role.requests());
    let least = asking().map(|role| role.header.least()).max().unwrap_or(0);
    let carries = |line: &&&Arc<Line>| asking().any(|role| role.group == line.group);
    let most = lines.iter().filter(carries).map(|line| usize::from(line.framing.max)).min().unwrap_or(usize::MAX);
    if (least..=most).contains(&options.size) { Ok(()) } else { Err(Unplayable::Size { least, most }) }
}

fn open(lines: &[&Arc<Line>], options: &Options, poll: &Poll) -> Result<Vec<Connection>, Unplayable> {
    let open = |(at, line): (usize, &&Arc<Line>)| {
        Connection::open(Arc::clone(line), Token(2 * at), options.bind, poll.registry()).map_err(|error| {
            let (Side::Listen(address) | Side::Connect { remote: address, .. }) = line.side;
            Unplayable::Listen { address, error }
        })
    };
    lines.iter().enumerate().map(open).collect()
}

/// A number that no other run has.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
