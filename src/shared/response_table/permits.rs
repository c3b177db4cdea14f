//! How many requests may wait: permits, of which each hand keeps a small stock.
//!
//! Permits that are out (waiting requests and stocks together) and those available always add up
//! to the limit, so the limit is never exceeded; stocks together hold at most a sixteenth of it,
//! which is by how much the limit may seem lower than it is. All accesses are Relaxed: these are
//! counts, and nothing is read on the strength of one.

use crossbeam::utils::CachePadded;

use crate::shared::atomics::{AtomicI64, AtomicU32, Ordering::Relaxed};

/// Below this limit every permit is fetched and given back singly, and the limit is exact.
const SINGLY_BELOW: u32 = 1_024;
const BATCH_MAX: u32 = 64;
/// Stocks of two batches each then make up a sixteenth of the limit.
const BATCHES_OF_A_HAND: u32 = 32;

#[derive(Debug)]
pub struct Permits {
    /// Below zero after the limit was lowered under what waits.
    available: CachePadded<AtomicI64>,
    limit: AtomicU32,
    hands: AtomicU32,
    /// Changes with the limit and the number of hands, so that each hand gives its stock back and
    /// adopts the new batch.
    terms: AtomicU32,
}

/// One hand's permits.
#[derive(Debug, Default)]
pub struct Stock {
    permits: u32,
    batch: u32,
    terms: u32,
}

impl Permits {
    pub fn new(limit: u32) -> Self {
        Self {
            available: CachePadded::new(AtomicI64::new(limit.into())),
            limit: AtomicU32::new(limit),
            hands: AtomicU32::new(0),
            terms: AtomicU32::new(0),
        }
    }

    pub fn set_limit(&self, limit: u32) {
        let old = self.limit.swap(limit, Relaxed);
        self.available.fetch_add(i64::from(limit) - i64::from(old), Relaxed);
        self.terms.fetch_add(1, Relaxed);
    }

    pub fn add_hand(&self) {
        self.hands.fetch_add(1, Relaxed);
        self.terms.fetch_add(1, Relaxed);
    }

    /// One permit; false if none is to be had. [`Self::adopt_terms`] first, once for requests that
    /// came together.
    #[inline]
    pub fn take(&self, stock: &mut Stock) -> bool {
        if stock.permits == 0 {
            stock.permits = self.draw(stock.batch);
        }
        if stock.permits == 0 {
            return false;
        }
        stock.permits -= 1;
        true
    }

    /// Gives permits back.
    #[inline]
    pub fn put(&self, stock: &mut Stock, permits: u32) {
        self.adopt_terms(stock);
        stock.permits += permits;
        let kept = if stock.batch == 1 { 0 } else { 2 * stock.batch };
        if stock.permits > kept {
            let batches = (stock.permits - kept).div_ceil(stock.batch);
            stock.permits -= batches * stock.batch;
            self.available.fetch_add((batches * stock.batch).into(), Relaxed);
        }
    }

    /// Takes up to a batch out of those available.
    fn draw(&self, batch: u32) -> u32 {
        let mut available = self.available.load(Relaxed);
        while available > 0 {
            let drawn = available.min(batch.into());
            match self.available.compare_exchange_weak(available, available - drawn, Relaxed, Relaxed) {
                Ok(_) => return drawn as u32,
                Err(now) => available = now,
            }
        }
        0
    }

    /// Gives the stock back if the limit or the number of hands has changed.
    #[inline]
    pub fn adopt_terms(&self, stock: &mut Stock) {
        let terms = self.terms.load(Relaxed);
        if stock.terms != terms || stock.batch == 0 {
            self.renew(stock, terms);
        }
    }

    #[cold]
    fn renew(&self, stock: &mut Stock, terms: u32) {
        self.available.fetch_add(stock.permits.into(), Relaxed);
        *stock = Stock { permits: 0, batch: self.batch(), terms };
    }

    fn batch(&self) -> u32 {
        let limit = self.limit.load(Relaxed);
        if limit < SINGLY_BELOW {
            return 1;
        }
        let share = limit / (BATCHES_OF_A_HAND * self.hands.load(Relaxed).max(1));
        share.clamp(1, BATCH_MAX)
    }

    #[cfg(all(test, not(ringswitch_loom)))]
    pub fn available(&self) -> i64 {
        self.available.load(Relaxed)
    }
}

#[cfg(all(test, not(ringswitch_loom)))]
impl Stock {
    pub fn permits(&self) -> u32 {
        self.permits
    }
}

#[cfg(all(test, not(ringswitch_loom)))]
mod tests {
    use super::*;

    fn take(permits: &Permits, stock: &mut Stock) -> bool {
        permits.adopt_terms(stock);
        permits.take(stock)
    }

    fn take_all(permits: &Permits, stock: &mut Stock) -> u32 {
        (0..).take_while(|_| take(permits, stock)).count() as u32
    }

    #[test]
    fn a_small_limit_is_exact_however_many_hands() {
        let permits = Permits::new(100);
        let mut hands: Vec<Stock> = (0..64).map(|_| Stock::default()).collect();
        for _ in &hands {
            permits.add_hand();
        }
        assert_eq!(hands.iter_mut().map(|hand| take_all(&permits, hand)).sum::<u32>(), 100);
        permits.put(&mut hands[1], 1);
        assert!(take(&permits, &mut hands[2]), "what one hand gave back another gets");
        assert!(!take(&permits, &mut hands[1]));
    }

    #[test]
    fn idle_hands_keep_no_more_than_a_sixteenth() {
        for (limit, hands) in [(1_024, 2), (1_024, 16), (65_000, 2), (65_000, 64)] {
            let permits = Permits::new(limit);
            let mut stocks: Vec<Stock> = (0..hands).map(|_| Stock::default()).collect();
            for _ in &stocks {
                permits.add_hand();
            }
            let all = take_all(&permits, &mut stocks[0]);
            assert_eq!(all, limit);
            for at in 0..all as usize {
                permits.put(&mut stocks[at % hands], 1); // answers arrive at every shard
            }
            let had = take_all(&permits, &mut stocks[0]);
            assert!(had >= limit - limit / 16, "{had} of {limit} with {hands} hands");
        }
    }

    #[test]
    fn many_given_back_at_once_leave_as_small_a_stock_as_one_by_one() {
        let permits = Permits::new(65_000);
        permits.add_hand();
        let mut stock = Stock::default();
        for given in [1, 64, 65, 500] {
            for _ in 0..given {
                assert!(take(&permits, &mut stock));
            }
            permits.put(&mut stock, given);
            assert!(stock.permits() <= 2 * BATCH_MAX, "{}", stock.permits());
            assert_eq!(permits.available() + i64::from(stock.permits()), 65_000);
        }
    }

    #[test]
    fn a_lowered_limit_holds_at_once_and_a_raised_one_too() {
        let permits = Permits::new(2_000);
        permits.add_hand();
        let mut stock = Stock::default();
        for _ in 0..500 {
            assert!(take(&permits, &mut stock));
        }
        permits.set_limit(400);
        assert!(!take(&permits, &mut stock), "a stock from before counts no more");
        for _ in 0..100 {
            permits.put(&mut stock, 1);
        }
        assert!(!take(&permits, &mut stock));
        permits.put(&mut stock, 1);
        assert!(take(&permits, &mut stock));
        permits.set_limit(3_000);
        assert_eq!(take_all(&permits, &mut stock), 2_600);
    }
}
