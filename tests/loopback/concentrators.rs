//! Terminals behind many NACs, and several hosts that are told apart by NII (`MC6-5.2`, `MC6-5.3`).

use std::collections::HashMap;

use crate::harness::frames::{addresses, message};
use crate::harness::{
    Member, Peer, Prefix, World, answer_copied, answer_swapped, fates_add_up, payments, receive_from_any, tpdu, vectors,
};
use crate::on_1_2_and_5_shards;

/// The address that every terminal of every NAC uses.
const TERMINAL: u16 = 0x1234;

/// How a host puts the addresses of its answers.
type Answer = fn(&[u8], &[u8]) -> Vec<u8>;

/// Requests of one round: each NAC asks each NII this often before anything is answered.
const EACH: usize = 5;

/// Four NACs ask three hosts by five NIIs, all from the same terminal address and all at once. One host
/// exchanges the addresses, one copies them, one takes numbers of decimal digits only; one route takes
/// what the others leave.
fn many_nacs_ask_many_niis_of_several_hosts(shards: u16) {
    let nacs = ["n1", "n2", "n3", "n4"].map(|id| Member::nac(id).listen().listen());
    let hosts = [
        Member::host("swaps").listen().listen(),
        Member::host("copies").listen().listen(),
        Member::host("digits").key("tpdu_digits = true").listen().listen(),
    ];
    let world = nacs.iter().chain(&hosts).fold(World::new(shards), World::member);
    let all = r#"from = ["n1", "n2", "n3", "n4"]"#;
    let switch = world
        .route_text(&format!("{all}\nto = [\"swaps\"]\nmatch = {{ nii = [\"0003\", \"0006\"] }}"))
        .route_text(&format!("{all}\nto = [\"copies\"]\nmatch = {{ nii = [\"0525\", \"01f1\"] }}"))
        .route_text(&format!("{all}\nto = [\"digits\"]"))
        .start();
    let leads_to = [(0x0003, 0), (0x0006, 0), (0x0525, 1), (0x01f1, 1), (0x0777, 2)];
    let ways: [Answer; 3] = [answer_swapped, answer_copied, answer_swapped];
    let mut terminals: Vec<Vec<Peer>> = nacs.iter().map(|nac| switch.join_all(nac)).collect();
    let mut hosts: Vec<Vec<Peer>> = hosts.iter().map(|host| switch.join_all(host)).collect();
    let mut asked: HashMap<Vec<u8>, usize> = HashMap::new();
    for turn in 0..EACH {
        for (nac, lines) in terminals.iter_mut().enumerate() {
            for (nii, _) in leads_to {
                let text = format!("0200 number {turn} of NAC {nac} to {nii:04x}").into_bytes();
                lines[turn % 2].send_frame(&tpdu(nii, TERMINAL, &text));
                asked.insert(text, nac);
            }
        }
    }
    let mut answers = Vec::new();
    for (at, lines) in hosts.iter_mut().enumerate() {
        let own = leads_to.iter().filter(|(_, host)| *host == at).count() * EACH * nacs.len();
        let mut lines: Vec<&mut Peer> = lines.iter_mut().collect();
        for _ in 0..own {
            let (_, request) = receive_from_any(&mut lines);
            let (nii, number) = addresses(&request);
            assert!(leads_to.contains(&(nii, at)), "{nii:04x} came to host {at}");
            let digits = format!("{number:04x}").bytes().all(|digit| digit.is_ascii_digit());
            assert!(at != 2 || digits, "{number:04x} is not of digits");
            answers.push((at, ways[at](&request, message(&request))));
        }
    }
    // In another order than asked, and over either line of the host.
    answers.reverse();
    for (turn, (host, answer)) in answers.iter().enumerate() {
        hosts[*host][turn % 2].send_frame(answer);
    }
    for (nac, lines) in terminals.iter_mut().enumerate() {
        let mut lines: Vec<&mut Peer> = lines.iter_mut().collect();
        for _ in 0..EACH * leads_to.len() {
            let (_, answer) = receive_from_any(&mut lines);
            let (destination, source) = addresses(&answer);
            assert!(destination == TERMINAL || source == TERMINAL, "the terminal's address is put back: {answer:02x?}");
            assert_eq!(asked.remove(message(&answer)), Some(nac), "the answer to one of its own, once");
        }
    }
    assert!(asked.is_empty(), "{asked:?}");
    fates_add_up(&switch);
}

/// The blocks that may stand behind the TPDU of a request, each alone and all of them.
fn dial_monitoring() -> Vec<Vec<u8>> {
    let lri = vectors::data("L2")[5..38].to_vec();
    let lli = [&b"LLI\x00\x1c"[..], &lri[5..]].concat();
    let lui = [&b"LUI\x00\x23"[..], &[0x5a; 35]].concat();
    vec![
        Vec::new(),
        lri.clone(),
        lli.clone(),
        lui.clone(),
        [lri.clone(), lli.clone()].concat(),
        [lri, lli, lui].concat(),
    ]
}

/// With and without blocks, under both prefixes: nothing behind the TPDU moves or changes on the way to
/// the host, and the terminal's address is put back in front of an answer with or without them.
fn blocks_pass_untouched_while_the_address_is_rewritten(shards: u16) {
    for asker in [Member::nac("asker"), Member::host("asker")] {
        for host in [Member::host("host"), Member::new("host", "institution").key(r#"header = "tpdu""#)] {
            let (asker, host) = (asker.clone().listen(), host.listen());
            let switch = payments(shards, &asker, &host).start();
            let mut terminal = switch.join(&asker, 1);
            let mut issuer = switch.join(&host, 1);
            for block in dial_monitoring() {
                let behind = [&block[..], &vectors::data("P6")[5..]].concat();
                terminal.send_frame(&tpdu(0x0003, TERMINAL, &behind));
                let request = issuer.receive();
                assert_eq!((request[..3].to_vec(), message(&request)), (vec![0x60, 0, 3], &behind[..]));
                assert_ne!(addresses(&request).1, TERMINAL, "the address is the switch's own");
                issuer.send_frame(&answer_swapped(&request, &vectors::data("P7")[5..]));
                terminal.expect_frame(&tpdu(TERMINAL, 0x0003, &vectors::data("P7")[5..]));
                // Hosts strip the block. One that does not gets its answer through just so.
                terminal.send_frame(&tpdu(0x0003, TERMINAL, &behind));
                let request = issuer.receive();
                issuer.send_frame(&answer_copied(&request, &behind));
                terminal.expect_frame(&tpdu(0x0003, TERMINAL, &behind));
            }
            fates_add_up(&switch);
        }
    }
}

/// The worked example cut wherever TCP may cut it: also inside the TPDU whose address is rewritten.
#[test]
fn the_worked_example_may_come_in_any_two_pieces() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    let example = Prefix::Bin2.frame(&vectors::data("L2"));
    for cut in 1..example.len() {
        terminal.send_raw(&example[..cut]);
        std::thread::yield_now();
        terminal.send_raw(&example[cut..]);
        let request = issuer.receive();
        assert_eq!(request[5..], vectors::data("L2")[5..], "cut after {cut}");
        issuer.send_frame(&answer_swapped(&request, b"answer"));
        terminal.expect_frame(&tpdu(0x0000, 0x0003, b"answer"));
    }
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(many_nacs_ask_many_niis_of_several_hosts, blocks_pass_untouched_while_the_address_is_rewritten,);
