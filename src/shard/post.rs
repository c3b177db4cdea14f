//! Frames between shards: wire-ready bytes and a head that says whose they are.

use std::collections::VecDeque;

use crate::ids::{GroupId, LineId, ShardId};
use crate::shared::mailbox::{Consumer, Head, Producer};
use crate::switch::line::outbox::Run;
use crate::switch::step::Kind;
use crate::time::Instant;

/// What stands in front of frames that cross: the run, the line they should leave by, its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Letter {
    pub to: LineId,
    pub group: GroupId,
    pub run: Run,
    /// An answer for the line that asked: what it was due is settled when it arrives.
    pub settles: bool,
}

const SETTLES: u64 = 1 << 7;

impl Letter {
    fn to_head(self) -> Head {
        let kind = match self.run.kind {
            Kind::Pair => 0,
            Kind::Request => 1,
            Kind::Answer => 2,
            Kind::Reject => 3,
            Kind::Resent => 4,
            Kind::Probe => unreachable!("a probe is made where it is sent"),
        };
        let settles = if self.settles { SETTLES } else { 0 };
        [
            kind | settles | (u64::from(self.run.frames) << 8) | (u64::from(self.to.0) << 32),
            u64::from(self.run.origin.0) | (u64::from(self.group.0) << 32),
            self.run.arrived.0,
            self.run.deadline.0,
        ]
    }

    fn from_head(head: Head, bytes: usize) -> Self {
        let kind = match head[0] & 0x7f {
            0 => Kind::Pair,
            1 => Kind::Request,
            2 => Kind::Answer,
            3 => Kind::Reject,
            _ => Kind::Resent,
        };
        let run = Run {
            origin: LineId(head[1] as u32),
            kind,
            frames: (head[0] >> 8) as u32 & 0xff_ffff,
            bytes: bytes as u32,
            arrived: Instant(head[2]),
            deadline: Instant(head[3]),
        };
        let settles = head[0] & SETTLES != 0;
        Self { to: LineId((head[0] >> 32) as u32), group: GroupId((head[1] >> 32) as u32), run, settles }
    }
}

/// One shard's ends of the mailboxes to and from every other shard.
#[derive(Debug)]
pub struct Post {
    out: Vec<Option<Outgoing>>,
    incoming: Vec<Option<Consumer>>,
    /// Bytes of letters that found their mailbox full.
    overflow_bytes: usize,
}

#[derive(Debug)]
struct Outgoing {
    producer: Producer,
    /// In order behind what is in the mailbox; nothing passes it by.
    overflow: VecDeque<(Head, Vec<u8>)>,
    /// Something was pushed since the last `publish`.
    pushed: bool,
}

impl Post {
    /// Ends by shard; a shard has none to itself.
    pub fn new(out: Vec<Option<Producer>>, incoming: Vec<Option<Consumer>>) -> Self {
        let outgoing = |producer| Outgoing { producer, overflow: VecDeque::new(), pushed: false };
        Self { out: out.into_iter().map(|end| end.map(outgoing)).collect(), incoming, overflow_bytes: 0 }
    }

    pub fn overflow_bytes(&self) -> usize {
        self.overflow_bytes
    }

    /// Letters for `shard` wait here because its mailbox is full.
    pub fn is_congested(&self, shard: ShardId) -> bool {
        self.out[shard.index()].as_ref().is_some_and(|out| !out.overflow.is_empty())
    }

    pub fn send(&mut self, shard: ShardId, letter: Letter, parts: &[&[u8]]) {
        let out = self.out[shard.index()].as_mut().expect("a shard does not write to itself");
        out.pushed = true;
        if out.overflow.is_empty() && out.producer.push(letter.to_head(), parts).is_ok() {
            return;
        }
        self.overflow_bytes += letter.run.bytes as usize;
        out.overflow.push_back((letter.to_head(), parts.concat()));
    }

    /// Moves what waits into mailboxes that have room again. True if any of it moved.
    pub fn drain_overflow(&mut self) -> bool {
        let mut moved = false;
        if self.overflow_bytes == 0 {
            return moved;
        }
        for out in self.out.iter_mut().flatten() {
            while let Some((head, bytes)) = out.overflow.front() {
                if out.producer.push(*head, &[bytes]).is_err() {
                    break;
                }
                self.overflow_bytes -= bytes.len();
                out.overflow.pop_front();
                out.pushed = true;
                moved = true;
            }
        }
        moved
    }

    /// Shows the other shards what was written, and names those that got something.
    pub fn publish(&mut self, mut written_to: impl FnMut(ShardId)) {
        for (shard, out) in self.out.iter_mut().enumerate() {
            let Some(out) = out else { continue };
            if std::mem::take(&mut out.pushed) && out.producer.publish() {
                written_to(ShardId(shard as u16));
            }
        }
    }

    pub fn has_mail(&self) -> bool {
        self.incoming.iter().flatten().any(Consumer::has_mail)
    }

    /// Shards from which mail may come.
    pub fn senders(&self) -> usize {
        self.incoming.len()
    }

    /// The oldest letter of `sender`, its bytes in at most two pieces.
    pub fn peek(&mut self, sender: usize) -> Option<(Letter, [&[u8]; 2])> {
        let (head, pieces) = self.incoming[sender].as_mut()?.peek()?;
        let bytes = pieces[0].len() + pieces[1].len();
        Some((Letter::from_head(head, bytes), pieces))
    }

    pub fn pop(&mut self, sender: usize) {
        if let Some(end) = &mut self.incoming[sender] {
            end.pop();
        }
    }

    pub fn release(&mut self, sender: usize) {
        if let Some(end) = &mut self.incoming[sender] {
            end.release();
        }
    }
}
