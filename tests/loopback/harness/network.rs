//! A network namespace for one test, and a packet filter in it: nothing outside notices.

use std::process::{Command, Output, Stdio};

const INSIDE: &str = "RINGSWITCH_TEST_IN_ITS_OWN_NETWORK";

/// Runs the test of that name once more, inside a network of its own, and says whether this is that run. Where this
/// user may not make one, or a tool is missing, the test is skipped and says so.
pub fn is_own(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        return true;
    }
    let may =
        |program: &str, arguments: &[&str]| output(program, arguments).is_some_and(|output| output.status.success());
    if !(may("unshare", &["--net", "true"]) && may("nft", &["--version"]) && may("ip", &["-V"])) {
        eprintln!("SKIPPED: {test} needs unshare, ip and nft, and the right to make a network namespace");
        return false;
    }
    let own = std::env::current_exe().expect("this program");
    let own = own.to_str().expect("a path in UTF-8");
    let mut again = Command::new("unshare");
    again.args(["--net", "--kill-child", "--fork", own, "--exact", test, "--nocapture"]).env(INSIDE, "1");
    assert!(again.status().expect("unshare runs").success(), "{test} failed in its network");
    false
}

/// From now on nothing passes to or from that port, and nobody is told.
pub fn drop_port(port: u16) {
    run("nft", &["add", "table", "inet", "cut"]);
    for hook in ["input", "output"] {
        run("nft", &["add", "chain", "inet", "cut", hook, &format!("{{ type filter hook {hook} priority 0; }}")]);
        for side in ["sport", "dport"] {
            run("nft", &["add", "rule", "inet", "cut", hook, "tcp", side, &port.to_string(), "drop"]);
        }
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()
}

fn run(program: &str, arguments: &[&str]) {
    let output = output(program, arguments).unwrap_or_else(|| panic!("{program} does not run"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
