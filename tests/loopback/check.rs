//! `ringswitch check`: every fault at once, each at its place, with what was probably meant.

use crate::check_files::{Fault, Files, SOUND, faults, refused_at_a_mark};
use crate::harness::command;

#[test]
fn a_sound_file_passes_with_one_line() {
    let files = Files::with(SOUND);
    for ended in [files.check(), files.check_strictly(), command::run_on(&["-t", "-c"], &files.main())] {
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stdout.lines().count(), 1, "one summary line: {ended:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_fault_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = command::run_on(&["check", "-c"], &folder.path().join("missing.toml"));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("missing.toml:"), "{ended:?}");
}

#[test]
fn every_fault_is_found_at_once_at_its_place() {
    let text = r#"[switch]
shard = 2
log = "verbose"

[timers]
probe_aftr = "120s"
  silent_after = "soon"

[limits]
line_queue = "much"

[[member]]
id = "nac"
profil = "terminal"
allow = ["localhost"]
line = [ { listen = "127.0.0.1:7001", teir = "backup" } ]

[[route]]
from = ["nac"]
to = ["nobody"]
"#;
    let ended = Files::with(text).check();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let found = faults(&ended);
    // An unknown key is named at the key; a bad value at the value, or at its key.
    for (line, columns, words) in [
        (2, [1, 1], ["shards", "shards"]),
        (3, [7, 1], ["verbose", "log"]),
        (6, [1, 1], ["probe_after", "probe_after"]),
        (7, [18, 3], ["silent_after", "soon"]),
        (10, [14, 1], ["line_queue", "much"]),
        (14, [1, 1], ["profile", "profile"]),
        (15, [10, 1], ["localhost", "allow"]),
        (16, [39, 39], ["tier", "tier"]),
        (20, [7, 1], ["nobody", "nobody"]),
    ] {
        let fault = found.iter().find(|fault| fault.line == line && columns.contains(&fault.column));
        let fault = fault.unwrap_or_else(|| panic!("no fault in line {line}, column {columns:?}: {}", ended.stderr));
        let told = words.iter().any(|word| fault.message.contains(word));
        assert!(told, "line {line} says neither of {words:?}: {}", fault.message);
    }
}

#[test]
fn text_that_is_not_toml_is_refused_at_its_place() {
    refused_at_a_mark("no TOML", "[switch]\nname = \"sw1\nshards = 1\n".replace("sw1", "sw1 #!").as_str());
}

#[test]
fn it_warns_of_what_is_legal_and_unwise() {
    let single = SOUND
        .replace("  { listen = \"127.0.0.1:7002\" },\n  { listen = \"127.0.0.1:7003\", tier = \"backup\" },\n", "");
    let no_backup = SOUND.replace("  { listen = \"127.0.0.1:7003\", tier = \"backup\" },\n", "");
    let cases = [
        (SOUND.to_owned() + "\n[timers]\ndrain_within = \"45s\"\n", "drain_within"),
        (SOUND.replace("shards = 1", "shards = 1\ninclude = [\"members.d/*.toml\"]"), "members.d"),
        (single, "nac"),
        (SOUND.replace("\"10.8.1.0/24\"", "\"0.0.0.0/0\""), "0.0.0.0/0"),
        (no_backup, "backup"),
        (SOUND.replace("shards = 1", "shards = 1\nadmin = \"0.0.0.0:9600\""), "admin"),
    ];
    for (text, word) in &cases {
        assert_ne!(text, SOUND, "the test changes something for {word}");
        let files = Files::with(text);
        let warned = files.check();
        assert_eq!(warned.code, Some(0), "a warning is no fault: {warned:?}");
        assert!(warned.stderr.contains(word), "no word of {word}: {warned:?}");
        assert_eq!(files.check_strictly().code, Some(1), "{word} with --strict");
    }
}

#[test]
fn included_files_are_part_of_it_and_named_in_their_faults() {
    let split = SOUND.find("[[member]]\nid = \"host\"").expect("the second member");
    let end = SOUND.find("[[route]]").expect("the route");
    let main = SOUND[..split].replace("shards = 1", "shards = 1\ninclude = [\"members.d/*.toml\"]") + &SOUND[end..];
    let files = Files::with(&main);
    files.write("members.d/host.toml", &SOUND[split..end]);
    files.write("members.d/readme.txt", "not read");
    assert_eq!(files.check_strictly().code, Some(0), "{:?}", files.check_strictly());
    files.write("members.d/other.toml", "\n[[member]]\nid = \"other\"\nprofle = \"tv\"\n");
    let ended = files.check();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let named = |fault: &Fault| fault.file == "other.toml" && (fault.line, fault.column) == (4, 1);
    assert!(faults(&ended).iter().any(named), "{ended:?}");
    files.write("members.d/other.toml", "[switch]\nname = \"another\"\n");
    assert_eq!(files.check().code, Some(1), "an included file holds members and routes");
}

/// Every default filled in, and itself a configuration that means the same.
#[test]
fn dump_prints_what_is_in_effect() {
    let files = Files::with(SOUND);
    let dumped = command::run_on(&["check", "--dump", "-c"], &files.main());
    assert_eq!(dumped.code, Some(0), "{dumped:?}");
    for word in [
        "probe_after",
        "silent_after",
        "answer_within",
        "connect_within",
        "reconnect",
        "partial_within",
        "unread_within",
        "pause_within",
        "hold_answer",
        "trunk_steady",
        "drain_within",
        "line_queue",
        "answer_queue",
        "pending",
        "memory",
        "connections",
        "events",
        "nac-1",
        "nac-3",
        "host-2",
        "second",
        "resend",
    ] {
        assert!(dumped.stdout.contains(word), "{word} is missing in {}", dumped.stdout);
    }
}
