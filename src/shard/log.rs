//! The resend log of one connection: which answers the kernel was given that the peer's TCP may not
//! have acknowledged yet. Their bytes stay in the chunks that they were sent from
//! ([`super::queue`]); here stands where they are.
//!
//! What was acknowledged is asked of the kernel, by one cheap system call. Asked after each send it
//! would cost as much as the switch's own work on the frames, so it is asked once for many of them:
//! when some bytes have gathered and the line has brought something, because what a peer sends
//! acknowledges what it got. Until then the chunks are out of the pool, and those that go round are
//! colder: little may gather on a line.

use std::collections::VecDeque;

use crate::ids::LineId;
use crate::limits::{LOG_BUSY_BYTES, LOG_QUIET_BYTES};
use crate::switch::line::outbox::Run;
use crate::time::{Instant, Span};

/// A run of answers that was given to the kernel. It begins and ends at a frame, except that of the
/// last one the end may still wait in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Logged {
    /// Where it begins in all that the connection was given.
    pub at: u64,
    /// The earliest of the answers' deadlines.
    pub deadline: Instant,
    pub bytes: u32,
    /// Frames that ended in it.
    pub frames: u32,
    /// The line that they came in on.
    pub origin: LineId,
}

impl Logged {
    pub fn end(&self) -> u64 {
        self.at + u64::from(self.bytes)
    }
}

/// Two questions within this time: much goes over the line.
const BUSY: Span = Span::from_millis(10);

#[derive(Debug)]
pub struct Log {
    runs: VecDeque<Logged>,
    /// Bytes that the kernel was given since the connection began.
    position: u64,
    /// The position at which to ask what was acknowledged.
    ask_at: u64,
    asked: Instant,
    /// How many bytes may gather before it is asked.
    step: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self { runs: VecDeque::new(), position: 0, ask_at: u64::MAX, asked: Instant(0), step: LOG_QUIET_BYTES }
    }
}

impl Log {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Bytes that the kernel was given since the connection began.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Notes what a send gave to the kernel. `begun`: the first frame of the first run had been
    /// begun before.
    #[inline]
    pub fn given(&mut self, runs: &[Run], begun: bool) {
        let mut begun = begun;
        for run in runs {
            if run.kind.is_answer() {
                self.push(run, begun);
            }
            begun = false;
            self.position += u64::from(run.bytes);
        }
    }

    #[inline]
    fn push(&mut self, run: &Run, begun: bool) {
        let Run { origin, deadline, bytes, frames, .. } = *run;
        if begun {
            return self.lengthen(run);
        }
        if self.runs.is_empty() {
            self.ask_at = self.position + self.step;
        }
        self.runs.push_back(Logged { at: self.position, deadline, bytes, frames, origin });
    }

    /// The rest of a run, from the middle of a frame on.
    #[cold]
    fn lengthen(&mut self, run: &Run) {
        // Where its beginning was not noted, because a reload has just asked for the log, it is no
        // answer that could go again.
        if let Some(last) = self.runs.back_mut().filter(|last| last.end() == self.position) {
            last.bytes += run.bytes;
            last.frames += run.frames;
        }
    }

    /// Bytes were given that are not logged.
    #[inline]
    pub fn pass(&mut self, bytes: u64) {
        self.position += bytes;
    }

    /// Enough has gathered to ask, if the line brought something just now.
    #[inline]
    pub fn is_due(&self) -> bool {
        self.position >= self.ask_at
    }

    /// Ask, although nothing came that might have acknowledged anything: lines that only send.
    #[inline]
    pub fn is_overdue(&self) -> bool {
        self.position >= self.ask_at.saturating_add(LOG_BUSY_BYTES)
    }

    /// The kernel's answer: of all that it was given, `unacknowledged` bytes are not acknowledged.
    /// `begun`: the last run ends in the middle of a frame; should that have to go again, its
    /// beginning is needed, acknowledged or not.
    pub fn trim(&mut self, unacknowledged: u64, begun: bool, now: Instant) {
        let acknowledged = self.position.saturating_sub(unacknowledged);
        while let Some(first) = self.runs.front()
            && first.end() <= acknowledged
            && !(begun && self.runs.len() == 1)
        {
            self.runs.pop_front();
        }
        self.step = if now.since(self.asked) < BUSY { LOG_BUSY_BYTES } else { LOG_QUIET_BYTES };
        self.asked = now;
        // Of a peer far away much is under way at any time: to ask for it again and again frees
        // little. As much again may gather first.
        self.ask_at = if self.runs.is_empty() {
            u64::MAX
        } else {
            self.position + self.step.max(self.position - self.kept_from())
        };
    }

    /// Much goes over the line.
    pub fn is_busy(&self) -> bool {
        self.step == LOG_BUSY_BYTES
    }

    /// What stands before this in all that was given is not needed any more.
    pub fn kept_from(&self) -> u64 {
        self.runs.front().map_or(u64::MAX, |first| first.at)
    }

    /// When the first answer is due, and when the last: it need not go again after that.
    pub fn deadlines(&self) -> Option<(Instant, Instant)> {
        Some((self.runs.front()?.deadline, self.runs.back()?.deadline))
    }

    /// Ends the log: what it held, in order.
    pub fn take(&mut self) -> VecDeque<Logged> {
        self.ask_at = u64::MAX;
        std::mem::take(&mut self.runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::step::Kind;

    fn run(kind: Kind, frames: u32, bytes: u32) -> Run {
        Run { origin: LineId(7), kind, frames, bytes, arrived: Instant(5), deadline: Instant(1000) }
    }

    fn ends(log: &Log) -> Vec<(u64, u64)> {
        log.runs.iter().map(|run| (run.at, run.end())).collect()
    }

    #[test]
    fn answers_are_noted_where_they_stand_and_nothing_else() {
        let mut log = Log::default();
        log.given(&[run(Kind::Request, 1, 100), run(Kind::Answer, 2, 50), run(Kind::Probe, 1, 4)], false);
        log.given(&[run(Kind::Resent, 1, 30)], false);
        assert_eq!(ends(&log), [(100, 150), (154, 184)]);
        assert_eq!((log.position(), log.kept_from()), (184, 100));
    }

    #[test]
    fn what_is_acknowledged_goes_run_by_run() {
        let mut log = Log::default();
        log.given(&[run(Kind::Answer, 2, 50), run(Kind::Answer, 2, 50), run(Kind::Answer, 1, 20)], false);
        log.trim(71, false, Instant(0));
        assert_eq!(log.kept_from(), 0, "a byte of the first is not acknowledged");
        log.trim(70, false, Instant(0));
        assert_eq!(ends(&log), [(50, 100), (100, 120)]);
        log.trim(0, false, Instant(0));
        assert!(log.is_empty() && log.kept_from() == u64::MAX && !log.is_due());
    }

    #[test]
    fn a_begun_frame_keeps_its_beginning() {
        let mut log = Log::default();
        log.given(&[run(Kind::Answer, 1, 50)], false);
        log.trim(0, true, Instant(0));
        assert_eq!(ends(&log), [(0, 50)], "acknowledged, and yet needed");
        log.given(&[run(Kind::Answer, 2, 30), run(Kind::Answer, 1, 9)], true);
        assert_eq!(ends(&log), [(0, 80), (80, 89)]);
        assert_eq!(log.take().front().map(|run| run.frames), Some(3));
    }

    #[test]
    fn a_frame_of_which_the_beginning_is_unknown_is_not_logged() {
        let mut log = Log::default();
        log.pass(50);
        log.given(&[run(Kind::Answer, 1, 30), run(Kind::Answer, 1, 9)], true);
        assert_eq!(ends(&log), [(80, 89)]);
    }

    #[test]
    fn it_is_asked_once_for_many_answers() {
        let mut log = Log::default();
        log.given(&[run(Kind::Answer, 1, LOG_QUIET_BYTES as u32 - 1)], false);
        assert!(!log.is_due());
        log.given(&[run(Kind::Answer, 1, 1)], false);
        assert!(log.is_due() && !log.is_overdue());
        let soon = Instant(0) + BUSY;
        log.trim(0, false, soon);
        log.trim(0, false, soon + Span::from_millis(1));
        assert!(log.is_busy());
        log.given(&[run(Kind::Answer, 1, LOG_BUSY_BYTES as u32)], false);
        assert!(log.is_due());
        log.given(&[run(Kind::Answer, 1, LOG_BUSY_BYTES as u32)], false);
        assert!(log.is_overdue());
    }

    #[test]
    fn what_a_far_peer_has_not_acknowledged_is_not_asked_for_at_each_send() {
        let mut log = Log::default();
        let much = 10 * LOG_BUSY_BYTES as u32;
        log.given(&[run(Kind::Answer, 1, much)], false);
        log.trim(u64::from(much), false, Instant(0) + Span::from_secs(1));
        log.given(&[run(Kind::Answer, 1, much - 1)], false);
        assert!(!log.is_due());
        log.given(&[run(Kind::Answer, 1, 1)], false);
        assert!(log.is_due());
    }
}
