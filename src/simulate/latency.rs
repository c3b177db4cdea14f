//! Percentiles of round-trip times.
//!
//! Finer than the switch's own histogram (32 steps for each power of two instead of two), and
//! apart from it: the witness keeps its own watch.

use std::fmt;

use crate::time::Span;

/// The finest step: 32 ns.
const UNIT_BITS: u32 = 5;
/// Steps of one power of two, as a power of two: a span is known to about 3 %.
const STEP_BITS: u32 = 5;
/// Enough for spans up to 2^38 ns, over four minutes; longer ones count as that.
const BUCKETS: usize = 1 << 10;

/// Counts of spans by size. Percentiles are upper bounds of their bucket, at most 3 % too large.
#[derive(Clone)]
pub struct Latency {
    buckets: Vec<u64>,
    count: u64,
    max: Span,
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latency").field("count", &self.count).field("max", &self.max).finish_non_exhaustive()
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max: Span::ZERO }
    }
}

impl Latency {
    #[inline]
    pub fn record(&mut self, span: Span) {
        self.buckets[bucket(span)] += 1;
        self.count += 1;
        self.max = self.max.max(span);
    }

    /// Adds what another has recorded.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn max(&self) -> Span {
        self.max
    }

    /// The span that `per_mille` of a thousand did not exceed; zero if nothing was recorded.
    pub fn percentile(&self, per_mille: u64) -> Span {
        let rank = (self.count * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper(at).min(self.max);
            }
        }
        self.max
    }
}

#[inline]
fn bucket(span: Span) -> usize {
    let units = span.0 >> UNIT_BITS;
    let power = 63 - (units | 1).leading_zeros();
    let shift = power.saturating_sub(STEP_BITS);
    let at = ((shift as usize) << STEP_BITS) + (units >> shift) as usize;
    at.min(BUCKETS - 1)
}

fn upper(at: usize) -> Span {
    let steps = 1usize << STEP_BITS;
    let shift = (at >> STEP_BITS).saturating_sub(1);
    let units = (at - shift * steps + 1) as u64;
    Span((units << shift) << UNIT_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_lies_below_its_bound_and_within_a_thirtieth_of_it() {
        for exponent in 0..38u32 {
            for part in 0..8u64 {
                let span = Span((1 << exponent) + ((1 << exponent) >> 3) * part);
                let upper = upper(bucket(span));
                assert!(upper > span, "{span:?} {upper:?}");
                assert!(upper.0 <= span.0 + span.0 / 30 + 32, "{span:?} {upper:?}");
            }
        }
        assert_eq!(bucket(Span(u64::MAX)), BUCKETS - 1);
    }

    #[test]
    fn percentiles_count_from_the_smallest() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentile(500), Span::ZERO);
        for millis in 1..=100 {
            latency.record(Span::from_millis(millis));
        }
        let near = |span: Span, millis: u64| {
            let want = Span::from_millis(millis).0;
            assert!(span.0 >= want && span.0 <= want + want / 25, "{span:?} is not about {millis} ms");
        };
        near(latency.percentile(500), 50);
        near(latency.percentile(990), 99);
        assert_eq!(latency.percentile(1000), Span::from_millis(100), "never above the largest");
        assert_eq!(latency.max(), Span::from_millis(100));
    }

    #[test]
    fn merging_is_recording_both() {
        let (mut one, mut two) = (Latency::default(), Latency::default());
        one.record(Span::from_micros(10));
        two.record(Span::from_millis(10));
        one.merge(&two);
        assert_eq!(one.count(), 2);
        assert_eq!(one.max(), Span::from_millis(10));
        assert!(one.percentile(500) < Span::from_micros(11));
    }
}
