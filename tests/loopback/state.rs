//! What outlives a restart (`[switch] state`): numbers that go on, lines that stay out of service.

use std::collections::BTreeSet;
use std::path::Path;

use tempfile::TempDir;

use crate::harness::frames::addresses;
use crate::harness::{
    Door, Member, Peer, Prefix, Switch, World, answer_swapped, ask, command, eventually, payments, round_trip,
};
use crate::on_1_2_and_5_shards;

/// What the switch may skip after it was killed, and the chunk in which it begins: an eighth of all
/// numbers, and a part of 256 for each shard.
const SKIPPED_MOST: u16 = 8192;
const CHUNK: u16 = 256;

fn remembering(world: World, folder: &TempDir) -> World {
    world.setting(&format!("state = \"{}\"", folder.path().display()))
}

fn kill(mut switch: Switch) {
    switch.signal(libc::SIGKILL);
    switch.wait_exit();
}

fn stop(mut switch: Switch) {
    switch.terminate();
    assert_eq!(switch.wait_exit().code(), Some(0));
}

/// So many requests over the first line of a NAC, and the numbers under which the host saw them. None
/// is answered.
fn numbers_of(terminal: &mut Peer, issuer: &mut Peer, requests: u16) -> Vec<u16> {
    let number = |_| {
        ask(terminal, 1, "request");
        addresses(&issuer.receive_message()).1
    };
    (0..requests).map(number).collect()
}

fn the_record(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("state.toml")).expect("the switch has written it")
}

/// The mark of the only group.
fn the_mark(folder: &Path) -> u16 {
    let record = the_record(folder);
    let mark = record.lines().find_map(|line| line.strip_prefix("\"host/main\" = \"")?.strip_suffix('"'));
    let mark = mark.unwrap_or_else(|| panic!("no mark of host/main in:\n{record}"));
    u16::from_str_radix(mark, 16).expect("four hexadecimal digits")
}

/// How far `number` is ahead of `of`, round the ring.
fn ahead(number: u16, of: u16) -> u16 {
    number.wrapping_sub(of)
}

/// A host that answers long after must not be answering a stranger.
fn no_number_of_a_killed_run_is_used_again_soon(shards: u16) {
    let folder = tempfile::tempdir().expect("a folder");
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let world = remembering(payments(shards, &nac, &host), &folder);
    let (mut used, mut last) = (BTreeSet::new(), None);
    for requests in [1, 300, 1, 600] {
        let switch = world.start();
        let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
        let numbers = numbers_of(&mut terminal, &mut issuer, requests);
        for number in &numbers {
            assert!(used.insert(*number), "{number:04x} was used by the run before");
        }
        if let Some(last) = last {
            let skipped = ahead(numbers[0], last);
            assert!(skipped <= SKIPPED_MOST + CHUNK, "{skipped} numbers lie between two runs");
        }
        last = numbers.last().copied();
        kill(switch);
    }
}

/// The mark moves on with the numbers: it is ahead of them whenever the switch may be killed.
#[test]
fn the_mark_stays_ahead_of_the_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let world = remembering(payments(2, &nac, &host), &folder);
    let switch = world.start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    let first = the_mark(folder.path());
    let mut last = 0;
    for _ in 0..10 {
        last = *numbers_of(&mut terminal, &mut issuer, 1500).last().expect("some");
        eventually("the mark is ahead by more than a quarter of what it may be", || {
            let ahead = ahead(the_mark(folder.path()), last);
            (SKIPPED_MOST / 4 < ahead && ahead <= SKIPPED_MOST + CHUNK).then_some(())
        });
    }
    assert!(ahead(the_mark(folder.path()), first) > SKIPPED_MOST / 2, "it has moved");
    kill(switch);
    let switch = world.start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    let next = numbers_of(&mut terminal, &mut issuer, 1)[0];
    assert!(ahead(next, last) <= SKIPPED_MOST + CHUNK, "{next:04x} comes long after {last:04x}, or before");
}

/// An orderly stop skips nothing but the rest of a chunk for each shard.
fn after_an_orderly_stop_numbers_go_on(shards: u16) {
    let folder = tempfile::tempdir().expect("a folder");
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let world = remembering(payments(shards, &nac, &host), &folder);
    let mut last = None;
    for _ in 0..3 {
        let switch = world.start();
        let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
        round_trip(&mut terminal, &mut [&mut issuer], 1, "answered");
        ask(&mut terminal, 1, "the number is seen");
        let request = issuer.receive_message();
        issuer.send_frame(&answer_swapped(&request, b"answer"));
        terminal.receive_message();
        let number = addresses(&request).1;
        if let Some(last) = last {
            assert!((1..=2 * CHUNK).contains(&ahead(number, last)), "{number:04x} after {last:04x}");
        }
        last = Some(number);
        stop(switch);
    }
}

/// The old answer itself: it reaches nobody.
#[test]
fn an_answer_to_a_request_of_a_killed_run_reaches_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let world = remembering(payments(2, &nac, &host), &folder);
    let switch = world.start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    ask(&mut terminal, 0x0042, "asked before");
    let old = issuer.receive_message();
    kill(switch);
    let switch = world.start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    let waiting = numbers_of(&mut terminal, &mut issuer, 500);
    assert!(!waiting.contains(&addresses(&old).1));
    issuer.send_frame(&answer_swapped(&old, b"too late"));
    switch.wait_dropped("unmatched", 1);
    round_trip(&mut terminal, &mut [&mut issuer], 0x0042, "the first answer that comes");
}

#[test]
fn a_line_disabled_by_hand_stays_so_until_it_is_enabled() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (Door::open(Prefix::Ascii4), Door::open(Prefix::Ascii4));
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").connect(&first).connect(&second);
    let world = remembering(payments(2, &nac, &host), &folder);
    let switch = world.start();
    let lines = (first.accept(), second.accept());
    assert_eq!(switch.post("/v1/lines/nac-1/disable").status, 200);
    assert_eq!(switch.post("/v1/lines/host-1/drain").status, 200);
    switch.wait_line_state("host-1", "disabled");
    drop(lines);
    // Killed at once: what was answered is on the disk.
    kill(switch);
    while let Some(old) = second.try_accept().or_else(|| first.try_accept()) {
        drop(old);
    }

    let switch = world.start();
    let mut issuer = second.accept();
    assert_eq!((switch.line_state("nac-1"), switch.line_state("host-1")), ("disabled".into(), "disabled".into()));
    Peer::connect(nac.address(1), Prefix::Bin2).expect_reset();
    let mut terminal = switch.join(&nac, 2);
    round_trip(&mut terminal, &mut [&mut issuer], 1, "over the lines in service");
    assert!(first.try_accept().is_none(), "a line out of service does not connect");
    assert_eq!(switch.post("/v1/lines/nac-1/enable").status, 200);
    assert_eq!(switch.post("/v1/lines/host-1/enable").status, 200);
    first.accept();
    switch.join(&nac, 1);
    kill(switch);

    let switch = world.start();
    switch.join(&nac, 1);
    switch.wait_line_state("host-1", "up");
}

/// Without ids names are counted: a line is the one at its address, whatever it is called now.
#[test]
fn a_disabled_line_without_an_id_is_known_by_its_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let (nac, host) = (Member::nac("nac").listen().listen().listen(), Member::host("host").listen());
    let world = remembering(payments(1, &nac, &host), &folder);
    let switch = world.start();
    assert_eq!(switch.post("/v1/lines/nac-2/disable").status, 200);
    stop(switch);
    let fewer = Member::nac("nac").listen_at(nac.address(2), "").listen_at(nac.address(3), "");
    let switch = world.clone().with(&fewer).start();
    assert_eq!((switch.line_state("nac-1"), switch.line_state("nac-2")), ("disabled".into(), "listening".into()));
}

/// Nothing is lost on bad input: the file is kept, the log says so, and the switch begins anew.
#[test]
fn a_damaged_record_is_kept_aside_and_the_start_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let world = remembering(payments(1, &nac, &host), &folder);
    let switch = world.start();
    assert_eq!(switch.post("/v1/lines/nac-1/disable").status, 200);
    stop(switch);
    let sound = the_record(folder.path());
    let damaged = [
        ("its end is missing", sound.replace("[end]", "")),
        ("its format is 7", sound.replace("format = 1", "format = 7")),
        ("not written by a switch", "Dear sir or madam".to_owned()),
        ("is no number", sound.replace("\"host/main\" = \"", "\"host/main\" = \"x")),
    ];
    for (nth, (reason, text)) in damaged.iter().enumerate() {
        std::fs::write(folder.path().join("state.toml"), text).expect("a folder of ours");
        let switch = world.start();
        let kept = folder.path().join(format!("state.toml.damaged-{}", nth + 1));
        assert_eq!(&std::fs::read_to_string(&kept).expect("kept"), text);
        eventually("the log says what was wrong", || {
            let log = switch.log();
            (log.contains(reason) && log.contains(&kept.display().to_string())).then_some(())
        });
        assert_eq!(switch.line_state("nac-1"), "listening");
        switch.join(&nac, 1);
        assert!(the_record(folder.path()).contains("[end]"), "a new one is written");
        stop(switch);
    }
}

/// `run` on a configuration that it must refuse; what it says.
fn refused(world: &World) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ringswitch.toml");
    std::fs::write(&file, world.text()).expect("a folder of ours");
    let ended = command::run_on(&["run", "-c"], &file);
    assert_eq!(ended.code, Some(1), "{}", ended.output());
    ended.output()
}

#[test]
fn two_switches_on_one_folder_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let scene = || payments(1, &Member::nac("nac").listen(), &Member::host("host").listen());
    let switch = remembering(scene(), &folder).start();
    let record = the_record(folder.path());
    let said = refused(&remembering(scene(), &folder));
    assert!(said.contains("is in use by another switch (process "), "{said}");
    assert_eq!(the_record(folder.path()), record);
    kill(switch);
    stop(remembering(scene(), &folder).start());
}

#[test]
fn a_folder_that_is_not_there_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let (missing, file) = (folder.path().join("missing"), folder.path().join("file"));
    std::fs::write(&file, "").expect("a folder of ours");
    let scene = || payments(1, &Member::nac("nac").listen(), &Member::host("host").listen());
    for (path, says) in [(missing, "install -d"), (file, "is no folder")] {
        let world = scene().setting(&format!("state = \"{}\"", path.display()));
        let config = folder.path().join("ringswitch.toml");
        std::fs::write(&config, world.text()).expect("a folder of ours");
        let ended = command::run_on(&["check", "-c"], &config);
        assert_eq!(ended.code, Some(1), "{}", ended.output());
        assert!(ended.stderr.contains("ringswitch.toml:5:9: ") && ended.stderr.contains(says), "{}", ended.stderr);
        let said = refused(&world);
        assert!(said.contains(says), "{said}");
        // Who only plays a member, on another host perhaps, needs no folder.
        let explained = command::run_on(&["explain", "-c"], &config);
        assert_eq!(explained.code, Some(0), "{}", explained.output());
    }
    let said = refused(&scene().setting("state = \"var/lib\""));
    assert!(said.contains("absolute path"), "{said}");
}

/// /proc takes no file of anybody's.
#[test]
fn a_folder_that_cannot_be_written_to_is_refused_at_the_start() {
    let scene = payments(1, &Member::nac("nac").listen(), &Member::host("host").listen());
    let said = refused(&scene.setting("state = \"/proc\""));
    assert!(said.contains("cannot write to /proc") && said.contains("chown"), "{said}");
}

#[test]
fn another_folder_needs_a_restart() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let scene = payments(1, &Member::nac("nac").listen(), &Member::host("host").listen());
    let switch = remembering(scene.clone(), &folder).start();
    for next in [scene.clone(), remembering(scene, &other)] {
        let response = switch.reload(&next);
        assert_eq!(response.status, 422, "{}", response.body);
        assert!(response.body.contains("state: a change needs a restart"), "{}", response.body);
    }
}

/// A group that a reload brings has its mark on the disk before it has a number.
#[test]
fn a_group_that_a_reload_brings_is_marked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (nac, host, other) =
        (Member::nac("nac").listen(), Member::host("host").listen(), Member::host("other").listen());
    let world = remembering(payments(1, &nac, &host), &folder);
    let switch = world.start();
    assert!(!the_record(folder.path()).contains("other/main"));
    let west = Member::nac("west").listen();
    switch.reload_applied(&world.clone().member(&west).member(&other).route("west", "other"));
    assert!(the_record(folder.path()).contains("\"other/main\" = \""), "{}", the_record(folder.path()));
}

on_1_2_and_5_shards!(no_number_of_a_killed_run_is_used_again_soon, after_an_orderly_stop_numbers_go_on);
