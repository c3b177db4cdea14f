//! `ringswitch check`: every fault at once, each at its place, with what was probably meant.

use std::path::Path;

use crate::harness::command::{self, Ended};

/// Two members with a spare trunk line and a backup each: nothing to warn of.
const SOUND: &str = r#"
[switch]
name = "sw1"
shards = 1

[[member]]
id = "nac"
profile = "terminal"
allow = ["127.0.0.1", "10.8.1.0/24", "2001:db8::/64"]
header = "tpdu"
line = [
  { listen = "127.0.0.1:7001" },
  { listen = "127.0.0.1:7002" },
  { listen = "127.0.0.1:7003", tier = "backup" },
]

[[member]]
id = "host"
profile = "institution"
allow = ["127.0.0.1"]
header = "tpdu"
line = [
  { listen = "127.0.0.1:7101" },
  { connect = "127.0.0.1:7201", bind = "127.0.0.1" },
  { listen = "127.0.0.1:7103", tier = "backup" },
]

[[route]]
from = ["nac"]
to = ["host"]
match = { nii = ["0003", "01f1"] }
"#;

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn with(text: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().expect("a folder") };
        files.write("ringswitch.toml", text);
        files
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    fn main(&self) -> std::path::PathBuf {
        self.folder.path().join("ringswitch.toml")
    }

    fn check(&self) -> Ended {
        command::run_on(&["check", "-c"], &self.main())
    }

    fn check_strictly(&self) -> Ended {
        command::run_on(&["check", "--strict", "-c"], &self.main())
    }
}

/// One `file:line:column: message`.
#[derive(Debug)]
struct Fault {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

fn faults(ended: &Ended) -> Vec<Fault> {
    ended.stderr.lines().filter_map(parse_fault).collect()
}

fn parse_fault(text: &str) -> Option<Fault> {
    let (place, message) = text.split_once(": ")?;
    let mut parts = place.rsplitn(3, ':');
    let (column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    let file = Path::new(file).file_name()?.to_str()?.to_owned();
    Some(Fault { file, line: line.parse().ok()?, column: column.parse().ok()?, message: message.to_owned() })
}

/// The lines of `text` that end in a comment with `mark`, counted from 1.
fn marked(text: &str, mark: &str) -> Vec<usize> {
    (1..).zip(text.lines()).filter(|(_, line)| line.contains(mark)).map(|(number, _)| number).collect()
}

/// `text` is refused, and one of the lines marked `#!` is named as the place.
fn refused_at_a_mark(case: &str, text: &str) -> Vec<Fault> {
    let ended = Files::with(text).check();
    assert_eq!(ended.code, Some(1), "{case} passes: {ended:?}\n{text}");
    let faults = faults(&ended);
    let marks = marked(text, "#!");
    assert!(
        faults.iter().any(|fault| marks.contains(&fault.line) && fault.column > 0 && fault.file == "ringswitch.toml"),
        "{case}: no fault in one of the lines {marks:?}: {}",
        ended.stderr
    );
    faults
}

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

/// Each thing that INTERFACE says is refused, alone in an otherwise sound file.
#[test]
fn each_fault_alone_is_refused_at_its_place() {
    let member = |keys: &str| format!("{SOUND}\n[[member]] #!\nid = \"extra\" #!\nprofile = \"channel\"\n{keys}\n");
    let line = |keys: &str| member(&format!("allow = [\"127.0.0.1\"]\nline = [ {{ {keys} }} ] #!"));
    let timers = |keys: &str| format!("{SOUND}\n[timers]\n{keys}\n");
    let limits = |keys: &str| format!("{SOUND}\n[limits]\n{keys}\n");
    let cases = [
        ("a listening line without allow", member("line = [ { listen = \"127.0.0.1:7300\" } ] #!")),
        ("an allow that is no IP", member("allow = [\"10.0.0.300\"] #!\nline = [ { listen = \"127.0.0.1:7300\" } ]")),
        (
            "an allow that is no prefix",
            member("allow = [\"10.0.0.0/33\"] #!\nline = [ { listen = \"127.0.0.1:7300\" } ]"),
        ),
        ("no line", member("allow = [\"127.0.0.1\"] #!\nline = [] #!")),
        ("neither listen nor connect", line("tier = \"trunk\"")),
        ("listen and connect", line("listen = \"127.0.0.1:7300\", connect = \"127.0.0.1:7301\"")),
        ("an address without a port", line("listen = \"127.0.0.1\"")),
        ("a name for an address", line("listen = \"localhost:7300\"")),
        ("a port that is none", line("listen = \"127.0.0.1:70000\"")),
        ("an unknown tier", line("listen = \"127.0.0.1:7300\", tier = \"spare\"")),
        ("an unknown flow", line("listen = \"127.0.0.1:7300\", flow = \"both\"")),
        ("an unknown second", line("listen = \"127.0.0.1:7300\", second = \"maybe\"")),
        ("an id with a blank", line("listen = \"127.0.0.1:7300\", id = \"a b\"")),
        ("an empty id", line("listen = \"127.0.0.1:7300\", id = \"\"")),
        ("no receiving line", line("listen = \"127.0.0.1:7300\", flow = \"send\"")),
        ("no sending line", line("listen = \"127.0.0.1:7300\", flow = \"receive\"")),
        ("a max past four digits", line("listen = \"127.0.0.1:7300\"") + "max = 10000 #!\n"),
        ("a max past two bytes", line("listen = \"127.0.0.1:7300\"") + "prefix = \"bin2\"\nmax = 65536 #!\n"),
        ("an unknown prefix", line("listen = \"127.0.0.1:7300\"") + "prefix = \"bin4\" #!\n"),
        ("an unknown header", line("listen = \"127.0.0.1:7300\"") + "header = \"xml\" #!\n"),
        ("an unknown profile", SOUND.replace("\"institution\"", "\"instituton\" #!")),
        ("a bad duration", timers("connect_within = \"ten\" #!")),
        ("a duration without a unit", timers("connect_within = 10 #!")),
        ("a bad size", limits("memory = \"a lot\" #!")),
        ("probe_after not below silent_after", timers("probe_after = \"180s\" #!\nsilent_after = \"180s\" #!")),
        ("a route from nobody", format!("{SOUND}\n[[route]]\nfrom = [\"nobody\"] #!\nto = [\"host\"]\n")),
        ("a route to nobody", format!("{SOUND}\n[[route]]\nfrom = [\"nac\"]\nto = [\"nobody\"] #!\n")),
        ("a route to no group", format!("{SOUND}\n[[route]]\nfrom = [\"nac\"]\nto = [\"host/other\"] #!\n")),
        ("a NII of three digits", SOUND.replace("[\"0003\", \"01f1\"] }", "[\"003\"] } #!")),
        ("a NII that is no number", SOUND.replace("[\"0003\", \"01f1\"] }", "[\"000g\"] } #!")),
        ("an include that is not there", SOUND.replace("shards = 1", "shards = 1\ninclude = [\"missing.toml\"] #!")),
    ];
    for (case, text) in &cases {
        refused_at_a_mark(case, text);
    }
}

/// Where two places clash, both are named.
#[test]
fn of_two_places_that_clash_both_are_named() {
    let twin = |id: &str, line: &str| {
        format!(
            "{SOUND}\n[[member]]\nid = \"{id}\"\nprofile = \"channel\"\nallow = [\"127.0.0.1\"]\nline = [ {{ {line} }} ]\n"
        )
    };
    let named_line = twin("twin", "listen = \"127.0.0.1:7300\", id = \"x\"")
        .replace("\"127.0.0.1:7002\"", "\"127.0.0.1:7002\", id = \"x\"");
    let cases = [
        ("two lines on one IP and port", mark_lines(&twin("twin", "listen = \"127.0.0.1:7001\""), "127.0.0.1:7001")),
        ("two lines to one remote", mark_lines(&twin("twin", "connect = \"127.0.0.1:7201\""), "127.0.0.1:7201")),
        ("member ids twice", mark_lines(&twin("nac", "listen = \"127.0.0.1:7300\""), "id = \"nac\"")),
        ("line ids twice", mark_lines(&named_line, "id = \"x\"")),
    ];
    for (case, text) in &cases {
        let found = refused_at_a_mark(case, text);
        let messages: String = found.iter().map(|fault| format!("{}: {}\n", fault.line, fault.message)).collect();
        let marks = marked(text, "#!");
        assert_eq!(marks.len(), 2, "{case}: the test marks both places");
        for line in marks {
            assert!(messages.contains(&line.to_string()), "{case}: line {line} is not named in\n{messages}");
        }
    }
}

fn mark_lines(text: &str, needle: &str) -> String {
    text.lines().map(|line| if line.contains(needle) { format!("{line} #!\n") } else { format!("{line}\n") }).collect()
}

#[test]
fn stations_are_had_once_and_not_forgotten() {
    let bank = |id: &str, port: u16, station: &str| {
        format!(
            "[[member]] #!\nid = \"{id}\" #!\nprofile = \"channel\"\nallow = [\"127.0.0.1\"]\nheader = \"station\" #!\n{station}\nline = [ {{ listen = \"127.0.0.1:{port}\" }} ]\n"
        )
    };
    let station = "station = [\"10000001\"] #!";
    refused_at_a_mark("twice", &(bank("a", 7301, station) + &bank("b", 7302, station)));
    refused_at_a_mark("missing", &(bank("a", 7301, station) + &bank("b", 7302, "")));
    refused_at_a_mark(
        "twelve bytes",
        &(bank("a", 7301, "station = [\"100000000001\"] #!") + &bank("b", 7302, "station = [\"10000002\"]")),
    );
}

#[test]
fn routes_that_cannot_tell_the_way_are_refused() {
    let plain = |id: &str, port: u16, header: &str| {
        format!(
            "[[member]]\nid = \"{id}\"\nprofile = \"channel\"\nallow = [\"127.0.0.1\"]\nheader = \"{header}\" #!\nline = [ {{ listen = \"127.0.0.1:{port}\" }} ]\n"
        )
    };
    let route = |from: &str, to: &str| format!("[[route]] #!\nfrom = [\"{from}\"] #!\nto = [\"{to}\"] #!\n");
    let three = plain("a", 7301, "none") + &plain("b", 7302, "none") + &plain("c", 7303, "none");
    refused_at_a_mark("two counterparts", &(three.clone() + &route("a", "b") + &route("a", "c")));
    refused_at_a_mark("two counterparts the other way", &(three + &route("a", "c") + &route("b", "c")));
    let mixed = plain("a", 7301, "none") + &plain("b", 7302, "tpdu") + &route("a", "b");
    refused_at_a_mark("two headers", &mixed);
    let both_ways = plain("a", 7301, "tpdu") + &plain("b", 7302, "tpdu") + &route("a", "b") + &route("b", "a");
    refused_at_a_mark("in a to and in a from without match", &both_ways);
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
