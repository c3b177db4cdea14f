//! Answers that came together.

use super::*;

const REST: Span = Span(1_000 * TICK);

/// Requests of line 7 to one NII, of as many terminals, with one deadline.
fn claimed(table: &ResponseTable, hand: &mut Claimer, deadline: Instant) -> [u16; 4] {
    [10, 11, 12, 13].map(|address| {
        table.claim(hand, Waiting { line: LineId(7), address, nii: 3, deadline }, at(10)).expect("a free number")
    })
}

#[test]
fn requests_that_are_alike_are_taken_by_number_and_nii() {
    let (table, mut hand) = (ResponseTable::new(65_000, REST, false, 0), Claimer::default());
    let numbers = claimed(&table, &mut hand, at(500));
    let (_, seen) = table.look(numbers[0], at(20)).unwrap();
    let mut takes = table.takes(&mut hand, at(20));
    assert_eq!(takes.take(numbers[0], seen), Ok(()));
    assert_eq!(takes.take(numbers[0], seen), Err(Nobody::Unmatched), "taken already");
    assert_eq!(takes.take_alike(numbers[1], 3, seen), Some(11));
    assert_eq!(takes.take_alike(numbers[1], 3, seen), None, "taken already");
    assert_eq!(takes.take_alike(numbers[2], 4, seen), None, "another NII");
    assert_eq!(takes.take_alike(numbers[3], 3, seen), Some(13));
    assert_eq!(takes.take_alike(numbers[3] + 1, 3, seen), None, "never asked");
    drop(takes);
    assert_eq!(table.pending(), 1);
    assert_eq!(table.look(numbers[2], at(20)).unwrap().0.address, 12);
}

#[test]
fn another_line_or_deadline_is_not_alike_until_one_of_it_is_taken() {
    let (table, mut hand) = (ResponseTable::new(65_000, REST, false, 0), Claimer::default());
    let earlier = claimed(&table, &mut hand, at(500));
    let later = claimed(&table, &mut hand, at(501));
    let other = table.claim(&mut hand, Waiting { nii: 3, ..request(8, at(500)) }, at(10)).unwrap();
    let (_, seen) = table.look(earlier[0], at(20)).unwrap();
    assert_eq!(table.take(&mut hand, earlier[0], seen, at(20)), Ok(()));
    assert_eq!(table.takes(&mut hand, at(20)).take_alike(later[0], 3, seen), None);
    assert_eq!(table.takes(&mut hand, at(20)).take_alike(other, 3, seen), None);
    let (_, seen) = table.look(later[0], at(20)).unwrap();
    assert_eq!(table.take(&mut hand, later[0], seen, at(20)), Ok(()));
    assert_eq!(table.take(&mut hand, later[0], seen, at(20)), Err(Nobody::Unmatched));
    assert_eq!(table.takes(&mut hand, at(20)).take_alike(later[1], 3, seen), Some(11));
    assert_eq!(table.takes(&mut hand, at(20)).take_alike(earlier[1], 3, seen), None);
    assert_eq!(table.pending(), 6);
}

#[test]
fn what_rests_is_not_alike_and_what_was_taken_can_be_claimed_again() {
    let (table, mut hand) = (ResponseTable::tiny(6, 6, 4, REST), Claimer::default());
    let numbers = claimed(&table, &mut hand, at(500));
    table.abandon(&mut hand, numbers[1], at(20));
    let (_, seen) = table.look(numbers[0], at(20)).unwrap();
    assert_eq!(table.take(&mut hand, numbers[0], seen, at(20)), Ok(()));
    assert_eq!(table.takes(&mut hand, at(20)).take_alike(numbers[1], 3, seen), None);
    assert_eq!(table.takes(&mut hand, at(20)).take_alike(numbers[2], 3, seen), Some(12));
    assert_eq!(table.pending(), 1);
    for _ in 0..3 {
        table.claim(&mut hand, request(9, at(500)), at(30)).expect("permits came back, and numbers");
    }
    assert_eq!(table.claim(&mut hand, request(9, at(500)), at(30)), Err(Full), "the limit is reached");
}
