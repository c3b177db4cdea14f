//! What may go otherwise than in a quiet hour, each a probability in percent. All zero by default: then the fake
//! ring does what the real one does when nothing is wrong.

use ringswitch::time::Span;

use super::Random;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// A receive brings a part of what has arrived.
    pub partial_receive: u8,
    /// A send gives the kernel a part of what there is room for; a waiting one goes on at the next enter.
    pub partial_send: u8,
    /// A socket's turn passes: what is ready stays for the next enter (the real ring serves some 20 an enter).
    pub skipped_turn: u8,
    /// A multishot ends on a success, as it does when the completion queue is full.
    pub ends_early: u8,
    /// A receive is told that there are no buffers though there are.
    pub no_buffers: u8,
    /// Completions of an enter come in another order. Those of one operation keep theirs, and so do all receives,
    /// because the order in which a buffer is filled is the order in which it is reported.
    pub reordered: u8,
    /// A completion other than a receive's comes up to `delay` later.
    pub delayed: u8,
    pub delay: Span,
    /// An enter hands out a part of the completions, the rest comes at the next ones.
    pub split: u8,
    /// An enter comes back at once (a signal: EINTR), or without taking all that was pushed (EBUSY, EAGAIN): what was
    /// not taken stays in the queue.
    pub interrupted: u8,
    /// A completion comes for a socket that was closed, by the token of its last operation.
    pub late: u8,
    /// What the completion queue holds; 0: as much as comes. A multishot that meets a full one ends on its success.
    pub completions: u16,
    /// What the submission queue holds; 0: as much as comes. A push that meets a full one submits it first.
    pub submissions: u16,
    /// What has arrived at a receive that is being cancelled is received first.
    pub data_before_cancel: u8,
    /// A receive hears of a reset before the send that waits, which is then the one that meets a closed socket.
    pub receive_hears_first: u8,
    /// After a reset the kernel has forgotten what was unacknowledged.
    pub forgotten_queue: u8,
}

impl Faults {
    /// Draws each probability: most of them zero, so that a run has a few faults often rather than all at times.
    pub fn swarm(random: &mut Random) -> Self {
        let queue = |random: &mut Random| if random.chance(70) { 0 } else { 1 + random.below(24) as u16 };
        let (completions, submissions) = (queue(random), queue(random));
        let mut draw = || if random.chance(60) { 0 } else { random.below(40) as u8 };
        Self {
            completions,
            submissions,
            partial_receive: draw(),
            partial_send: draw(),
            skipped_turn: draw(),
            ends_early: draw(),
            no_buffers: draw(),
            reordered: draw(),
            delayed: draw(),
            delay: Span::from_micros(200),
            split: draw(),
            interrupted: draw(),
            late: draw(),
            data_before_cancel: draw(),
            receive_hears_first: draw(),
            forgotten_queue: draw(),
        }
    }
}
