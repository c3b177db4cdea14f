use super::*;

const REST: Span = Span(1_000 * TICK);

fn table() -> (ResponseTable, Claimer) {
    (ResponseTable::new(65_000, REST, false, 0), Claimer::default())
}

#[test]
fn an_answer_finds_its_request_once() {
    let (table, mut hand) = table();
    let request = request(200_000, at(500));
    let number = table.claim(&mut hand, request, at(10)).unwrap();
    assert_eq!(table.pending(), 1);
    let (waiting, seen) = table.look(number, at(20)).unwrap();
    assert_eq!(waiting, request);
    assert_eq!(table.take(&mut hand, number, seen, at(20)), Ok(()));
    assert_eq!(table.pending(), 0);
    assert_eq!(table.take(&mut hand, number, seen, at(20)), Err(Nobody::Unmatched));
    assert_eq!(table.look(number, at(20)), Err(Nobody::Unmatched));
    assert_eq!(table.look(number + 1, at(20)), Err(Nobody::Unmatched), "never asked");
}

#[test]
fn an_answer_at_the_deadline_is_late_swept_or_not() {
    let (table, mut hand) = table();
    let number = table.claim(&mut hand, request(1, at(500)), at(10)).unwrap();
    let (_, seen) = table.look(number, at(499)).unwrap();
    assert_eq!(table.look(number, at(500)), Err(Nobody::Late));
    assert_eq!(table.pending(), 1, "a look expires nothing");

    let mut expired = Vec::new();
    assert_eq!(table.sweep(&mut hand, at(499), |number, _| expired.push(number)), at(500));
    assert!(expired.is_empty());
    assert_eq!(table.sweep(&mut hand, at(500), |number, _| expired.push(number)), Instant::NEVER);
    assert_eq!(expired, [number]);
    assert_eq!(table.pending(), 0);
    assert_eq!(table.take(&mut hand, number, seen, at(500)), Err(Nobody::Late));
    assert_eq!(table.look(number, at(1_499)), Err(Nobody::Late));
    assert_eq!(table.look(number, at(1_500)), Err(Nobody::Unmatched), "the rest is over");
}

#[test]
fn a_running_deadline_and_a_running_rest_outlive_a_change_of_settings() {
    let (table, mut hand) = table();
    let number = table.claim(&mut hand, request(1, at(500)), at(10)).unwrap();
    table.sweep(&mut hand, at(600), |_, _| {});
    table.set_rest(ticks(1));
    assert_eq!(table.look(number, at(1_499)), Err(Nobody::Late));
}

#[test]
fn a_released_number_is_free_and_an_abandoned_one_rests() {
    let (table, mut hand) = table();
    let (first, second) = (request(1, at(500)), request(2, at(500)));
    let released = table.claim(&mut hand, first, at(10)).unwrap();
    let abandoned = table.claim(&mut hand, second, at(10)).unwrap();
    assert_eq!(table.release(&mut hand, released, at(20)), Some(first));
    assert_eq!(table.abandon(&mut hand, abandoned, at(20)), Some(second));
    assert_eq!(table.pending(), 0);
    assert_eq!(table.look(released, at(20)), Err(Nobody::Unmatched));
    assert_eq!(table.look(abandoned, at(1_019)), Err(Nobody::Late));
    assert_eq!(table.look(abandoned, at(1_020)), Err(Nobody::Unmatched));
    assert_eq!(table.release(&mut hand, released, at(20)), None);
    assert_eq!(table.abandon(&mut hand, abandoned, at(20)), None);
    table.sweep(&mut hand, at(900), |number, _| panic!("{number} was resolved before"));
}

#[test]
fn the_answer_may_arrive_at_any_shard() {
    let (table, mut asking) = table();
    let mut answering = Claimer::default();
    for line in 0..1_000 {
        let number = table.claim(&mut asking, request(line, at(500)), at(10)).unwrap();
        assert_eq!(table.pending(), 1);
        let (_, seen) = table.look(number, at(11)).unwrap();
        table.take(&mut answering, number, seen, at(11)).unwrap();
        assert_eq!(table.pending(), 0);
    }
    assert_eq!(table.sweep(&mut answering, at(9_999), |_, _| panic!("nothing is left")), Instant::NEVER);
}

#[test]
fn a_sweep_is_due_at_the_earliest_deadline_of_what_waits() {
    let (table, mut hand) = table();
    assert_eq!(ResponseTable::sweep_due(&hand), Instant::NEVER);
    let mut numbers = Vec::new();
    for line in 0..600 {
        numbers.push(table.claim(&mut hand, request(line, at(1_000 + u64::from(line))), at(10)).unwrap());
    }
    assert_eq!(ResponseTable::sweep_due(&hand), at(1_000));
    for number in &numbers[..300] {
        table.release(&mut hand, *number, at(20));
    }
    assert_eq!(table.sweep(&mut hand, at(1_000), |_, _| panic!("released")), at(1_255), "the next chunk's");
    assert_eq!(table.sweep(&mut hand, at(1_299), |_, _| panic!("released")), at(1_300));
    let mut expired = Vec::new();
    assert_eq!(table.sweep(&mut hand, at(1_450), |number, _| expired.push(number)), at(1_451));
    assert_eq!(expired, numbers[300..=450]);
}

#[test]
fn reserved_numbers_are_not_handed_out() {
    let (table, mut hand) = table();
    assert_eq!(table.numbers(), 65_534);
    assert!(table.reserve(3) && table.reserve(3) && table.reserve(0));
    assert_eq!(table.numbers(), 65_533);
    let claim = |hand: &mut Claimer| table.claim(hand, request(1, at(500)), at(10)).unwrap();
    assert_eq!([claim(&mut hand), claim(&mut hand), claim(&mut hand)], [1, 2, 4], "0 and 3 are left out");
    assert!(!table.reserve(4), "a request waits there");
    table.release(&mut hand, 4, at(10));
    assert!(table.reserve(4));
    table.abandon(&mut hand, 2, at(10));
    assert!(table.reserve(2), "a resting number waits for nobody");
    assert_eq!(table.numbers(), 65_531);
    for number in [0, 2, 3, 4, 5, 0xffff] {
        table.unreserve(number);
    }
    assert_eq!(table.numbers(), 65_534);
}

#[test]
fn digits_are_handed_out_in_their_order() {
    let table = ResponseTable::new(65_000, REST, true, 0x0990);
    let mut hand = Claimer::default();
    assert_eq!(table.numbers(), 9_999);
    assert_eq!(table.number_at(table.position()), 0x0992, "the first chunk of 32 that begins there or behind");
    let numbers: Vec<u16> =
        (0..9_999).map(|line| table.claim(&mut hand, request(line, at(500)), at(10)).unwrap()).collect();
    let expected = (992..10_000).chain(1..992).map(|n| u16::from_str_radix(&n.to_string(), 16).unwrap());
    assert_eq!(numbers, expected.collect::<Vec<_>>());
    assert_eq!(table.claim(&mut hand, request(1, at(500)), at(10)), Err(Full));
    assert_eq!(table.look(0x099a, at(20)), Err(Nobody::Unmatched));
    assert_eq!(table.look(0x9999, at(20)).unwrap().0.line, LineId(9_999 - 992));
    assert!(table.reserve(0xabcd), "is never handed out anyway");
}

#[test]
fn numbers_go_on_where_they_were_told_to_start() {
    let table = ResponseTable::new(65_000, REST, false, 0xfe01);
    let mut hand = Claimer::default();
    let mut claim = || table.claim(&mut hand, request(1, at(500)), at(10)).unwrap();
    assert_eq!(claim(), 0xff00);
    assert_eq!((0..255).map(|_| claim()).last(), Some(1), "FFFF and 0000 are left out");
}

#[test]
fn the_shortest_rest_is_that_of_a_number_used_twice() {
    let table = ResponseTable::tiny(4, 2, 100, REST);
    let mut hand = Claimer::default();
    let mut use_once = |from, until| {
        let number = table.claim(&mut hand, request(1, at(9_000)), at(from)).unwrap();
        table.release(&mut hand, number, at(until)).unwrap();
        (number, table.shortest_rest())
    };
    assert_eq!(use_once(10, 20), (1, None));
    assert_eq!(use_once(20, 30), (2, None));
    assert_eq!(use_once(30, 40), (3, None));
    assert_eq!(use_once(50, 60), (1, Some(ticks(30))));
    assert_eq!(use_once(61, 62), (2, Some(ticks(30))));
    assert_eq!(use_once(63, 64), (3, Some(ticks(23))));
}

#[test]
#[should_panic(expected = "a hand of another table")]
fn a_hand_belongs_to_one_table() {
    let (table, mut hand) = table();
    table.claim(&mut hand, request(1, at(500)), at(10)).unwrap();
    let other = ResponseTable::new(65_000, REST, false, 0);
    let _ = other.claim(&mut hand, request(1, at(500)), at(10));
}
