//! Endings: a connection leaves its line, the kernel gives back what it still has of it, and only
//! then the socket closes and the slot is free. What was queued finds another way or its fate.

use super::Shard;
use super::connection::{Closing, Connection};
use crate::config::plan::Side;
use crate::reason::{Closed, Drop};
use crate::ring::token::Kind;
use crate::ring::{How, Operation, Ring};
use crate::switch::line::outbox::{Outbox, Run};
use crate::switch::line::phase::Phase;
use crate::switch::step::Kind as FrameKind;
use crate::time::Instant;

impl<R: Ring> Shard<R> {
    /// Ends the connection for `reason`; its line goes on without it.
    pub(super) fn sever(&mut self, index: u32, reason: Closed) {
        let Some(slot) = self.connections[index as usize].line else { return };
        let how = self.closing_after(index, reason);
        self.switch.leave(slot);
        let line = &mut self.switch.lines[slot as usize];
        let was_up = line.phase == Phase::Up;
        line.shared.counters.add_closed(reason);
        line.pause = None;
        line.partial_since = Instant::NEVER;
        if line.owns_status {
            let sentence = sentence(reason);
            line.shared.status.update(|details| {
                details.remote = None;
                details.last_error = sentence.map(str::to_owned);
            });
            line.shared.status.set_queued_bytes(0);
        }
        self.detach(index, slot);
        self.switch.down(slot, reason);
        self.after_down(slot);
        // The last trunk line to go makes way for the backup: who waits looks again.
        self.tell_waiting(slot);
        self.close(index, how);
        self.settle_orphans(index);
        self.close_if_joined(index);
        if was_up {
            // Last, so that what was queued here may still go out over the siblings.
            self.line_lost(slot, reason);
        }
    }

    /// Takes the connection away from its line, with the books of what is queued on it.
    fn detach(&mut self, index: u32, slot: u32) {
        let line = &mut self.switch.lines[slot as usize];
        let outbox = std::mem::take(&mut line.outbox);
        let told = std::mem::take(&mut line.answer_bytes_told);
        let group = line.plan.group;
        if told > 0 {
            self.switch.group(group).shared.table.add_answer_bytes(-(told as i64));
        }
        let connection = &mut self.connections[index as usize];
        connection.orphans = Some(outbox);
        connection.line = None;
        let stashed = connection.inlet.bytes.len() as u64;
        connection.inlet = super::connection::Inlet::default();
        self.note_memory(stashed, 0);
        self.wires[slot as usize].connection = None;
    }

    /// A FIN leaves what is not acknowledged to the kernel, and nobody would know what became of it:
    /// where answers are among that, a reset ends it, and they go again.
    fn closing_after(&mut self, index: u32, reason: Closed) -> Closing {
        match Closing::after(reason) {
            Closing::Finish if !self.is_acknowledged(index) => Closing::Reset,
            how => how,
        }
    }

    /// Asks the kernel for everything it still has of the connection.
    fn close(&mut self, index: u32, how: Closing) {
        let connection = &mut self.connections[index as usize];
        if connection.closing.is_some() {
            return;
        }
        connection.closing = Some(how);
        let socket = connection.socket;
        if connection.receiving {
            let (token, target) = (connection.token(Kind::Cancel), connection.token(Kind::Receive));
            connection.in_flight += 1;
            self.ring.push(Operation::Cancel { token, target });
        }
        // A send that waits ends with the bytes given so far once it is cancelled; shutting down
        // first would lose the distinction for what the peer could still have taken.
        let connection = &mut self.connections[index as usize];
        if connection.sending.is_some_and(|sending| sending.waits) {
            let (token, target) = (connection.token(Kind::Cancel), connection.token(Kind::Send));
            connection.in_flight += 1;
            self.ring.push(Operation::Cancel { token, target });
        }
        if how != Closing::Reset {
            let connection = &mut self.connections[index as usize];
            connection.finished = true;
            let token = connection.token(Kind::Shutdown);
            connection.in_flight += 1;
            self.ring.push(Operation::Shutdown { token, socket, how: How::Both });
        }
    }

    /// Closes the socket once nothing is in flight on it, and frees the slot.
    pub(super) fn close_if_joined(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        let Some(closing) = connection.closing else { return };
        if connection.in_flight > 0 {
            return;
        }
        let nothing_left = connection.queue.is_empty() && connection.log.is_empty() && !connection.starved_or_lent();
        assert!(nothing_left, "nothing of it is left");
        connection.closing = None;
        connection.orphans = None;
        connection.generation = connection.generation.wrapping_add(1);
        let socket = connection.socket;
        match closing {
            Closing::Finish | Closing::Reply => self.ring.close(socket),
            Closing::Reset => self.ring.reset(socket),
        }
        self.starved.retain(|starved| *starved != index);
        self.connections[index as usize].starved = false;
        self.free.push(index);
        self.count_connections();
    }

    /// What a broken line leaves behind. Answers that it had taken and its peer's TCP had not
    /// acknowledged go first. Of what was never given to the kernel whole frames go over another
    /// line of the group; a request of which a byte was given goes nowhere (DESIGN,
    /// guarantee 3); an answer begun goes out again whole.
    pub(super) fn settle_orphans(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        if connection.sending.is_some() || connection.line.is_some() {
            return;
        }
        let Some(mut orphans) = connection.orphans.take() else { return };
        connection.orphans = Some(Outbox::default());
        let (begun_given, begun_left) = orphans.begun();
        let runs = orphans.take_all();
        self.resend_unacknowledged(index, if begun_left > 0 { begun_given } else { 0 });
        let memory = self.ring.memory();
        let connection = &mut self.connections[index as usize];
        let carried = connection.carried;
        if runs.is_empty() {
            return connection.queue.clear(memory.chunks);
        }
        let (bytes, behind) = connection.queue.gather(memory.received, memory.chunks, begun_given as usize);
        connection.queue.clear(memory.chunks);
        let mut at = behind;
        for (nth, run) in runs.into_iter().enumerate() {
            let end = at + run.bytes as usize;
            let mut start = at;
            if nth == 0 && begun_left > 0 {
                let whole = (behind == begun_given as usize).then(|| &bytes[..at + begun_left as usize]);
                self.settle_begun(carried.group, run, whole, begun_left);
                start = at + begun_left as usize;
            }
            let begun = u32::from(start > at);
            let rest = Run { bytes: (end - start) as u32, frames: run.frames - begun, ..run };
            if rest.frames > 0 && !matches!(rest.kind, FrameKind::Probe | FrameKind::Reject) {
                self.redirect_each(carried.group, carried.framing, rest, &bytes[start..end]);
            }
            at = end;
        }
    }

    /// The frame in the middle of which the line broke.
    fn settle_begun(&mut self, group: crate::ids::GroupId, run: Run, whole: Option<&[u8]>, left: u32) {
        if matches!(run.kind, FrameKind::Probe | FrameKind::Reject) {
            return;
        }
        let one = Run { frames: 1, bytes: left, ..run };
        let mut delivery = self.delivery();
        let goes_again = run.kind.is_answer() || planted!(BegunRequestAgain);
        match (run.kind, whole) {
            (_, Some(frame)) if goes_again => {
                let one = Run { bytes: frame.len() as u32, ..one };
                delivery.redirect(group, one, frame);
            }
            (_, Some(frame)) => delivery.drop_held(group, one, frame, Drop::LineLost, true),
            (_, None) => delivery.drop_held(group, one, &[], Drop::LineLost, true),
        }
    }

    /// Frame by frame: each may find another line.
    pub(super) fn redirect_each(
        &mut self,
        group: crate::ids::GroupId,
        framing: crate::frame::Framing,
        run: Run,
        bytes: &[u8],
    ) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let prefix = framing.prefix;
            let len = prefix.bytes() + prefix.read(rest).expect("queued frames carry a prefix that we wrote");
            let one = Run { frames: 1, bytes: len as u32, ..run };
            if run.kind == FrameKind::Answer && planted!(AnswersLostWithTheirLine) {
                self.delivery().drop_held(group, one, &rest[..len], Drop::LineLost, false);
            } else {
                self.delivery().redirect(group, one, &rest[..len]);
            }
            rest = &rest[len..];
        }
    }

    /// The line after its connection: a listener that may have waited, or the next attempt.
    pub(super) fn after_down(&mut self, slot: u32) {
        if matches!(self.switch.lines[slot as usize].phase, Phase::Listening | Phase::Waiting { .. }) {
            self.reopen_as_planned(slot);
        }
        self.schedule(slot);
    }

    pub(super) fn count_connections(&self) {
        let open = (self.connections.len() - self.free.len()) as u64;
        // Relaxed: a report, and a bound that may be passed by as many as connect at one moment.
        self.world.shards[self.id.index()].connections.store(open, std::sync::atomic::Ordering::Relaxed);
    }

    /// FIN behind everything that was sent; reading goes on until the peer's FIN or a second.
    pub(super) fn finish(&mut self, slot: u32) {
        let Some(index) = self.wires[slot as usize].connection else { return };
        let connection = &mut self.connections[index as usize];
        connection.in_flight += 1;
        connection.finished = true;
        let (token, socket) = (connection.token(Kind::Shutdown), connection.socket);
        self.ring.push(Operation::Shutdown { token, socket, how: How::Write });
    }

    /// Whether the line waits for the other side to connect.
    pub(super) fn listens(&self, slot: u32) -> bool {
        matches!(self.switch.lines[slot as usize].plan.side, Side::Listen(_))
    }
}

impl Connection {
    fn starved_or_lent(&self) -> bool {
        self.queue.has_lent() || self.sending.is_some() || self.receiving
    }
}

/// What the operator reads in `last_error`; nothing for an orderly end.
fn sentence(reason: Closed) -> Option<&'static str> {
    Some(match reason {
        Closed::Peer => "closed by the peer",
        Closed::Reset => "reset by the peer",
        Closed::Silent => "nothing received within silent_after",
        Closed::Stalled => "stalled: the peer's TCP took no bytes within unread_within",
        Closed::Partial => "a frame was begun and not completed",
        Closed::LengthDigits => "the length of a frame was not four decimal digits",
        Closed::LengthLimit => "the length of a frame was over the line's max",
        Closed::WrongDirection => "bytes arrived on a line that only sends",
        Closed::Replaced => "replaced by a newer connection of the member",
        Closed::GroupReset => "closed because another line of the group broke (on_line_loss)",
        Closed::Drained | Closed::DrainTimeout => return None,
        Closed::Network => "the network gave up on the connection",
        Closed::ConnectTimeout => "connect timed out",
        Closed::ConnectRefused => "connect refused",
        Closed::ConnectUnreachable => "connect failed: host unreachable",
        Closed::ConnectLocal => "connect failed on this host",
    })
}
