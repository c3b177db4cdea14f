//! The end of the process, in order or not, and the next one.

use std::time::{Duration, Instant};

use crate::books::Books;
use crate::harness::frames::{addresses, message};
use crate::harness::{
    AnsweringHost, Arrival, Door, Member, Peer, Prefix, answer_swapped, ask, eventually, fates_add_up, payments,
};
use crate::rows::{lasting, ms, report};
use crate::traffic::{Askers, answer_all, ask_all, ratio, see_all, take_all, take_until};

#[test]
fn row_19_an_orderly_end_with_requests_pending() {
    const PENDING: u32 = 100;
    const ANSWERED: usize = 60;
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let mut switch = payments(2, &nac, &host).timer(r#"drain_within = "1s""#).start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    let books = Books::default();
    ask_all(&mut terminal, 0, 0..PENDING, &books);
    let requests = see_all(&mut issuer, PENDING as usize, &books);
    let since = Instant::now();
    switch.terminate();
    answer_all(&mut issuer, &requests[..ANSWERED], &books);
    assert!(!take_all(&mut terminal, 0, &books, Duration::from_secs(10)), "the line ends");
    let status = switch.wait_exit();
    let drained = since.elapsed();
    assert_eq!(status.code(), Some(0));
    assert_eq!(books.sound().delivered, ANSWERED as u64, "what was answered in time was delivered");

    let mut switch = payments(2, &nac, &host).timer(r#"drain_within = "60s""#).start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    ask(&mut terminal, 1, "never answered");
    issuer.receive();
    switch.terminate();
    eventually("it stops", || switch.log().contains("stopping").then_some(()));
    assert!(switch.is_running());
    let since = Instant::now();
    switch.terminate();
    switch.wait_exit();
    report(
        19,
        &format!(
            "{ANSWERED} answered of {PENDING} pending, all {ANSWERED} delivered, ended after {:.1} s for a limit of 1 s; second signal: {:.0} ms",
            drained.as_secs_f64(),
            since.elapsed().as_secs_f64() * 1e3
        ),
    );
}

#[test]
fn row_20_killed_under_load_and_started_again() {
    const PENDING: u32 = 50;
    let lines = lasting(300, 2000);
    let door = Door::open(Prefix::Ascii4);
    let nac = (0..lines).fold(Member::nac("nac"), |nac, _| nac.listen());
    let busy = Member::nac("busy").listen().listen();
    let host = Member::host("host").listen().connect(&door);
    let world = payments(2, &nac, &host).member(&busy).route("busy", "host").timer(r#"reconnect = ["100ms", "1s"]"#);
    let all = lines as u64 + 4;
    let books = Books::default();
    let connect_all =
        || -> Vec<Peer> { (1..=lines).map(|line| Peer::connect(nac.address(line), nac.prefix())).collect() };
    let everybody_is_in = |switch: &crate::harness::Switch| {
        eventually("every line is up", || (switch.metric("line_up", &[]) == all).then_some(()));
    };

    let first = world.start();
    let (mut members, mut requesters) = (connect_all(), first.join_all(&busy));
    let mut issuers = vec![first.join(&host, 1), door.accept()];
    everybody_is_in(&first);
    ask_all(&mut requesters[0], 0, 0..PENDING, &books);
    let mut old = Vec::new();
    eventually("every request is at the host", || {
        for issuer in &mut issuers {
            while let Arrival::Frame(request) = issuer.arrival(ms(5)) {
                books.see(crate::harness::frames::number_of(message(&request)));
                old.push(request);
            }
        }
        (old.len() == PENDING as usize).then_some(())
    });
    // Killed while bytes lie in sockets on both sides.
    members.iter_mut().for_each(|member| {
        member.send_raw_while_open(b"\x00");
    });
    drop(first);
    drop((members, requesters, issuers));

    let since = Instant::now();
    let switch = world.start();
    let bound = since.elapsed();
    // The first who are back work on while all the others come.
    let issuer = switch.join(&host, 1);
    let mut second_way = door.accept();
    let early = switch.join(&busy, 1);
    assert_eq!(second_way.arrival(ms(200)), Arrival::Nothing, "no request is invented");
    let issuer = AnsweringHost::on(issuer);
    let second_host = AnsweringHost::on(second_way);
    let working = Askers::on(vec![early], ms(1));
    let mut late = switch.join(&busy, 2);
    let (calm, ()) = working.p99_while(ms(400), || ());
    let came = Instant::now();
    let (during, members) = working.p99_while(ms(0), || {
        let members = connect_all();
        everybody_is_in(&switch);
        members
    });
    let back = came.elapsed();
    working.stop();
    let mut issuer = issuer.stop();
    assert_eq!(switch.post("/v1/lines/host-2/disable").status, 200);
    switch.wait_line_state("host-2", "disabled");
    drop(second_host.stop());

    // Answers of the run before, while as many new requests wait.
    ask_all(&mut late, 0, PENDING..2 * PENDING, &books);
    let new = see_all(&mut issuer, PENDING as usize, &books);
    let met = old.iter().filter(|old| new.iter().any(|new| addresses(new).1 == addresses(old).1)).count();
    let others: Vec<_> = old.iter().filter(|old| new.iter().all(|new| addresses(new).1 != addresses(old).1)).collect();
    for request in &others {
        issuer.send_frame(&answer_swapped(request, message(request)));
    }
    switch.wait_dropped("unmatched", others.len() as u64);
    answer_all(&mut issuer, &new, &books);
    take_until(&mut [&mut late], 0, &books, u64::from(PENDING));
    drop(members);
    fates_add_up(&switch);
    report(
        20,
        &format!(
            "ready again after {:.2} s, {lines} lines up {:.2} s after they came; p99 ratio of who was back before {}; {PENDING} in flight lost, 0 invented, 0 doubled; {} old answers to nobody, {met} met a new number",
            bound.as_secs_f64(),
            back.as_secs_f64(),
            ratio(calm, during),
            others.len()
        ),
    );
}
