//! What others ask of a running simulation, and what it tells them.

use super::Simulation;
use crate::simulate::connection::Connection;
use crate::simulate::live::{Command, LiveStats};
use crate::simulate::verdict::{LineReport, Report, Verdict};
use crate::time::{Instant, Span};

impl Simulation {
    pub(super) fn obey(&mut self, live: &LiveStats, now: Instant) {
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

    pub(super) fn publish(&self, live: &LiveStats) {
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

    pub(super) fn report(&self) -> Report {
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
