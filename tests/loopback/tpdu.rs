//! Terminals and hosts (`header = "tpdu"`): requests by NII, answers by the switch's number.

use crate::harness::frames::{addresses, message};
use crate::harness::{
    Member, NII, Peer, World, answer_copied, answer_swapped, ask, fates_add_up, payments, receive_from_any, round_trip,
    tpdu, vectors,
};
use crate::on_1_2_and_5_shards;

/// Sends a request through and checks that only its source address was changed; returns what the host got.
fn reaches_the_host(terminal: &mut Peer, host: &mut Peer, request: &[u8]) -> Vec<u8> {
    terminal.send_frame(request);
    let received = host.receive();
    assert_eq!(received[..3], request[..3], "id and destination stay");
    assert_eq!(received[5..], request[5..], "nothing behind the TPDU moves or changes");
    let (nii, number) = addresses(&received);
    assert!(number != 0x0000 && number != 0xffff && number != nii, "{number:04x} is never handed out");
    received
}

/// The published samples through the switch and back, byte by byte.
fn published_samples_go_there_and_back(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for name in ["P1", "P6", "P8", "P9", "P12", "P13", "P15", "L1", "L2"] {
        let request = vectors::data(name);
        let received = reaches_the_host(&mut terminal, &mut issuer, &request);
        issuer.send_frame(&answer_swapped(&received, b"0210 in short"));
        terminal.expect_frame(&answer_swapped(&request, b"0210 in short"));
        let received = reaches_the_host(&mut terminal, &mut issuer, &request);
        issuer.send_frame(&answer_copied(&received, b"0210 in short"));
        terminal.expect_frame(&answer_copied(&request, b"0210 in short"));
    }
    fates_add_up(&switch);
}

/// P2 is the answer to P1 of a host that copies the addresses.
#[test]
fn the_answer_of_a_host_that_copies_comes_back_as_published() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    let received = reaches_the_host(&mut terminal, &mut issuer, &vectors::data("P1"));
    issuer.send_frame(&answer_copied(&received, &vectors::data("P2")[5..]));
    terminal.expect_frame(&vectors::data("P2"));
}

/// P7 is the answer to P6 of a host that exchanges them.
#[test]
fn the_answer_of_a_host_that_exchanges_comes_back_as_published() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    terminal.send_raw(&vectors::published("P6"));
    let received = issuer.receive();
    assert_eq!(received[5..], vectors::data("P6")[5..]);
    issuer.send_frame(&answer_swapped(&received, &vectors::data("P7")[5..]));
    terminal.expect_frame(&vectors::data("P7"));
}

#[test]
fn the_dial_monitoring_sample_passes_under_four_digits_too() {
    let channel = Member::host("agent").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &channel, &host).start();
    let mut agent = switch.join(&channel, 1);
    let mut issuer = switch.join(&host, 1);
    agent.send_raw(&vectors::published("L1"));
    let received = issuer.receive();
    assert_eq!(received[5..], vectors::data("L1")[5..], "the dial monitoring block passes untouched");
    issuer.send_frame(&answer_swapped(&received, b"without the block"));
    agent.expect_frame(&tpdu(0x8009, 0x0003, b"without the block"));
}

/// P16: the prefix says 114, 57 bytes follow. The line waits for the rest and is closed without it.
#[test]
fn a_prefix_that_lies_is_a_half_frame() {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).timer(r#"partial_within = "300ms""#).start();
    let mut liar = switch.join(&nac, 1);
    let mut honest = switch.join(&nac, 2);
    let mut issuer = switch.join(&host, 1);
    liar.send_raw(&vectors::published("P16"));
    liar.expect_closed();
    switch.wait_metric("frames_malformed_total", &[("reason", "partial")], 1);
    round_trip(&mut honest, &mut [&mut issuer], 1, "the neighbour");
}

/// Two NACs, and two terminals behind one, use the same source address at once: the number tells.
fn equal_source_addresses_are_told_apart(shards: u16) {
    let east = Member::nac("east").listen();
    let west = Member::nac("west").listen();
    let host = Member::host("host").listen();
    let world = World::new(shards).member(&east).member(&west).member(&host);
    let switch = world.route("east", "host").route("west", "host").start();
    let mut eastern = switch.join(&east, 1);
    let mut western = switch.join(&west, 1);
    let mut issuer = switch.join(&host, 1);
    ask(&mut eastern, 0x1234, "e1");
    ask(&mut eastern, 0x1234, "e2");
    ask(&mut western, 0x1234, "w1");
    let requests: Vec<Vec<u8>> = (0..3).map(|_| issuer.receive()).collect();
    // Answered in reverse, half of them copied: nothing but the number can tell them apart.
    for (index, request) in requests.iter().enumerate().rev() {
        let text = [b"re ", message(request)].concat();
        let answer = if index == 1 { answer_copied(request, &text) } else { answer_swapped(request, &text) };
        issuer.send_frame(&answer);
    }
    let mut eastern_answers = [eastern.receive(), eastern.receive()].map(|answer| message(&answer).to_vec());
    eastern_answers.sort();
    assert_eq!(eastern_answers, [b"re e1".to_vec(), b"re e2".to_vec()]);
    assert_eq!(message(&western.receive()), b"re w1");
    fates_add_up(&switch);
}

fn five_hundred_in_flight_all_come_home(shards: u16) {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen().listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminals = switch.join_all(&nac);
    let mut hosts = switch.join_all(&host);
    for number in 0..500_u16 {
        ask(&mut terminals[usize::from(number % 2)], number + 1, &format!("request {number}"));
    }
    let mut lines: Vec<_> = hosts.iter_mut().collect();
    let mut requests: Vec<Vec<u8>> = (0..500).map(|_| receive_from_any(&mut lines).1).collect();
    let mut numbers: Vec<u16> = requests.iter().map(|request| addresses(request).1).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 500, "no number waits for two answers");
    requests.reverse();
    for (turn, request) in requests.iter().enumerate() {
        // Over either of the host's lines, whichever the request came on (`MP1-4.5.2b`).
        lines[turn % 2].send_frame(&answer_swapped(request, message(request)));
    }
    let mut answers: Vec<Vec<u8>> = Vec::new();
    let mut lines: Vec<_> = terminals.iter_mut().collect();
    for _ in 0..500 {
        answers.push(receive_from_any(&mut lines).1);
    }
    for answer in &answers {
        let (address, nii) = addresses(answer);
        assert_eq!(nii, NII);
        assert_eq!(message(answer), format!("request {}", address - 1).as_bytes(), "the answer to its own request");
    }
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 500, "each came once");
    fates_add_up(&switch);
}

#[test]
fn requests_go_by_nii() {
    let nac = Member::nac("nac").listen();
    let first = Member::host("first").listen();
    let second = Member::host("second").listen();
    let world = World::new(2).member(&nac).member(&first).member(&second);
    let switch = world.route_nii("nac", "first", "0003").route_nii("nac", "second", "01f1").start();
    let mut terminal = switch.join(&nac, 1);
    let mut one = switch.join(&first, 1);
    let mut other = switch.join(&second, 1);
    terminal.send_frame(&tpdu(0x01f1, 1, b"to the second"));
    assert_eq!(message(&other.receive()), b"to the second");
    terminal.send_frame(&tpdu(0x0003, 1, b"to the first"));
    assert_eq!(message(&one.receive()), b"to the first");
    terminal.send_frame(&tpdu(0x0525, 1, b"to nobody"));
    switch.wait_dropped("no_route", 1);
    fates_add_up(&switch);
}

#[test]
fn the_first_route_that_matches_wins() {
    let nac = Member::nac("nac").listen();
    let special = Member::host("special").listen();
    let rest = Member::host("rest").listen();
    let world = World::new(2).member(&nac).member(&special).member(&rest);
    let switch = world.route_nii("nac", "special", "0006").route("nac", "rest").start();
    let mut terminal = switch.join(&nac, 1);
    let mut special_line = switch.join(&special, 1);
    let mut rest_line = switch.join(&rest, 1);
    terminal.send_frame(&tpdu(0x0006, 1, b"special"));
    assert_eq!(message(&special_line.receive()), b"special");
    terminal.send_frame(&tpdu(0x0007, 1, b"rest"));
    assert_eq!(message(&rest_line.receive()), b"rest");
}

#[test]
fn the_next_host_is_used_while_the_one_before_is_not_live() {
    let nac = Member::nac("nac").listen();
    let preferred = Member::host("preferred").listen();
    let spare = Member::host("spare").listen();
    let world = World::new(2).member(&nac).member(&preferred).member(&spare);
    let switch = world.route_text("from = [\"nac\"]\nto = [\"preferred\", \"spare\"]").start();
    let mut terminal = switch.join(&nac, 1);
    let mut second = switch.join(&spare, 1);
    round_trip(&mut terminal, &mut [&mut second], 1, "the preferred one is not there");
    let mut first = switch.join(&preferred, 1);
    round_trip(&mut terminal, &mut [&mut first], 1, "now it is");
    drop(first);
    switch.wait_line_state("preferred-1", "listening");
    round_trip(&mut terminal, &mut [&mut second], 1, "and now it is not");
}

/// A host that puts an address of its own where the NII stood is configured, not guessed.
#[test]
fn swapped_and_copied_look_in_one_place_only() {
    for (way, swapped) in [("swapped", true), ("copied", false)] {
        let nac = Member::nac("nac").listen();
        let host = Member::host("host").key(&format!("tpdu = \"{way}\"")).listen();
        let switch = payments(2, &nac, &host).start();
        let mut terminal = switch.join(&nac, 1);
        let mut issuer = switch.join(&host, 1);
        ask(&mut terminal, 0x0042, "request");
        let (_, number) = addresses(&issuer.receive());
        let (answer, expected) = if swapped {
            (tpdu(number, 0x0999, b"own address"), tpdu(0x0042, 0x0999, b"own address"))
        } else {
            (tpdu(0x0999, number, b"own address"), tpdu(0x0999, 0x0042, b"own address"))
        };
        issuer.send_frame(&answer);
        terminal.expect_frame(&expected);
    }
}

/// With `auto` an answer whose other address is not the request's NII is nobody's.
#[test]
fn auto_delivers_nothing_that_fits_neither_way() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    ask(&mut terminal, 0x0042, "request");
    let request = issuer.receive();
    let (_, number) = addresses(&request);
    issuer.send_frame(&tpdu(number, 0x0999, b"neither way"));
    issuer.send_frame(&tpdu(0x0999, number, b"neither way"));
    switch.wait_dropped("unmatched", 2);
    issuer.send_frame(&answer_swapped(&request, b"the true one"));
    terminal.expect_frame(&tpdu(0x0042, NII, b"the true one"));
    fates_add_up(&switch);
}

#[test]
fn tpdu_digits_keeps_to_numbers_that_read_as_digits() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").key("tpdu_digits = true").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for turn in 0..600 {
        ask(&mut terminal, 1, &format!("request {turn}"));
        let number = addresses(&issuer.receive()).1;
        let digits = format!("{number:04x}");
        assert!(digits.bytes().all(|digit| digit.is_ascii_digit()) && number != 0, "{digits} is not a BCD number");
    }
}

on_1_2_and_5_shards!(
    published_samples_go_there_and_back,
    equal_source_addresses_are_told_apart,
    five_hundred_in_flight_all_come_home,
);
