//! Answers that a line had taken when it broke: what the peer's TCP had not acknowledged goes out
//! again over another line of the group, until its request's deadline (DESIGN, guarantee 3).
//!
//! Acknowledged is a lower bound of what arrived: an answer that goes again may be a double, and is
//! counted. A request is never logged.

use super::Shard;
use super::connection::Connection;
use super::deliver::counters_of;
use super::log::Logged;
use super::queue::Emptied;
use crate::config::plan::Resend;
use crate::frame::Prefix;
use crate::ids::LineId;
use crate::reason::ResendFailed;
use crate::ring::Ring;
use crate::switch::line::outbox::Run;
use crate::switch::line::watch::LOOK_EVERY;
use crate::switch::step::Kind;
use crate::time::Instant;

impl Connection {
    /// What becomes of chunks that a send has emptied.
    pub(super) fn emptied(&self) -> Emptied {
        if self.log.is_empty() { Emptied::GivenBack } else { Emptied::Kept }
    }
}

impl<R: Ring> Shard<R> {
    /// Asks the kernel what was acknowledged, and lets go of it.
    #[cold]
    pub(super) fn trim(&mut self, index: u32) {
        if let Ok(acknowledged) = self.ring.acknowledged(self.connections[index as usize].socket) {
            self.trim_to(index, acknowledged);
        }
    }

    /// The same for who has asked already.
    pub(super) fn trim_to(&mut self, index: u32, acknowledged: u64) {
        let connection = &mut self.connections[index as usize];
        let Some(slot) = connection.line else { return };
        let begun = self.switch.lines[slot as usize].outbox.begun().1 > 0;
        connection.log.trim(acknowledged, begun, self.switch.now);
        connection.queue.busy = connection.log.is_busy();
        connection.queue.release(self.ring.memory().chunks, connection.log.kept_from());
    }

    /// Whether the peer's TCP has all answers that the connection was given.
    pub(super) fn is_acknowledged(&mut self, index: u32) -> bool {
        if !self.connections[index as usize].log.is_empty() {
            self.trim(index);
        }
        self.connections[index as usize].log.is_empty()
    }

    /// After a reload: a line of which nothing goes again any more lets go of its log.
    pub(super) fn replan_resend(&mut self, slot: u32) {
        let Some(index) = self.wires[slot as usize].connection else { return };
        let connection = &mut self.connections[index as usize];
        connection.resends = self.switch.lines[slot as usize].plan.resend == Resend::Unacked;
        if !connection.resends {
            connection.log.take();
            connection.queue.give_up(self.ring.memory().chunks);
        }
    }

    /// Memory runs short: what was acknowledged is let go of on all lines, and if that is not
    /// enough, what was not, the oldest answers first. Should they be needed, that is counted.
    #[cold]
    pub(super) fn relieve_memory(&mut self) {
        let now = self.switch.now;
        if now < self.relieved_at + LOOK_EVERY {
            return;
        }
        self.relieved_at = now;
        let logged = |connection: &Connection| Some((connection.log.deadlines()?.0, connection.index));
        let mut oldest: Vec<(Instant, u32)> = self.connections.iter().filter_map(logged).collect();
        oldest.iter().for_each(|(_, index)| self.trim(*index));
        oldest.sort_unstable();
        for (_, index) in oldest {
            if !self.memory_is_short() {
                return;
            }
            self.connections[index as usize].queue.give_up(self.ring.memory().chunks);
        }
    }

    /// What the log of a connection that is over holds, and its peer's TCP never acknowledged, goes
    /// to another line. The last `begun` bytes that the kernel was given are of a frame that is not
    /// whole: it finds its way with the rest of the queue.
    pub(super) fn resend_unacknowledged(&mut self, index: u32, begun: u32) {
        if self.connections[index as usize].log.is_empty() || planted!(UnacknowledgedForgotten) {
            return;
        }
        let unacknowledged = self.left_unacknowledged(index);
        let connection = &mut self.connections[index as usize];
        let (runs, position) = (connection.log.take(), connection.log.position());
        let line = connection.carried.line;
        if !self.still_resends(line) {
            return;
        }
        let (from, to) = (position.saturating_sub(unacknowledged), position - u64::from(begun));
        for run in runs.into_iter().filter(|run| run.end() > from && run.at < to) {
            self.resend_run(index, run, from, to);
        }
    }

    /// The frames of one run that end behind `from` and before `to`.
    fn resend_run(&mut self, index: u32, run: Logged, from: u64, to: u64) {
        let connection = &self.connections[index as usize];
        let carried = connection.carried;
        let Some(bytes) = connection.queue.kept(self.ring.memory().chunks, run.at, run.end().min(to)) else {
            let counters = counters_of(&self.switch, &self.world, run.origin);
            return counters.add_resend_failed(ResendFailed::Memory, frames_behind(&run, from));
        };
        let skipped = whole_frames_within(carried.framing.prefix, &bytes, from.saturating_sub(run.at));
        let rest = &bytes[skipped..];
        let again = Run {
            origin: run.origin,
            kind: Kind::Resent,
            frames: 1,
            bytes: rest.len() as u32,
            arrived: self.switch.now,
            deadline: run.deadline,
        };
        self.redirect_each(carried.group, carried.framing, again, rest);
    }

    /// Bytes that the peer's TCP did not acknowledge.
    fn left_unacknowledged(&self, index: u32) -> u64 {
        let connection = &self.connections[index as usize];
        let position = connection.log.position();
        let Ok(health) = self.ring.health(connection.socket) else { return position };
        // Where the kernel cannot tell, our FIN counts as a byte.
        let fin = u64::from(connection.finished && health.dead);
        // After a reset either of the two may have been forgotten (IO_URING, section 3).
        health.outstanding.saturating_sub(fin).max(position.saturating_sub(health.acknowledged))
    }

    /// A reload may have asked for something else meanwhile. Of a line that left the plan its last
    /// word holds.
    fn still_resends(&self, line: LineId) -> bool {
        self.switch.plan.line(line).is_none_or(|line| line.resend == Resend::Unacked)
    }
}

/// How many bytes of whole frames, from the front of `bytes`, end within the first `acknowledged`.
fn whole_frames_within(prefix: Prefix, bytes: &[u8], acknowledged: u64) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        let data = prefix.read(&bytes[at..]).expect("logged frames carry a prefix that we wrote");
        let end = at + prefix.bytes() + data;
        if end as u64 > acknowledged {
            break;
        }
        at = end;
    }
    at
}

/// Frames of a run of which the bytes are gone: their share of what is not acknowledged.
fn frames_behind(run: &Logged, from: u64) -> u64 {
    let left = run.end() - from.max(run.at);
    (u64::from(run.frames) * left).div_ceil(u64::from(run.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LineId;

    #[test]
    fn a_frame_acknowledged_in_part_goes_again_whole() {
        let bytes = b"0003abc0002de0001f";
        let skipped = |acknowledged| whole_frames_within(Prefix::Ascii4, bytes, acknowledged);
        assert_eq!([0, 6, 7, 12, 13, 18].map(skipped), [0, 0, 7, 7, 13, 18]);
    }

    #[test]
    fn of_a_run_that_is_gone_the_share_is_counted() {
        let run = Logged { at: 100, deadline: Instant(0), bytes: 50, frames: 5, origin: LineId(0) };
        assert_eq!([0, 100, 101, 110, 149].map(|from| frames_behind(&run, from)), [5, 5, 5, 4, 1]);
    }
}
