//! The states of a line and the moves between them.

use crate::reason::Closed;
use crate::shared::status::LineState;
use crate::time::Instant;

/// ```text
///             accept           asked, reload, stop, a reset
/// Listening ─────────▶ Up ─────────────────────────────▶ Draining
///     ▲                │ ▲                                  │
///     └──── break ─────┤ │ connected                        │ FIN both ways, or time over
///                      ▼ │                                  ▼
///  Waiting ───────▶ Connecting                    Closed, Disabled, or opened anew
///     ▲    retry       │
///     └──── refused ───┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Not opened yet, or gone for good.
    Closed,
    Listening,
    Connecting,
    /// Until the next attempt to connect.
    Waiting {
        retry_at: Instant,
    },
    Up,
    Draining(Drain),
    Disabled,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drain {
    /// Closed then, whatever is still pending.
    pub until: Instant,
    pub then: After,
    /// When our FIN went out; the peer's is awaited for a second.
    pub finished_at: Option<Instant>,
}

impl Drain {
    /// The reason under which the connection ends when it has been drained.
    pub const fn closed(self) -> Closed {
        match self.then {
            After::Reset(reason) => reason,
            After::Open | After::Gone | After::Disabled => Closed::Drained,
        }
    }

    /// The same when the time is over first.
    pub const fn overdue(self) -> Closed {
        match self.then {
            After::Reset(reason) => reason,
            After::Open | After::Gone | After::Disabled => Closed::DrainTimeout,
        }
    }

    /// Whether answers due to the line still go out over it.
    pub const fn takes_answers(self) -> bool {
        self.finished_at.is_none() && !matches!(self.then, After::Reset(_))
    }
}

/// What becomes of a drained line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// Opened again: with what the plan now says of it.
    Open,
    /// The line left the plan, or the switch stops.
    Gone,
    Disabled,
    /// Opened again at once, because a line of its group broke (`on_line_loss`). What is queued goes
    /// out, nothing pending is waited for. The connection counts as closed for this reason.
    Reset(Closed),
}

impl Phase {
    /// As the admin API names it.
    pub const fn state(self) -> LineState {
        match self {
            Self::Closed | Self::Disabled => LineState::Disabled,
            Self::Listening => LineState::Listening,
            Self::Connecting => LineState::Connecting,
            Self::Waiting { .. } => LineState::Waiting,
            Self::Up => LineState::Up,
            Self::Draining(_) => LineState::Draining,
        }
    }

    /// Whether a line may move from here to `next`. The table is the drawing above.
    pub const fn leads_to(self, next: Self) -> bool {
        use Phase::{Closed, Connecting, Disabled, Draining, Listening, Up, Waiting};
        matches!(
            (self, next),
            (Closed | Disabled, Listening | Connecting | Waiting { .. } | Disabled | Closed)
                | (Listening, Up | Disabled | Closed | Listening)
                | (Connecting, Up | Waiting { .. } | Disabled | Closed)
                | (Waiting { .. }, Connecting | Waiting { .. } | Disabled | Closed)
                | (Up, Listening | Waiting { .. } | Connecting | Draining(_) | Closed)
                | (Draining(_), Listening | Waiting { .. } | Connecting | Disabled | Closed | Draining(_))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Drain = Drain { until: Instant(0), then: After::Gone, finished_at: None };
    const ALL: [Phase; 7] = [
        Phase::Closed,
        Phase::Listening,
        Phase::Connecting,
        Phase::Waiting { retry_at: Instant(0) },
        Phase::Up,
        Phase::Draining(DRAIN),
        Phase::Disabled,
    ];

    /// The whole matrix: rows are where a line is, columns where it may go.
    #[test]
    fn the_matrix_of_moves() {
        let rows: Vec<String> =
            ALL.iter().map(|from| ALL.iter().map(|to| if from.leads_to(*to) { 'x' } else { '.' }).collect()).collect();
        #[rustfmt::skip]
        let expected = [
            // Closed Listening Connecting Waiting Up Draining Disabled
            "xxxx..x", // Closed
            "xx..x.x", // Listening
            "x..xx.x", // Connecting
            "x.xx..x", // Waiting
            "xxxx.x.", // Up
            "xxxx.xx", // Draining
            "xxxx..x", // Disabled
        ];
        assert_eq!(rows, expected);
    }
}
