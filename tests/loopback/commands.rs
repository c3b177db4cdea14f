//! The commands that ask a running switch, and their exit status.

use crate::harness::{Member, Switch, World, command, eventually, payments};

fn scene() -> (Switch, World, String) {
    let nac = Member::nac("nac-east").listen();
    let host = Member::host("issuer").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let admin = switch.admin().to_string();
    (switch, world, admin)
}

#[test]
fn status_lines_and_groups_speak_to_people() {
    let (switch, _, admin) = scene();
    let status = command::run(&["status", "--admin", &admin]);
    assert_eq!(status.code, Some(0), "{status:?}");
    assert!(status.stdout.contains("sw-test"), "{}", status.stdout);
    let lines = command::run(&["lines", "--admin", &admin]);
    assert_eq!(lines.code, Some(0), "{lines:?}");
    for word in ["nac-east-1", "issuer-1", "listening"] {
        assert!(lines.stdout.contains(word), "{word}: {}", lines.stdout);
    }
    let groups = command::run(&["groups", "--admin", &admin]);
    assert_eq!(groups.code, Some(0), "{groups:?}");
    for word in ["nac-east", "issuer", "main"] {
        assert!(groups.stdout.contains(word), "{word}: {}", groups.stdout);
    }
    drop(switch);
}

#[test]
fn with_json_they_print_what_the_api_gives() {
    let (switch, _, admin) = scene();
    for (name, path) in [("lines", "/v1/lines"), ("groups", "/v1/groups")] {
        let printed = command::run(&[name, "--admin", &admin, "--json"]);
        assert_eq!(printed.code, Some(0), "{printed:?}");
        let printed: serde_json::Value = serde_json::from_str(&printed.stdout).expect("JSON and nothing else");
        let given = switch.get(path).json();
        let count = |list: &serde_json::Value| list.as_array().map(Vec::len);
        assert_eq!(count(&printed), count(&given), "{name}");
        assert_eq!(printed[0]["id"], given[0]["id"], "{name}");
    }
    let status = command::run(&["status", "--admin", &admin, "--json"]);
    assert_eq!(status.code, Some(0), "{status:?}");
    let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON and nothing else");
    assert!(status.is_object());
}

#[test]
fn they_find_the_switch_by_its_file() {
    let (switch, ..) = scene();
    let lines = command::run_on(&["lines", "-c"], &switch.config_file());
    assert_eq!(lines.code, Some(0), "{lines:?}");
    assert!(lines.stdout.contains("issuer-1"));
}

#[test]
fn a_line_is_disabled_drained_and_enabled_by_command() {
    let (switch, _, admin) = scene();
    for (name, state) in
        [("disable", "disabled"), ("enable", "listening"), ("drain", "disabled"), ("enable", "listening")]
    {
        let ended = command::run(&[name, "issuer-1", "--admin", &admin]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        switch.wait_line_state("issuer-1", state);
    }
    let unknown = command::run(&["disable", "issuer-9", "--admin", &admin]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.stderr.contains("issuer-9"), "{unknown:?}");
}

#[test]
fn reload_exits_with_the_verdict() {
    let (switch, world, admin) = scene();
    let extra = Member::nac("extra").listen();
    switch.write_config(&world.member(&extra).text());
    let plan = command::run(&["reload", "--plan", "--admin", &admin]);
    assert_eq!(plan.code, Some(0), "{plan:?}");
    assert!(plan.stdout.contains("extra-1"), "{plan:?}");
    assert_eq!(switch.get("/v1/lines/extra-1").status, 404, "a plan changes nothing");
    let applied = command::run(&["reload", "--admin", &admin]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert_eq!(switch.line_state("extra-1"), "listening");
    switch.write_config("nonsense = 1\n");
    let refused = command::run(&["reload", "--admin", &admin]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.output().contains("ringswitch.toml:1:1: "), "{refused:?}");
}

#[test]
fn a_switch_that_is_not_there_is_a_failure_and_says_where() {
    let nobody = crate::harness::ports::free().to_string();
    for name in ["status", "lines", "groups", "reload"] {
        let ended = command::run(&[name, "--admin", &nobody]);
        assert_eq!(ended.code, Some(1), "{name}: {ended:?}");
        assert!(ended.stderr.contains(&nobody), "{name} names the address: {ended:?}");
    }
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [&["frobnicate"][..], &["run", "--nonsense"], &["disable"], &["lines", "--admin"]] {
        let ended = command::run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.is_empty(), "{arguments:?} explains itself on standard error");
    }
    let help = command::run(&["--help"]);
    assert_eq!(help.code, Some(0), "{help:?}");
    for name in ["run", "check", "status", "lines", "groups", "reload"] {
        assert!(help.stdout.contains(name), "{name}: {}", help.stdout);
    }
}

/// A port that is taken refuses the start; the address is named.
#[test]
fn a_start_that_cannot_bind_fails() {
    let (switch, world, _) = scene();
    let other_admin = world.clone().with_admin(crate::harness::ports::free());
    let file = switch.folder().join("second.toml");
    std::fs::write(&file, other_admin.text()).expect("written");
    let ended = command::run_on(&["run", "-c"], &file);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let address = world.members[0].address(1).to_string();
    assert!(ended.stderr.contains(&address), "{address}: {ended:?}");
    assert!(!ended.stdout.contains("ready"), "{ended:?}");
    assert_eq!(switch.line_state("nac-east-1"), "listening", "the first switch is not disturbed");
}

#[test]
fn run_refuses_a_faulty_file_with_every_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ringswitch.toml");
    std::fs::write(&file, "[switch]\nshard = 2\n[timers]\nprobe_after = \"soon\"\n").expect("written");
    let ended = command::run_on(&["run", "-c"], &file);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for place in ["ringswitch.toml:2:1: ", "ringswitch.toml:4:"] {
        assert!(ended.stderr.contains(place), "{place}: {ended:?}");
    }
}

/// One line with `ready`; the log goes to standard error, as JSON where asked for.
#[test]
fn the_log_is_json_where_asked_for() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).setting(r#"log = "json""#).start();
    let _terminal = switch.join(&nac, 1);
    assert_eq!(switch.reload_by_signal("broken = ["), "refused");
    let log = eventually("a log", || Some(switch.log()).filter(|log| log.ends_with('\n')));
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line.is_object()), "{line}");
    }
}
