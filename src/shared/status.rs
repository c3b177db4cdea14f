//! What a line is doing, for whoever asks. Written by the line's shard on every change of state,
//! which is rare; read by the control thread.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::reason::Closed;
use crate::time::Instant;

/// A line's state as the admin API names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum LineState {
    Listening,
    Connecting,
    /// Before the next connect.
    Waiting,
    Up,
    Draining,
    Disabled,
}

impl LineState {
    pub const ALL: [Self; 6] =
        [Self::Listening, Self::Connecting, Self::Waiting, Self::Up, Self::Draining, Self::Disabled];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Listening => "listening",
            Self::Connecting => "connecting",
            Self::Waiting => "waiting",
            Self::Up => "up",
            Self::Draining => "draining",
            Self::Disabled => "disabled",
        }
    }
}

/// The live facts about one line.
#[derive(Debug)]
pub struct LineStatus {
    state: AtomicU8,
    /// Taken out of service by hand: when it is opened it stays down, until it is enabled.
    disabled_by_hand: AtomicBool,
    /// Bytes queued for the line; published at the end of a turn in which it changed.
    queued_bytes: AtomicU64,
    details: Mutex<LineDetails>,
}

#[derive(Clone, Debug, Default)]
pub struct LineDetails {
    pub local: Option<SocketAddr>,
    /// The peer of the connection that is up.
    pub remote: Option<SocketAddr>,
    /// When the present state began, on the monotonic clock.
    pub since: Instant,
    /// Why the last connection ended, or the last attempt failed; a sentence without payload.
    pub last_error: Option<String>,
}

impl Default for LineStatus {
    fn default() -> Self {
        Self {
            state: AtomicU8::new(LineState::Disabled as u8),
            disabled_by_hand: AtomicBool::new(false),
            queued_bytes: AtomicU64::new(0),
            details: Mutex::new(LineDetails::default()),
        }
    }
}

impl LineStatus {
    pub fn state(&self) -> LineState {
        // Relaxed: a report; the details have a lock of their own.
        LineState::ALL[usize::from(self.state.load(Relaxed))]
    }

    pub fn set_state(&self, state: LineState, now: Instant) {
        self.state.store(state as u8, Relaxed);
        self.details.lock().since = now;
    }

    pub fn is_disabled_by_hand(&self) -> bool {
        // Relaxed: a shard reads it behind the plan or the order that it belongs to.
        self.disabled_by_hand.load(Relaxed)
    }

    pub fn set_disabled_by_hand(&self, disabled: bool) {
        self.disabled_by_hand.store(disabled, Relaxed);
    }

    pub fn queued_bytes(&self) -> u64 {
        self.queued_bytes.load(Relaxed)
    }

    pub fn set_queued_bytes(&self, bytes: u64) {
        self.queued_bytes.store(bytes, Relaxed);
    }

    pub fn details(&self) -> LineDetails {
        self.details.lock().clone()
    }

    pub fn update(&self, change: impl FnOnce(&mut LineDetails)) {
        change(&mut self.details.lock());
    }
}

/// Why a line's state changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// The process started, or a reload opened the line.
    Opened,
    Accepted,
    Connected,
    Closed(Closed),
    /// The time to try again has come.
    Retry,
    /// The operator, a reload or a stop asked for it.
    Asked,
}

impl Cause {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Accepted => "accepted",
            Self::Connected => "connected",
            Self::Closed(reason) => reason.name(),
            Self::Retry => "retry",
            Self::Asked => "asked",
        }
    }
}
