//! Reloads that break, grow, storm, or take away whom somebody waits for.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::harness::{
    AnsweringHost, Arrival, Member, NII, PATIENCE, Peer, World, answer_swapped, ask, fates_add_up, payments,
    round_trip, tpdu,
};
use crate::rows::{lasting, ms, report};
use crate::traffic::{Askers, ratio};

#[test]
fn row_15_an_ip_is_removed_while_it_is_connected() {
    let other = Ipv4Addr::new(127, 0, 0, 5);
    let nac = Member::nac("nac").allow(&["127.0.0.1", "127.0.0.5"]).listen().listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let mut issuer = switch.join(&host, 1);
    let mut removed = Peer::connect_from(other, nac.address(2), nac.prefix());
    switch.wait_joined("nac-2", 1);
    ask(&mut removed, 0x0042, "asked while allowed");
    let request = issuer.receive();
    let issuer = AnsweringHost::on(issuer);
    let kept = Askers::on(vec![switch.join(&nac, 1)], ms(1));
    switch.reload_applied(&world.clone().with(&nac.clone().allow(&["127.0.0.1"])));
    let since = Instant::now();
    let mut issuer = issuer.stop();
    issuer.send_frame(&answer_swapped(&request, b"due"));
    let issuer = AnsweringHost::on(issuer);
    removed.expect_frame(&tpdu(0x0042, NII, b"due"));
    removed.expect_fin();
    let took = since.elapsed();
    drop(removed);
    switch.wait_line_state("nac-2", "listening");
    Peer::connect_from(other, nac.address(2), nac.prefix()).expect_reset();
    assert_eq!((switch.connects("nac-1"), switch.connects("host-1")), (1, 1));
    let answered = kept.answered();
    kept.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        15,
        &format!(
            "its answer delivered, then FIN: {:.1} ms; {answered} answers to others, none lost",
            took.as_secs_f64() * 1e3
        ),
    );
}

#[test]
fn row_16_a_broken_file_twice_a_second() {
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let load = Askers::on(switch.join_all(&nac), ms(1));
    let (calm, ()) = load.p99_while(ms(500), || ());
    let broken = world.clone().member(&Member::nac("extra").listen()).text() + "\nnonsense = 1\n";
    let until = Instant::now() + lasting(ms(2000), Duration::from_secs(20));
    let mut refused = 0;
    let (during, ()) = load.p99_while(ms(0), || {
        while Instant::now() < until {
            let next = Instant::now() + ms(500);
            assert_eq!(switch.reload_by_signal(&broken), "refused");
            refused += 1;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
    assert_eq!(switch.get("/v1/lines/extra-1").status, 404);
    assert_eq!(switch.metric("connections_closed_total", &[]), 0);
    let answered = load.answered();
    load.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        16,
        &format!("{refused} of {refused} refused; {answered} answers, 0 lost; p99 ratio {}", ratio(calm, during)),
    );
}

#[test]
fn row_17_a_thousand_lines_come_and_go() {
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let world = payments(2, &nac, &host);
    let many = (0..1000).fold(Member::nac("many"), |many, _| many.listen());
    let grown = world.clone().member(&many).route("many", "host");
    let switch = world.start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let load = Askers::on(switch.join_all(&nac), ms(1));
    let (calm, ()) = load.p99_while(ms(500), || ());
    let mut took = Vec::new();
    let (during, ()) = load.p99_while(ms(0), || {
        for _ in 0..2 {
            for (text, lines) in [(&grown, 1003), (&world, 3)] {
                let since = Instant::now();
                switch.reload_applied(text);
                took.push(since.elapsed());
                let listed = switch.get("/v1/lines").json().as_array().map(Vec::len);
                assert_eq!(listed, Some(lines), "whole");
            }
        }
    });
    // The last of the thousand is a line like any other while it is there.
    switch.reload_applied(&grown);
    let mut last = switch.join(&many, 1000);
    ask(&mut last, 1, "over the last");
    assert_eq!(last.receive(), tpdu(1, NII, b"over the last"));
    assert_eq!(switch.metric("connections_closed_total", &[]), 0);
    let answered = load.answered();
    load.stop();
    drop(issuer);
    fates_add_up(&switch);
    let times: Vec<String> = took.iter().map(|took| format!("{:.0}", took.as_secs_f64() * 1e3)).collect();
    report(
        17,
        &format!(
            "add, remove, add, remove: {} ms; {answered} answers over kept lines, 0 lost; p99 ratio {}",
            times.join(", "),
            ratio(calm, during)
        ),
    );
}

#[test]
fn row_18_a_storm_of_reloads_and_an_end_in_its_middle() {
    const SIGNALS: u32 = 300;
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let world = payments(2, &nac, &host);
    let texts = [world.text(), world.clone().member(&Member::nac("extra").listen()).text(), "nonsense".to_owned()];
    for turn in 0..3u32 {
        let mut switch = world.start();
        let mut terminal = switch.join(&nac, 1);
        let mut issuer = switch.join(&host, 1);
        for number in 0..SIGNALS {
            if number % 10 == 0 {
                switch.write_config(&texts[(number / 10) as usize % 3]);
            }
            switch.signal(libc::SIGHUP);
        }
        round_trip(&mut terminal, &mut [&mut issuer], 1, "in the middle of the storm");
        switch.write_config(&texts[turn as usize]);
        switch.signal(libc::SIGHUP);
        switch.terminate();
        terminal.expect_fin();
        issuer.expect_fin();
        drop((terminal, issuer));
        assert_eq!(switch.wait_exit().code(), Some(0));
    }
    report(18, &format!("3 times {SIGNALS} SIGHUPs, then SIGHUP and SIGTERM at once: FIN on every line, exit 0"));
}

#[test]
fn row_55_the_requesters_group_goes_while_it_waits() {
    const REQUESTS: usize = 20;
    let (east, west, new) = (Member::nac("east").listen(), Member::nac("west").listen(), Member::nac("new").listen());
    let host = Member::host("host").listen();
    let rest = World::new(2).member(&host).member(&west).route("west", "host").timer(r#"drain_within = "300ms""#);
    let switch = rest.clone().member(&east).route("east", "host").start();
    let mut issuer = switch.join(&host, 1);
    let (mut terminal, mut other) = (switch.join(&east, 1), switch.join(&west, 1));
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            ask(&mut terminal, 0x0042, "asked by a group that goes");
            issuer.receive()
        })
        .collect();
    switch.reload_applied(&rest.clone().member(&new).route("new", "host"));
    let mut newcomer = switch.join(&new, 1);
    while !matches!(terminal.arrival(PATIENCE), Arrival::Fin | Arrival::Reset) {}
    drop(terminal);
    switch.wait_metric("line_up", &[("line", "east-1")], 0);
    for request in &requests {
        issuer.send_frame(&answer_swapped(request, b"for nobody"));
    }
    switch.wait_dropped("requester_gone", REQUESTS as u64);
    round_trip(&mut newcomer, &mut [&mut issuer], 0x0042, "the first that comes to the new group");
    round_trip(&mut other, &mut [&mut issuer], 0x0042, "the first that comes to the other");
    fates_add_up(&switch);
    report(55, &format!("{REQUESTS} of {REQUESTS} dropped as requester_gone, 0 misdelivered"));
}
