use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SECOND: Span = Span::from_secs(1);
const REACH: Span = Span(TICK.0 << (SLOT_BITS * LEVELS as u32));

/// What every wheel must be after every call.
fn check_invariants(wheel: &Wheel) {
    let mut linked = 0;
    for (list, head) in wheel.lists.iter().enumerate() {
        let level = list / SLOTS;
        if level < LEVELS {
            let occupied = wheel.occupied[level] >> (list % SLOTS) & 1 == 1;
            assert_eq!(occupied, head.first != NOBODY, "list {list}");
        }
        let (mut key, mut before) = (head.first, NOBODY);
        while key != NOBODY {
            let entry = wheel.entries[key as usize];
            assert_eq!((usize::from(entry.list), entry.before), (list, before), "key {key}");
            let (_, tick) = wheel.place(entry.at);
            assert!(head.earliest <= tick, "key {key} of list {list} could be overslept");
            linked += 1;
            (before, key) = (key, entry.after);
        }
    }
    assert_eq!(linked, wheel.entries.iter().filter(|entry| entry.list != NOWHERE).count());
}

fn due(wheel: &mut Wheel, now: Instant) -> Vec<u32> {
    let mut keys = Vec::new();
    wheel.due(now, &mut keys);
    keys.sort_unstable();
    keys
}

/// The end of the tick in which a time lies.
fn rounded_up(at: Instant) -> Instant {
    tick_end(tick_rounded_up(at))
}

#[derive(Clone, Debug)]
enum Step {
    Schedule { key: u32, after: Span },
    ScheduleInThePast { key: u32, before: Span },
    Cancel { key: u32 },
    Pass(Span),
    SleepUntilNext,
}

/// Spans of every size, from below a tick to beyond the reach of the wheel.
fn span() -> impl Strategy<Value = Span> {
    (0u32..58).prop_flat_map(|bits| 0..=1u64 << bits).prop_map(Span)
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0u32..24;
    prop_oneof![
        4 => (key.clone(), span()).prop_map(|(key, after)| Step::Schedule { key, after }),
        1 => (key.clone(), span()).prop_map(|(key, before)| Step::ScheduleInThePast { key, before }),
        1 => key.prop_map(|key| Step::Cancel { key }),
        2 => span().prop_map(Step::Pass),
        3 => Just(Step::SleepUntilNext),
    ]
}

/// The wheel beside a plain map, both told the same.
struct Pair {
    now: Instant,
    wheel: Wheel,
    map: BTreeMap<u32, Instant>,
}

impl Pair {
    fn new(now: Instant) -> Self {
        Self { now, wheel: Wheel::new(now), map: BTreeMap::new() }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Schedule { key, after } => self.schedule(key, self.now + after),
            Step::ScheduleInThePast { key, before } => self.schedule(key, self.now - before),
            Step::Cancel { key } => {
                self.wheel.cancel(key);
                self.map.remove(&key);
            }
            Step::Pass(span) => self.wake(self.now + span),
            Step::SleepUntilNext if self.map.is_empty() => assert_eq!(self.wheel.next(), Instant::NEVER),
            Step::SleepUntilNext => self.wake(self.wheel.next().max(self.now)),
        }
        self.agree();
    }

    fn schedule(&mut self, key: u32, at: Instant) {
        self.wheel.schedule(key, at);
        self.map.insert(key, at);
    }

    fn wake(&mut self, now: Instant) {
        self.now = now;
        let tick_begun = tick_end(tick_begun(now));
        let expected: Vec<u32> =
            self.map.extract_if(.., |_, at| rounded_up(*at) <= tick_begun).map(|(key, _)| key).collect();
        assert_eq!(due(&mut self.wheel, now), expected, "due at {now:?}");
    }

    fn agree(&self) {
        check_invariants(&self.wheel);
        for key in 0..24 {
            assert_eq!(self.wheel.scheduled(key), self.map.get(&key).copied());
        }
        if let Some(earliest) = self.map.values().min() {
            let latest = rounded_up(*earliest).max(tick_end(self.wheel.tick));
            assert!(self.wheel.next() <= latest, "overslept {earliest:?}");
        }
    }
}

/// A failure prints its smallest case; that becomes a test of its own, not a file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_wheel_agrees_with_a_map(start in 0u64..1 << 50, steps in prop::collection::vec(step(), 1..120)) {
        let mut pair = Pair::new(Instant(start));
        for step in &steps {
            pair.take(step);
        }
    }

    /// Asleep until `next` every time, each key fires once, in the tick of its time, and the
    /// wake-ups for nothing are no more than the entries that were moved away beforehand.
    #[test]
    fn sleeping_by_next_is_punctual_and_quiet(
        start in 0u64..1 << 50,
        first in prop::collection::vec(0u64..REACH.0 - (TICK.0 << 18), 1..60),
        moved in prop::collection::vec((0u32..60, 0u64..REACH.0 - (TICK.0 << 18)), 0..20),
    ) {
        let start = Instant(start);
        let mut wheel = Wheel::new(start);
        let moves = moved.len();
        let first = (0..).zip(first);
        for (key, after) in first.chain(moved) {
            wheel.schedule(key, start + Span(after));
        }
        let mut quiet = 0;
        while wheel.next() != Instant::NEVER {
            let now = wheel.next();
            let times: Vec<Option<Instant>> = (0..60).map(|key| wheel.scheduled(key)).collect();
            let keys = due(&mut wheel, now);
            quiet += usize::from(keys.is_empty());
            for key in keys {
                let at = times[key as usize].expect("it was scheduled");
                prop_assert!(at <= now.max(start) && now.since(at) < TICK, "{at:?} fired at {now:?}");
            }
        }
        prop_assert!(quiet <= moves, "{quiet} wake-ups for nothing, {moves} moves");
    }
}

#[test]
fn a_time_is_due_at_the_end_of_its_tick_and_not_before() {
    let mut wheel = Wheel::new(Instant(0));
    let at = Instant(3 * TICK.0 - 5);
    wheel.schedule(1, at);
    assert_eq!(wheel.next(), Instant(3 * TICK.0));
    assert!(due(&mut wheel, at).is_empty());
    assert!(due(&mut wheel, Instant(3 * TICK.0 - 1)).is_empty());
    assert_eq!(wheel.scheduled(1), Some(at));
    assert_eq!(due(&mut wheel, Instant(3 * TICK.0)), [1]);
    assert_eq!((wheel.scheduled(1), wheel.next()), (None, Instant::NEVER));
}

#[test]
fn a_time_that_has_passed_is_due_at_once() {
    let now = Instant(SECOND.0);
    let mut wheel = Wheel::new(now);
    wheel.schedule(4, Instant(0));
    assert!(wheel.next() <= now);
    assert_eq!(due(&mut wheel, now), [4]);
    assert!(due(&mut wheel, now).is_empty());
}

#[test]
fn a_key_has_one_entry() {
    let mut wheel = Wheel::new(Instant(0));
    for after in [SECOND, Span::from_secs(7_200), Span::from_millis(20)] {
        wheel.schedule(9, Instant(0) + after);
    }
    assert_eq!(due(&mut wheel, Instant(0) + Span::from_millis(24)), [9]);
    assert!(due(&mut wheel, Instant(0) + Span::from_secs(90_000)).is_empty());
}

#[test]
fn what_is_cancelled_never_fires() {
    let mut wheel = Wheel::new(Instant(0));
    for key in 0..5 {
        wheel.schedule(key, Instant(SECOND.0));
    }
    for key in [0, 4, 2, 2, 77] {
        wheel.cancel(key); // both ends of the list, its middle, twice, and one that never was
        check_invariants(&wheel);
    }
    assert_eq!(due(&mut wheel, Instant(2 * SECOND.0)), [1, 3]);
}

#[test]
fn never_is_never_due_and_hardly_wakes() {
    let mut wheel = Wheel::new(Instant(0));
    wheel.schedule(0, Instant::NEVER);
    for days in 1..=365 {
        assert!(wheel.next() > Instant(0) + Span::from_secs((days - 1) * 86_400), "day {days}");
        let mut now = wheel.next();
        while now <= Instant(0) + Span::from_secs(days * 86_400) {
            assert!(due(&mut wheel, now).is_empty());
            assert!(wheel.next().since(now) > Span::from_secs(36 * 3_600));
            now = wheel.next();
        }
    }
    assert!(due(&mut wheel, Instant::NEVER).is_empty(), "the last tick is not over at the last nanosecond");
}

#[test]
fn a_clock_that_went_back_makes_nothing_due() {
    let mut wheel = Wheel::new(Instant(5 * SECOND.0));
    wheel.schedule(0, Instant(6 * SECOND.0));
    assert!(due(&mut wheel, Instant(SECOND.0)).is_empty());
    assert_eq!(wheel.next(), Instant(6 * SECOND.0));
}

/// 10,000 idle lines whose times lie within one second, looked at every 120 s for an hour: what
/// costs is the ticks in which something is due, not the lines.
#[test]
fn ten_thousand_idle_keys_cost_few_wake_ups() {
    const KEYS: u64 = 10_000;
    let idle = Span::from_secs(120);
    let mut wheel = Wheel::new(Instant(0));
    for key in 0..KEYS {
        wheel.schedule(key as u32, Instant(key * (SECOND.0 / KEYS)) + idle);
    }
    let (mut wakes, mut fired, mut keys) = (0u64, 0, Vec::new());
    while wheel.next() < Instant(0) + Span::from_secs(3_600) {
        let now = wheel.next();
        wheel.due(now, &mut keys);
        (wakes, fired) = (wakes + 1, fired + keys.len());
        for key in keys.drain(..) {
            wheel.schedule(key, now + idle);
        }
    }
    let rounds = 3_600 / 120 - 1;
    assert_eq!(fired as u64, KEYS * rounds, "each key, every round");
    assert!(wakes <= rounds * (SECOND.0.div_ceil(TICK.0) + 1), "{wakes} wake-ups");
}

/// Entries that a frame moves on again and again stay in their slot: no list is touched.
#[test]
fn moving_within_a_slot_leaves_the_lists_alone() {
    let mut wheel = Wheel::new(Instant(0));
    let at = Instant(0) + Span::from_secs(120);
    wheel.schedule(0, at);
    wheel.schedule(1, at);
    wheel.schedule(0, at + Span(1));
    assert_eq!(wheel.entries[1].after, 0, "key 1 came last and still stands first");
    assert_eq!(wheel.scheduled(0), Some(at + Span(1)));
}
