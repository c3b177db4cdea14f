//! What `ringswitch check` refuses, each fault alone in an otherwise sound file.

use crate::check_files::{SOUND, marked, refused_at_a_mark};

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
