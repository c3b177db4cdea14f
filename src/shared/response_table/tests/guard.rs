use super::*;

const REST: Span = Span(1_000_000 * TICK);
const MS: Span = Span::from_millis(1);

fn claim(table: &ResponseTable, hand: &mut Claimer, hash: u32, now: Instant) -> Result<u16, Full> {
    table.claims(hand, LineId(1), now + ticks(100), now).next_guarded(7, 3, hash)
}

fn guarded() -> (ResponseTable, Claimer) {
    let table = ResponseTable::tiny(9, 4, 100, REST); // numbers 1 to 8
    table.keep_tags();
    (table, Claimer::default())
}

#[test]
fn an_answer_fits_its_own_request_alone() {
    let (table, mut hand) = guarded();
    let number = claim(&table, &mut hand, 5, at(10)).unwrap();
    assert!(table.fits(number, 5) && !table.fits(number, 6));
    assert!(table.fits(number, 0), "an answer without the fields is not checked");
    let unchecked = claim(&table, &mut hand, 0, at(10)).unwrap();
    assert!(table.fits(unchecked, 6), "nor is one to a request without them");
}

#[test]
fn what_a_guarded_request_left_is_written_over() {
    let (table, mut hand) = guarded();
    let mut numbers: Vec<u16> = std::iter::from_fn(|| claim(&table, &mut hand, 5, at(10)).ok()).collect();
    numbers.iter().for_each(|number| assert!(table.release(&mut hand, *number, at(11)).is_some()));
    let later = at(11) + MS;
    let mut again: Vec<u16> = std::iter::from_fn(|| claim(&table, &mut hand, 0, later).ok()).collect();
    numbers.sort_unstable();
    again.sort_unstable();
    assert_eq!(again, numbers);
    assert!(again.iter().all(|number| table.fits(*number, 6)));
}

#[test]
fn numbers_that_rest_are_taken_when_none_is_free_and_not_before() {
    let (table, mut hand) = guarded();
    let all = table.numbers() as usize;
    let first: Vec<u16> = std::iter::from_fn(|| claim(&table, &mut hand, 5, at(10)).ok()).collect();
    assert_eq!(first.len(), all);
    let now = at(500) + MS;
    table.sweep(&mut hand, now, |_, _| {});
    assert_eq!(table.pending(), 0, "all rest");
    let free = first[3];
    let later = now + MS;
    // One number was answered and is free; it goes first.
    let taken = claim(&table, &mut hand, 6, later).unwrap();
    assert!(table.release(&mut hand, taken, later).is_some());
    let after = later + MS + MS;
    let next = claim(&table, &mut hand, 7, after).unwrap();
    assert_eq!(next, taken, "a free number goes before those that rest");
    let mut rest: Vec<u16> = std::iter::from_fn(|| claim(&table, &mut hand, 8, after).ok()).collect();
    assert_eq!(rest.len(), all - 1, "then every number that rests, each once");
    rest.push(next);
    rest.sort_unstable();
    rest.dedup();
    assert_eq!(rest.len(), all);
    assert!(rest.contains(&free) && !table.fits(free, 5));
    assert!(!table.fits(free, 0), "an answer that does not say may be a late one to the last request");
    assert_eq!(claim(&table, &mut hand, 9, after + MS + MS), Err(Full), "those that wait are nobody's");
}

#[test]
fn a_request_without_the_fields_takes_no_number_that_rests() {
    let (table, mut hand) = guarded();
    while claim(&table, &mut hand, 5, at(10)).is_ok() {}
    let now = at(500) + MS;
    table.sweep(&mut hand, now, |_, _| {});
    assert_eq!(claim(&table, &mut hand, 0, now + MS), Err(Full));
    assert!(claim(&table, &mut hand, 6, now + MS).is_ok());
    assert_eq!(claim(&table, &mut hand, 0, now + MS), Err(Full));
    assert!(claim(&table, &mut hand, 6, now + MS).is_ok());
}

#[test]
fn without_the_guard_a_rest_is_never_cut_short() {
    let table = ResponseTable::tiny(9, 4, 100, REST);
    let mut hand = Claimer::default();
    while table.claim(&mut hand, request(1, at(110)), at(10)).is_ok() {}
    let now = at(500) + MS;
    table.sweep(&mut hand, now, |_, _| {});
    assert_eq!(table.pending(), 0);
    let later = now + MS;
    assert_eq!(table.claim(&mut hand, request(2, later + ticks(100)), later), Err(Full));
}
