//! Frames in, judged and answered; requests out, as many as are due.

use std::collections::VecDeque;

use super::Simulation;
use crate::config::plan::Tier;
use crate::simulate::connection::{Connection, Received};
use crate::simulate::message::{self, Seen};
use crate::simulate::stream::{Input, Next};
use crate::time::Instant;

/// Requests are not piled higher on a line whose socket takes no more.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;

impl Simulation {
    /// One receive for each line that may have something, and a judgement on each frame.
    pub(super) fn receive(&mut self) {
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
    fn take_frames(&mut self, at: usize, input: &Input, parsed: &mut usize, now: Instant) -> bool {
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
    pub(super) fn release_answers(&mut self, now: Instant) {
        while let Some((at, data)) = self.host.due(now) {
            give(&mut self.connections, &mut self.rotation, at, &data, &mut self.stranded);
            self.host.verdict.answers += 1;
            self.last_activity = now;
        }
    }

    pub(super) fn send_requests(&mut self, now: Instant) {
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
}

/// Puts an answer on the line its request came in on, or on a sibling; else it waits for one.
#[inline]
pub(super) fn give(
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
