//! A histogram of time spans that one thread writes and any thread reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::time::Span;

/// Two buckets for each power of two, from 1 microsecond to over a minute.
const FIRST_POWER: u32 = 10; // 2^10 ns: about a microsecond
const POWERS: u32 = 27; // up to 2^37 ns: 137 s
const BUCKETS: usize = 2 * POWERS as usize + 2;

/// Counts of spans by size, and their sum. The upper bound of a bucket is at most half as large
/// again as its lower one. On cache lines of its own: those of all shards lie side by side.
#[derive(Debug)]
#[repr(align(128))]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], sum_ns: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Records `n` spans of one length. Only the histogram's own thread may call it.
    #[inline]
    pub fn record(&self, span: Span, n: u64) {
        let bucket = &self.buckets[Self::bucket(span)];
        // Relaxed, load and store apart: one writer; a reader's sums may be a record behind.
        bucket.store(bucket.load(Relaxed) + n, Relaxed);
        self.sum_ns.store(self.sum_ns.load(Relaxed).wrapping_add(span.0.wrapping_mul(n)), Relaxed);
    }

    #[inline]
    fn bucket(span: Span) -> usize {
        if span.0 < 1 << FIRST_POWER {
            return 0;
        }
        let power = 63 - span.0.leading_zeros();
        let upper_half = (span.0 >> (power - 1)) & 1;
        let at = 1 + 2 * (power - FIRST_POWER) as usize + upper_half as usize;
        at.min(BUCKETS - 1)
    }

    /// The upper bounds of the buckets and their counts (not cumulative); the last has no bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Span>, u64)> + '_ {
        (0..BUCKETS).map(|at| (Self::upper(at), self.buckets[at].load(Relaxed)))
    }

    fn upper(at: usize) -> Option<Span> {
        if at == BUCKETS - 1 {
            return None;
        }
        let power = FIRST_POWER + (at as u32) / 2;
        let base = 1u64 << power;
        Some(Span(if at.is_multiple_of(2) { base } else { base + base / 2 }))
    }

    pub fn sum(&self) -> Span {
        Span(self.sum_ns.load(Relaxed))
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_lies_in_the_bucket_whose_bounds_enclose_it() {
        for exponent in 0..45u32 {
            for offset in [0u64, 1, 2, 3] {
                let span = Span((1u64 << exponent) + ((1u64 << exponent) >> 2) * offset);
                let at = Histogram::bucket(span);
                assert!(Histogram::upper(at).is_none_or(|upper| span < upper), "{span:?} in {at}");
                if at > 0 {
                    assert!(Histogram::upper(at - 1).is_some_and(|lower| span >= lower), "{span:?} in {at}");
                }
            }
        }
    }

    #[test]
    fn sums_and_counts_add_up() {
        let histogram = Histogram::default();
        histogram.record(Span::from_micros(3), 2);
        histogram.record(Span::from_secs(500), 1);
        assert_eq!(histogram.count(), 3);
        assert_eq!(histogram.sum(), Span(500_000_006_000));
    }
}
