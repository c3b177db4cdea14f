//! Faults that can be built in on purpose, so that the simulator proves that it finds their like
//! (`scripts/plants.sh`).
//!
//! They exist with `--cfg ringswitch_plant` alone; in every other build [`planted!`] is the word
//! `false`, and there is no type that could name one. A flag of the compiler and no feature:
//! features add up, so `--all-features` or another crate could ask for them unnoticed.

/// Whether this thread's shards have that fault.
#[cfg(not(ringswitch_plant))]
macro_rules! planted {
    ($fault:ident) => {
        false
    };
}

#[cfg(ringswitch_plant)]
macro_rules! planted {
    ($fault:ident) => {
        $crate::plant::is_planted($crate::plant::Plant::$fault)
    };
}

/// What is broken, if it is planted.
#[cfg(ringswitch_plant)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plant {
    /// A request that was begun on a line that broke is sent again over a sibling.
    BegunRequestAgain,
    /// What is left of a send that was taken in part goes on one byte too early.
    WrongByte,
    /// A receive that ended on a success is not armed again.
    NotArmedAgain,
    /// Answers queued on a line that breaks are dropped, and counted, though a sibling lives.
    AnswersLostWithTheirLine,
    /// Answers that a broken line had taken and its peer had not acknowledged are forgotten.
    UnacknowledgedForgotten,
    /// Frames that the kernel took while their line broke are counted twice.
    CountedTwice,
    /// What passed its deadline in a queue is sent all the same.
    SentTooLate,
}

#[cfg(ringswitch_plant)]
thread_local! {
    /// Of the shards that this thread plays.
    static PLANTED: std::cell::Cell<Option<Plant>> = const { std::cell::Cell::new(None) };
}

/// From now on this thread's shards have that fault, or none.
#[cfg(ringswitch_plant)]
pub fn plant(fault: Option<Plant>) {
    PLANTED.set(fault);
}

#[cfg(ringswitch_plant)]
pub fn is_planted(fault: Plant) -> bool {
    PLANTED.get() == Some(fault)
}
