//! Random operations by three hands in virtual time, compared with a model that scans.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SLOTS: u32 = 40;
const CHUNK: u32 = 8;
const HANDS: usize = 3;
/// Ticks in a millisecond, rounded up: for how long a hand remembers that it found nothing.
const MS_TICKS: u64 = 62;

#[derive(Clone, Debug)]
enum Operation {
    Wait {
        ticks: u64,
    },
    Claim {
        hand: usize,
        ahead: u64,
    },
    /// Looks at one of the numbers claimed so far and keeps what it saw.
    Look {
        which: usize,
    },
    /// Takes one of the things seen so far, however long ago.
    Take {
        hand: usize,
        which: usize,
    },
    LookAnywhere {
        number: u16,
    },
    Release {
        hand: usize,
        which: usize,
    },
    Abandon {
        hand: usize,
        which: usize,
    },
    Sweep {
        hand: usize,
    },
    Reserve {
        number: u16,
    },
    Unreserve {
        number: u16,
    },
    SetPending {
        limit: u32,
    },
    SetRest {
        ticks: u64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let hand = 0..HANDS;
    prop_oneof![
        3 => (0..100u64).prop_map(|ticks| Wait { ticks }),
        12 => (hand.clone(), 0..300u64).prop_map(|(hand, ahead)| Claim { hand, ahead }),
        6 => any::<usize>().prop_map(|which| Look { which }),
        5 => (hand.clone(), any::<usize>()).prop_map(|(hand, which)| Take { hand, which }),
        1 => (0..SLOTS as u16 + 3).prop_map(|number| LookAnywhere { number }),
        2 => (hand.clone(), any::<usize>()).prop_map(|(hand, which)| Release { hand, which }),
        2 => (hand.clone(), any::<usize>()).prop_map(|(hand, which)| Abandon { hand, which }),
        3 => hand.prop_map(|hand| Sweep { hand }),
        1 => (0..SLOTS as u16 + 3).prop_map(|number| Reserve { number }),
        1 => (0..SLOTS as u16 + 3).prop_map(|number| Unreserve { number }),
        1 => (0..50u32).prop_map(|limit| SetPending { limit }),
        1 => (0..200u64).prop_map(|ticks| SetRest { ticks }),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entry {
    Pending { hand: usize, waiting: Waiting },
    Rest { until: Instant },
    Never,
}

struct World {
    table: ResponseTable,
    hands: [Claimer; HANDS],
    now: Instant,
    limit: u32,
    rest: Span,
    /// By number; what is not there is free.
    model: BTreeMap<u16, Entry>,
    claimed: Vec<u16>,
    seen: Vec<(u16, Waiting, Seen)>,
    requests: u32,
    resolved: u32,
}

impl World {
    fn new(start: u64) -> Self {
        Self {
            table: ResponseTable::tiny(SLOTS, CHUNK, 30, ticks(100)),
            hands: Default::default(),
            now: at(start),
            limit: 30,
            rest: ticks(100),
            model: BTreeMap::from([(0, Entry::Never)]),
            claimed: Vec::new(),
            seen: Vec::new(),
            requests: 0,
            resolved: 0,
        }
    }

    fn pending(&self) -> u32 {
        self.model.values().filter(|entry| matches!(entry, Entry::Pending { .. })).count() as u32
    }

    fn is_claimable(&self, number: u16) -> bool {
        match self.model.get(&number) {
            None => true,
            Some(Entry::Rest { until }) => *until <= self.now,
            Some(_) => false,
        }
    }

    fn can_claim(&self) -> bool {
        self.pending() < self.limit && (0..SLOTS as u16).any(|number| self.is_claimable(number))
    }

    fn claim(&mut self, hand: usize, ahead: u64) {
        let able = self.can_claim();
        let mut result = self.claim_once(hand, ahead);
        if able && result.is_err() {
            // What a hand found a moment ago, or has had enough of, holds for a millisecond.
            self.now = self.now + ticks(MS_TICKS);
            result = self.claim_once(hand, ahead);
            assert!(result.is_ok(), "refused although a number and a permit are there");
        }
        assert!(able || result.is_err(), "more requests than may wait");
    }

    fn claim_once(&mut self, hand: usize, ahead: u64) -> Result<(), Full> {
        let waiting = request(self.requests, self.now + ticks(ahead));
        let number = self.table.claim(&mut self.hands[hand], waiting, self.now)?;
        assert!(self.is_claimable(number), "{number} was {:?}", self.model.get(&number));
        self.requests += 1;
        self.claimed.push(number);
        self.model.insert(number, Entry::Pending { hand, waiting });
        Ok(())
    }

    fn look(&mut self, number: u16) {
        let expected = match self.model.get(&number) {
            Some(Entry::Pending { waiting, .. }) if self.now < waiting.deadline => Ok(*waiting),
            Some(Entry::Pending { .. }) => Err(Nobody::Late),
            Some(Entry::Rest { until }) if self.now < *until => Err(Nobody::Late),
            _ => Err(Nobody::Unmatched),
        };
        let found = self.table.look(number, self.now);
        assert_eq!(found.map(|(waiting, _)| waiting), expected);
        if let Ok((waiting, seen)) = found {
            self.seen.push((number, waiting, seen));
        }
    }

    fn take(&mut self, hand: usize, which: usize) {
        let Some((number, asked, seen)) = pick(&self.seen, which) else { return };
        let expected = match self.model.get(&number) {
            Some(Entry::Pending { waiting, .. }) if *waiting == asked => Ok(()),
            Some(Entry::Pending { waiting, .. }) if waiting.deadline <= self.now => Err(Nobody::Late),
            Some(Entry::Rest { until }) if self.now < *until => Err(Nobody::Late),
            _ => Err(Nobody::Unmatched),
        };
        assert_eq!(self.table.take(&mut self.hands[hand], number, seen, self.now), expected);
        if expected.is_ok() {
            self.model.remove(&number);
            self.resolved += 1;
        }
    }

    fn end(&mut self, hand: usize, which: usize, abandon: bool) {
        let Some(number) = pick(&self.claimed, which) else { return };
        let expected = match self.model.get(&number) {
            Some(Entry::Pending { waiting, .. }) => Some(*waiting),
            _ => None,
        };
        let hand = &mut self.hands[hand];
        let ended = if abandon {
            self.table.abandon(hand, number, self.now)
        } else {
            self.table.release(hand, number, self.now)
        };
        assert_eq!(ended, expected);
        if ended.is_some() {
            self.resolved += 1;
            self.model.remove(&number);
            if abandon {
                self.model.insert(number, Entry::Rest { until: self.now + self.rest });
            }
        }
    }

    fn sweep(&mut self, hand: usize) {
        let mut expired = Vec::new();
        self.table.sweep(&mut self.hands[hand], self.now, |number, waiting| expired.push((number, waiting)));
        for (number, asked) in expired {
            let Some(Entry::Pending { waiting, .. }) = self.model.remove(&number) else { panic!("{number} waits not") };
            assert_eq!(waiting, asked);
            assert!(waiting.deadline <= self.now);
            self.model.insert(number, Entry::Rest { until: waiting.deadline + self.rest });
            self.resolved += 1;
        }
        for entry in self.model.values() {
            if let Entry::Pending { hand: claimer, waiting } = entry {
                assert!(*claimer != hand || self.now < waiting.deadline, "left over by the sweep");
            }
        }
    }

    fn reserve(&mut self, number: u16) {
        let waits = matches!(self.model.get(&number), Some(Entry::Pending { .. }));
        assert_eq!(self.table.reserve(number), !waits);
        if !waits && u32::from(number) < SLOTS {
            self.model.insert(number, Entry::Never);
        }
    }

    fn unreserve(&mut self, number: u16) {
        self.table.unreserve(number);
        if number != 0 && self.model.get(&number) == Some(&Entry::Never) {
            self.model.remove(&number);
        }
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Wait { ticks: some } => self.now = self.now + ticks(some),
            Operation::Claim { hand, ahead } => self.claim(hand, ahead),
            Operation::Look { which } => pick(&self.claimed, which).into_iter().for_each(|number| self.look(number)),
            Operation::Take { hand, which } => self.take(hand, which),
            Operation::LookAnywhere { number } => self.look(number),
            Operation::Release { hand, which } => self.end(hand, which, false),
            Operation::Abandon { hand, which } => self.end(hand, which, true),
            Operation::Sweep { hand } => self.sweep(hand),
            Operation::Reserve { number } => self.reserve(number),
            Operation::Unreserve { number } => self.unreserve(number),
            Operation::SetPending { limit } => {
                self.table.set_pending(limit);
                self.limit = limit;
            }
            Operation::SetRest { ticks: some } => {
                self.table.set_rest(ticks(some));
                self.rest = ticks(some);
            }
        }
        self.invariants();
    }

    fn invariants(&self) {
        let pending = self.pending();
        assert_eq!(self.table.pending(), pending);
        assert_eq!(self.requests, self.resolved + pending);
        let never = self.model.values().filter(|entry| **entry == Entry::Never).count() as u32;
        assert_eq!(self.table.numbers(), SLOTS - never);
        let stocks: u32 = self.hands.iter().map(|hand| hand.stock.permits()).sum();
        assert_eq!(self.table.permits.available() + i64::from(stocks + pending), i64::from(self.limit));
        for entry in self.model.values() {
            if let Entry::Pending { hand, waiting } = entry {
                assert!(ResponseTable::sweep_due(&self.hands[*hand]) <= waiting.deadline);
            }
        }
    }
}

fn pick<T: Copy>(from: &[T], which: usize) -> Option<T> {
    // Mostly one of the newest: the others have long been resolved.
    let newest = from.len().min(24);
    (newest > 0).then(|| from[from.len() - 1 - which % newest])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn the_table_does_what_a_naive_one_does(
        // From well before to just behind the moment at which the deadlines' stamps wrap.
        start in (1u64 << 28) - 2_000..(1u64 << 28) + 10,
        operations in prop::collection::vec(operation(), 1..300),
    ) {
        let mut world = World::new(start);
        for operation in operations {
            world.apply(operation);
        }
        world.now = world.now + ticks(1_000);
        for hand in 0..HANDS {
            world.sweep(hand);
            prop_assert_eq!(ResponseTable::sweep_due(&world.hands[hand]), Instant::NEVER);
        }
        world.invariants();
        prop_assert_eq!(world.table.pending(), 0);
    }
}
