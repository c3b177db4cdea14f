//! A histogram as plain data, summed over shards.

use crate::shared::histogram::Histogram;
use crate::time::Span;

/// Counts of time spans by upper bound, not cumulative, and their sum.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Distribution {
    /// The last bound is `None`: everything longer.
    buckets: Vec<(Option<Span>, u64)>,
    sum: Span,
}

impl Distribution {
    /// The sum of one histogram for each shard.
    pub fn sum_of(histograms: &[Histogram]) -> Self {
        let mut sum = Self::default();
        for histogram in histograms {
            sum.add(histogram);
        }
        sum
    }

    fn add(&mut self, histogram: &Histogram) {
        if self.buckets.is_empty() {
            self.buckets = histogram.buckets().map(|(bound, _)| (bound, 0)).collect();
        }
        for (bucket, (_, count)) in self.buckets.iter_mut().zip(histogram.buckets()) {
            bucket.1 += count;
        }
        self.sum = Span(self.sum.0.wrapping_add(histogram.sum().0));
    }

    /// Counts by coarser bounds, in seconds; the last is infinity. The bounds are the powers of two
    /// (of nanoseconds) from `first` to `last`: they are bounds of the histogram itself, so no
    /// count has to be guessed.
    pub fn by_powers_of_two(&self, first: u32, last: u32) -> Vec<(f64, u64)> {
        let mut coarse: Vec<(f64, u64)> =
            (first..=last).map(|power| (Span(1 << power).as_secs_f64(), 0)).chain([(f64::INFINITY, 0)]).collect();
        for (bound, count) in &self.buckets {
            let power = bound.map_or(u32::MAX, |bound| bound.0.next_power_of_two().trailing_zeros());
            let at = power.clamp(first, last + 1) - first;
            coarse[at as usize].1 += count;
        }
        coarse
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    pub fn sum_seconds(&self) -> f64 {
        self.sum.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_under_the_first_bound_above_it() {
        let one = Histogram::default();
        let two = Histogram::default();
        one.record(Span(1_100_000), 2); // between 2^20 and 2^21 ns
        two.record(Span(1_700_000), 1); // in the upper half of the same power
        two.record(Span::from_secs(300), 4); // past every bound
        two.record(Span(5), 8); // below every bound
        let sum = Distribution::sum_of(&[one, two]);
        let coarse = sum.by_powers_of_two(20, 22);
        assert_eq!(coarse.iter().map(|bucket| bucket.1).collect::<Vec<_>>(), [8, 3, 0, 4]);
        assert_eq!(coarse[1].0, Span(1 << 21).as_secs_f64());
        assert_eq!(sum.count(), 15);
        assert_eq!(sum.sum_seconds(), Span(2 * 1_100_000 + 1_700_000 + 4 * 300_000_000_000 + 8 * 5).as_secs_f64());
    }

    #[test]
    fn nothing_recorded_still_has_every_bucket() {
        let coarse = Distribution::default().by_powers_of_two(10, 12);
        assert_eq!(coarse.len(), 4);
        assert!(coarse.iter().all(|bucket| bucket.1 == 0));
    }
}
