//! `ringswitch certify --as member` against the switch, and against a member that is simulated.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::harness::command::{Ended, ringswitch};
use crate::harness::{Member, Switch, World, ports};

/// A member that is played until the test is over.
pub struct Played(Child);

impl Played {
    pub fn start(member: &str, file: &str) -> Self {
        let mut command = ringswitch(&["simulate", member, "--for", "10m", "-c", file]);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs"))
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Timers short enough that whole clauses of waiting end while a test is waited for.
fn timed(world: World) -> World {
    let timers = [
        r#"probe_after = "500ms""#,
        r#"silent_after = "4s""#,
        r#"answer_within = "3s""#,
        r#"connect_within = "2s""#,
        r#"reconnect = ["20ms", "200ms"]"#,
    ];
    timers.into_iter().fold(world, World::timer)
}

/// Every wait of certify has a limit of its own, and all of them together may take longer than
/// tests are patient on a busy machine.
fn certify(arguments: &[&str]) -> Ended {
    let output = ringswitch(&[&["certify"], arguments].concat()).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn verdicts(ended: &Ended) -> Vec<(String, String)> {
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON and nothing else");
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().expect("text").to_owned();
    let findings = report["findings"].as_array().expect("a list");
    findings.iter().map(|finding| (text(finding, "clause"), text(finding, "verdict"))).collect()
}

fn passes(ended: &Ended, clauses: &[&str]) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let verdicts = verdicts(ended);
    for clause in clauses {
        let mut of_clause = verdicts.iter().filter(|(name, _)| name == clause).map(|(_, verdict)| verdict).peekable();
        assert!(of_clause.peek().is_some(), "{clause} was tested: {ended:?}");
        assert!(of_clause.all(|verdict| verdict == "passed"), "{clause}: {ended:?}");
    }
}

fn file(switch: &Switch) -> String {
    switch.config_file().display().to_string()
}

/// A switch between that channel and a merchant, whose two lines are up.
fn before_a_shop(channel: &Member) -> (Switch, Played) {
    let shop = Member::new("shop", "merchant").connect_with(ports::free(), "").connect_with(ports::free(), "");
    let switch = timed(World::new(2).member(channel).member(&shop).route("channel", "shop")).start();
    let played = Played::start("shop", &file(&switch));
    for number in 1..=2 {
        switch.wait_line_state(&shop.line(number), "up");
    }
    (switch, played)
}

#[test]
fn the_switch_passes_towards_a_channel() {
    let channel = Member::plain("channel").listen().listen();
    let (switch, _shop) = before_a_shop(&channel);
    let ended = certify(&["channel", "--as", "member", "--json", "-c", &file(&switch)]);
    let clauses = [
        "MC6-4.1.2c/connect",
        "MC6-5.2b/cut",
        "MC6-5.2b/joined",
        "MC6-5.2b/pieces",
        "MC6-5.2b/largest",
        "MC6-5.4.2/probe-ignored",
        "MC6-4.1.4/group",
        "MC6-4.2/second",
        "MC6-4.3/stranger",
        "MC6-4.1.2b/reconnect",
        "MP1-4.5.3/close",
        "MC6-5.2b/bad-length",
        "MC6-5.4.2/probe",
        "MC6-5.4.2/silence",
        "MP1-4.5.3/close-by-peer",
        "MC6-5.2b/form",
    ];
    passes(&ended, &clauses);
}

/// TCP connects whom the switch then refuses: certify must not take that for a line.
#[test]
fn who_is_not_let_in_passes_nothing() {
    let channel = Member::plain("channel").listen();
    let shop = Member::plain("shop").listen();
    let switch = timed(World::new(1).member(&channel).member(&shop).route("channel", "shop")).start();
    let stranger = ["channel", "--as", "member", "--bind", "127.77.7.7", "--json", "-c", &file(&switch)];
    let ended = certify(&stranger);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let verdicts = verdicts(&ended);
    assert_eq!(verdicts[0], ("MC6-4.1.2c/connect".to_owned(), "failed".to_owned()), "{ended:?}");
    assert!(verdicts.iter().all(|(_, verdict)| verdict != "passed"), "{ended:?}");
    assert!(ended.stdout.contains("closed at once, "), "{ended:?}");
}

/// The lines that certify breaks take the others along: it must not take their ends for its own doing.
#[test]
fn lines_that_fall_with_their_group_do_not_confuse_it() {
    let channel = Member::plain("channel").key(r#"on_line_loss = "reset_group""#).listen().listen();
    let channel = channel.listen_with(r#"timers = { silent_after = "9s" }"#);
    let (switch, _shop) = before_a_shop(&channel);
    let ended = certify(&["channel", "--as", "member", "--json", "-c", &file(&switch)]);
    let clauses = [
        "MC6-5.2b/cut",
        "MC6-5.4.2/probe-ignored",
        "MC6-4.1.4/group",
        "MC6-4.2/second",
        "MC6-4.1.2b/reconnect",
        "MP1-4.5.3/close",
        "MC6-5.2b/bad-length",
        "MC6-5.4.2/probe",
    ];
    passes(&ended, &clauses);
    // Of the lines that are silent together the first takes the others along.
    let silence = verdicts(&ended).into_iter().filter(|(clause, _)| clause == "MC6-5.4.2/silence");
    let silence: Vec<String> = silence.map(|(_, verdict)| verdict).collect();
    assert!(silence.len() == 3 && silence.iter().any(|verdict| verdict == "passed"), "{silence:?}");
    assert_eq!(silence[2], "not judged", "it was closed long before its own time");
}

#[test]
fn the_switch_passes_towards_an_institution_with_simplex_lines() {
    let nac = Member::nac("nac").listen();
    let issuer = Member::new("issuer", "institution").key(r#"header = "tpdu""#);
    let issuer = issuer.listen_with(r#"flow = "receive""#).connect_with(ports::free(), r#"flow = "send""#);
    let switch = timed(crate::harness::payments(2, &nac, &issuer)).start();
    let aspects = [
        ("stranger", "MC6-4.3"),
        ("direction", "MP1-4.3.1a"),
        ("close", "MP1-4.5.3"),
        ("silence", "MP1-4.5.5b"),
        ("close-by-peer", "MP1-4.5.3"),
    ];
    for (aspect, clause) in aspects {
        let ended = certify(&["issuer", "--as", "member", "--only", aspect, "--json", "-c", &file(&switch)]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let verdicts = verdicts(&ended);
        let passed = |(name, verdict): &(String, String)| *name == format!("{clause}/{aspect}") && verdict == "passed";
        assert!(verdicts.iter().any(passed), "{ended:?}");
    }
}

/// What the admin API would have done, done by hand: the switch is told to end when certify asks for it.
#[test]
fn the_switch_closes_its_lines_in_order_when_it_is_stopped() {
    let nac = Member::nac("nac").listen();
    let issuer = Member::new("issuer", "institution").key(r#"header = "tpdu""#).listen();
    let switch = timed(crate::harness::payments(2, &nac, &issuer)).start();
    let file = file(&switch);
    let arguments =
        ["certify", "issuer", "--as", "member", "--only", "close-by-peer", "--await-close", "20s", "-c", &file];
    let mut command = ringswitch(&arguments);
    let mut certify = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let told = BufReader::new(certify.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let asked = told.take_while(|line| !line.contains("NOW close the lines of the switch in order")).count();
    assert!(asked < 10, "it asks for it at once: there is nothing else to test");
    // Connected is not yet admitted: certify cannot see the difference, the admin API can.
    switch.wait_line_state("issuer-1", "up");
    switch.terminate();
    let ended = certify.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && text.contains("closed by a FIN between two frames"), "{text}");
}

#[test]
fn a_member_that_is_not_there_fails() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = timed(crate::harness::payments(1, &nac, &host)).start();
    let path = file(&switch);
    // The ports are free once the switch has gone; the file goes with it.
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("ringswitch.toml");
    std::fs::copy(&path, &copy).expect("a file");
    drop(switch);
    let copy = copy.display().to_string();
    let ended = certify(&["host", "-c", &copy]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("failed: MC6-4.1.2a/connect host-1"), "{ended:?}");
    let wrong = certify(&["host", "--only", "nonsense", "-c", &copy]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.stderr.contains("MC6-5.2b/cut"), "it says which clauses there are: {wrong:?}");
}
