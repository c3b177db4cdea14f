//! What is counted, by line, and the rule that makes counting cheap.
//!
//! A line's shard is the only writer of its [`Hot`] cells, so it adds with a plain load and store.
//! A frame may meet its fate on another shard than the one it came in on; that shard adds to the
//! line's `elsewhere` cells with an atomic add. Everything rare is [`Cold`]: one cell, atomic add.
//! Readers sum; a sum taken while frames move may be one run of frames behind.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam::utils::CachePadded;

use crate::reason::{Closed, Drop, Malformed, Refusal, Rejected, ResendFailed};

macro_rules! cells {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every cell, in the order of its discriminant.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            pub const COUNT: usize = Self::ALL.len();
        }
    };
}

cells! {
    /// Counted for every run of frames.
    Hot {
        /// Frames received, probes included; on the line they came in on.
        FramesReceived,
        BytesReceived,
        ProbesReceived,
        /// Requests, frames of pairs and station frames whose last byte was given to the kernel;
        /// on the line they came in on.
        RequestsForwarded,
        /// Answers likewise.
        AnswersForwarded,
        /// Everything sent, probes included; on the line it left by.
        FramesSent,
        BytesSent,
        ProbesSent,
        /// Requests of this line that were given a number.
        Claimed,
        /// Requests of this line whose number was given back: answered, timed out, dropped.
        Resolved,
    }
}

cells! {
    /// Counted one by one, by whichever shard sees it.
    Cold {
        /// On the line that the request came in on.
        RequestsTimedOut,
        /// A request came again while its first copy waited, and was handed on; on the line that it
        /// came again on.
        RequestsRepeated,
        /// On the line that the answer came in on, as the following ones.
        AnswersRerouted,
        /// Given to the kernel once more, whole, after a line that had taken them broke.
        AnswersResent,
        AnswersLate,
        AnswersUnmatched,
        /// Connections established, either side.
        Connects,
        ConnectionsAccepted,
    }
}

/// The counters of one line's id. They survive reconnects and reloads.
#[derive(Default, Debug)]
pub struct LineCounters {
    here: CachePadded<[AtomicU64; Hot::COUNT]>,
    elsewhere: CachePadded<[AtomicU64; Hot::COUNT]>,
    cold: [AtomicU64; Cold::COUNT],
    dropped: [AtomicU64; Drop::COUNT],
    rejected: [AtomicU64; Rejected::COUNT],
    resend_failed: [AtomicU64; ResendFailed::COUNT],
    malformed: [AtomicU64; Malformed::COUNT],
    refused: [AtomicU64; Refusal::COUNT],
    closed: [AtomicU64; Closed::COUNT],
}

impl LineCounters {
    /// Adds on the line's own shard. Calling it from another thread loses counts.
    #[inline]
    pub fn add_here(&self, cell: Hot, n: u64) {
        let cell = &self.here[cell as usize];
        // Relaxed, load and store apart: this thread is the only writer, readers take any value.
        cell.store(cell.load(Relaxed) + n, Relaxed);
    }

    /// Adds from any shard.
    #[inline]
    pub fn add_elsewhere(&self, cell: Hot, n: u64) {
        // Relaxed: a statistic; nothing is published through it.
        self.elsewhere[cell as usize].fetch_add(n, Relaxed);
    }

    #[inline]
    pub fn add(&self, cell: Hot, n: u64, here: bool) {
        if here { self.add_here(cell, n) } else { self.add_elsewhere(cell, n) }
    }

    pub fn add_cold(&self, cell: Cold, n: u64) {
        self.cold[cell as usize].fetch_add(n, Relaxed); // Relaxed: a statistic
    }

    pub fn add_dropped(&self, reason: Drop, n: u64) {
        self.dropped[reason.index()].fetch_add(n, Relaxed); // Relaxed: a statistic
    }

    /// A rejected message was made for a frame of this line.
    pub fn add_rejected(&self, reason: Rejected) {
        self.rejected[reason.index()].fetch_add(1, Relaxed); // Relaxed: a statistic
    }

    /// Answers that came in on this line were not sent again.
    pub fn add_resend_failed(&self, reason: ResendFailed, n: u64) {
        self.resend_failed[reason.index()].fetch_add(n, Relaxed); // Relaxed: a statistic
    }

    pub fn add_malformed(&self, reason: Malformed) {
        self.malformed[reason.index()].fetch_add(1, Relaxed); // Relaxed: a statistic
    }

    pub fn add_refused(&self, reason: Refusal) {
        self.refused[reason.index()].fetch_add(1, Relaxed); // Relaxed: a statistic
    }

    pub fn add_closed(&self, reason: Closed) {
        self.closed[reason.index()].fetch_add(1, Relaxed); // Relaxed: a statistic
    }

    pub fn hot(&self, cell: Hot) -> u64 {
        let at = cell as usize;
        self.here[at].load(Relaxed) + self.elsewhere[at].load(Relaxed)
    }

    pub fn cold(&self, cell: Cold) -> u64 {
        self.cold[cell as usize].load(Relaxed)
    }

    pub fn dropped(&self, reason: Drop) -> u64 {
        self.dropped[reason.index()].load(Relaxed)
    }

    pub fn rejected(&self, reason: Rejected) -> u64 {
        self.rejected[reason.index()].load(Relaxed)
    }

    pub fn resend_failed(&self, reason: ResendFailed) -> u64 {
        self.resend_failed[reason.index()].load(Relaxed)
    }

    pub fn malformed(&self, reason: Malformed) -> u64 {
        self.malformed[reason.index()].load(Relaxed)
    }

    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused[reason.index()].load(Relaxed)
    }

    pub fn closed(&self, reason: Closed) -> u64 {
        self.closed[reason.index()].load(Relaxed)
    }

    /// Requests of this line that still wait for an answer.
    pub fn pending(&self) -> u64 {
        self.hot(Hot::Claimed).saturating_sub(self.hot(Hot::Resolved))
    }
}

/// What one shard says of itself; only its own thread writes.
///
/// On cache lines of its own (two: they are fetched in pairs): shards write here in every turn, and
/// theirs lie side by side.
#[derive(Default, Debug)]
#[repr(align(128))]
pub struct ShardCounters {
    /// Turns of the loop.
    pub turns: AtomicU64,
    /// Monotonic nanoseconds at the start of the last turn: the watchdog's pulse.
    pub last_turn: AtomicU64,
    /// The epoch of the plan that the shard has wholly applied.
    pub applied: AtomicU64,
    /// Frames taken into queues, mailboxes and holds here...
    pub held_in: AtomicU64,
    /// ...and frames that met their fate here. The sum over shards of in minus out is what is held.
    pub held_out: AtomicU64,
    /// Bytes of queues, stashes, held and partial frames.
    pub memory: AtomicU64,
    /// Connections open.
    pub connections: AtomicU64,
    /// Events that found the control thread's queue full.
    pub events_lost: AtomicU64,
    /// Set once a stopping shard has closed its last line.
    pub stopped: AtomicU64,
}

impl ShardCounters {
    /// Adds `n` to a cell of this shard's own.
    #[inline]
    pub fn add(cell: &AtomicU64, n: u64) {
        cell.store(cell.load(Relaxed) + n, Relaxed); // Relaxed: the only writer is this thread
    }

    #[inline]
    pub fn subtract(cell: &AtomicU64, n: u64) {
        cell.store(cell.load(Relaxed) - n, Relaxed); // Relaxed: the only writer is this thread
    }
}
