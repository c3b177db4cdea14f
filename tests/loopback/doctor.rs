//! `ringswitch doctor` on the host that the tests run on, whatever that is: what it says must be
//! complete, consistent and in its exit status; what it finds is the host's affair.

use std::path::Path;

use serde_json::Value;

use crate::check_files::{Files, SOUND};
use crate::harness::command::{self, Ended};

fn doctor(arguments: &[&str], config: &Path) -> Ended {
    let config = config.to_str().expect("a readable path");
    command::run(&[&["doctor", "-c", config], arguments].concat())
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn of<'a>(json: &'a Value, setting: &str) -> &'a Value {
    let findings = json["findings"].as_array().expect("a list");
    findings.iter().find(|finding| finding["setting"] == setting).unwrap_or_else(|| panic!("no {setting}"))
}

/// Names of the settings in the repository's files, as a reader of the files finds them.
fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tuning");
    let entries = std::fs::read_dir(folder).expect("tuning/").flatten().map(|entry| entry.path());
    let topics = entries.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let texts = topics.map(|path| std::fs::read_to_string(path).expect("readable"));
    let named = |text: String| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.strip_prefix("name = \""));
        names.map(|name| name.trim_end_matches('"').to_owned()).collect()
    };
    texts.flat_map(named).collect()
}

#[test]
fn it_speaks_of_every_setting_of_every_file() {
    let files = Files::with(SOUND);
    let names = names();
    assert!(names.len() > 30, "{names:?}");
    let text = doctor(&[], &files.main());
    let json = json(&doctor(&["--json"], &files.main()));
    for name in &names {
        assert!(text.stdout.contains(name.as_str()), "{name}: {}", text.stdout);
        let found = of(&json, name);
        let verdict = found["verdict"].as_str().expect("a word");
        assert_eq!(found["mend"].is_string(), verdict == "mend", "{found}");
        assert_eq!(found["reason"].is_string(), ["cannot_tell", "not_here"].contains(&verdict), "{found}");
    }
}

/// 0 unless something needed is missing, on whatever host; the two forms agree.
#[test]
fn the_exit_status_is_about_needs_alone() {
    let files = Files::with(SOUND);
    let ended = doctor(&["--json"], &files.main());
    let report = json(&ended);
    let findings = report["findings"].as_array().expect("a list");
    let unmet = findings.iter().filter(|finding| finding["verdict"] == "mend" && finding["weight"] == "need").count();
    assert_eq!(report["unmet"], unmet);
    assert_eq!(ended.code, Some(i32::from(unmet > 0)), "{ended:?}");
    assert_eq!(doctor(&[], &files.main()).code, ended.code);
    // Where these tests run, a switch can be started: the rings at least are there.
    assert_eq!(of(&report, "kernel.io_uring")["verdict"], "ok", "{report}");
}

/// More connections than any host allows, and a port that the kernel may give away.
#[test]
fn what_the_configuration_needs_and_the_host_lacks_is_a_failure() {
    let greedy = SOUND.replace("127.0.0.1:7001", "127.0.0.1:50001") + "\n[limits]\nconnections = 4000000\n";
    let files = Files::with(&greedy);
    let ended = doctor(&["--json"], &files.main());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let report = json(&ended);
    let limit = of(&report, "limit.nofile");
    assert_eq!((&limit["verdict"], &limit["weight"]), (&"mend".into(), &"need".into()), "{limit}");
    let wanted = limit["wanted"].as_str().expect("words");
    assert!(wanted.starts_with(">= 40002"), "4,000,000 connections and the rest: {wanted}");
    let text = doctor(&[], &files.main());
    let needed = text.stdout.split_once("Needed, and not so:").expect("needs are listed").1;
    assert!(needed.contains("limit.nofile") && needed.contains("ringswitch.service.d/limits.conf"), "{needed}");
    let (first, last) = local_port_range();
    let port = of(&report, "net.ipv4.ip_local_reserved_ports");
    if (first..=last).contains(&50_001) && port["verdict"] == "mend" {
        assert_eq!(port["here"], "50001", "{port}");
    }
}

fn local_port_range() -> (u16, u16) {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("a range");
    let mut bounds = text.split_whitespace().map(|bound| bound.parse().expect("a port"));
    (bounds.next().expect("first"), bounds.next().expect("last"))
}

#[test]
fn a_configuration_that_is_refused_is_refused_as_check_refuses_it() {
    let files = Files::with(&SOUND.replace("shards = 1", "shard = 1"));
    let ended = doctor(&[], &files.main());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stderr, files.check().stderr);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_changed_folder_changes_what_is_demanded() {
    let files = Files::with(SOUND);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tuning");
    copy(&from, &from, &files);
    let folder = files.main().parent().expect("a folder").join("tuning");
    let report = json(&doctor(&["--json", "--tuning", folder.to_str().expect("readable")], &files.main()));
    assert_eq!(of(&report, "kernel.version")["verdict"], "ok", "{report}");
    let kernel = std::fs::read_to_string(from.join("kernel.toml")).expect("readable");
    files.write("tuning/kernel.toml", &kernel.replace("want = \">= 6.17\"", "want = \">= 99.0\""));
    let ended = doctor(&["--json", "--tuning", folder.to_str().expect("readable")], &files.main());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let report = json(&ended);
    let version = of(&report, "kernel.version");
    assert_eq!((&version["verdict"], &version["wanted"]), (&"mend".into(), &">= 99.0".into()), "{version}");
    files.write("tuning/kernel.toml", "title = 1\n");
    let broken = doctor(&["--tuning", folder.to_str().expect("readable")], &files.main());
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert!(broken.stderr.contains("kernel.toml"), "{broken:?}");
}

fn copy(root: &Path, folder: &Path, to: &Files) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            copy(root, &path, to);
        } else {
            let name = path.strip_prefix(root).expect("inside").to_str().expect("readable").to_owned();
            to.write(&format!("tuning/{name}"), &std::fs::read_to_string(&path).expect("text"));
        }
    }
}

#[test]
fn one_setting_is_explained_and_a_file_is_printed() {
    let explained = command::run(&["doctor", "vm.thp"]);
    assert_eq!(explained.code, Some(0), "{explained:?}");
    for word in ["what", "why", "verify", "mend", "undo", "measured"] {
        assert!(explained.stdout.lines().any(|line| line.starts_with(word)), "{word}: {explained:?}");
    }
    let unknown = command::run(&["doctor", "vm.thq"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.stderr.contains("vm.thp"), "{unknown:?}");
    let printed = command::run(&["doctor", "--print", "ringswitch.service.d/limits.conf"]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert!(printed.stdout.contains("\n[Service]\nLimitNOFILE="), "{printed:?}");
    assert_eq!(command::run(&["doctor", "--pid", "4194305"]).code, Some(1), "no process has that id");
    assert_eq!(command::run(&["doctor", "--nonsense"]).code, Some(2));
}
