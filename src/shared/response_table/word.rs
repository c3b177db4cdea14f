//! What the 64-bit word of a slot says.
//!
//! | bits | free | waiting | resting | never |
//! |---|---|---|---|---|
//! | 0-1 | 0 | 1 | 2 | 3 |
//! | 2 | used before | requester's line | was answered | being claimed |
//! | 2-19 | | requester's line | | |
//! | 20-35 | | address to restore | | |
//! | 36-63 | | deadline, modulo 2^28 ticks | | |
//! | 14-63 | freed at, in ticks | | rests until, in ticks | |
//!
//! A tick is 2^14 ns, 16.4 us. Only a deadline has to share its word and wraps, after 73 minutes:
//! it is told from one that passed long ago by lying at most [`AHEAD_MAX`] ahead. What can stay
//! in a slot for days (when it was freed, how long it rests) has 50 bits and does not wrap. The
//! word of a slot that was never used is all zeros, so that a new table is memory that nobody
//! has touched yet.

use crate::ids::LineId;
use crate::time::{Instant, Span};

const TICK_BITS: u32 = 14;
const TICK_NS: u64 = 1 << TICK_BITS;

const STATE: u64 = 0b11;
const STATE_PENDING: u64 = 1;
const STATE_REST: u64 = 2;

const USED: u64 = 1 << 2;
const ANSWERED: u64 = 1 << 2;

const LINE_AT: u32 = 2;
const ADDRESS_AT: u32 = 20;
const ADDRESS: u64 = 0xffff << ADDRESS_AT;
const DEADLINE_AT: u32 = 36;
const DEADLINE_BITS: u32 = 28;
const DEADLINE_MASK: u64 = (1 << DEADLINE_BITS) - 1;

/// A slot that nobody has used yet.
pub const UNUSED: u64 = 0;

/// A number that is not handed out.
pub const NEVER: u64 = 3;

/// A slot between being free and waiting: one claimer is writing what belongs to it.
pub const CLAIMING: u64 = NEVER | 1 << 2;

/// The longest time from a claim to its deadline; `check` refuses an `answer_within` above 15 min.
pub const AHEAD_MAX: Span = Span::from_secs(16 * 60);

const AHEAD_TICKS_MAX: u64 = AHEAD_MAX.0.div_ceil(TICK_NS);

const _: () = assert!(LineId::LIMIT as u64 == 1 << (ADDRESS_AT - LINE_AT));
const _: () = assert!(ADDRESS_AT + u16::BITS == DEADLINE_AT && DEADLINE_AT + DEADLINE_BITS == u64::BITS);
// A deadline that passed unswept is still recognised as past for most of the lap.
const _: () = assert!(AHEAD_TICKS_MAX < (1 << DEADLINE_BITS) / 4);

/// A word as a sum type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// Free; when it was freed, if it was ever used.
    Free(Option<Instant>),
    Pending {
        line: LineId,
        address: u16,
        deadline: Instant,
    },
    Rest {
        until: Instant,
    },
    Never,
}

/// The word of a slot freed at `now`.
#[inline]
pub fn freed(now: Instant) -> u64 {
    floor(now).0 | USED
}

/// The word of a waiting request. The deadline is kept to the tick, rounded down: an answer may
/// be refused up to 16.4 us before its deadline, never passed after it.
#[inline]
pub fn pending(line: LineId, address: u16, deadline: Instant) -> u64 {
    let ticks = (deadline.0 >> TICK_BITS) & DEADLINE_MASK;
    ticks << DEADLINE_AT | u64::from(address) << ADDRESS_AT | u64::from(line.0) << LINE_AT | STATE_PENDING
}

/// The word of a waiting request, made with address 0, with its address.
#[inline]
pub fn with_address(pending: u64, address: u16) -> u64 {
    pending | u64::from(address) << ADDRESS_AT
}

/// The word of a waiting request, with another address.
#[inline]
pub fn readdressed(pending: u64, address: u16) -> u64 {
    with_address(pending & !(u64::from(u16::MAX) << ADDRESS_AT), address)
}

/// The word of a number that rests until a moment, rounded up to the tick.
#[inline]
pub fn rest(until: Instant) -> u64 {
    floor(until + Span(TICK_NS - 1)).0 | STATE_REST
}

/// The same of a request that was answered, while answers to further copies of it may come.
#[inline]
pub fn answered(until: Instant) -> u64 {
    rest(until) | ANSWERED
}

/// Whether a word that rests is one of [`answered`].
#[inline]
pub fn is_answered(rest: u64) -> bool {
    rest & (STATE | ANSWERED) == STATE_REST | ANSWERED
}

/// Of two such words the larger one is the one freed later, and one never used is the smallest.
#[inline]
pub fn is_free(word: u64) -> bool {
    word & STATE == 0
}

/// When a free slot was freed; `None` if it was never used.
#[inline]
pub fn freed_at(free: u64) -> Option<Instant> {
    (free & USED != 0).then(|| long_stamp(free))
}

/// Whether two words are those of waiting requests of one line with one deadline, `other` being
/// such a word.
#[inline]
pub fn is_alike(word: u64, other: u64) -> bool {
    (word ^ other) & !ADDRESS == 0
}

/// The address that a waiting request's word keeps.
#[inline]
pub fn address(pending: u64) -> u16 {
    (pending >> ADDRESS_AT) as u16
}

#[inline]
pub fn is_pending(word: u64) -> bool {
    word & STATE == STATE_PENDING
}

/// Whether a request may be put there: a free slot, or one whose rest is over.
#[inline]
pub fn is_claimable(word: u64, now: Instant) -> bool {
    match word & STATE {
        0 => true,
        STATE_REST => long_stamp(word) <= now,
        _ => false,
    }
}

#[inline]
pub fn read(word: u64, now: Instant) -> Slot {
    match word & STATE {
        0 => Slot::Free(freed_at(word)),
        STATE_PENDING => Slot::Pending {
            line: LineId((word >> LINE_AT) as u32 & (LineId::LIMIT - 1)),
            address: (word >> ADDRESS_AT) as u16,
            deadline: deadline(word, now),
        },
        STATE_REST => Slot::Rest { until: long_stamp(word) },
        _ => Slot::Never,
    }
}

/// The moment to the tick, as deadlines are kept.
#[inline]
pub fn floor(at: Instant) -> Instant {
    Instant(at.0 & !(TICK_NS - 1))
}

#[inline]
fn long_stamp(word: u64) -> Instant {
    floor(Instant(word))
}

/// The whole deadline of a waiting request, from its 28 bits and the present.
#[inline]
fn deadline(word: u64, now: Instant) -> Instant {
    let now_ticks = now.0 >> TICK_BITS;
    let ahead = (word >> DEADLINE_AT).wrapping_sub(now_ticks) & DEADLINE_MASK;
    let ticks = if ahead <= AHEAD_TICKS_MAX {
        now_ticks + ahead
    } else {
        (now_ticks + ahead).saturating_sub(1 << DEADLINE_BITS)
    };
    Instant(ticks << TICK_BITS)
}

#[cfg(all(test, not(ringswitch_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAP: Span = Span(TICK_NS << DEADLINE_BITS);

    fn deadline_of(word: u64, now: Instant) -> Instant {
        match read(word, now) {
            Slot::Pending { deadline, .. } => deadline,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_deadline_survives_the_wrap_of_its_stamp() {
        for laps in [0, 1, 2, 1_000] {
            for before_wrap in [Span(1), Span::from_secs(1), Span::from_secs(14 * 60)] {
                let now = Instant((laps + 1) * LAP.0) - before_wrap;
                let deadline = now + Span::from_secs(15 * 60);
                let word = pending(LineId(7), 1, deadline);
                for later in [Span::ZERO, Span::from_secs(15 * 60), Span::from_secs(70 * 60)] {
                    assert_eq!(deadline_of(word, now + later), floor(deadline), "{laps} {before_wrap:?} {later:?}");
                }
            }
        }
    }

    #[test]
    fn what_may_stay_for_days_does_not_wrap() {
        let then = Instant(5 * TICK_NS);
        let now = then + Span(LAP.0 * 300);
        assert_eq!(read(freed(then), now), Slot::Free(Some(then)));
        assert_eq!(read(rest(then), now), Slot::Rest { until: then });
        assert!(is_claimable(rest(then), now));
    }

    #[test]
    fn a_new_table_is_zeros_and_zeros_were_never_used() {
        assert_eq!(read(UNUSED, Instant(1 << 60)), Slot::Free(None));
        assert_eq!(read(freed(Instant(0)), Instant(1 << 60)), Slot::Free(Some(Instant(0))));
    }

    #[test]
    fn a_rest_may_say_that_there_was_an_answer() {
        let until = Instant(5 * TICK_NS);
        assert_eq!(read(answered(until), Instant(0)), Slot::Rest { until });
        assert!(is_answered(answered(until)) && !is_answered(rest(until)) && !is_answered(NEVER | ANSWERED));
        let word = readdressed(pending(LineId(7), 0xffff, until), 3);
        assert_eq!(word, pending(LineId(7), 3, until));
    }

    #[test]
    fn what_is_being_claimed_is_nobodys() {
        assert_eq!(read(CLAIMING, Instant(0)), Slot::Never);
        assert!(!is_claimable(CLAIMING, Instant::NEVER) && !is_pending(CLAIMING));
        assert!(!is_claimable(NEVER, Instant::NEVER));
    }

    proptest! {
        #[test]
        fn a_waiting_request_reads_back(
            line in 0..LineId::LIMIT, address: u16, now in 0..1u64 << 62, ahead in 0..AHEAD_MAX.0, later in 0..55 * 60 * 1_000_000_000u64,
        ) {
            let deadline = Instant(now + ahead);
            let word = pending(LineId(line), address, deadline);
            prop_assert!(is_pending(word));
            let seen = read(word, Instant(now + later));
            prop_assert_eq!(seen, Slot::Pending { line: LineId(line), address, deadline: floor(deadline) });
        }

        #[test]
        fn a_rest_is_never_cut_short(until in 0..1u64 << 62, now in 0..1u64 << 62) {
            if is_claimable(rest(Instant(until)), Instant(now)) {
                prop_assert!(now >= until);
            }
            prop_assert!(is_claimable(rest(Instant(until)), Instant(until + TICK_NS)));
        }
    }
}
