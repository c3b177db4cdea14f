//! Requests that wait for an answer: one 64-bit word a number, lock-free, shared by all shards.

use crate::ids::LineId;
use crate::time::{Instant, Span};

#[derive(Debug)]
pub struct ResponseTable {
    _todo: (),
}

/// One shard's hand in a table: the chunk it takes numbers from, its permits, what it sweeps.
#[derive(Debug, Default)]
pub struct Claimer {
    _todo: (),
}

/// Who waits under a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    pub line: LineId,
    /// The address to restore.
    pub address: u16,
    /// The request's NII.
    pub nii: u16,
    pub deadline: Instant,
}

/// Why there is nobody under a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nobody {
    /// The number rests after its request timed out: the answer is late.
    Late,
    /// Nobody waits: never asked, or answered before.
    Unmatched,
}

/// No number can be had: the limit is reached, or all numbers wait or rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// A slot as it was seen; [`ResponseTable::take`] succeeds only if it still is so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    word: u64,
}

impl ResponseTable {
    /// `pending`: requests that may wait at once. `rest`: how long a number that timed out rests.
    /// `digits`: only numbers that read as four decimal digits, 0001 to 9999. `start`: the number
    /// to begin near.
    pub fn new(pending: u32, rest: Span, digits: bool, start: u16) -> Self {
        let _ = (pending, rest, digits, start);
        todo!()
    }
    /// The settings a reload may change.
    pub fn set_pending(&self, pending: u32) {
        let _ = pending;
        todo!()
    }
    pub fn set_rest(&self, rest: Span) {
        let _ = rest;
        todo!()
    }
    /// Never hands `number` out (again). False while a request waits under it: ask again later.
    pub fn reserve(&self, number: u16) -> bool {
        let _ = number;
        todo!()
    }
    /// Allows a reserved number again.
    pub fn unreserve(&self, number: u16) {
        let _ = number;
        todo!()
    }
    pub fn claim(&self, hand: &mut Claimer, waiting: Waiting, now: Instant) -> Result<u16, Full> {
        let _ = (hand, waiting, now);
        todo!()
    }
    /// Who waits under `number`, without taking it.
    pub fn look(&self, number: u16, now: Instant) -> Result<(Waiting, Seen), Nobody> {
        let _ = (number, now);
        todo!()
    }
    /// Takes what `look` saw; the number is free again. Fails if another shard was first.
    pub fn take(&self, hand: &mut Claimer, number: u16, seen: Seen, now: Instant) -> Result<(), Nobody> {
        let _ = (hand, number, seen, now);
        todo!()
    }
    /// The request was dropped before a byte of it was given to anybody: the number is free at once.
    pub fn release(&self, hand: &mut Claimer, number: u16, now: Instant) -> Option<Waiting> {
        let _ = (hand, number, now);
        todo!()
    }
    /// The request was begun and cannot be answered: the number rests as if it had timed out.
    pub fn abandon(&self, hand: &mut Claimer, number: u16, now: Instant) -> Option<Waiting> {
        let _ = (hand, number, now);
        todo!()
    }
    /// Expires what this hand claimed and whose deadline has passed; says when to sweep again.
    pub fn sweep(&self, hand: &mut Claimer, now: Instant, expired: impl FnMut(u16, Waiting)) -> Instant {
        let _ = (hand, now, expired);
        todo!()
    }
    /// The earliest moment at which `sweep` has something to do.
    pub fn sweep_due(hand: &Claimer) -> Instant {
        let _ = hand;
        todo!()
    }
    /// Requests that wait now (permits that a hand keeps in stock do not count).
    pub fn pending(&self) -> u32 {
        todo!()
    }
    /// Numbers that can be handed out at all.
    pub fn numbers(&self) -> u32 {
        todo!()
    }
    /// The shortest rest of a number between two uses since the start.
    pub fn shortest_rest(&self) -> Option<Span> {
        todo!()
    }
}
