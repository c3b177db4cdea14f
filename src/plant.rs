//! Faults that can be built in on purpose, so that the simulator proves that it finds their like
//! (`scripts/plants.sh`). Without `--cfg ringswitch_plant`, as in every product, there are none:
//! [`planted`] is a constant then, and leaves no code behind.

/// What is broken, if it is planted.
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
    /// Frames that the kernel took while their line broke are counted twice.
    CountedTwice,
    /// A line's number is another's as soon as a reload has removed it.
    NumberUsedAtOnce,
    /// What passed its deadline in a queue is sent all the same.
    SentTooLate,
}

impl Plant {
    pub const ALL: [Self; 7] = [
        Self::BegunRequestAgain,
        Self::WrongByte,
        Self::NotArmedAgain,
        Self::AnswersLostWithTheirLine,
        Self::CountedTwice,
        Self::NumberUsedAtOnce,
        Self::SentTooLate,
    ];
}

#[cfg(not(ringswitch_plant))]
#[inline(always)]
pub const fn planted(_: Plant) -> bool {
    false
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
pub fn planted(fault: Plant) -> bool {
    PLANTED.get() == Some(fault)
}
