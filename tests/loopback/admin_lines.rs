//! Lines disabled, enabled and drained over the admin API.

use crate::harness::{
    ABSENCE, Arrival, Member, NII, Peer, Prefix, answer_swapped, ask, fates_add_up, payments, round_trip, tpdu,
};

#[test]
fn a_disabled_line_admits_nobody_until_it_is_enabled() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    let mut terminal = switch.join(&nac, 1);
    assert_eq!(switch.post("/v1/lines/nac-1/disable").status, 200);
    terminal.expect_closed();
    drop(terminal);
    switch.wait_line_state("nac-1", "disabled");
    Peer::connect(nac.address(1), Prefix::Bin2).expect_reset();
    assert_eq!(switch.metric("connections_refused_total", &[("reason", "disabled")]), 1);
    assert_eq!(switch.post("/v1/lines/nac-1/enable").status, 200);
    switch.wait_line_state("nac-1", "listening");
    let mut terminal = switch.join(&nac, 1);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "enabled again");
}

/// Pending answers of a drained line are still delivered; then FIN, then it is disabled.
#[test]
fn a_drained_line_gets_its_answers_first() {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    let mut terminal = switch.join(&nac, 1);
    let mut sibling = switch.join(&nac, 2);
    ask(&mut terminal, 0x0042, "pending");
    let request = issuer.receive();
    assert_eq!(switch.post("/v1/lines/nac-1/drain").status, 200);
    assert_eq!(switch.line_state("nac-1"), "draining");
    ask(&mut terminal, 0x0043, "not taken any more");
    switch.wait_metric("frames_dropped_total", &[("reason", "draining"), ("line", "nac-1")], 1);
    round_trip(&mut sibling, &mut [&mut issuer], 1, "the sibling goes on");
    issuer.send_frame(&answer_swapped(&request, b"still delivered"));
    terminal.expect_frame(&tpdu(0x0042, NII, b"still delivered"));
    terminal.expect_fin();
    drop(terminal);
    switch.wait_line_state("nac-1", "disabled");
    fates_add_up(&switch);
}

/// Enabled while it drains, it is there again once it is drained.
#[test]
fn a_line_enabled_while_it_drains_comes_back() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    for _ in 0..10 {
        let mut terminal = switch.join(&nac, 1);
        assert_eq!(switch.post("/v1/lines/nac-1/drain").status, 200);
        terminal.expect_fin();
        assert_eq!(switch.post("/v1/lines/nac-1/enable").status, 200);
        drop(terminal);
        switch.wait_line_state("nac-1", "listening");
    }
    let mut terminal = switch.join(&nac, 1);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "back in service");
}

/// No request goes to a host's line that is drained; what it owes is still taken from it.
#[test]
fn a_drained_host_line_gets_no_requests_and_may_answer() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut first = switch.join(&host, 1);
    ask(&mut terminal, 0x0042, "owed");
    let request = first.receive();
    let mut second = switch.join(&host, 2);
    assert_eq!(switch.post("/v1/lines/host-1/drain").status, 200);
    for _ in 0..20 {
        round_trip(&mut terminal, &mut [&mut second], 1, "over the other line");
    }
    assert_eq!(first.arrival(ABSENCE), Arrival::Nothing, "open for what it owes, and no request");
    first.send_frame(&answer_swapped(&request, b"what it owed"));
    terminal.expect_frame(&tpdu(0x0042, NII, b"what it owed"));
    first.expect_fin();
}
