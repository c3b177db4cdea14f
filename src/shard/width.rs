//! How much a turn waits for before it begins.
//!
//! With deferred work an enter brings some 20 ready sockets, or as many as are waited for. Where
//! many quiet lines send one small frame each to a few host lines, a wider turn gathers more of
//! them into one send and costs less a frame; where few lines talk, or much at a time, or each
//! feeds a line of its own, waiting only puts the switch and its peers out of step: they sleep in
//! turns. So a turn waits for more only if the last one was wide, its receives small, and what
//! they brought left together; and stops for a while when that did not make turns wider.

use crate::time::Span;

/// Receives in a turn from which there may be more where they came from: the 20 that an enter
/// brings unasked.
const WIDE: u32 = 20;

/// Bytes of a receive below which gathering pays.
const SMALL_BYTES: u64 = 1024;

/// The most receives that are waited for; the completion queue is made for as many.
const RECEIVES_MAX: u32 = 64;

/// How long more than one completion is waited for, from the enter on.
const PATIENCE: Span = Span::from_micros(40);

/// Turns in a row that waiting did not widen by a twentieth, after which it is given up.
const VAIN_TURNS: u8 = 8;

/// Turns until it is tried again.
const PAUSE_TURNS: u16 = 256;

/// The width of the turns of one shard.
#[derive(Debug, Default)]
pub struct Width {
    receives: u32,
    bytes: u64,
    /// Runs that joined others of the turn on their way out.
    joined: u32,
    sends: u32,
    /// Receives of the last turn that nothing was waited for.
    unasked: u32,
    asked: bool,
    vain: u8,
    pause: u16,
}

/// What the next enter waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    pub completions: u32,
    /// After this time one completion is enough.
    pub patience: Span,
}

/// The first thing that happens. The completion of a send that was just submitted is one: to wait
/// for something besides those spares the turn for a lone frame's books, but the timer that it
/// takes cost more where many frames are under way (terminals K32W32: 6 to 10 %).
const ANYTHING: Wanted = Wanted { completions: 1, patience: Span::ZERO };

impl Width {
    #[inline]
    pub fn received(&mut self, bytes: i32) {
        self.receives += 1;
        self.bytes += bytes.max(0) as u64;
    }

    /// A run joined what leaves in the same send.
    #[inline]
    pub fn joined(&mut self) {
        self.joined += 1;
    }

    /// A send is given to the next enter. Most complete within it and would end the wait.
    #[inline]
    pub fn sent(&mut self) {
        self.sends += 1;
    }

    /// Ends the books of a turn.
    pub fn wanted(&mut self) -> Wanted {
        let turn = std::mem::take(&mut self.receives);
        let bytes = std::mem::take(&mut self.bytes);
        let sends = std::mem::take(&mut self.sends);
        let gathers = std::mem::take(&mut self.joined) >= turn / 2;
        self.judge(turn);
        self.asked = turn >= WIDE && gathers && bytes < SMALL_BYTES * u64::from(turn) && self.pause == 0;
        self.pause = self.pause.saturating_sub(1);
        if !self.asked {
            return ANYTHING;
        }
        Wanted { completions: sends + RECEIVES_MAX.min(2 * turn), patience: PATIENCE }
    }

    fn judge(&mut self, turn: u32) {
        if !self.asked {
            self.unasked = turn;
            return;
        }
        if turn * 20 >= self.unasked * 21 {
            self.vain = 0;
            return;
        }
        self.vain += 1;
        if self.vain == VAIN_TURNS {
            (self.vain, self.pause) = (0, PAUSE_TURNS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(width: &mut Width, receives: u32, bytes: i32) -> Wanted {
        for _ in 0..receives {
            width.received(bytes);
            width.joined();
        }
        width.wanted()
    }

    #[test]
    fn few_receives_or_large_ones_wait_for_nothing() {
        let mut width = Width::default();
        assert_eq!(turn(&mut width, 0, 0), ANYTHING);
        assert_eq!(turn(&mut width, 19, 200), ANYTHING);
        assert_eq!(turn(&mut width, 40, 4096), ANYTHING);
    }

    #[test]
    fn many_small_ones_wait_for_more_besides_the_sends_under_way() {
        let mut width = Width::default();
        (0..3).for_each(|_| width.sent());
        assert_eq!(turn(&mut width, 20, 200), Wanted { completions: 43, patience: PATIENCE });
        assert_eq!(turn(&mut width, 50, 200), Wanted { completions: 64, patience: PATIENCE });
    }

    #[test]
    fn lines_that_feed_a_line_each_wait_for_nothing() {
        let mut width = Width::default();
        (0..40).for_each(|_| width.received(200));
        (0..40).for_each(|_| width.sent());
        assert_eq!(width.wanted(), ANYTHING);
    }

    #[test]
    fn what_does_not_widen_is_given_up_for_a_while_and_tried_again() {
        let mut width = Width::default();
        let mut asked = 0;
        for _ in 0..2 * (u32::from(PAUSE_TURNS) + u32::from(VAIN_TURNS)) {
            asked += u32::from(turn(&mut width, 20, 200) != ANYTHING);
        }
        assert!((16..=20).contains(&asked), "{asked}");
    }

    #[test]
    fn what_widens_is_kept_up() {
        let mut width = Width::default();
        turn(&mut width, 20, 200);
        assert!((0..1000).all(|_| turn(&mut width, 40, 200) != ANYTHING));
    }
}
