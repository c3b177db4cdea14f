//! Every rule, with the text that breaks it and the place that the fault names.

use crate::config::testing::{EXAMPLE, faults, read_text, warnings};

/// A sound configuration of a pair, which the cases break.
const PAIR: &str = r#"[[member]]
id = "one"
profile = "tv"
allow = ["10.0.0.1"]
line = [{ listen = "127.0.0.1:7001" }]
[[member]]
id = "other"
profile = "tv"
line = [{ connect = "10.0.0.2:7001" }]
[[route]]
from = ["one"]
to = ["other"]
"#;

/// A sound configuration of a terminal and its host.
const TPDU: &str = r#"[[member]]
id = "nac"
profile = "terminal"
header = "tpdu"
allow = ["10.0.0.1"]
line = [{ listen = "127.0.0.1:7001" }]
[[member]]
id = "host"
profile = "institution"
header = "tpdu"
line = [{ connect = "10.0.0.2:7001" }]
[[route]]
from = ["nac"]
to = ["host"]
"#;

const STATION: &str = r#"[[member]]
id = "one"
profile = "institution"
header = "station"
station = ["00010344"]
line = [{ connect = "10.0.0.1:7001" }]
[[member]]
id = "other"
profile = "institution"
header = "station"
station = ["00010345"]
line = [{ connect = "10.0.0.2:7001" }]
"#;

/// `base` with one text replaced must show exactly these faults: each the whole place and how the
/// message begins or what it contains, divided by `…`.
fn refused(base: &str, replaced: &str, with: &str, expected: &[&str]) {
    assert_eq!(faults(base), [""; 0], "the base is sound");
    assert!(base.contains(replaced), "`{replaced}` is not in the base");
    let text = base.replacen(replaced, with, 1);
    let found = faults(&text);
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            let mut parts = expected.split('…');
            found.starts_with(parts.next().unwrap_or("")) && parts.all(|part| found.contains(part))
        });
    assert!(fits, "in\n{text}\nfound\n  {}\nexpected\n  {}", found.join("\n  "), expected.join("\n  "));
}

#[test]
fn the_example_of_the_contract_is_sound() {
    assert_eq!(faults(EXAMPLE), [""; 0]);
    assert_eq!(warnings(EXAMPLE), ["35:13: group `main` of member `nac-east` has no backup line"]);
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    refused(
        PAIR,
        "listen",
        "lisen",
        &["5:9: a line needs `listen` or `connect`", "5:11: unknown key `lisen`; did you mean `listen`?"],
    );
    refused(
        PAIR,
        "profile",
        "profil",
        &["2:6: member `one` needs a `profile`", "3:1: unknown key `profil`; did you mean `profile`?"],
    );
    refused(
        PAIR,
        "[[route]]",
        "[limits]\nmemmory = 1\n[[route]]",
        &["11:1: unknown key `memmory`; did you mean `memory`?"],
    );
    refused(
        PAIR,
        "[[route]]",
        "[timers]\nanswer_in = 1\n[[route]]",
        &["11:1: unknown key `answer_in`; did you mean `answer_within`?"],
    );
    refused(PAIR, "[[route]]", "[switch]\nxyz = 1\n[[route]]", &["11:1: unknown key `xyz` in [switch]"]);
    refused(
        TPDU,
        "to = [\"host\"]",
        "to = [\"host\"]\nmatch = { nil = [] }",
        &["15:9: `match` names no `nii`", "15:11: unknown key `nil`"],
    );
    refused(PAIR, "[[route]]", "[swich]\n[[route]]", &["10:2: unknown key `swich`; did you mean `switch`?"]);
}

#[test]
fn values_of_a_wrong_form_say_what_to_write() {
    let timers = |value: &str| format!("[timers]\nprobe_after = {value}\n[[route]]");
    for value in ["\"5\"", "5", "\"5 days\"", "true", "[\"5s\"]"] {
        refused(PAIR, "[[route]]", &timers(value), &["11:15: `probe_after`: …is no duration: write"]);
    }
    refused(PAIR, "[[route]]", &timers("\"0s\""), &["11:15: `probe_after`: zero would act at once"]);
    refused(PAIR, "[[route]]", &timers("\"25h\""), &["11:15: `probe_after`: `25h` is too long"]);
    refused(
        PAIR,
        "[[route]]",
        "[timers]\nreconnect = [\"30s\", \"1s\"]\n[[route]]",
        &["11:13: `reconnect`: the first pause is longer"],
    );
    refused(PAIR, "[[route]]", "[limits]\nmemory = \"1GB\"\n[[route]]", &["11:10: `memory`: `1GB` is no size"]);
    refused(
        PAIR,
        "[[route]]",
        "[limits]\npending = 0\n[[route]]",
        &["11:11: `pending`: `0` is no whole number from 1"],
    );
    refused(
        PAIR,
        "[[route]]",
        "[switch]\nshards = 257\n[[route]]",
        &["11:10: `shards`: `257` is no whole number from 1 to 256"],
    );
    refused(
        PAIR,
        "[[route]]",
        "[switch]\nadmin = \"localhost\"\n[[route]]",
        &["11:9: `admin`: `localhost`: write IP:PORT"],
    );
    refused(
        PAIR,
        "[[route]]",
        "[switch]\nlog = \"xml\"\n[[route]]",
        &["11:7: `log`: `xml` is not known here: write `text` or `json`"],
    );
    refused(PAIR, "10.0.0.1", "office", &["4:10: `allow`: `office` is neither IP nor prefix"]);
    refused(PAIR, "10.0.0.1", "10.0.0.0/33", &["4:10: `allow`: `10.0.0.0/33` is neither IP nor prefix"]);
    refused(PAIR, "127.0.0.1:7001", "127.0.0.1", &["5:20: `listen`: `127.0.0.1` is no address: write IP:PORT"]);
    refused(PAIR, "127.0.0.1:7001", "[::ffff:1.2.3.4]:7001", &["5:20: `listen`: …write it as IPv4"]);
    refused(PAIR, "10.0.0.2:7001", "10.0.0.2:0", &["9:21: `connect`: nothing can be reached at `10.0.0.2:0`"]);
    refused(PAIR, "\"one\"", "\"one two\"", &["2:6: `id`: `one two` is no id"]);
    refused(
        PAIR,
        "\"tv\"",
        "\"telly\"",
        &["3:11: `profile`: `telly` is not known here: write `terminal` or `channel`"],
    );
    refused(
        PAIR,
        "[{ listen = \"127.0.0.1:7001\" }]",
        "{ listen = \"127.0.0.1:7001\" }",
        &["5:8: `line`: write [[line]] with two brackets"],
    );
    refused(
        TPDU,
        "header = \"tpdu\"",
        "header = \"tpdu\"\ntpdu_ids = [\"6\", \"60\", \"+6\"]",
        &["5:13: `tpdu_ids`: `6`", "5:24: `tpdu_ids`: `+6`"],
    );
    refused(
        TPDU,
        "to = [\"host\"]",
        "to = [\"host\"]\nmatch = { nii = [\"3\", 4] }",
        &["15:18: `nii`: `3` is no NII", "15:23: `nii`: `4` is no NII"],
    );
    refused(STATION, "\"00010344\"", "\"000103440000\"", &["5:12: `station`: `000103440000` is no station id"]);
}

#[test]
fn what_is_not_built_is_refused_by_its_name() {
    refused(PAIR, "\"tv\"", "\"file\"", &["3:11: `profile` = `file` is not built yet"]);
}

#[test]
fn what_cannot_be_told_from_a_request_is_not_sent_again() {
    let asked = ["\"tv\"", "\"tv\"\nresend = \"unacked\""];
    refused(PAIR, asked[0], asked[1], &["4:10: `resend` = `unacked` goes with a header that tells…`tpdu`…has `none`"]);
    let station = ["\"station\"", "\"station\"\nresend = \"unacked\""];
    refused(STATION, station[0], station[1], &["5:10: `resend` = `unacked` goes with…has `station`"]);
    for word in ["unacked", "never"] {
        assert_eq!(faults(&TPDU.replacen("\"tpdu\"", &format!("\"tpdu\"\nresend = \"{word}\""), 1)), [""; 0]);
    }
}

#[test]
fn the_values_that_change_nothing_are_accepted() {
    let text = PAIR.replacen("\"tv\"", "\"tv\"\nresend = \"never\"\non_line_loss = \"keep\"", 1);
    assert_eq!(faults(&text), [""; 0]);
    for guard in ["false", "true"] {
        assert_eq!(faults(&TPDU.replacen("\"tpdu\"", &format!("\"tpdu\"\nguard = {guard}"), 1)), [""; 0]);
    }
    assert_eq!(faults(&STATION.replacen("\"station\"", "\"station\"\nstation_strict = false", 1)), [""; 0]);
    assert_eq!(faults(&STATION.replacen("\"station\"", "\"station\"\nstation_rejects = {}", 1)), [""; 0]);
}

#[test]
fn reject_codes_are_five_digits_under_a_known_reason() {
    let with = |rejects: &str| format!("\"station\"\nstation_rejects = {rejects}");
    refused(
        STATION,
        "\"station\"",
        &with("{ unknown = \"45\", dead = \"00000\", unknwon = \"00045\" }"),
        &[
            "5:31: `unknown`: `45` is no reject code: write five digits",
            "5:44: `dead`: `00000` is no reject code",
            "5:53: unknown key `unknwon`; did you mean `unknown`?",
        ],
    );
    refused(STATION, "\"station\"", &with("\"00045\""), &["5:19: `station_rejects`: write a table"]);
    refused(
        PAIR,
        "\"tv\"",
        "\"tv\"\nstation_rejects = {}",
        &["4:19: `station_rejects` goes with header `station`, and member `one` has `none`"],
    );
}

#[test]
fn lines_share_no_address() {
    let with = |line: &str| format!("[{{ listen = \"127.0.0.1:7001\" }}, {{ {line} }}]");
    let first = "[{ listen = \"127.0.0.1:7001\" }]";
    let twice = "5:51: 127.0.0.1:7001 is given twice, and a port carries one connection: first at a.toml:5:20";
    refused(PAIR, first, &with("listen = \"127.0.0.1:7001\""), &[twice]);
    refused(
        PAIR,
        first,
        &with("listen = \"0.0.0.0:7001\""),
        &["5:51: 0.0.0.0:7001 and 127.0.0.1:7001 (a.toml:5:20) overlap"],
    );
    refused(
        PAIR,
        "127.0.0.1:7001\" }]",
        "0.0.0.0:7001\" }, { listen = \"127.0.0.1:7001\" }]",
        &["5:49: 127.0.0.1:7001 and 0.0.0.0:7001 (a.toml:5:20) overlap"],
    );
    refused(
        PAIR,
        "127.0.0.1:7001\" }]",
        "[::]:7001\" }, { listen = \"[::1]:7001\" }]",
        &["5:46: [::1]:7001 and [::]:7001 (a.toml:5:20) overlap"],
    );
    refused(
        PAIR,
        first,
        &with("connect = \"10.0.0.2:7001\""),
        &["9:21: two lines connect to 10.0.0.2:7001: the first at a.toml:5:52"],
    );
    refused(
        PAIR,
        first,
        &with("connect = \"10.0.0.3:1\", bind = \"127.0.0.1:7001\""),
        &["5:73: 127.0.0.1:7001 is given twice"],
    );
    refused(
        PAIR,
        "[[route]]",
        "[switch]\nadmin = \"127.0.0.1:7001\"\n[[route]]",
        &["5:20: 127.0.0.1:7001 is given twice, …a.toml:11:9"],
    );
    for apart in [
        "listen = \"[::]:7001\"",
        "listen = \"127.0.0.2:7001\"",
        "listen = \"0.0.0.0:7002\"",
        "connect = \"10.0.0.2:7002\"",
    ] {
        assert_eq!(faults(&PAIR.replacen(first, &with(apart), 1)), [""; 0], "{apart}");
    }
    let free = PAIR.replacen(
        first,
        "[{ listen = \"127.0.0.1:0\" }, { listen = \"127.0.0.1:0\" }, { listen = \"0.0.0.0:0\" }]",
        1,
    );
    assert_eq!(faults(&free), [""; 0], "port 0 is whatever is free");
}

#[test]
fn a_line_has_one_side_and_the_keys_of_that_side() {
    let line = "{ listen = \"127.0.0.1:7001\" }";
    refused(PAIR, line, "{}", &["5:9: a line needs `listen` or `connect`"]);
    refused(
        PAIR,
        line,
        "{ listen = \"127.0.0.1:7001\", connect = \"10.0.0.1:1\" }",
        &["5:9: a line has `listen` or `connect`, not both"],
    );
    refused(
        PAIR,
        line,
        "{ listen = \"127.0.0.1:7001\", bind = \"127.0.0.1\" }",
        &["5:45: `bind` is for a line that connects"],
    );
    refused(
        PAIR,
        line,
        "{ connect = \"10.0.0.1:1\", bind = \"::1\" }",
        &["5:42: `bind` ::1 and `connect` 10.0.0.1:1 are not both"],
    );
    refused(
        PAIR,
        line,
        "{ connect = \"10.0.0.1:1\", second = \"refuse\" }",
        &["5:44: `second` is for a listening line"],
    );
    refused(
        PAIR,
        line,
        "{ listen = \"127.0.0.1:7001\", replace_after = \"5s\" }",
        &["5:54: `replace_after` needs `second = \"replace\"`"],
    );
    refused(PAIR, line, "{ listen = \"127.0.0.1:7001\", limits = { pending = 5 } }", &["5:49: unknown key `pending`"]);
}

#[test]
fn who_may_connect_is_said() {
    refused(PAIR, "allow = [\"10.0.0.1\"]\n", "", &["4:20: member `one` has listening lines and no `allow`"]);
    refused(PAIR, "allow = [\"10.0.0.1\"]", "allow = []", &["4:9: member `one` has listening lines and no `allow`"]);
}

#[test]
fn a_group_receives_and_sends() {
    let line = "{ listen = \"127.0.0.1:7001\" }";
    refused(
        PAIR,
        line,
        "{ listen = \"127.0.0.1:7001\", flow = \"send\" }",
        &["5:9: member `one` has no receiving line in group `main`"],
    );
    refused(
        PAIR,
        line,
        "{ listen = \"127.0.0.1:7001\", flow = \"receive\" }",
        &["5:9: member `one` has no sending line in group `main`"],
    );
    let split = "{ listen = \"127.0.0.1:7001\", flow = \"send\" }, { listen = \"127.0.0.1:7002\", flow = \"receive\", group = \"in\" }";
    refused(
        PAIR,
        line,
        split,
        &["5:9: member `one` has no receiving line", "5:55: member `one` has no sending line in group `in`"],
    );
    refused(PAIR, "line = [{ listen = \"127.0.0.1:7001\" }]\n", "", &["2:6: member `one` has no `line`"]);
    refused(PAIR, "[{ listen = \"127.0.0.1:7001\" }]", "[]", &["5:8: member `one` has no `line`"]);
}

#[test]
fn names_are_given_once_and_both_places_are_named() {
    refused(
        PAIR,
        "\"other\"\nprofile",
        "\"one\"\nprofile",
        &["7:6: member `one` is given twice: first at a.toml:2:6", "12:7: there is no member `other`"],
    );
    refused(
        PAIR,
        "[{ listen = \"127.0.0.1:7001\" }]",
        "[{ id = \"x\", listen = \"127.0.0.1:7001\" }, { id = \"x\", listen = \"127.0.0.1:7002\" }]",
        &["5:57: line `x` is given twice: first at a.toml:5:16"],
    );
    refused(STATION, "00010345", "00010344", &["11:12: station `00010344` is given twice: first at a.toml:5:12"]);
    refused(PAIR, "id = \"one\"\n", "", &["1:1: a member needs an `id`"]);
    refused(PAIR, "profile = \"tv\"\nallow", "allow", &["2:6: member `one` needs a `profile`"]);
    let long = format!("\"{}\"", "a".repeat(60));
    refused(
        &PAIR.replace("\"one\"", "\"two\""),
        "\"two\"\nprofile",
        &format!("{long}\nprofile"),
        &["2:6: an `id` of more than 57 characters", "11:9: there is no member `two`"],
    );
}

#[test]
fn stations_are_given_and_lead_to_one_group() {
    refused(
        STATION,
        "station = [\"00010344\"]\n",
        "",
        &["2:6: member `one` has header `station` and no `station` ids"],
    );
    refused(STATION, "[\"00010344\"]", "[]", &["5:11: member `one` has header `station` and no `station` ids"]);
    refused(
        STATION,
        "[{ connect = \"10.0.0.1:7001\" }]",
        "[{ connect = \"10.0.0.1:7001\", group = \"a\" }, { connect = \"10.0.0.1:7002\", group = \"b\" }]",
        &["5:11: member `one` has several groups and none is `main`"],
    );
    refused(
        STATION,
        "[[member]]",
        "[[route]]\nfrom = [\"one\"]\nto = [\"other\"]\n[[member]]",
        &["1:1: members with header `station` need no route"],
    );
    refused(
        PAIR,
        "\"tv\"",
        "\"tv\"\nstation = [\"1\"]",
        &["4:11: `station` goes with header `station`, and member `one` has `none`"],
    );
    refused(
        PAIR,
        "\"tv\"",
        "\"tv\"\ntpdu = \"auto\"\ntpdu_digits = false",
        &["4:8: `tpdu` goes with header `tpdu`", "5:15: `tpdu_digits` goes with header `tpdu`"],
    );
    refused(TPDU, "\"tpdu\"", "\"tpdu\"\ntpdu_ids = []", &["5:12: `tpdu_ids` is empty"]);
}

#[test]
fn routes_lead_from_somebody_to_somebody() {
    refused(PAIR, "to = [\"other\"]\n", "", &["10:1: a route to nobody: write to = [\"MEMBER\"]"]);
    refused(PAIR, "from = [\"one\"]", "from = []", &["11:8: a route from nobody"]);
    refused(PAIR, "to = [\"other\"]", "to = [\"othr\"]", &["12:7: there is no member `othr`; did you mean `other`?"]);
    refused(PAIR, "to = [\"other\"]", "to = [\"other/x\"]", &["12:7: member `other` has no group `x`: it has `main`"]);
    refused(
        PAIR,
        "to = [\"other\"]",
        "to = [\"other/\"]",
        &["12:7: `to`: `other/` is neither a member nor member/group"],
    );
    refused(TPDU, "to = [\"host\"]", "to = [\"host\", \"host/main\"]", &["14:15: `host/main` is named twice here"]);
    let groups = "[{ connect = \"10.0.0.2:7001\", group = \"a\" }, { connect = \"10.0.0.2:7002\", group = \"b\" }]";
    refused(
        PAIR,
        "[{ connect = \"10.0.0.2:7001\" }]",
        groups,
        &["12:7: member `other` has several groups (`a`, `b`) and none is `main`: write other/GROUP"],
    );
}

#[test]
fn both_ends_of_a_route_have_the_same_header() {
    refused(
        TPDU,
        "\"institution\"\nheader = \"tpdu\"",
        "\"institution\"",
        &["13:7: `host` has header `none` and `nac` has `tpdu`"],
    );
    refused(
        PAIR,
        "to = [\"other\"]",
        "to = [\"other\"]\nmatch = { nii = [\"0003\"] }",
        &["13:17: `match` needs header `tpdu`: with `none`"],
    );
    refused(TPDU, "to = [\"host\"]", "to = [\"host\"]\nmatch = { nii = [] }", &["15:17: `match` names no `nii`"]);
}

#[test]
fn a_pair_has_two_ends() {
    let third = "[[member]]\nid = \"third\"\nprofile = \"tv\"\nline = [{ connect = \"10.0.0.3:7001\" }]\n[[route]]\n";
    let base = PAIR.replacen("[[route]]\n", third, 1);
    let with_third = |route: &str| format!("{base}[[route]]\n{route}");
    let three = with_third("from = [\"third\"]\nto = [\"one\"]\n");
    let one = "has one counterpart: that of `one/main` is `other/main` (a.toml:16:7), not `third/main`";
    assert!(
        faults(&three).iter().any(|fault| fault.starts_with("18:9: ") && fault.contains(one)),
        "{:?}",
        faults(&three)
    );
    assert_eq!(faults(&three).len(), 1);
    assert_eq!(
        faults(&with_third("from = [\"other\"]\nto = [\"one\"]\n")),
        [""; 0],
        "both directions written is one pair"
    );
    let many = base.replacen("to = [\"other\"]", "to = [\"other\", \"third\"]", 1);
    assert!(
        faults(&many)[0].starts_with("16:16: with header `none` a group has one counterpart"),
        "{:?}",
        faults(&many)
    );
    let many = base.replacen("from = [\"one\"]", "from = [\"one\", \"third\"]", 1);
    assert!(
        faults(&many)[0].starts_with("15:16: with header `none` a group has one counterpart"),
        "{:?}",
        faults(&many)
    );
    refused(PAIR, "to = [\"other\"]", "to = [\"one\"]", &["12:7: `one/main` cannot be a pair with itself"]);
}

#[test]
fn requests_and_answers_can_be_told() {
    let back = "to = [\"host\"]\n[[route]]\nfrom = [\"host\"]\nto = [\"nac\"]\nmatch = { nii = [\"0003\"] }";
    refused(TPDU, "to = [\"host\"]", back, &["13:9: `nac` also answers requests (a.toml:17:7): without `match`"]);
    let both = back.replacen("\n[[route]]", "\nmatch = { nii = [\"0004\"] }\n[[route]]", 1);
    assert_eq!(faults(&TPDU.replacen("to = [\"host\"]", &both, 1)), [""; 0]);
}

#[test]
fn timers_keep_their_order_on_every_level() {
    let general = |text: &str| format!("[timers]\n{text}\n[[route]]");
    refused(
        PAIR,
        "[[route]]",
        &general("probe_after = \"180s\""),
        &["11:15: `probe_after` (180s) is not below `silent_after` (180s)"],
    );
    refused(
        PAIR,
        "[[route]]",
        &general("silent_after = \"1m\""),
        &["11:16: `probe_after` (120s) is not below `silent_after` (60s)"],
    );
    refused(
        PAIR,
        "\"tv\"",
        "\"tv\"\ntimers = { silent_after = \"1s\" }",
        &["4:27: `probe_after` (120s) is not below `silent_after` (1s)"],
    );
    refused(
        PAIR,
        "7001\" }]",
        "7001\", timers = { probe_after = \"3m\" } }]",
        &["5:63: `probe_after` (180s) is not below"],
    );
    refused(
        PAIR,
        "[[route]]",
        &general("answer_within = \"16m\"\ndrain_within = \"20m\""),
        &["11:17: `answer_within` (960s) is over 15 minutes"],
    );
    refused(
        PAIR,
        "[[route]]",
        &general("probe_after = \"x\"\nsilent_after = \"1s\""),
        &["11:15: `probe_after`: `x` is no duration"],
    );
    let shorter = PAIR.replacen("\"tv\"", "\"tv\"\ntimers = { probe_after = \"1s\", silent_after = \"2s\" }", 1);
    assert_eq!(faults(&shorter), [""; 0]);
}

#[test]
fn max_fits_the_prefix() {
    refused(
        PAIR,
        "\"tv\"",
        "\"tv\"\nmax = 10000",
        &["4:7: `max` of 10000 is past what the prefix `ascii4` can express: 9999"],
    );
    refused(PAIR, "\"tv\"", "\"tv\"\nmax = 0", &["4:7: `max`: `0` is no whole number from 1"]);
    assert_eq!(faults(&PAIR.replacen("\"tv\"", "\"tv\"\nprefix = \"bin2\"\nmax = 65535", 1)), [""; 0]);
}

#[test]
fn what_is_only_unwise_is_warned_of() {
    let warned = |text: &str, expected: &str| {
        assert_eq!(faults(text), [""; 0], "in {text}");
        assert!(warnings(text).iter().any(|warning| warning.starts_with(expected)), "{expected}: {:?}", warnings(text));
    };
    warned(PAIR, "5:9: group `main` of member `one` has a single line");
    warned(&PAIR.replace("10.0.0.1\"", "0.0.0.0/0\""), "4:10: `allow` of 0.0.0.0/0 lets every address in");
    warned(
        &PAIR.replace("10.0.0.1\"", "10.0.0.1/24\""),
        "4:10: 10.0.0.1/24 has bits behind its length: it lets in all of 10.0.0.0/24",
    );
    warned(
        &PAIR.replacen("[[route]]", "[timers]\ndrain_within = \"45s\"\n[[route]]", 1),
        "11:16: `drain_within` (45s) is not above `answer_within` (45s)",
    );
    warned(
        &PAIR.replacen("[[route]]", "[switch]\nadmin = \"10.0.0.9:9600\"\n[[route]]", 1),
        "11:9: `admin` at 10.0.0.9:9600 is not local",
    );
    warned(&PAIR[..PAIR.find("[[route]]").unwrap()], "2:6: member `one` is in no route");
    assert_eq!(warnings(STATION).len(), 2, "stations need no route");
}

#[test]
fn all_faults_are_shown_at_once() {
    let text = r#"[switch]
shards = 0
colour = "red"
[timers]
probe_after = "1 fortnight"
[[member]]
id = "one"
profile = "tv"
line = [{ listen = "nowhere" }, { lisen = "127.0.0.1:1" }, { listen = "127.0.0.1:2", flow = "both" }]
[[member]]
id = "one"
profile = "institution"
resend = "unacked"
max = 20000
line = [{ connect = "10.0.0.1:1", tier = "spare" }]
[[route]]
from = ["nobody"]
"#;
    let places: Vec<String> =
        faults(text).iter().map(|fault| fault.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")).collect();
    assert_eq!(
        places,
        [
            "2:10", "3:1", "5:15", "9:20", "9:20", "9:33", "9:35", "9:93", "11:6", "13:10", "14:7", "15:42", "16:1",
            "17:9"
        ],
        "{:#?}",
        faults(text)
    );
}

#[test]
fn what_is_not_toml_hides_nothing_else_and_misleads_nobody() {
    let found = faults("[switch]\nname = a\nshards = 0\nshards = 3\n[[member]]\nid = \"one\"\nprofile = \"tv\n");
    let places: Vec<&str> = found.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["2:8", "3:10", "4:1", "7:14"], "{found:?}");
    assert!(read_text("x").configuration.is_none());
    assert_eq!(faults("[member]\nid = \"x\"\n").len(), 1);
}

#[test]
fn an_empty_configuration_is_sound() {
    assert_eq!(faults(""), [""; 0]);
    let configuration = read_text("").configuration.unwrap();
    assert_eq!(configuration.settings.shards, 2, "one for each CPU");
    assert_eq!(configuration.settings.name, "sw1", "the host's name");
}
