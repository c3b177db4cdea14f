//! How long a connecting line waits before it tries again (`MC6-4.1.2a`: promptly; but a peer that
//! is down must not be hammered, nor a peer that comes back be met by all its lines in one moment).

use crate::switch::random::Random;
use crate::time::Span;

/// Configured pauses below this are taken as this: doubling leads away from it, never from zero.
const SHORTEST: Span = Span::from_millis(1);

/// The pauses of one line: the first, twice that, and so on up to the longest, each shortened at
/// random by up to a half.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Span,
    longest: Span,
    /// The next pause, before jitter.
    next: Span,
}

impl Backoff {
    /// `reconnect = [first, longest]`. A longest below the first counts as the first.
    pub fn new(first: Span, longest: Span) -> Self {
        let first = first.max(SHORTEST);
        Self { first, longest: longest.max(first), next: first }
    }

    /// A reload changed the timers. Where the back-off stands is kept as far as it still fits.
    pub fn retune(&mut self, first: Span, longest: Span) {
        let next = self.next;
        *self = Self::new(first, longest);
        self.next = next.clamp(self.first, self.longest);
    }

    /// The pause after an attempt to connect has failed.
    pub fn after_failure(&mut self, random: &mut Random) -> Span {
        let pause = self.next;
        self.next = Span(pause.0.saturating_mul(2)).min(self.longest);
        Span(random.between(pause.0 / 2, pause.0))
    }

    /// The pause after an established connection broke that had lived for `lived`: none if that
    /// was as long as the longest pause. Otherwise the back-off goes on where it stood: a peer that
    /// accepts and drops at once is as good as down.
    pub fn after_break(&mut self, lived: Span, random: &mut Random) -> Span {
        if lived < self.longest {
            return self.after_failure(random);
        }
        self.next = self.first;
        Span::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Span = Span::from_millis(200);
    const LONGEST: Span = Span::from_secs(30);

    /// The unjittered pause that lies behind each of `n` failures in a row.
    fn ladder(backoff: &mut Backoff, random: &mut Random, n: usize) -> Vec<u64> {
        (0..n)
            .map(|_| {
                let whole = backoff.next;
                let pause = backoff.after_failure(random);
                assert!(pause.0 >= whole.0 / 2 && pause <= whole, "{pause:?} of {whole:?}");
                whole.as_millis()
            })
            .collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let steps = ladder(&mut Backoff::new(FIRST, LONGEST), &mut Random::new(1), 10);
        assert_eq!(steps, [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
    }

    #[test]
    fn the_jitter_uses_the_whole_upper_half() {
        let mut random = Random::new(2);
        let pauses: Vec<u64> =
            (0..1_000).map(|_| Backoff::new(FIRST, LONGEST).after_failure(&mut random).as_millis()).collect();
        assert!(pauses.iter().all(|pause| (100..=200).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause < 105) && pauses.iter().any(|pause| *pause > 195));
    }

    #[test]
    fn a_connection_that_lived_is_sought_again_at_once() {
        let (mut backoff, mut random) = (Backoff::new(FIRST, LONGEST), Random::new(3));
        ladder(&mut backoff, &mut random, 6);
        assert_eq!(backoff.after_break(LONGEST, &mut random), Span::ZERO);
        assert_eq!(ladder(&mut backoff, &mut random, 2), [200, 400], "and begins anew if that fails");
    }

    #[test]
    fn a_connection_that_did_not_live_changes_nothing() {
        let (mut backoff, mut random) = (Backoff::new(FIRST, LONGEST), Random::new(4));
        ladder(&mut backoff, &mut random, 3);
        let pause = backoff.after_break(Span(LONGEST.0 - 1), &mut random);
        assert!((800..=1_600).contains(&pause.as_millis()), "{pause:?}");
        assert_eq!(ladder(&mut backoff, &mut random, 1), [3_200]);
    }

    #[test]
    fn a_reload_keeps_the_step_where_it_fits() {
        let (mut backoff, mut random) = (Backoff::new(FIRST, LONGEST), Random::new(5));
        ladder(&mut backoff, &mut random, 6);
        backoff.retune(FIRST, Span::from_secs(5));
        assert_eq!(ladder(&mut backoff, &mut random, 2), [5_000, 5_000]);
        backoff.retune(Span::from_secs(8), LONGEST);
        assert_eq!(ladder(&mut backoff, &mut random, 3), [8_000, 16_000, 30_000]);
    }

    #[test]
    fn no_configuration_makes_it_spin() {
        let (mut backoff, mut random) = (Backoff::new(Span::ZERO, Span::ZERO), Random::new(6));
        for _ in 0..100 {
            assert!(backoff.after_failure(&mut random) >= Span::from_micros(500));
        }
        let mut huge = Backoff::new(Span(u64::MAX), Span(u64::MAX));
        assert_eq!(ladder(&mut huge, &mut random, 3).len(), 3);
    }
}
