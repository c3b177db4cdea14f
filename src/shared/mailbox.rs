//! Bytes from one shard to another: a single-producer, single-consumer byte ring for each pair.

/// What stands in front of a letter's bytes; the meaning is the shard's.
pub type Head = [u64; 4];

#[derive(Debug)]
pub struct Producer {
    _todo: (),
}

#[derive(Debug)]
pub struct Consumer {
    _todo: (),
}

/// A mailbox of `bytes` (a power of two).
pub fn mailbox(bytes: usize) -> (Producer, Consumer) {
    let _ = bytes;
    todo!()
}

/// The letter does not fit now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl Producer {
    /// Writes a letter whose bytes are `parts` in order. It is seen only after `publish`.
    pub fn push(&mut self, head: Head, parts: &[&[u8]]) -> Result<(), Full> {
        let _ = (head, parts);
        todo!()
    }
    /// Shows the consumer everything pushed; false if nothing was pushed since the last time.
    pub fn publish(&mut self) -> bool {
        todo!()
    }
}

impl Consumer {
    /// The oldest letter: its head and its bytes in at most two pieces.
    pub fn peek(&mut self) -> Option<(Head, [&[u8]; 2])> {
        todo!()
    }
    /// Done with the letter that `peek` showed.
    pub fn pop(&mut self) {
        todo!()
    }
    /// Gives the room of popped letters back to the producer; once a turn.
    pub fn release(&mut self) {
        todo!()
    }
    /// Whether a letter waits.
    pub fn has_mail(&self) -> bool {
        todo!()
    }
}

/// A shard's bed: whether it sleeps, so that only sleepers are woken.
#[derive(Debug, Default)]
pub struct Sleeper {
    _todo: (),
}

impl Sleeper {
    /// About to sleep: afterwards look at the mail once more (SeqCst with `must_wake`).
    pub fn lie_down(&self) {
        todo!()
    }
    pub fn get_up(&self) {
        todo!()
    }
    /// After publishing mail: whether the shard sleeps and this caller is the one to wake it.
    pub fn must_wake(&self) -> bool {
        todo!()
    }
}
