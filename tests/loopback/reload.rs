//! A reload is applied whole or not at all, and touches nothing that did not change.

use crate::harness::frames::{message, numbered};
use crate::harness::{
    AnsweringHost, Door, Member, NII, Peer, Prefix, Switch, World, answer_swapped, ask, eventually, fates_add_up,
    payments, round_trip, tpdu,
};
use crate::on_1_2_and_5_shards;

use serde_json::Value;

/// All objects anywhere in a refusal that name a place and a message.
pub fn faults(refusal: &Value) -> Vec<&Value> {
    match refusal {
        Value::Object(fields) if ["file", "line", "column", "message"].iter().all(|key| fields.contains_key(*key)) => {
            vec![refusal]
        }
        Value::Object(fields) => fields.values().flat_map(faults).collect(),
        Value::Array(items) => items.iter().flat_map(faults).collect(),
        _ => Vec::new(),
    }
}

/// A terminal that asks and waits for its answer, again and again, until told to stop.
fn traffic(mut terminal: Peer, stop: &std::sync::atomic::AtomicBool) -> u32 {
    let mut count = 0;
    while !stop.load(std::sync::atomic::Ordering::SeqCst) {
        let data = numbered(count, 64);
        terminal.send_frame(&tpdu(NII, 1, &data));
        assert_eq!(message(&terminal.receive()), data, "each request has its answer, in its turn");
        count += 1;
    }
    count
}

fn unchanged_lines_lose_nothing_under_traffic(shards: u16) {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let world = payments(shards, &nac, &host);
    let switch = world.start();
    let terminals = switch.join_all(&nac);
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking: Vec<_> = terminals.into_iter().map(|terminal| scope.spawn(|| traffic(terminal, &stop))).collect();
        // The threads must end when an assertion here fails, or the test would hang.
        let reloads = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let extra = Member::nac("extra").listen();
            let grown = world.clone().member(&extra).route("extra", "host");
            for _ in 0..5 {
                assert_eq!(switch.reload_by_signal(&grown.text()), "applied");
                assert_eq!(switch.line_state("extra-1"), "listening");
                assert_eq!(switch.reload_by_signal(&world.text()), "applied");
            }
        }));
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        let asked: u32 = asking.into_iter().map(|thread| thread.join().expect("every request is answered")).sum();
        reloads.expect("the reloads are applied");
        assert!(asked > 0);
    });
    for line in ["nac-1", "nac-2", "host-1"] {
        assert_eq!(switch.connects(line), 1, "{line} kept its connection");
    }
    drop(issuer);
}

#[test]
fn the_same_file_again_changes_nothing() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    assert_eq!(switch.reload_by_signal(&world.text()), "unchanged");
    round_trip(&mut terminal, &mut [&mut issuer], 1, "nothing changed");
    assert_eq!((switch.connects("nac-1"), switch.connects("host-1")), (1, 1));
    assert_eq!(switch.metric("config_last_reload_successful", &[]), 1);
}

#[test]
fn a_broken_file_is_refused_and_nothing_changes() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    // Two faults, and a new line that is not to be opened.
    let extra = Member::nac("extra").listen();
    let text = world.clone().member(&extra).text() + "\nnonsense = 1\n";
    let broken = text.replace("[timers]", "[timers]\nanswer_within = \"soon\"");
    let at = |needle: &str| broken.lines().position(|line| line.contains(needle)).expect("it is there") + 1;
    assert_eq!(switch.reload_by_signal(&broken), "refused");
    let place = format!("ringswitch.toml:{}:", at("soon"));
    eventually("the log names the place of the fault", || switch.log().contains(&place).then_some(()));
    let response = switch.reload_text(&broken);
    assert_eq!(response.status, 422, "{}", response.body);
    let refusal = response.json();
    let lines: Vec<u64> = faults(&refusal).iter().filter_map(|fault| fault["line"].as_u64()).collect();
    for needle in ["soon", "nonsense"] {
        assert!(lines.contains(&(at(needle) as u64)), "{needle} in line {}: {refusal}", at(needle));
    }
    assert_eq!(switch.metric("config_last_reload_successful", &[]), 0);
    assert_eq!(switch.metric("config_reloads_total", &[("result", "refused")]), 2);
    assert_eq!(switch.get("/v1/lines/extra-1").status, 404);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "as before");
    assert_eq!(switch.reload_by_signal(&world.text()), "unchanged");
    assert_eq!(switch.metric("config_last_reload_successful", &[]), 1);
}

#[test]
fn what_needs_a_restart_is_refused_as_such() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let more_shards = world.clone().with_shards(3);
    let other_admin = world.clone().with_admin(crate::harness::ports::free());
    let memory = world.clone().limit(r#"memory = "512MiB""#);
    for (key, changed) in [("shards", more_shards), ("admin", other_admin), ("memory", memory)] {
        let response = switch.reload(&changed);
        assert_eq!(response.status, 422, "{key}: {}", response.body);
        assert!(response.body.contains("restart") && response.body.contains(key), "{key}: {}", response.body);
    }
}

#[test]
fn a_port_that_is_taken_refuses_the_whole_reload() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let taken = Door::open(Prefix::Bin2);
    let fine = Member::nac("fine").listen();
    let clashing = Member::nac("clashing").listen_at(taken.address(), "");
    let response = switch.reload(&world.clone().member(&fine).member(&clashing));
    assert_eq!(response.status, 422, "{}", response.body);
    assert_eq!(switch.get("/v1/lines/fine-1").status, 404);
    assert!(Peer::try_connect(fine.address(1), Prefix::Bin2).is_none(), "nothing of it was opened");
    drop(taken);
    switch.reload_applied(&world.member(&fine).member(&clashing));
    assert_eq!(switch.line_state("clashing-1"), "listening");
}

#[test]
fn a_plan_changes_nothing() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let extra = Member::nac("extra").listen();
    switch.write_config(&world.member(&extra).text());
    let response = switch.post("/v1/reload?plan=1");
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(response.body.contains("extra-1"), "the plan names what it would open: {}", response.body);
    assert_eq!(switch.get("/v1/lines/extra-1").status, 404);
    let response = switch.post("/v1/reload");
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(switch.line_state("extra-1"), "listening");
}

/// Timers, limits and routes take effect at once, with every connection kept.
#[test]
fn timers_and_routes_change_with_the_connection_kept() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let other = Member::host("other").listen();
    let spare_nac = Member::nac("spare").listen();
    let world = World::new(2).member(&nac).member(&host).member(&other).member(&spare_nac);
    let before = world.clone().route("nac", "host").route("spare", "other");
    let after = world.timer(r#"answer_within = "2s""#).route("nac", "other").route("spare", "host");
    let switch = before.start();
    let mut terminal = switch.join(&nac, 1);
    let mut first = switch.join(&host, 1);
    let mut second = switch.join(&other, 1);
    ask(&mut terminal, 9, "asked before");
    let early = first.receive();
    switch.reload_applied(&after);
    round_trip(&mut terminal, &mut [&mut second], 1, "to the other host");
    first.send_frame(&answer_swapped(&early, b"deadlines that run stay"));
    assert_eq!(message(&terminal.receive()), b"deadlines that run stay");
    ask(&mut terminal, 1, "not answered");
    second.receive();
    switch.wait_metric("requests_timed_out_total", &[], 1);
    for line in ["nac-1", "host-1", "other-1"] {
        assert_eq!(switch.connects(line), 1, "{line} kept its connection");
    }
    fates_add_up(&switch);
}

/// A signal storm, half of it with a broken file: every verdict is counted, nothing moves.
#[test]
fn a_storm_of_reloads_ends_in_order() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch: Switch = world.start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for turn in 0..30 {
        let text = if turn % 2 == 0 { "broken = [".to_owned() } else { world.text() };
        switch.write_config(&text);
        switch.signal(libc::SIGHUP);
        round_trip(&mut terminal, &mut [&mut issuer], 1, "in the storm");
    }
    // Signals may merge; a last one after all of them is always heard.
    switch.reload_by_signal(&world.text());
    eventually("the last word is the good file", || {
        (switch.metric("config_last_reload_successful", &[]) == 1).then_some(())
    });
    round_trip(&mut terminal, &mut [&mut issuer], 1, "after the storm");
    assert_eq!((switch.connects("nac-1"), switch.connects("host-1")), (1, 1));
}

on_1_2_and_5_shards!(unchanged_lines_lose_nothing_under_traffic);
