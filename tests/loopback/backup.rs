//! Trunk and backup lines (`MP1-5`): the backup carries everything while no trunk is up, and no longer.

use crate::harness::{Member, NII, answer_swapped, ask, eventually, fates_add_up, payments, round_trip, tpdu};
use crate::on_1_2_and_5_shards;

const BACKUP: &str = r#"tier = "backup""#;

fn requests_keep_to_the_trunk_while_one_is_up(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen().listen_with(BACKUP);
    let switch = payments(shards, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut backup = switch.join(&host, 3);
    round_trip(&mut terminal, &mut [&mut backup], 1, "no trunk is up yet");
    let mut one = switch.join(&host, 1);
    let mut other = switch.join(&host, 2);
    for _ in 0..50 {
        let line = round_trip(&mut terminal, &mut [&mut one, &mut other, &mut backup], 1, "over the trunk");
        assert_ne!(line, 2, "a trunk line is up");
    }
    one.reset();
    switch.wait_line_state("host-1", "listening");
    for _ in 0..10 {
        round_trip(&mut terminal, &mut [&mut other], 1, "over the other trunk");
    }
    other.reset();
    switch.wait_line_state("host-2", "listening");
    for _ in 0..10 {
        round_trip(&mut terminal, &mut [&mut backup], 1, "over the backup");
    }
    let mut one = switch.join(&host, 1);
    for _ in 0..10 {
        round_trip(&mut terminal, &mut [&mut one], 1, "back to the trunk");
    }
    backup.expect_nothing();
    fates_add_up(&switch);
}

/// What comes in over a backup line is always taken; its answer goes over the trunk.
fn a_request_over_a_backup_line_is_taken(shards: u16) {
    let nac = Member::nac("nac").listen().listen_with(BACKUP);
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut trunk = switch.join(&nac, 1);
    let mut backup = switch.join(&nac, 2);
    let mut issuer = switch.join(&host, 1);
    ask(&mut backup, 0x0042, "over the backup");
    let request = issuer.receive();
    issuer.send_frame(&answer_swapped(&request, b"over the trunk"));
    trunk.expect_frame(&tpdu(0x0042, NII, b"over the trunk"));
    trunk.reset();
    switch.wait_line_state("nac-1", "listening");
    round_trip(&mut backup, &mut [&mut issuer], 0x0042, "both ways over the backup");
    fates_add_up(&switch);
}

/// An answer over a backup line of the host is taken like any other.
#[test]
fn an_answer_over_a_backup_line_is_taken() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen_with(BACKUP);
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut trunk = switch.join(&host, 1);
    let mut backup = switch.join(&host, 2);
    ask(&mut terminal, 1, "request");
    let request = trunk.receive();
    backup.send_frame(&answer_swapped(&request, b"answer over the backup"));
    terminal.expect_frame(&tpdu(1, NII, b"answer over the backup"));
    fates_add_up(&switch);
}

/// An answer on its way when the last trunk of its requester breaks goes over the backup.
fn an_answer_falls_back_to_the_backup(shards: u16) {
    let nac = Member::nac("nac").listen().listen_with(BACKUP);
    let host = Member::host("host").listen();
    let switch = payments(shards, &nac, &host).start();
    let mut trunk = switch.join(&nac, 1);
    let mut backup = switch.join(&nac, 2);
    let mut issuer = switch.join(&host, 1);
    ask(&mut trunk, 1, "request over the trunk");
    let request = issuer.receive();
    trunk.reset();
    switch.wait_line_state("nac-1", "listening");
    issuer.send_frame(&answer_swapped(&request, b"answer over the backup"));
    backup.expect_frame(&tpdu(1, NII, b"answer over the backup"));
    switch.wait_metric("answers_rerouted_total", &[], 1);
    fates_add_up(&switch);
}

/// `trunk_steady`: a trunk that came back carries again only after it has been up for that long.
#[test]
fn a_trunk_that_flaps_is_not_believed_at_once() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen_with(BACKUP);
    let switch = payments(2, &nac, &host).timer(r#"trunk_steady = "3s""#).start();
    let mut terminal = switch.join(&nac, 1);
    let first = switch.join(&host, 1);
    let mut backup = switch.join(&host, 2);
    first.reset();
    switch.wait_line_state("host-1", "listening");
    round_trip(&mut terminal, &mut [&mut backup], 1, "over the backup");
    let mut trunk = switch.join(&host, 1);
    let mut over_backup = 0;
    eventually("the trunk carries again", || {
        let line = round_trip(&mut terminal, &mut [&mut trunk, &mut backup], 1, "over either");
        over_backup += line;
        (line == 0).then_some(())
    });
    assert!(over_backup > 0, "the trunk carried before it had been up for three seconds");
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(
    requests_keep_to_the_trunk_while_one_is_up,
    a_request_over_a_backup_line_is_taken,
    an_answer_falls_back_to_the_backup,
);
