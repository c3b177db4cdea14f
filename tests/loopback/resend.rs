//! Answers that a line had taken when it broke: FAULTS, rows 3, 27, 53, 54.
//!
//! A requester's books know three kinds of answers: read over the line that broke, read over another one, and
//! acknowledged by the kernel of a program that died before it read them. Nobody can know of the last; all others must
//! come.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;

use crate::harness::frames::{addresses, message, number_of, numbered};
use crate::harness::{
    Member, NII, Peer, Switch, World, answer_swapped, ask, eventually, fates_add_up, network, payments, round_trip,
    tpdu,
};
use crate::on_1_2_and_5_shards;

const MANY: u32 = 1_000;
const FRAME: usize = 1_500;
const NARROW: usize = 16 * 1024;

/// No more frames than this fit the socket of a program that does not read, whatever the kernel makes of its size.
const UNREAD_MAX: u32 = (64 * 1024 / FRAME) as u32;

fn two_lines(shards: u16) -> (World, Member, Member) {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    (payments(shards, &nac, &host), nac, host)
}

/// A switch, and a terminal with 1,000 answers on their way to it: it reads none, its socket takes few.
fn laden(world: &World, nac: &Member, host: &Member) -> (Switch, Peer, Peer) {
    let switch = world.start();
    let mut terminal = Peer::connect_with_receive_buffer(nac.address(1), nac.prefix(), NARROW);
    switch.wait_joined("nac-1", 1);
    let mut issuer = switch.join(host, 1);
    for number in 0..MANY {
        ask(&mut terminal, number as u16, "request");
    }
    let requests: Vec<_> = (0..MANY).map(|_| issuer.receive_message()).collect();
    for (number, request) in requests.iter().enumerate() {
        issuer.send_frame(&answer_swapped(request, &numbered(number as u32, FRAME)));
    }
    switch.wait_metric("frames_received_total", &[("member", "host")], u64::from(MANY));
    (switch, terminal, issuer)
}

fn read(terminal: &mut Peer, count: u32) {
    for number in 0..count {
        assert_eq!(number_of(message(&terminal.receive_message())), number);
    }
}

/// All answers from one on to the last come over `line`, in order: the rest of 1,000 of which `read` were read over the
/// line that broke. Each of them was sent again or sent there at first, and no more are gone than a socket holds.
fn the_rest_comes(switch: &Switch, line: &mut Peer, read: u32) {
    let first = number_of(message(&line.receive_message()));
    for number in first + 1..MANY {
        assert_eq!(number_of(message(&line.receive_message())), number, "in order");
    }
    let unread = first.saturating_sub(read);
    let resent = || switch.metric("answers_resent_total", &[]);
    let sum = || resent() + switch.metric("answers_rerouted_total", &[]);
    eventually("all are counted", || (sum() == u64::from(MANY - first)).then_some(()));
    println!("{read} read, {unread} acknowledged and never read, {} sent again, {} in all", resent(), sum());
    assert!(unread <= UNREAD_MAX, "{unread} answers are gone");
    assert!(resent() > 0);
    assert_eq!(switch.metric("answers_forwarded_total", &[]), u64::from(MANY), "each once");
    assert_eq!(switch.metric("answers_resend_failed_total", &[]), 0);
    fates_add_up(switch);
}

fn a_reset_with_a_thousand_answers_in_the_socket(shards: u16) {
    let (world, nac, host) = two_lines(shards);
    let (switch, mut terminal, _issuer) = laden(&world, &nac, &host);
    read(&mut terminal, 100);
    let mut sibling = switch.join(&nac, 2);
    terminal.reset();
    the_rest_comes(&switch, &mut sibling, 100);
}

/// A close with bytes unread is a reset, too.
#[test]
fn a_close_with_a_thousand_answers_in_the_socket() {
    let (world, nac, host) = two_lines(2);
    let (switch, mut terminal, _issuer) = laden(&world, &nac, &host);
    read(&mut terminal, 100);
    let mut sibling = switch.join(&nac, 2);
    drop(terminal);
    the_rest_comes(&switch, &mut sibling, 100);
}

fn signal(process: &Child, signal: i32) {
    // SAFETY: kill has no memory effects; the child is not reaped yet, so the id is still its own.
    assert_eq!(unsafe { libc::kill(process.id() as i32, signal) }, 0);
}

/// A stopped process takes nothing, and its kernel acknowledges what fits; killed, it leaves the rest.
fn a_process_that_is_killed(shards: u16) {
    for stopped in [false, true] {
        let (world, nac, host) = two_lines(shards);
        let (switch, mut terminal, _issuer) = laden(&world, &nac, &host);
        read(&mut terminal, 50);
        let mut sibling = switch.join(&nac, 2);
        let mut process = terminal.hand_to_process();
        if stopped {
            signal(&process, libc::SIGSTOP);
        }
        signal(&process, libc::SIGKILL);
        process.wait().expect("a child of ours");
        the_rest_comes(&switch, &mut sibling, 50);
    }
}

/// Nothing says that the line is dead but that its peer's TCP takes nothing (`unread_within`).
fn a_black_hole_found_in_time_loses_nothing(shards: u16) {
    let (world, nac, host) = two_lines(shards);
    let switch = world.timer(r#"unread_within = "1s""#).start();
    let mut terminals = switch.join_all(&nac);
    let mut issuer = switch.join(&host, 1);
    ask(&mut terminals[0], 7, "request");
    let request = issuer.receive_message();
    terminals[0].go_deaf();
    issuer.send_frame(&answer_swapped(&request, b"into a black hole"));
    terminals[1].expect_frame(&tpdu(7, NII, b"into a black hole"));
    switch.wait_metric("answers_resent_total", &[], 1);
    switch.wait_metric("connections_closed_total", &[("line", "nac-1"), ("reason", "stalled")], 1);
    fates_add_up(&switch);
}

/// The same behind a packet filter, in a network of its own.
#[test]
fn a_black_hole_in_the_network_loses_nothing() {
    if !network::is_own("resend::a_black_hole_in_the_network_loses_nothing") {
        return;
    }
    let (world, nac, host) = two_lines(2);
    let switch = world.timer(r#"unread_within = "1s""#).start();
    let mut terminals = switch.join_all(&nac);
    let mut issuer = switch.join(&host, 1);
    for address in 0..200 {
        ask(&mut terminals[0], address, "request");
    }
    let requests: Vec<_> = (0..200).map(|_| issuer.receive_message()).collect();
    let (before, behind) = requests.split_at(100);
    for request in before {
        issuer.send_frame(&answer_swapped(request, b"answer"));
        let answer = terminals[0].receive();
        assert_eq!(message(&answer), b"answer");
    }
    network::drop_port(nac.address(1).port());
    for request in behind {
        issuer.send_frame(&answer_swapped(request, b"answer"));
    }
    let mut came = Vec::new();
    while came.last() != Some(&199) {
        came.push(addresses(&terminals[1].receive()).0);
    }
    // The last that was read may not have been acknowledged yet when the network went.
    let first = 200 - came.len() as u16;
    assert!(first <= 100 && came == (first..200).collect::<Vec<u16>>(), "each of them, in order: {came:?}");
    switch.wait_metric("answers_resent_total", &[], u64::from(200 - first));
    round_trip(&mut terminals[1], &mut [&mut issuer], 7, "nothing comes twice before this");
    fates_add_up(&switch);
}

/// FAULTS, row 53: by then the requester has begun its reversal.
fn a_black_hole_found_after_the_deadline_resends_nothing(shards: u16) {
    let (world, nac, host) = two_lines(shards);
    let switch = world.timer(r#"unread_within = "3s""#).timer(r#"answer_within = "1s""#).start();
    let mut terminals = switch.join_all(&nac);
    let mut issuer = switch.join(&host, 1);
    ask(&mut terminals[0], 7, "request");
    let request = issuer.receive_message();
    terminals[0].go_deaf();
    issuer.send_frame(&answer_swapped(&request, b"into a black hole"));
    switch.wait_metric("answers_resend_failed_total", &[("reason", "late")], 1);
    assert_eq!(switch.metric("answers_resent_total", &[]), 0);
    round_trip(&mut terminals[1], &mut [&mut issuer], 8, "the first that comes over the sibling");
    fates_add_up(&switch);
}

fn without_a_line_it_is_held_for_a_newcomer(shards: u16) {
    let (world, nac, host) = two_lines(shards);
    let (switch, mut terminal, _issuer) = laden(&world.timer(r#"hold_answer = "30s""#), &nac, &host);
    read(&mut terminal, 10);
    terminal.reset();
    switch.wait_line_state("nac-1", "listening");
    let mut back = switch.join(&nac, 2);
    the_rest_comes(&switch, &mut back, 10);
}

#[test]
fn held_too_long_it_is_given_up_and_counted() {
    let (world, nac, host) = two_lines(2);
    let (switch, terminal, _issuer) = laden(&world.timer(r#"hold_answer = "200ms""#), &nac, &host);
    terminal.reset();
    let lost = || {
        let given = switch.metric("answers_resend_failed_total", &[("reason", "hold_expired")]);
        (given, given + switch.dropped("hold_expired"))
    };
    let given = eventually("they are given up", || {
        let (given, all) = lost();
        (all >= u64::from(MANY - UNREAD_MAX)).then_some(given)
    });
    assert!(given > 0);
    assert_eq!(switch.metric("answers_resent_total", &[]), 0);
    fates_add_up(&switch);
}

#[test]
fn with_never_what_was_given_is_lost_with_the_line() {
    let nac = Member::nac("nac").key(r#"resend = "never""#).listen().listen();
    let host = Member::host("host").listen();
    let (switch, terminal, mut issuer) = laden(&payments(2, &nac, &host), &nac, &host);
    let mut sibling = switch.join(&nac, 2);
    terminal.reset();
    switch.wait_metric("answers_forwarded_total", &[], u64::from(MANY));
    let never_given = switch.metric("answers_rerouted_total", &[]);
    assert!(never_given < u64::from(MANY), "none was given");
    for _ in 0..never_given {
        sibling.receive_message();
    }
    round_trip(&mut sibling, &mut [&mut issuer], 1, "the first that comes behind them");
    let both = ["answers_resent_total", "answers_resend_failed_total"].map(|name| switch.metric(name, &[]));
    assert_eq!(both, [0, 0]);
    fates_add_up(&switch);
}

/// A reload applies it at once, to what lies in the sockets as well.
#[test]
fn a_reload_says_whether_it_goes_again() {
    let (world, nac, host) = two_lines(2);
    let world = world.timer(r#"unread_within = "2s""#);
    let never = nac.clone().key(r#"resend = "never""#);
    for (before, after, again) in [(&nac, &never, false), (&never, &nac, true)] {
        let switch = world.clone().with(before).start();
        let mut terminals = switch.join_all(&nac);
        let mut issuer = switch.join(&host, 1);
        for text in [&b"before"[..], b"behind"] {
            ask(&mut terminals[0], 7, "request");
            let request = issuer.receive_message();
            if text == b"before" {
                terminals[0].go_deaf();
            }
            issuer.send_frame(&answer_swapped(&request, text));
            switch.wait_metric("answers_forwarded_total", &[], if text == b"before" { 1 } else { 2 });
            if text == b"before" {
                switch.reload_applied(&world.clone().with(after));
            }
        }
        switch.wait_line_state("nac-1", "listening");
        if again {
            terminals[1].expect_frame(&tpdu(7, NII, b"behind"));
        }
        round_trip(&mut terminals[1], &mut [&mut issuer], 8, "nothing else comes before this");
        assert_eq!(switch.metric("answers_resent_total", &[]), u64::from(again));
        fates_add_up(&switch);
    }
}

/// A full close with the answers on their way, and the owner back at once (FAULTS, row 54).
fn a_full_close_with_requests_pending(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).timer(r#"hold_answer = "30s""#).start();
    let mut issuer = switch.join(&host, 1);
    for count in 1..=5 {
        let mut terminal = Peer::connect(nac.address(1), nac.prefix());
        for address in 0..200 {
            ask(&mut terminal, address, "request");
        }
        let requests: Vec<_> = (0..200).map(|_| issuer.receive_message()).collect();
        let frames: Vec<u8> =
            requests.iter().flat_map(|request| issuer.prefix().frame(&answer_swapped(request, b"answer"))).collect();
        terminal.close_whole();
        issuer.send_raw(&frames);
        let mut back = Peer::connect(nac.address(1), nac.prefix());
        let mut missing: BTreeSet<u16> = (0..200).collect();
        while !missing.is_empty() {
            missing.remove(&addresses(&back.receive_message()).0);
        }
        drop(back);
        switch.wait_line_state("nac-1", "listening");
        switch.wait_metric("answers_forwarded_total", &[], 200 * count);
    }
    fates_add_up(&switch);
}

/// A splitmix64: which lines break when is chance, and the same chance each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

const IN_FLIGHT: u16 = 10_000;

/// What requesters know of 10,000 answers.
#[derive(Default)]
struct Books {
    /// How often each terminal's answer was read.
    read: BTreeMap<u16, u64>,
    /// Answers that the kernel of a dead program had acknowledged.
    never_read: BTreeSet<u16>,
    copies_never_read: u64,
}

impl Books {
    fn reads(&mut self, line: &mut Peer) {
        for frame in line.take_all() {
            *self.read.entry(addresses(&frame).0).or_default() += 1;
        }
    }

    /// The program dies with what its socket holds; from then on that socket takes nothing.
    fn dies(&mut self, line: &mut Peer) {
        line.go_deaf();
        let unread = line.take_all();
        self.copies_never_read += unread.len() as u64;
        self.never_read.extend(unread.iter().map(|frame| addresses(frame).0));
    }

    fn open(&self) -> usize {
        (0..IN_FLIGHT).filter(|address| !self.read.contains_key(address) && !self.never_read.contains(address)).count()
    }
}

/// A line whose socket takes little, so that much of what is on its way is not acknowledged.
fn join_narrow(switch: &Switch, nac: &Member, number: usize) -> Peer {
    let before = switch.connects(&nac.line(number));
    let line = Peer::connect_with_receive_buffer(nac.address(number), nac.prefix(), NARROW);
    switch.wait_joined(&nac.line(number), before + 1);
    line
}

/// Every request that the host answered is answered to the member, at most once plus the counted resends.
fn ten_thousand_in_flight(shards: u16) {
    let nac = Member::nac("nac").listen().listen().listen().listen();
    let host = Member::host("host").listen().listen();
    let world = payments(shards, &nac, &host).timer(r#"hold_answer = "30s""#).timer(r#"unread_within = "1s""#);
    let switch = world.start();
    let mut terminals: Vec<Peer> = (1..=4).map(|number| join_narrow(&switch, &nac, number)).collect();
    let mut hosts = switch.join_all(&host);
    for address in 0..IN_FLIGHT {
        ask(&mut terminals[usize::from(address) % 4], address, "request");
    }
    let mut asked: Vec<(usize, Vec<u8>)> = Vec::new();
    eventually("all requests have come", || {
        for (line, host) in hosts.iter_mut().enumerate() {
            let frames = host.take_all().into_iter().filter(|frame| !frame.is_empty());
            asked.extend(frames.map(|request| (line, request)));
        }
        (asked.len() == usize::from(IN_FLIGHT)).then_some(())
    });
    let (mut chance, mut books) = (Chance(u64::from(shards)), Books::default());
    // Cut off: nothing more is heard of them, and they stay as they are.
    let mut cut = BTreeSet::new();
    while !asked.is_empty() {
        for _ in 0..(1 + chance.below(400)).min(asked.len()) {
            let (line, request) = asked.swap_remove(chance.below(asked.len()));
            let text = vec![b'x'; chance.below(600)];
            hosts[line].send_frame(&answer_swapped(&request, &text));
        }
        for (at, line) in terminals.iter_mut().enumerate() {
            if !cut.contains(&at) && chance.below(100) < 60 {
                books.reads(line);
            }
        }
        let at = chance.below(4);
        if cut.contains(&at) || chance.below(100) < 60 {
            continue;
        }
        books.dies(&mut terminals[at]);
        if cut.len() < 2 && chance.below(3) == 0 {
            cut.insert(at);
            continue;
        }
        let dead = terminals.remove(at);
        if chance.below(2) == 0 {
            dead.reset()
        } else {
            drop(dead)
        }
        terminals.insert(at, join_narrow(&switch, &nac, at + 1));
    }
    let mut reads = |books: &mut Books| {
        let open = terminals.iter_mut().enumerate().filter(|(at, _)| !cut.contains(at));
        open.for_each(|(_, line)| books.reads(line));
    };
    eventually("every answer has come, or its reader has died", || {
        reads(&mut books);
        (books.open() == 0).then_some(())
    });
    fates_add_up(&switch);
    reads(&mut books);
    let resent = switch.metric("answers_resent_total", &[]);
    let copies: u64 = books.read.values().sum();
    println!(
        "{} answered, {} taken and never read, {resent} sent again, {} read twice, {} lines cut off",
        books.read.len(),
        books.never_read.len(),
        copies - books.read.len() as u64,
        cut.len(),
    );
    assert!(copies + books.copies_never_read <= u64::from(IN_FLIGHT) + resent, "a double that was not counted");
    assert_eq!(switch.metric("requests_forwarded_total", &[]), u64::from(IN_FLIGHT), "each once");
    assert_eq!(switch.metric("answers_resend_failed_total", &[]), 0);
    assert!(resent > 0);
}

on_1_2_and_5_shards!(
    a_reset_with_a_thousand_answers_in_the_socket,
    a_process_that_is_killed,
    a_black_hole_found_in_time_loses_nothing,
    a_black_hole_found_after_the_deadline_resends_nothing,
    without_a_line_it_is_held_for_a_newcomer,
    a_full_close_with_requests_pending,
    ten_thousand_in_flight,
);
