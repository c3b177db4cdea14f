//! Deadlines of what is queued: a request must not be carried out after its reversal has begun, and
//! an answer must not reach a requester that has given up.

use super::Shard;
use crate::reason::Drop;
use crate::ring::token::Kind as Operate;
use crate::ring::{Operation, Ring};
use crate::switch::line::outbox::Run;
use crate::switch::step::{Kind, Place};
use crate::time::Instant;

impl<R: Ring> Shard<R> {
    /// A send that waits holds frames that passed their deadline: taken back from the kernel as far
    /// as it has not taken them.
    pub(super) fn recall_expired(&mut self, slot: u32, index: u32) {
        let overdue = self.switch.lines[slot as usize].outbox.earliest_deadline() <= self.switch.now;
        let connection = &mut self.connections[index as usize];
        let token = connection.token(Operate::Cancel);
        let target = connection.token(Operate::Send);
        if let Some(sending) = &mut connection.sending
            && overdue
            && sending.waits
            && !sending.cancelled
        {
            sending.cancelled = true;
            connection.in_flight += 1;
            self.ring.push(Operation::Cancel { token, target });
        }
    }

    /// Takes what passed its deadline out of a queue of which nothing is in flight.
    #[cold]
    pub(super) fn purge_expired(&mut self, slot: u32, index: u32) {
        self.keep_lent(index);
        if self.connections[index as usize].is_closing() {
            return;
        }
        let line = &mut self.switch.lines[slot as usize];
        let (given, left) = line.outbox.begun();
        let runs = line.outbox.take_all();
        line.outbox.resume_begun(given, left);
        // Those that stay are counted again as they are queued again.
        line.asked -= runs.iter().filter(|run| run.kind == Kind::Request).map(|run| i64::from(run.frames)).sum::<i64>();
        let memory = self.ring.memory();
        let connection = &mut self.connections[index as usize];
        let (bytes, _) = connection.queue.gather(memory.received, memory.chunks, 0);
        let emptied = connection.emptied();
        connection.queue.clear_unsent(memory.chunks, emptied);
        let mut rest = &bytes[..];
        for (nth, run) in runs.into_iter().enumerate() {
            let (own, behind) = rest.split_at(run.bytes as usize);
            self.keep_or_drop(slot, run, own, if nth == 0 { left } else { 0 });
            rest = behind;
        }
    }

    /// Queues the run again, or drops it; of a run that is dropped, `begun` bytes belong to a frame
    /// that is partly on the wire and must go out whole, or the stream is broken.
    fn keep_or_drop(&mut self, slot: u32, run: Run, bytes: &[u8], begun: u32) {
        let now = self.switch.now;
        let plan = &self.switch.lines[slot as usize].plan;
        let (line, group, place) = (plan.id, plan.group, Place::Here(slot));
        let mut delivery = self.delivery();
        if now < run.deadline {
            return delivery.send_on(group, line, place, run, bytes);
        }
        let (first, others) = bytes.split_at(begun as usize);
        if begun > 0 {
            let one = Run { bytes: begun, frames: 1, deadline: Instant::NEVER, ..run };
            delivery.send_on(group, line, place, one, first);
        }
        let rest = Run { bytes: run.bytes - begun, frames: run.frames - u32::from(begun > 0), ..run };
        if rest.frames > 0 {
            let reason = if run.kind.is_answer() { Drop::Late } else { Drop::Expired };
            delivery.drop_held(group, rest, others, reason, false);
        }
    }
}
