use super::*;

const REST: Span = Span(1_000 * TICK);
const KEY: u64 = 0xfeed_0000_0000_0001;
const ONE: u16 = 7;

fn keyed() -> (ResponseTable, Claimer) {
    let table = ResponseTable::tiny(9, 4, 100, REST); // numbers 1 to 8
    table.keep_tags();
    (table, Claimer::default())
}

fn claim(table: &ResponseTable, hand: &mut Claimer, key: u64, deadline: Instant, now: Instant) -> u16 {
    table.claims(hand, LineId(1), deadline, now).next_keyed(ONE, key).unwrap()
}

fn waits(table: &ResponseTable, slot: u16, now: Instant) -> (Waiting, Seen) {
    match table.held(slot, KEY, now) {
        Some(Held::Waits(waiting, seen)) => (waiting, seen),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_slot_is_held_under_its_own_key() {
    let (table, mut hand) = keyed();
    let slot = claim(&table, &mut hand, KEY, at(100), at(10));
    assert_eq!((table.key_of(slot, at(20)), table.held(slot, KEY + 1, at(20))), (Some(KEY), None));
    let (waiting, seen) = waits(&table, slot, at(20));
    assert_eq!(waiting, Waiting { line: LineId(1), address: 1, nii: ONE, deadline: at(100) });
    assert_eq!(table.take_keyed(&mut hand, slot, &waiting, seen, at(20)), Ok(()));
    assert_eq!(table.take_keyed(&mut hand, slot, &waiting, seen, at(20)), Err(Nobody::Unmatched));
    assert_eq!((table.key_of(slot, at(20)), table.held(slot, KEY, at(20)), table.pending()), (None, None, 0));
}

#[test]
fn a_key_rests_with_its_requester_after_a_time_out() {
    let (table, mut hand) = keyed();
    let slot = claim(&table, &mut hand, KEY, at(100), at(10));
    table.sweep(&mut hand, at(100), |_, _| {});
    let Some(Held::Rests { nii: ONE, answered: false, seen }) = table.held(slot, KEY, at(100)) else {
        panic!("it rests")
    };
    assert_eq!(table.key_of(slot, at(1_099)), Some(KEY));
    assert_eq!((table.key_of(slot, at(1_100)), table.held(slot, KEY, at(1_100))), (None, None));
    table.end_rest(slot, seen);
    assert_eq!(table.held(slot, KEY, at(101)), None);
    assert_eq!(table.shortest_rest(), None, "a rest that is cut short is none between two answers");
}

#[test]
fn a_repeat_takes_over_line_and_deadline_and_the_old_one_sweeps_it() {
    let (table, mut hand) = keyed();
    let slot = claim(&table, &mut hand, KEY, at(100), at(10));
    let (_, seen) = waits(&table, slot, at(50));
    assert!(table.renew(slot, seen, LineId(2), at(150), at(50)));
    assert!(!table.renew(slot, seen, LineId(3), at(150), at(50)), "what was seen has changed");
    let (waiting, seen) = waits(&table, slot, at(60));
    assert_eq!(waiting, Waiting { line: LineId(2), address: 2, nii: ONE, deadline: at(150) });
    assert_eq!(table.sweep(&mut hand, at(100), |_, _| panic!("not yet")), at(150));
    assert_eq!(table.pending(), 1);
    // One answer is taken; for the other copy's the key rests.
    assert_eq!(table.take_keyed(&mut hand, slot, &waiting, seen, at(110)), Ok(()));
    assert!(matches!(table.held(slot, KEY, at(110)), Some(Held::Rests { nii: ONE, answered: true, .. })));
    assert_eq!(table.pending(), 0);
}

#[test]
fn a_request_ends_with_its_last_copy() {
    let (table, mut hand) = keyed();
    let slot = claim(&table, &mut hand, KEY, at(100), at(10));
    let (_, seen) = waits(&table, slot, at(50));
    assert!(table.renew(slot, seen, LineId(2), at(150), at(50)));
    let mut lose = |deadline, begun| table.give_up_copy(&mut hand, slot, KEY, at(deadline), begun, at(60));
    assert_eq!(lose(100, true), None, "the other copy is on its way");
    assert_eq!(lose(100, false), None, "a copy that came before: the one with the later deadline waits on");
    let ended = lose(150, true).expect("the last one");
    assert_eq!((ended.line, ended.address), (LineId(2), 1));
    assert!(matches!(table.held(slot, KEY, at(60)), Some(Held::Rests { answered: false, .. })), "it was begun");
    assert_eq!(lose(150, false), None);
    assert_eq!(table.pending(), 0);
}

#[test]
fn what_is_taken_back_was_never_there() {
    let (table, mut hand) = keyed();
    let mut claims = table.claims(&mut hand, LineId(1), at(100), at(10));
    let slot = claims.next_keyed(ONE, KEY).unwrap();
    claims.take_back(slot);
    drop(claims);
    assert_eq!((table.held(slot, KEY, at(10)), table.pending()), (None, 0));
}

#[test]
fn one_that_is_overdue_times_out_once() {
    let (table, mut hand) = keyed();
    let slot = claim(&table, &mut hand, KEY, at(100), at(10));
    let (_, seen) = waits(&table, slot, at(120));
    assert!(table.expire_seen(&mut hand, slot, seen, at(120)));
    assert!(!table.expire_seen(&mut hand, slot, seen, at(120)));
    table.sweep(&mut hand, at(130), |_, _| panic!("it has timed out"));
    assert_eq!(table.pending(), 0);
}
