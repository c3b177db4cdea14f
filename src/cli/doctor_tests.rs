use super::*;

fn finding(name: &str, verdict: Verdict, weight: Weight) -> Finding {
    let mend = (verdict == Verdict::Mend).then(|| format!("mend {name}"));
    let reason = matches!(verdict, Verdict::CannotTell | Verdict::NotHere).then(|| "install ethtool".to_owned());
    let here = if reason.is_some() { "" } else { "1" };
    Finding {
        setting: name.to_owned(),
        file: "network.toml".to_owned(),
        device: None,
        here: here.to_owned(),
        wanted: ">= 2".to_owned(),
        verdict,
        weight,
        reason,
        mend,
        keep: Vec::new(),
    }
}

fn subject() -> Subject {
    Subject { configuration: Some("a.toml".to_owned()), process: "self".to_owned() }
}

fn host() -> config::Host {
    config::Host { name: "sw1".to_owned(), cpus: 2 }
}

#[test]
fn needs_come_before_advice_and_each_says_what_mends_it() {
    let mut device = finding("nic.gro", Verdict::CannotTell, Weight::Advice);
    device.device = Some("eth0".to_owned());
    let mut other = device.clone();
    other.setting = "nic.tso".to_owned();
    let findings = [
        finding("a", Verdict::Ok, Weight::Need),
        finding("b", Verdict::Mend, Weight::Advice),
        finding("c", Verdict::Mend, Weight::Need),
        device,
        other,
    ];
    let text = render(&subject(), &findings, 80);
    let expected = "\
configuration a.toml
limits and CPUs of this shell; a running switch's: --pid PID

verdict       setting       here  wanted
ok            a             1     >= 2
mend: advice  b             1     >= 2
mend: needed  c             1     >= 2
cannot tell   nic.gro eth0  -     >= 2
cannot tell   nic.tso eth0  -     >= 2

Needed, and not so:
  c
    mend c

Advice:
  b
    mend b

Cannot tell:
  nic.gro eth0, nic.tso eth0
    install ethtool

1 ok, 1 needed and not so, 1 advised, 2 cannot be told, 0 not here\n";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn a_narrow_terminal_shortens_values_and_keeps_verdicts() {
    let long = Finding { here: "6.18.44-some-cloud".to_owned(), ..finding("a", Verdict::Ok, Weight::Need) };
    let narrow = render(&subject(), std::slice::from_ref(&long), 80);
    assert!(narrow.contains("ok       a        6.18.44-som…  >= 2"), "{narrow}");
    assert!(render(&subject(), std::slice::from_ref(&long), 200).contains("6.18.44-some-cloud"));
    assert!(render(&subject(), &[long], 20).contains("ok       a\n"));
}

#[test]
fn sysctls_are_kept_by_one_file() {
    let mut sysctl = finding("net.core.somaxconn", Verdict::Mend, Weight::Advice);
    assert!(!render(&subject(), &[sysctl.clone()], 80).contains("sysctl --system"));
    sysctl.keep = vec!["90-ringswitch.conf".to_owned()];
    assert!(render(&subject(), &[sysctl.clone()], 80).contains("--print 90-ringswitch.conf > /etc/sysctl.d/"));
    sysctl.verdict = Verdict::Ok;
    assert!(!render(&subject(), &[sysctl], 80).contains("sysctl --system"), "nothing is to be kept");
}

#[test]
fn json_says_how_many_needs_are_unmet() {
    let findings = [finding("c", Verdict::Mend, Weight::Need), finding("d", Verdict::CannotTell, Weight::Need)];
    let value: serde_json::Value = serde_json::from_str(&json(&subject(), &findings)).expect("JSON");
    assert_eq!(value["unmet"], 1);
    assert_eq!(value["configuration"], "a.toml");
    assert_eq!(value["findings"][0]["verdict"], "mend");
    assert_eq!(value["findings"][0]["weight"], "need");
    assert_eq!(value["findings"][1]["verdict"], "cannot_tell");
    assert!(value["findings"][1].get("mend").is_none());
}

#[test]
fn a_setting_is_explained_and_an_unknown_one_is_guessed() {
    let args = |name: &str| DoctorArgs { settings: vec![name.to_owned()], ..DoctorArgs::default() };
    let report = run(&args("net.core.somaxconn"), &host(), 80).expect("there is one");
    for word in [
        "what",
        "why",
        "verify",
        "mend      sysctl -w net.core.somaxconn=4096",
        "undo",
        "measured",
        "--print 90-ringswitch.conf",
    ] {
        assert!(report.output.contains(word), "{word}: {}", report.output);
    }
    let error = run(&args("net.core.somaxcon"), &host(), 80).expect_err("none of that name");
    assert_eq!(error, "there is no setting net.core.somaxcon; did you mean net.core.somaxconn?");
}

#[test]
fn files_are_printed_as_they_are() {
    let args = |name: &str| DoctorArgs { print: Some(name.to_owned()), ..DoctorArgs::default() };
    let report = run(&args("90-ringswitch.conf"), &host(), 80).expect("there is one");
    assert_eq!(report.output, include_str!("../../tuning/90-ringswitch.conf"));
    let error = run(&args("91.conf"), &host(), 80).expect_err("none of that name");
    assert!(error.contains("ringswitch.service.d/limits.conf"), "{error}");
}
