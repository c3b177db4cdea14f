use std::collections::HashMap;

use super::*;

const REST: Span = Span(1_000 * TICK);
const MS: Span = Span::from_millis(1);

fn claim_all(table: &ResponseTable, hand: &mut Claimer, now: Instant) -> Vec<u16> {
    let deadline = now + Span::from_secs(45);
    std::iter::from_fn(|| table.claim(hand, request(1, deadline), now).ok()).collect()
}

#[test]
fn every_number_can_wait_at_once_and_no_two_requests_share_one() {
    let table = ResponseTable::new(1 << 20, REST, false, 0);
    let mut hands = [Claimer::default(), Claimer::default(), Claimer::default()];
    let mut claimed = vec![0; 1 << 16];
    for turn in 0.. {
        let hand = &mut hands[turn % 3];
        let Ok(number) = table.claim(hand, request(1, at(500)), at(10)) else { break };
        claimed[usize::from(number)] += 1;
    }
    for hand in &mut hands {
        for number in claim_all(&table, hand, at(10)) {
            claimed[usize::from(number)] += 1;
        }
    }
    assert!(claimed[1..0xffff].iter().all(|&times| times == 1));
    assert_eq!(table.pending(), 65_534);
}

#[test]
fn an_idle_hand_holds_no_numbers_hostage() {
    for digits in [false, true] {
        let table = ResponseTable::new(1 << 20, REST, digits, 0);
        let mut idle: Vec<Claimer> = (0..64).map(|_| Claimer::default()).collect();
        for hand in &mut idle {
            table.claim(hand, request(1, at(500)), at(10)).unwrap(); // and keeps its chunk
        }
        let numbers = claim_all(&table, &mut Claimer::default(), at(10)).len() as u32;
        assert_eq!(numbers + 64, table.numbers());
    }
}

#[test]
fn the_last_free_number_is_found_wherever_it_is() {
    let table = ResponseTable::new(1 << 20, REST, false, 0);
    let mut hand = Claimer::default();
    let mut now = at(10);
    assert_eq!(claim_all(&table, &mut hand, now).len(), 65_534);
    for number in [1, 255, 256, 40_000, 65_534, 65_533, 12_345] {
        table.release(&mut hand, number, now).unwrap();
        now = now + MS;
        assert_eq!(table.claim(&mut hand, request(1, now), now), Ok(number));
        assert_eq!(table.claim(&mut hand, request(1, now), now), Err(Full));
    }
}

#[test]
fn full_is_remembered_for_a_millisecond() {
    let table = ResponseTable::tiny(16, 4, 100, REST);
    let mut hand = Claimer::default();
    let now = at(1_000);
    assert_eq!(claim_all(&table, &mut hand, now).len(), 15);
    table.release(&mut hand, 3, now).unwrap();
    let until = now + MS;
    assert_eq!(table.claim(&mut hand, request(1, until), until - Span(1)), Err(Full));
    assert_eq!(table.claim(&mut hand, request(1, until), until), Ok(3));
    assert_eq!(table.pending(), 15, "refused claims gave their permits back");
}

#[test]
fn numbers_that_rest_are_lost_until_they_have_rested() {
    let table = ResponseTable::tiny(64, 8, 1_000, REST);
    let mut hand = Claimer::default();
    for line in 0..63 {
        table.claim(&mut hand, request(line, at(20)), at(10)).unwrap();
    }
    let mut expired = 0;
    table.sweep(&mut hand, at(20), |_, _| expired += 1);
    assert_eq!((expired, table.pending()), (63, 0));
    assert_eq!(claim_all(&table, &mut hand, at(1_019)).len(), 0);
    assert_eq!(claim_all(&table, &mut hand, at(1_019) + MS).len(), 63);
}

#[test]
fn no_more_wait_than_the_limit_allows() {
    let table = ResponseTable::new(100, REST, false, 0);
    let (mut one, mut other) = (Claimer::default(), Claimer::default());
    let numbers = claim_all(&table, &mut one, at(10));
    assert_eq!((numbers.len(), table.pending()), (100, 100));
    assert_eq!(table.claim(&mut other, request(1, at(500)), at(10)), Err(Full));
    table.release(&mut one, numbers[0], at(10)).unwrap();
    assert!(table.claim(&mut other, request(1, at(500)), at(10)).is_ok(), "no rescan: the limit is asked each time");
    table.set_pending(150);
    assert_eq!(claim_all(&table, &mut other, at(10)).len(), 50);
    table.set_pending(50);
    for number in &numbers[1..] {
        assert_eq!(table.claim(&mut one, request(1, at(500)), at(10)), Err(Full), "{} wait", table.pending());
        table.release(&mut other, *number, at(10)).unwrap();
    }
    assert_eq!(table.pending(), 51);
    table.set_pending(52);
    assert_eq!(claim_all(&table, &mut one, at(10)).len(), 1);
}

/// Claims and frees at once by three hands, of which `pick` chooses; checks after how many claims
/// a number comes again.
fn shortest_lap(slots: u32, chunk: u32, pick: impl Fn(u64) -> usize) -> u64 {
    let table = ResponseTable::tiny(slots, chunk, 1_000, REST);
    let mut hands = [Claimer::default(), Claimer::default(), Claimer::default()];
    let mut last_use = HashMap::new();
    let mut shortest = u64::MAX;
    for claim in 0..u64::from(slots) * 40 {
        let hand = &mut hands[pick(claim)];
        let number = table.claim(hand, request(1, at(9_000)), at(10)).unwrap();
        table.release(hand, number, at(10)).unwrap();
        if let Some(before) = last_use.insert(number, claim) {
            shortest = shortest.min(claim - before);
        }
    }
    shortest
}

#[test]
fn a_number_rests_nearly_a_whole_lap_whatever_hand_is_busy() {
    let (slots, chunk) = (2_048, 16); // 128 chunks
    assert_eq!(shortest_lap(slots, chunk, |_| 0), 2_047, "one hand: a whole lap");
    let nearly = u64::from(slots) * 7 / 8 - 6 * u64::from(chunk);
    for (what, shortest) in [
        ("all alike", shortest_lap(slots, chunk, |claim| claim as usize % 3)),
        ("in bursts", shortest_lap(slots, chunk, |claim| (claim / 500) as usize % 3)),
        ("one now and then", shortest_lap(slots, chunk, |claim| usize::from(claim % 331 == 0))),
        (
            "two, slower and slower",
            shortest_lap(slots, chunk, |claim| match claim {
                _ if claim % 1_999 == 0 => 2,
                _ if claim % 61 == 0 => 1,
                _ => 0,
            }),
        ),
    ] {
        assert!(shortest >= nearly, "{what}: {shortest} of {slots}");
    }
}

#[test]
fn a_search_passes_no_more_in_a_millisecond_than_a_table_has() {
    let table = ResponseTable::new(1 << 20, REST, false, 0);
    let mut hand = Claimer::default();
    let mut now = at(1_000);
    claim_all(&table, &mut hand, now);
    now = now + MS;
    // One free number, given back after each claim: each further claim has to go all the way round.
    let mut claims = 0;
    table.release(&mut hand, 777, now).unwrap();
    while let Ok(number) = table.claim(&mut hand, request(1, now + Span::from_secs(1)), now) {
        table.release(&mut hand, number, now).unwrap();
        claims += 1;
        assert!(claims <= 2, "goes round and round within one moment");
    }
    assert!(claims >= 1);
    now = now + MS;
    assert_eq!(table.claim(&mut hand, request(1, now), now), Ok(777));
}
