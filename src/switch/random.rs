//! A small seeded generator, for jitter and nothing that must be hard to guess.
//!
//! The seed is handed in: a simulated run repeats itself bit for bit.

/// splitmix64: one word of state, every seed is a good one.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`. Off even by less than one in 2^64 / n: jitter does not mind.
    ///
    /// # Panics
    /// If `n` is zero.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no number is below zero");
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    ///
    /// # Panics
    /// If `low` is above `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "nothing lies between {low} and {high}");
        match (high - low).checked_add(1) {
            Some(n) => low + self.below(n),
            None => self.bits(), // the whole range
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence_of_splitmix64() {
        let mut random = Random::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
        ];
        assert_eq!(expected.map(|_| random.bits()), expected);
    }

    #[test]
    fn a_seed_gives_one_sequence_and_another_seed_another() {
        let ten = |seed| {
            let mut random = Random::new(seed);
            [(); 10].map(|()| random.bits())
        };
        assert_eq!(ten(7), ten(7));
        assert_ne!(ten(7), ten(8));
    }

    #[test]
    fn every_number_below_comes_about_equally_often() {
        let mut random = Random::new(3);
        let mut seen = [0u32; 7];
        for _ in 0..70_000 {
            seen[random.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (9_500..10_500).contains(count)), "{seen:?}");
    }

    #[test]
    fn both_ends_are_included() {
        let mut random = Random::new(5);
        let mut seen = [false; 3];
        for _ in 0..1_000 {
            seen[(random.between(10, 12) - 10) as usize] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(random.between(4, 4), 4);
        let _ = random.between(0, u64::MAX);
    }

    #[test]
    #[should_panic(expected = "no number is below zero")]
    fn below_zero() {
        Random::new(0).below(0);
    }
}
