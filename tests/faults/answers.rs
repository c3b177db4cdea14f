//! Answers that do not come, come late, twice, to nobody, or when nobody is there.

use std::time::Instant;

use crate::books::Books;
use crate::harness::frames::{addresses, message, number_of, numbered};
use crate::harness::{
    Arrival, Member, NII, Peer, Switch, answer_copied, answer_swapped, ask, eventually, fates_add_up, payments,
    round_trip, tpdu,
};
use crate::outside::resident;
use crate::rows::{ms, report};
use crate::traffic::{NotingHost, answer_all, ask_all, see_all, take_all, take_until};

#[test]
fn row_22_an_answer_that_never_comes() {
    const REQUESTS: u32 = 50;
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).timer(r#"answer_within = "500ms""#).start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    let books = Books::default();
    ask_all(&mut terminal, 0, 0..REQUESTS, &books);
    let silent = see_all(&mut issuer, REQUESTS as usize, &books);
    switch.wait_metric("requests_timed_out_total", &[], u64::from(REQUESTS));
    // What comes now gets numbers that nobody waited for a moment ago.
    ask_all(&mut terminal, 0, REQUESTS..2 * REQUESTS, &books);
    let answered = see_all(&mut issuer, REQUESTS as usize, &books);
    let number = |request: &Vec<u8>| addresses(request).1;
    assert!(answered.iter().all(|request| silent.iter().all(|old| number(old) != number(request))), "a number rests");
    answer_all(&mut issuer, &answered, &books);
    take_until(&mut [&mut terminal], 0, &books, u64::from(REQUESTS));
    assert_eq!(switch.metric("pending_requests", &[]), 0);
    fates_add_up(&switch);
    report(
        22,
        &format!("{REQUESTS} of {REQUESTS} timed out and counted, none of their numbers used by the next {REQUESTS}"),
    );
}

#[test]
fn row_23_answers_that_reach_nobody() {
    let (nac, other_nac) = (Member::nac("nac").listen(), Member::nac("other-nac").listen());
    let (host, other) = (Member::host("host").listen(), Member::host("other").listen());
    let world = payments(2, &nac, &host).member(&other_nac).member(&other).route("other-nac", "other");
    let switch = world.timer(r#"answer_within = "400ms""#).start();
    let (mut terminal, mut neighbour) = (switch.join(&nac, 1), switch.join(&other_nac, 1));
    let (mut issuer, mut liar) = (switch.join(&host, 1), switch.join(&other, 1));
    ask(&mut terminal, 1, "answered late");
    let request = issuer.receive();
    switch.wait_metric("requests_timed_out_total", &[], 1);
    issuer.send_frame(&answer_swapped(&request, b"late"));
    switch.wait_dropped("late", 1);
    let unmatched = |count| switch.wait_dropped("unmatched", count);
    ask(&mut terminal, 1, "answered twice");
    let request = issuer.receive();
    issuer.send_frame(&answer_swapped(&request, b"once"));
    issuer.send_frame(&answer_swapped(&request, b"twice"));
    terminal.expect_frame(&tpdu(1, NII, b"once"));
    unmatched(1);
    for (count, number) in [(2, 0x0000), (3, 0x1234), (4, 0xffff)] {
        issuer.send_frame(&tpdu(number, NII, b"unasked"));
        unmatched(count);
    }
    ask(&mut neighbour, 1, "of another member");
    let theirs = liar.receive();
    ask(&mut terminal, 1, "asked of the host");
    let request = issuer.receive();
    liar.send_frame(&answer_swapped(&request, b"with the host's number"));
    liar.send_frame(&answer_copied(&request, b"with the host's number"));
    // Both tables may have given the same number: then the liar answered its own request, in vain.
    let own = u64::from(addresses(&theirs).1 == addresses(&request).1);
    unmatched(6 - own);
    issuer.send_frame(&answer_swapped(&request, b"the host's own"));
    terminal.expect_frame(&tpdu(1, NII, b"the host's own"));
    if own == 0 {
        liar.send_frame(&answer_swapped(&theirs, b"its own"));
        neighbour.expect_frame(&tpdu(1, NII, b"its own"));
    }
    fates_add_up(&switch);
    report(23, "0 misdelivered: 1 late, 1 second copy, 3 unasked, 2 with another's number, each counted");
}

#[test]
fn row_24_a_full_pending_table() {
    const PENDING: u32 = 100;
    const ASKED: u32 = 250;
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").key("limits = { pending = 100 }").listen();
    let switch = payments(2, &nac, &host).start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    let mut first = 0;
    let books = Books::default();
    for round in 1..=3u64 {
        ask_all(&mut terminal, 0, first..first + ASKED, &books);
        first += ASKED;
        let requests = see_all(&mut issuer, PENDING as usize, &books);
        switch.wait_dropped("pending_full", round * u64::from(ASKED - PENDING));
        assert_eq!(switch.metric("pending_requests", &[]), u64::from(PENDING));
        answer_all(&mut issuer, &requests, &books);
        switch.wait_gauge("pending_requests", &[], 0);
    }
    take_until(&mut [&mut terminal], 0, &books, 3 * u64::from(PENDING));
    let account = books.sound();
    assert_eq!(account.asked, account.seen + switch.dropped("pending_full"));
    fates_add_up(&switch);
    report(
        24,
        &format!("3 times {ASKED} for a table of {PENDING}: each time {} dropped, {PENDING} answered", ASKED - PENDING),
    );
}

#[test]
fn row_25_a_group_without_lines_for_less_and_for_more_than_hold_answer() {
    const ANSWERS: u32 = 50;
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).timer(r#"hold_answer = "1s""#).start();
    let mut issuer = switch.join(&host, 1);
    let books = Books::default();
    let mut asked_and_gone = |first: u32| {
        let lines = switch.join_all(&nac);
        for (asker, mut line) in lines.into_iter().enumerate() {
            let from = first + asker as u32 * ANSWERS;
            // The books know the group as the asker: any of its lines may bring the answer.
            ask_all(&mut line, 0, from..from + ANSWERS, &books);
            let requests = see_all(&mut issuer, ANSWERS as usize, &books);
            line.reset();
            switch.wait_line_state(&nac.line(asker + 1), "listening");
            if asker == 1 {
                answer_all(&mut issuer, &requests, &books);
            }
        }
    };
    asked_and_gone(0);
    switch.wait_gauge("frames_held", &[], u64::from(ANSWERS));
    let mut back = switch.join(&nac, 1);
    take_until(&mut [&mut back], 0, &books, u64::from(ANSWERS));
    back.reset();
    switch.wait_line_state("nac-1", "listening");
    asked_and_gone(1000);
    switch.wait_dropped("hold_expired", u64::from(ANSWERS));
    let mut late = switch.join(&nac, 1);
    assert_eq!(late.arrival(ms(200)), Arrival::Nothing, "what was dropped does not come");
    assert_eq!(switch.metric("frames_held", &[]), 0);
    books.sound();
    fates_add_up(&switch);
    report(
        25,
        &format!("less: {ANSWERS} of {ANSWERS} delivered; more: {ANSWERS} of {ANSWERS} dropped as hold_expired"),
    );
}

/// A host with two trunk lines and a backup, lines going and coming under load.
struct Trunks {
    switch: Switch,
    host: Member,
    books: Books,
    terminal: Peer,
    next: u32,
}

impl Trunks {
    /// Asks, and every request must be answered; the hosts answer by themselves.
    fn whole(&mut self, requests: u32) {
        let these = self.next..self.next + requests;
        self.ask(requests);
        let (books, terminal) = (&self.books, &mut self.terminal);
        eventually("every request is answered", || {
            take_all(terminal, 0, books, ms(1));
            these.clone().all(|number| books.was_delivered(number)).then_some(())
        });
    }

    fn ask(&mut self, requests: u32) {
        ask_all(&mut self.terminal, 0, self.next..self.next + requests, &self.books);
        self.next += requests;
    }

    fn sent_by(&self, line: usize) -> u64 {
        self.switch.line(&self.host.line(line))["frames_out"].as_u64().expect("a count")
    }
}

#[test]
fn row_26_trunks_and_backup_go_and_come() {
    const PART: u32 = 200;
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen().listen_with(r#"tier = "backup""#);
    let switch = payments(2, &nac, &host).timer(r#"answer_within = "2s""#).start();
    let terminal = switch.join(&nac, 1);
    let books = Books::default();
    let mut hosts: Vec<Option<NotingHost>> =
        (1..=3).map(|n| Some(NotingHost::on(switch.join(&host, n), &books))).collect();
    let mut trunks = Trunks { switch, host, books: books.clone(), terminal, next: 0 };
    let mut took = Vec::new();
    trunks.whole(PART);
    let backup_idle = trunks.sent_by(3);
    // Under load: what was under way on the broken line is lost, what comes after is not.
    let mut lost = 0;
    for (broken, playing) in hosts.iter_mut().enumerate() {
        trunks.ask(PART);
        let since = Instant::now();
        playing.take().expect("not broken yet").stop().reset();
        trunks.switch.wait_line_state(&trunks.host.line(broken + 1), "listening");
        took.push(format!("{:.1}", since.elapsed().as_secs_f64() * 1e3));
        let before = books.account();
        take_all(&mut trunks.terminal, 0, &books, ms(300));
        lost += before.asked - books.account().delivered - lost;
        if broken < 2 {
            trunks.whole(PART); // over what is left
        }
    }
    assert!(backup_idle == 0 && trunks.sent_by(3) > 0, "the backup carries only without a trunk");
    let before = trunks.switch.dropped("no_line");
    trunks.ask(PART);
    trunks.switch.wait_metric_at_least("frames_dropped_total", &[("reason", "no_line")], before + u64::from(PART));
    for back in [2, 0, 1] {
        let line = trunks.switch.join(&trunks.host, back + 1);
        hosts[back] = Some(NotingHost::on(line, &books));
        let carried = trunks.sent_by(3);
        trunks.whole(PART);
        assert_eq!(trunks.sent_by(3) > carried, back == 2, "the backup until a trunk is back");
    }
    let Trunks { switch, .. } = trunks;
    drop(hosts);
    let account = books.sound();
    fates_add_up(&switch);
    report(
        26,
        &format!(
            "{lost} of {} requests under way when their line broke lost, 0 after it; out of the group within {} ms; {} requests in all, 0 doubled",
            3 * PART,
            took.join(", "),
            account.asked
        ),
    );
}

#[test]
fn row_40_anothers_address_and_a_cut_dial_monitoring_block() {
    let (nac, neighbour) = (Member::nac("nac").listen(), Member::nac("neighbour").listen());
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).member(&neighbour).route("neighbour", "host").start();
    let (mut terminal, mut other) = (switch.join(&nac, 1), switch.join(&neighbour, 1));
    let mut issuer = switch.join(&host, 1);
    // Both speak as the same terminal: each gets its own answer.
    ask(&mut terminal, 0x0042, "of the one");
    let first = issuer.receive();
    ask(&mut other, 0x0042, "of the other");
    let second = issuer.receive();
    issuer.send_frame(&answer_swapped(&second, b"to the other"));
    issuer.send_frame(&answer_swapped(&first, b"to the one"));
    other.expect_frame(&tpdu(0x0042, NII, b"to the other"));
    terminal.expect_frame(&tpdu(0x0042, NII, b"to the one"));
    // A dial-monitoring block that says that it is longer than it is: content, whole and unchanged.
    let monitored = b"LRI\x00\x1c\x00\x01\x02";
    for cut in 1..monitored.len() {
        terminal.send_frame(&tpdu(NII, 0x0042, &monitored[..cut]));
        let request = issuer.receive();
        assert_eq!(message(&request), &monitored[..cut]);
        issuer.send_frame(&answer_swapped(&request, &monitored[..cut]));
        terminal.expect_frame(&tpdu(0x0042, NII, &monitored[..cut]));
    }
    // Too short for a TPDU: dropped, the line stays.
    for cut in 1..5 {
        terminal.send_frame(&tpdu(NII, 0x0042, b"")[..cut]);
    }
    switch.wait_dropped("bad_header", 4);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "goes on");
    fates_add_up(&switch);
    report(40, "0 misdelivered; 7 cut blocks passed as they were, 4 headers cut short dropped");
}

#[test]
fn row_42_sixty_thousand_answers_at_once() {
    const LINES: usize = 4;
    const EACH: u32 = 15_000;
    let nac = (0..LINES).fold(Member::nac("nac"), |nac, _| nac.listen());
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).timer(r#"answer_within = "120s""#).timer(r#"drain_within = "130s""#).start();
    let mut terminals = switch.join_all(&nac);
    let mut issuer = switch.join(&host, 1);
    let before = resident(&switch);
    let mut requests = Vec::new();
    for (line, terminal) in terminals.iter_mut().enumerate() {
        for part in 0..EACH / 500 {
            let first = line as u32 * EACH + part * 500;
            let frames: Vec<u8> = (first..first + 500)
                .flat_map(|number| terminal.prefix().frame(&tpdu(NII, line as u16, &numbered(number, 40))))
                .collect();
            terminal.send_raw(&frames);
            requests.extend((0..500).map(|_| issuer.receive_message()));
        }
    }
    assert_eq!(switch.metric("pending_requests", &[]), 60_000);
    // Answers wait in the books of whoever reads them, one thread a line.
    let readers: Vec<_> = terminals
        .into_iter()
        .enumerate()
        .map(|(line, mut terminal)| {
            std::thread::spawn(move || {
                let mut seen: Vec<u32> = (0..EACH).map(|_| number_of(message(&terminal.receive_message()))).collect();
                seen.sort_unstable();
                let first = line as u32 * EACH;
                assert!(seen.iter().copied().eq(first..first + EACH), "each of its own, each once");
                terminal
            })
        })
        .collect();
    let since = Instant::now();
    let burst: Vec<u8> =
        requests.iter().flat_map(|request| issuer.prefix().frame(&answer_swapped(request, message(request)))).collect();
    issuer.send_raw(&burst);
    let terminals: Vec<Peer> = readers.into_iter().map(|reader| reader.join().expect("all of its answers")).collect();
    let took = since.elapsed();
    assert_eq!(switch.metric("pending_requests", &[]), 0);
    fates_add_up(&switch);
    drop(terminals);
    report(
        42,
        &format!(
            "60,000 of 60,000 delivered, each once, {:.0} ms; RSS {before:.0} → {:.0} MiB",
            took.as_secs_f64() * 1e3,
            resident(&switch)
        ),
    );
}

/// With numbers of digits only, ten thousand requests are enough to see one again.
#[test]
fn row_50_a_second_answer_after_its_number_was_used_again() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").key("tpdu_digits = true").listen();
    let switch = payments(1, &nac, &host).start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    ask(&mut terminal, 1, "the first with its number");
    let first = issuer.receive();
    let answer = answer_swapped(&first, b"answer to the first");
    issuer.send_frame(&answer);
    terminal.expect_frame(&tpdu(1, NII, b"answer to the first"));
    let mut between = 0;
    let again = loop {
        ask(&mut terminal, 2, "a later one");
        let request = issuer.receive();
        if addresses(&request).1 == addresses(&first).1 {
            break request;
        }
        between += 1;
        assert!(between < 20_000, "numbers are used in turn");
        // Before its number is used again, the copy reaches nobody.
        if between % 1000 == 0 {
            issuer.send_frame(&answer);
        }
        issuer.send_frame(&answer_swapped(&request, b"answered"));
        terminal.expect_frame(&tpdu(2, NII, b"answered"));
    };
    let unmatched = switch.dropped("unmatched");
    assert_eq!(unmatched, between / 1000);
    issuer.send_frame(&answer);
    let got = terminal.receive();
    issuer.send_frame(&answer_swapped(&again, b"the right one, too late"));
    switch.wait_dropped("unmatched", unmatched + 1);
    assert_eq!(addresses(&got), (2, NII), "to whoever waits under the number now, and to nobody else");
    let misdelivered = u32::from(message(&got) == b"answer to the first");
    fates_add_up(&switch);
    report(
        50,
        &format!(
            "{unmatched} copies before the number came again: dropped; 1 after {between} others: {misdelivered} misdelivered (what `guard` is for)"
        ),
    );
}
