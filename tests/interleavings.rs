//! Every interleaving (with up to three preemptions) of a few threads in the lock-free tables, and
//! every value that the orderings written in them let a thread read. See `scripts/loom.sh`.
//!
//! What loom does not try: a load that sees a store which is executed later (load buffering). The
//! Acquire with which a slot is claimed and the Release with which it is freed guard against just
//! that (an answer that reads the next request's NII), so they are argued in the code, not shown
//! here.
#![cfg(ringswitch_loom)]

use std::sync::Arc;

use loom::thread;
use ringswitch::config::plan::Tier;
use ringswitch::ids::{LineId, ShardId};
use ringswitch::shared::atomics::{AtomicU64, Ordering};
use ringswitch::shared::group_table::{GroupTable, Set};
use ringswitch::shared::key_table::{KeyTable, Refused};
use ringswitch::shared::mailbox::{Sleeper, mailbox};
use ringswitch::shared::response_table::{Claimer, Held, ResponseTable, Waiting};
use ringswitch::time::{Instant, Span};

const TICK: u64 = 1 << 14;
const REST: Span = Span(1_000 * TICK);
const PENDING: u32 = 8;

fn check(test: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(3));
    model.check(test);
}

fn at(ticks: u64) -> Instant {
    Instant(ticks * TICK)
}

/// A request whose every part tells its line.
fn request(line: u32) -> Waiting {
    Waiting { line: LineId(line), address: line as u16 * 3, nii: line as u16 * 7, deadline: at(100 + u64::from(line)) }
}

fn claim(table: &ResponseTable, line: u32) -> u16 {
    table.claim(&mut Claimer::default(), request(line), at(1)).expect("a free number")
}

/// Looks for a request and takes it, as a shard does with an answer.
fn answer(table: &ResponseTable, number: u16) -> Option<Waiting> {
    let (waiting, seen) = table.look(number, at(2)).ok()?;
    table.take(&mut Claimer::default(), number, seen, at(2)).is_ok().then_some(waiting)
}

/// Takes a request that waits like the one under `first`, as a shard does with the answers of a run.
fn answer_alike(table: &ResponseTable, first: u16, number: u16, nii: u16) -> Option<u16> {
    let (_, seen) = table.look(first, at(2)).ok()?;
    let mut hand = Claimer::default();
    table.take(&mut hand, first, seen, at(2)).ok()?;
    table.takes(&mut hand, at(2)).take_alike(number, nii, seen)
}

/// Two hands that contend for the last numbers get different ones.
#[test]
fn no_two_requests_share_a_number() {
    check(|| {
        let table = Arc::new(ResponseTable::tiny(3, 3, PENDING, REST)); // numbers 1 and 2, one chunk
        let other = {
            let table = table.clone();
            thread::spawn(move || claim(&table, 1))
        };
        let (mine, others) = (claim(&table, 2), other.join().unwrap());
        assert_ne!(mine, others);
        for (number, line) in [(mine, 2), (others, 1)] {
            assert_eq!(table.look(number, at(2)).unwrap().0, request(line));
        }
        assert_eq!(table.pending(), 2);
    });
}

/// An answer on one shard, the deadline's sweep on another.
#[test]
fn of_answer_and_deadline_exactly_one_wins() {
    check(|| {
        let table = Arc::new(ResponseTable::tiny(2, 2, PENDING, REST));
        let mut hand = Claimer::default();
        let number = table.claim(&mut hand, request(1), at(1)).unwrap();
        let answering = {
            let table = table.clone();
            thread::spawn(move || answer(&table, number))
        };
        let mut expired = None;
        table.sweep(&mut hand, at(500), |number, waiting| assert!(expired.replace((number, waiting)).is_none()));
        let answered = answering.join().unwrap();
        assert!(answered.is_some() != expired.is_some());
        assert_eq!(answered.or(expired.map(|(_, waiting)| waiting)), Some(request(1)));
        assert_eq!(table.pending(), 0);
    });
}

/// The second answer of a run and its copy on another shard, while a third claims the number again
/// for another NII as soon as it is free.
#[test]
fn an_answer_of_a_run_takes_a_request_with_its_own_nii_and_only_once() {
    check(|| {
        let table = Arc::new(ResponseTable::tiny(3, 3, PENDING, REST)); // two numbers
        let (first, number) = (claim(&table, 1), claim(&table, 1));
        let answering = {
            let table = table.clone();
            thread::spawn(move || answer_alike(&table, first, number, request(1).nii))
        };
        let again = {
            let table = table.clone();
            thread::spawn(move || {
                let asked = Waiting { address: 99, nii: 98, ..request(1) };
                table.claim(&mut Claimer::default(), asked, at(1)).is_ok()
            })
        };
        let copy = answer(&table, number);
        let (taken, claimed) = (answering.join().unwrap(), again.join().unwrap());
        // The copy may have found whoever asked last; the run only whom it was for.
        assert!(taken.is_none_or(|address| address == request(1).address), "{taken:?}");
        let mine = usize::from(taken.is_some()) + usize::from(copy == Some(request(1)));
        let others = copy.is_some_and(|waiting| waiting.nii == 98);
        assert_eq!(mine, 1, "{taken:?} {copy:?}");
        assert_eq!(table.pending(), 2 + u32::from(claimed) - 1 - mine as u32 - u32::from(others));
    });
}

/// Two copies of an answer on two shards, while a third claims the number again as soon as it is
/// free: nobody reads one request's line with another's NII, and each request ends once.
#[test]
fn an_answer_takes_a_request_with_its_own_nii_and_only_once() {
    check(|| {
        let table = Arc::new(ResponseTable::tiny(2, 2, PENDING, REST)); // one number
        let number = claim(&table, 1);
        let answering = || {
            let table = table.clone();
            thread::spawn(move || answer(&table, number))
        };
        let answers = [answering(), answering()];
        let claimed = table.claim(&mut Claimer::default(), request(2), at(1)).is_ok();
        let mut ended = answers.map(|answer| answer.join().unwrap()).to_vec();
        ended.push(answer(&table, number));
        let mut lines: Vec<u32> = ended.iter().flatten().map(|waiting| waiting.line.0).collect();
        lines.sort_unstable();
        assert_eq!(lines, if claimed { vec![1, 2] } else { vec![1] });
        for waiting in ended.into_iter().flatten() {
            assert_eq!(waiting, request(waiting.line.0));
        }
        assert_eq!(table.pending(), 0);
    });
}

/// Two hands claim in a table of two numbers while a third answers whatever it finds.
#[test]
fn what_an_answer_reads_is_what_was_written() {
    check(|| {
        let table = Arc::new(ResponseTable::tiny(3, 2, PENDING, REST));
        let claiming = |line| {
            let table = table.clone();
            thread::spawn(move || claim(&table, line))
        };
        let hands = [claiming(1), claiming(2)];
        let mut answered: Vec<Waiting> = [1, 2].into_iter().filter_map(|number| answer(&table, number)).collect();
        for hand in hands {
            hand.join().unwrap();
        }
        answered.extend([1, 2].into_iter().filter_map(|number| answer(&table, number)));
        answered.sort_unstable_by_key(|waiting| waiting.line);
        // A number answered early may have been claimed by the second hand, too.
        assert_eq!(answered, [request(1), request(2)]);
        assert_eq!(table.pending(), 0);
    });
}

/// The limit holds whoever asks, and what is given back can be had.
#[test]
fn permits_add_up() {
    check(|| {
        let table = Arc::new(ResponseTable::tiny(4, 4, 1, REST));
        let claiming = {
            let table = table.clone();
            thread::spawn(move || table.claim(&mut Claimer::default(), request(1), at(1)).ok())
        };
        let mine = table.claim(&mut Claimer::default(), request(2), at(1)).ok();
        let others = claiming.join().unwrap();
        assert!(mine.is_some() != others.is_some(), "one permit, two takers");
        assert!(answer(&table, mine.or(others).unwrap()).is_some());
        claim(&table, 3);
    });
}

/// A reservation that meets a claim: one of the two has the number.
#[test]
fn a_number_is_reserved_or_claimed() {
    check(|| {
        let table = Arc::new(ResponseTable::tiny(2, 2, PENDING, REST));
        let reserving = {
            let table = table.clone();
            thread::spawn(move || table.reserve(1))
        };
        let claimed = table.claim(&mut Claimer::default(), request(1), at(1)).is_ok();
        assert!(reserving.join().unwrap() != claimed);
        assert_eq!((table.pending(), table.numbers()), if claimed { (1, 1) } else { (0, 0) });
    });
}

/// Who has read a version sees the bits that belong to it.
#[test]
fn a_version_shows_its_lines() {
    check(|| {
        let table = Arc::new(GroupTable::new(2, 1));
        table.join(0, Tier::Trunk, true, true);
        let before = table.version();
        let changing = {
            let table = table.clone();
            thread::spawn(move || {
                table.join(1, Tier::Backup, true, true);
                table.leave(0);
            })
        };
        let version = table.version();
        let (trunk, backup) = (table.word(Set::Trunk, 0), table.word(Set::Backup, 0));
        let changes = version.wrapping_sub(before);
        assert!(changes < 1 || backup == 0b10, "the join is not seen");
        assert!(changes < 2 || trunk == 0, "the leave is not seen");
        assert!(changes < 2 || table.working_tier() == Set::Backup);
        changing.join().unwrap();
        assert_eq!(table.version().wrapping_sub(before), 2);
        assert!(table.is_live());
    });
}

/// A shard that finds the line full and registers is resumed, or sees the line take again.
#[test]
fn nobody_waits_for_a_line_that_takes_again() {
    check(|| {
        let table = Arc::new(GroupTable::new(1, 2));
        table.set_full(0);
        let emptying = {
            let table = table.clone();
            thread::spawn(move || {
                table.clear_full(0);
                table.take_waiting().collect::<Vec<_>>()
            })
        };
        table.wait(ShardId(1));
        let pauses = table.contains(Set::Full, 0);
        let resumed = emptying.join().unwrap();
        assert!(!pauses || resumed == [ShardId(1)], "sleeps for ever");
    });
}

/// The same for a shard that found no line up.
#[test]
fn nobody_waits_for_a_line_that_has_joined() {
    check(|| {
        let table = Arc::new(GroupTable::new(1, 1));
        let joining = {
            let table = table.clone();
            thread::spawn(move || {
                table.join(0, Tier::Trunk, true, true);
                table.take_waiting().count()
            })
        };
        table.wait(ShardId(0));
        let pauses = table.word(Set::Trunk, 0) == 0;
        assert!(joining.join().unwrap() == 1 || !pauses, "sleeps for ever");
    });
}

/// Two letters through a mailbox that holds one at a time, so that its memory is used again.
#[test]
fn letters_arrive_as_they_were_written() {
    check(|| {
        let (mut producer, mut consumer) = mailbox(64);
        let letters = [[1u8; 9], [2; 9]];
        let writing = thread::spawn(move || {
            for letter in letters {
                let head = [u64::from(letter[0]); 4];
                while producer.push(head, &[&letter[..4], &letter[4..]]).is_err() {
                    thread::yield_now();
                }
                assert!(producer.publish());
            }
        });
        for letter in letters {
            let seen = loop {
                if let Some((head, pieces)) = consumer.peek() {
                    break (head, pieces.concat());
                }
                thread::yield_now();
            };
            assert_eq!(seen, ([u64::from(letter[0]); 4], letter.to_vec()));
            consumer.pop();
            consumer.release();
        }
        writing.join().unwrap();
    });
}

/// Mail is published while its reader lies down: it is seen before sleeping, or the sleeper woken.
#[test]
fn nobody_sleeps_through_a_letter() {
    check(|| {
        let sleeper = Arc::new(Sleeper::default());
        let (mut producer, consumer) = mailbox(64);
        let writing = {
            let sleeper = sleeper.clone();
            thread::spawn(move || {
                producer.push([0; 4], &[]).unwrap();
                producer.publish();
                sleeper.must_wake()
            })
        };
        sleeper.lie_down();
        let sleeps = !consumer.has_mail();
        let woken = writing.join().unwrap();
        assert!(!sleeps || woken, "sleeps for ever");
    });
}

/// The same for a full mailbox: its producer sleeps with a letter in hand until there is room.
#[test]
fn nobody_sleeps_through_room_for_a_letter() {
    check(|| {
        let sleeper = Arc::new(Sleeper::default());
        let (mut producer, mut consumer) = mailbox(64);
        producer.push([0; 4], &[&[0; 24]]).unwrap();
        producer.publish();
        let reading = {
            let sleeper = sleeper.clone();
            thread::spawn(move || {
                consumer.peek().unwrap();
                consumer.pop();
                consumer.release() && sleeper.must_wake()
            })
        };
        sleeper.lie_down();
        let sleeps = !producer.has_room(24);
        let woken = reading.join().unwrap();
        assert!(!sleeps || woken, "sleeps for ever");
    });
}

/// Two shards have mail for one sleeper.
#[test]
fn one_of_two_wakes_a_sleeper() {
    check(|| {
        let sleeper = Arc::new(Sleeper::default());
        sleeper.lie_down();
        let mail = Arc::new(AtomicU64::new(0));
        let waking = || {
            let (sleeper, mail) = (sleeper.clone(), mail.clone());
            thread::spawn(move || {
                mail.fetch_add(1, Ordering::Release);
                sleeper.must_wake()
            })
        };
        let wakers = [waking(), waking()].map(|waker| waker.join().unwrap());
        assert_eq!(wakers.iter().filter(|woke| **woke).count(), 1);
    });
}

/// The keys that slots wait under, as a response table would say it; 0: nobody waits.
struct Slots([AtomicU64; 4]);

impl Slots {
    fn new() -> Self {
        Self([0; 4].map(AtomicU64::new))
    }

    fn key_of(&self, slot: u16) -> Option<u64> {
        Some(self.0[usize::from(slot)].load(Ordering::Acquire)).filter(|key| *key != 0)
    }

    fn ask(&self, table: &KeyTable, key: u64, slot: u16) -> Result<(), Refused> {
        self.0[usize::from(slot)].store(key, Ordering::Release);
        table.insert(key, slot, |slot| self.key_of(slot))
    }

    fn find(&self, table: &KeyTable, key: u64) -> Option<u16> {
        table.find(key, |slot| (self.key_of(slot) == Some(key)).then_some(slot))
    }

    fn end(&self, slot: u16) {
        self.0[usize::from(slot)].store(0, Ordering::Release);
    }
}

const KEY: u64 = 7 << 32;

/// A table with one bucket of two places, so that all keys meet.
fn keys() -> (Arc<KeyTable>, Arc<Slots>) {
    (Arc::new(KeyTable::new(1)), Arc::new(Slots::new()))
}

/// Two requests with one key on two shards: one waits under it, the other learns of it.
#[test]
fn of_two_requests_with_one_key_exactly_one_waits() {
    check(|| {
        let (table, slots) = keys();
        let other = {
            let (table, slots) = (table.clone(), slots.clone());
            thread::spawn(move || slots.ask(&table, KEY, 1))
        };
        let (mine, others) = (slots.ask(&table, KEY, 2), other.join().unwrap());
        let (winner, loser) = if mine.is_ok() { (2, others) } else { (1, mine) };
        assert!(mine.is_ok() != others.is_ok(), "{mine:?} {others:?}");
        assert_eq!(loser, Err(Refused::InUse(winner)));
        assert_eq!(slots.find(&table, KEY), Some(winner));
    });
}

/// The same while the request that held the key before is answered: its dead entry is replaced,
/// and again not more than one waits.
#[test]
fn a_key_that_is_answered_goes_to_one_request() {
    check(|| {
        let (table, slots) = keys();
        assert_eq!(slots.ask(&table, KEY, 1), Ok(()));
        let asking = {
            let (table, slots) = (table.clone(), slots.clone());
            thread::spawn(move || slots.ask(&table, KEY, 2).is_ok())
        };
        slots.end(1);
        let mine = slots.ask(&table, KEY, 3).is_ok();
        let others = asking.join().unwrap();
        // The other one may have been refused for the request that was just ending.
        assert!(!(mine && others), "two wait under one key");
        let found = slots.find(&table, KEY);
        match (mine, others) {
            (true, _) => assert_eq!(found, Some(3)),
            (_, true) => assert_eq!(found, Some(2)),
            _ => panic!("the one that asked last was refused for nobody"),
        }
    });
}

/// Two requests that need the same dead place: neither overwrites the other.
#[test]
fn a_place_is_taken_by_one() {
    check(|| {
        let (table, slots) = keys();
        assert_eq!(slots.ask(&table, KEY, 1), Ok(()));
        slots.end(1);
        let asking = {
            let (table, slots) = (table.clone(), slots.clone());
            thread::spawn(move || slots.ask(&table, 8 << 32, 2))
        };
        assert_eq!(slots.ask(&table, 9 << 32, 3), Ok(()));
        assert_eq!(asking.join().unwrap(), Ok(()));
        assert_eq!((slots.find(&table, 8 << 32), slots.find(&table, 9 << 32)), (Some(2), Some(3)));
        assert_eq!(slots.find(&table, KEY), None);
    });
}

/// Who finds an entry sees the slot's word that was published before it.
#[test]
fn an_entry_shows_its_slot() {
    check(|| {
        let (table, slots) = keys();
        let asking = {
            let (table, slots) = (table.clone(), slots.clone());
            thread::spawn(move || slots.ask(&table, KEY, 2))
        };
        let seen = table.find(KEY, |slot| Some((slot, slots.key_of(slot))));
        assert!(seen.is_none() || seen == Some((2, Some(KEY))), "{seen:?}");
        assert_eq!(asking.join().unwrap(), Ok(()));
    });
}

/// Two requests with one key that enter different places, since the first place becomes free
/// between them: neither meets the other by writing, only by looking again.
#[test]
fn of_two_in_different_places_exactly_one_waits() {
    check(|| {
        let (table, slots) = keys();
        assert_eq!(slots.ask(&table, 8 << 32, 3), Ok(()));
        let other = {
            let (table, slots) = (table.clone(), slots.clone());
            thread::spawn(move || slots.ask(&table, KEY, 1))
        };
        slots.end(3);
        let (mine, others) = (slots.ask(&table, KEY, 2), other.join().unwrap());
        assert!(mine.is_ok() != others.is_ok(), "{mine:?} {others:?}");
        assert_eq!(slots.find(&table, KEY), Some(if mine.is_ok() { 2 } else { 1 }));
    });
}

/// A table of one slot that is found by key.
fn keyed_table() -> Arc<ResponseTable> {
    let table = ResponseTable::tiny(2, 2, PENDING, REST);
    table.keep_tags();
    Arc::new(table)
}

fn claim_keyed(table: &ResponseTable, line: u32, key: u64) -> Option<u16> {
    table.claims(&mut Claimer::default(), LineId(line), at(100), at(1)).next_keyed(7, key).ok()
}

/// As a shard takes an answer: it looks again if what it saw has changed.
fn answer_keyed(table: &ResponseTable, key: u64) -> Option<Waiting> {
    loop {
        let Some(Held::Waits(waiting, seen)) = table.held(1, key, at(2)) else { return None };
        if table.take_keyed(&mut Claimer::default(), 1, &waiting, seen, at(2)).is_ok() {
            return Some(waiting);
        }
    }
}

/// As a shard hands on a repeat.
fn repeat(table: &ResponseTable, line: u32) -> bool {
    match table.held(1, KEY, at(2)) {
        Some(Held::Waits(_, seen)) => table.renew(1, seen, LineId(line), at(150), at(2)),
        _ => false,
    }
}

/// A repeat on one shard, the answer on another: it finds who waits, the first copy or the second.
#[test]
fn a_repeat_never_hides_a_request_from_its_answer() {
    check(|| {
        let table = keyed_table();
        assert_eq!(claim_keyed(&table, 1, KEY), Some(1));
        let answering = {
            let table = table.clone();
            thread::spawn(move || answer_keyed(&table, KEY))
        };
        let repeated = repeat(&table, 2);
        let answered = answering.join().unwrap().expect("somebody waits all the time");
        let (line, copies) = if repeated { (2, 2) } else { (1, 1) };
        assert_eq!((answered.line, answered.address), (LineId(line), copies));
        assert_eq!(table.pending(), 0);
    });
}

/// A repeat on one shard, the first copy's deadline on another: one of the two happens.
#[test]
fn a_request_is_repeated_or_times_out() {
    check(|| {
        let table = keyed_table();
        let mut hand = Claimer::default();
        table.claims(&mut hand, LineId(1), at(100), at(1)).next_keyed(7, KEY).unwrap();
        let repeating = {
            let table = table.clone();
            thread::spawn(move || repeat(&table, 2))
        };
        let mut expired = 0;
        table.sweep(&mut hand, at(100), |_, _| expired += 1);
        let repeated = repeating.join().unwrap();
        assert!(repeated != (expired == 1), "{repeated} {expired}");
        assert_eq!(table.pending(), u32::from(repeated));
        table.sweep(&mut hand, at(200), |_, waiting| assert_eq!(waiting.line, LineId(2)));
        assert_eq!(table.pending(), 0);
    });
}

/// The slot goes to another key while an answer looks for the first: it takes its own request once,
/// and the other's never.
#[test]
fn a_key_never_takes_another_keys_request() {
    check(|| {
        let table = keyed_table();
        assert_eq!(claim_keyed(&table, 1, KEY), Some(1));
        let answering = || {
            let table = table.clone();
            thread::spawn(move || answer_keyed(&table, KEY))
        };
        let answers = [answering(), answering()];
        let claimed = claim_keyed(&table, 2, KEY + 1).is_some();
        let taken: Vec<Waiting> = answers.into_iter().filter_map(|answer| answer.join().unwrap()).collect();
        assert_eq!(taken.iter().map(|waiting| waiting.line).collect::<Vec<_>>(), [LineId(1)]);
        assert_eq!(table.key_of(1, at(2)), claimed.then_some(KEY + 1));
        assert_eq!(table.pending(), u32::from(claimed));
    });
}
