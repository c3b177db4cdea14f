//! `ringswitch explain`: who may connect where, and which way a frame would take.

use crate::check_files::Files;
use crate::harness::command::{self, Ended};
use crate::harness::iso8583::cups;
use crate::harness::{Prefix, vectors};

/// A terminal concentrator, a host with a spare, two stations and a pair.
const NETWORK: &str = r#"
[switch]
name = "sw1"
shards = 1

[[member]]
id = "nac"
profile = "terminal"
allow = ["127.0.0.1", "10.8.1.0/24"]
header = "tpdu"
line = [{ listen = "127.0.0.1:7001" }, { listen = "127.0.0.1:7002", second = "replace", replace_after = "3s" }]

[[member]]
id = "host"
profile = "institution"
allow = ["10.9.0.7"]
header = "tpdu"
timers = { answer_within = "40s" }
line = [
  { id = "host-in", listen = "127.0.0.1:7101", flow = "receive" },
  { id = "host-out", connect = "10.9.0.7:7201", flow = "send" },
]

[[member]]
id = "spare"
profile = "institution"
max = 80
header = "tpdu"
line = [{ connect = "10.9.0.8:7201" }]

[[member]]
id = "east"
profile = "institution"
allow = ["10.7.0.1"]
header = "station"
station = ["48540000"]
line = [{ listen = "127.0.0.1:7301" }]

[[member]]
id = "west"
profile = "institution"
header = "station"
station = ["00010000"]
line = [{ connect = "10.7.0.2:7301" }]

[[member]]
id = "channel"
profile = "channel"
allow = ["0.0.0.0/0"]
line = [{ listen = "0.0.0.0:7401" }]

[[member]]
id = "shop"
profile = "merchant"
line = [{ connect = "10.6.0.1:7401" }]

[[member]]
id = "acquirer"
profile = "institution"
allow = ["10.5.0.1"]
header = "iso8583"
key = [7, 11]
line = [{ listen = "127.0.0.1:7501" }]

[[member]]
id = "issuer"
profile = "institution"
header = "iso8583"
key = [11, 7]
line = [{ connect = "10.5.0.2:7501" }]

[[route]]
from = ["acquirer"]
to = ["issuer"]

[[route]]
from = ["nac"]
to = ["host", "spare"]
match = { nii = ["0003", "0006"] }

[[route]]
from = ["channel"]
to = ["shop"]
"#;

fn explain(arguments: &[&str]) -> Ended {
    command::run(&[&["explain"], arguments].concat())
}

/// What it says with the network above.
fn of_network(arguments: &[&str]) -> String {
    let files = Files::with(NETWORK);
    let file = files.main();
    let ended = explain(&[&["-c", file.to_str().expect("a plain path")], arguments].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    ended.stdout
}

/// What it says of a frame alone.
fn of_frame(frame: &str) -> String {
    let ended = explain(&["--frame", frame]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    ended.stdout
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

/// The lines of the text, each with one blank between its words.
fn rows(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The worked example of MC6-5.3, part by part.
#[test]
fn the_standards_worked_example() {
    let text = of_frame(&hex(&vectors::published("L2")));
    let expected = [
        "frame of 38 bytes",
        "no length prefix: 38 bytes of data",
        "0 1 60 TPDU id",
        "1 2 0003 TPDU destination: of a request the host's NII",
        "3 2 0000 TPDU source",
        "5 5 4c5249001c LRI, 28 bytes follow: dial monitoring",
        "10 8 0000000050582613 ANI, the caller: 50582613",
        "18 8 0000000061651108 DNIS, the number called: 61651108",
        "26 12 580009490006000000220030 LRI tail",
    ];
    assert_eq!(rows(&text), expected);
}

/// Its siblings stand behind it, or in its place.
#[test]
fn the_blocks_beside_the_dial_monitoring() {
    let (lli, lui) = ("4c4c49001c".to_owned() + &"00".repeat(28), "4c55490023".to_owned() + &"00".repeat(35));
    let all = of_frame(&(hex(&vectors::published("L2")) + &lli + &lui));
    has(&all, &["ANI, the caller: 50582613", "LLI block, passed on untouched", "LUI block, passed on untouched"]);
    let alone = of_frame(&format!("6000030000{lui}"));
    has(&alone, &["LUI block, passed on untouched"]);
    assert!(!alone.contains("LRI") && !alone.contains("LLI"), "{alone}");
}

#[test]
fn a_terminals_message_behind_its_prefix() {
    let text = of_frame(&hex(&vectors::published("P6")));
    let expected = [
        "frame of 93 bytes",
        "0 2 005b length 91 (prefix bin2)",
        "2 1 60 TPDU id",
        "3 2 0003 TPDU destination: of a request the host's NII",
        "5 2 0000 TPDU source",
        "7 6 application head, passed on untouched",
        "13 2 0800 ISO 8583 (pos): version 0, class 8 (network), function 0: a request",
        "15 8 0020000000c00016 bitmap: fields 11, 41, 42, 60, 62, 63",
        "23 3 000001 field 11, of the key",
        "26 8 3130303030313539 field 41, of the key",
        "34 15 383830323130303130323130313630 field 42, of the key",
        "49 44 not read",
    ];
    assert_eq!(rows(&text), expected);
}

#[test]
fn a_station_header_and_an_answer_behind_it() {
    let text = of_frame(&hex(&vectors::published("C8")));
    has(
        &text,
        &[
            "length 207 (prefix ascii4)",
            "destination station 48410000",
            "source station 00010000",
            "reject code 00000: none",
            "ISO 8583 (cups): version 0, class 2 (financial), function 1: an answer",
            "3438343135353130          field 32, of the key",
            "field 4, passed over",
        ],
    );
    assert!(!text.contains("303030303030303030323538"), "the amount is passed over, not shown\n{text}");
    let rejected = of_frame(&hex(&vectors::published("R1")));
    has(&rejected, &["reject code 00035: a rejected message"]);
    has(&of_frame(&hex(&vectors::published("L1"))), &["ANI, the caller: 2690806", "DNIS, the number called: 2690905"]);
}

/// Bits and pieces of every published message are named, whatever they are.
#[test]
fn every_published_message_is_taken_apart() {
    for name in vectors::names() {
        let published = vectors::published(name);
        for length in [1, 4, 5, 20, 46, 60, published.len()] {
            let text = of_frame(&hex(&published[..length.min(published.len())]));
            assert!(text.starts_with("frame of "), "{name} {length}: {text}");
        }
    }
    has(&of_frame(&hex(&vectors::published("P16"))), &["length 114, but 57 bytes follow"]);
    has(&of_frame("0000"), &["length 0: a probe"]);
    has(&of_frame("30 30 30 30"), &["length 0: a probe (prefix ascii4)"]);
}

#[test]
fn who_may_connect_and_who_may_not() {
    let to = "127.0.0.1:7001";
    has(
        &of_network(&["--from", "10.8.1.77", "--to", to]),
        &[
            "line nac-1 of nac/main, profile terminal, prefix bin2",
            "10.8.1.77 may connect",
            "a second connection is refused",
        ],
    );
    has(
        &of_network(&["--from", "10.8.2.1", "--to", to]),
        &["may not connect", "127.0.0.1/32, 10.8.1.0/24", "not_allowed"],
    );
    has(&of_network(&["--from", "::ffff:10.8.1.1", "--to", "127.0.0.1:7002"]), &["may connect", "for 3000 ms"]);
    has(&of_network(&["--to", to]), &["may connect: 127.0.0.1/32, 10.8.1.0/24; anybody else is reset"]);
    has(&of_network(&["--to", "10.9.0.7:7201"]), &["line host-out", "connects there itself"]);
    has(
        &of_network(&["--to", "127.0.0.1:7999"]),
        &["neither listens nor connects there", "127.0.0.1:7101 (line host-in"],
    );
    has(&of_network(&["--to", "192.0.2.1:7401", "--from", "8.8.8.8"]), &["line channel-1", "8.8.8.8 may connect"]);
    let host = of_network(&["--from", "10.9.0.7"]);
    has(
        &host,
        &[
            "may connect to 127.0.0.1:7101",
            "the switch connects to it at 10.9.0.7:7201",
            "is reset (not_allowed) at 4 of 6 listening lines",
        ],
    );
    let all = of_network(&[]);
    assert_eq!(all.lines().count(), 11, "each line once\n{all}");
    has(
        &all,
        &[
            "127.0.0.1:7001 (line nac-1 of nac/main): connections are taken from 127.0.0.1/32, 10.8.1.0/24",
            "10.9.0.7:7201 (line host-out of host/main): the switch connects there itself",
        ],
    );
}

#[test]
fn a_request_goes_where_its_nii_leads() {
    let frame = hex(&vectors::published("P6"));
    let text = of_network(&["--from", "127.0.0.1", "--to", "127.0.0.1:7001", "--frame", &frame]);
    has(
        &text,
        &[
            "coming in on line nac-1 of nac/main (header tpdu):",
            "a request: route 1 of 1 from here takes NII 0003 (nii 0003, 0006)",
            "goes to host/main, which has 40000 ms to answer",
            "while that is not live, to spare/main, which has 45000 ms to answer",
            "but is dropped (too_large): spare/main takes 80 bytes",
            "in place of the TPDU's source 0000",
        ],
    );
    let other = frame.replacen("600003", "600525", 1);
    has(
        &of_network(&["--to", "127.0.0.1:7001", "--frame", &other]),
        &["dropped (no_route): no route from here takes NII 0525"],
    );
    let id = frame.replacen("600003", "680003", 1);
    has(&of_network(&["--to", "127.0.0.1:7001", "--frame", &id]), &["dropped (bad_header): TPDU id 68"]);
    has(&of_network(&["--to", "127.0.0.1:7001", "--frame", &frame[..60]]), &["63 more bytes are waited for"]);
    has(
        &of_network(&["--to", "10.9.0.7:7201", "--frame", "303030356000030001"]),
        &["closes the line (wrong_direction)"],
    );
    has(&of_network(&["--to", "10.9.0.7:7201", "--frame", "30303030"]), &["closes the line (wrong_direction)"]);
    has(&of_network(&["--to", "127.0.0.1:7101", "--frame", "2b313838"]), &["closes the line (length_digits)"]);
    has(&of_network(&["--to", "127.0.0.1:7001", "--frame", "0000"]), &["a probe: taken off and never answered"]);
}

#[test]
fn an_answer_finds_its_way_back() {
    let data = vectors::data("P7");
    let frame = format!("{}{}", hex(format!("{:04}", data.len()).as_bytes()), hex(&data));
    let text = of_network(&["--to", "127.0.0.1:7101", "--frame", &frame]);
    has(
        &text,
        &[
            "an answer: no route from here takes NII 0000",
            "the request with number 0000, the TPDU's destination, if that request was for NII 0003 (addresses exchanged)",
            "the request with number 0003, the TPDU's source, if that request was for NII 0000 (copied)",
            "among those that wait for host/main",
            "over any other live line of its group",
            "requests come from nac/main",
        ],
    );
}

#[test]
fn stations_and_pairs() {
    let c1 = vectors::data("C1");
    let frame = format!("{}{}", hex(format!("{:04}", c1.len()).as_bytes()), hex(&c1));
    let to_west = of_network(&["--to", "127.0.0.1:7301", "--frame", &frame]);
    has(&to_west, &["coming in on line east-1", "goes to west/main, which has station 00010000"]);
    let from_west = of_network(&["--to", "10.7.0.2:7301", "--frame", &frame]);
    has(&from_west, &["dropped (foreign_source): 48540000 is none of its stations"]);
    let pair = of_network(&["--to", "127.0.0.1:7401", "--frame", "303030330a0b0c"]);
    has(&pair, &["goes unread to shop/main, its one counterpart", "not read"]);
}

/// Where nobody said where it comes from, every group is asked.
#[test]
fn a_frame_from_anywhere() {
    let text = of_network(&["--frame", &hex(&vectors::data("P6"))]);
    for group in ["nac/main", "host/main", "spare/main", "east/main", "west/main", "channel/main", "shop/main"] {
        has(&text, &[&format!("of {group} (header")]);
    }
}

#[test]
fn what_cannot_be_explained_says_why() {
    for (arguments, word) in [
        (&["--frame", "xyz"][..], "hexadecimal"),
        (&["--frame", "123"], "no whole number of bytes"),
        (&["--from", "nac"], "--from"),
    ] {
        let ended = explain(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(word), "{word}: {ended:?}");
    }
    let files = Files::with("[[member]]\nid = 5\n");
    let ended = explain(&["-c", files.main().to_str().expect("a plain path"), "--from", "127.0.0.1"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.contains("ringswitch.toml:2:6: "), "{ended:?}");
}

/// The key as configured, where the request goes, and why a message without one goes nowhere.
#[test]
fn a_message_that_goes_by_its_key() {
    let fields = [(7, "1121203000"), (11, "000001"), (39, "00"), (41, "TERM0001")];
    let said = |to: &str, data: &[u8]| of_network(&["--to", to, "--frame", &hex(&Prefix::Ascii4.frame(data))]);
    let text = said("127.0.0.1:7501", &cups("0200", &fields));
    has(&text, &["version 0, class 2", "a request", "field 7, of the key", "field 11, of the key", "issuer/main"]);
    assert!(!text.contains("field 41, of the key"), "{text}");
    has(&said("10.5.0.2:7501", &cups("0210", &fields)), &["answers the request to issuer/main with the same key"]);
    has(&said("127.0.0.1:7501", &cups("0200", &fields[2..])), &["dropped (key_missing)"]);
    has(&said("127.0.0.1:7501", b"no message"), &["dropped (bad_header)"]);
    has(&said("10.5.0.2:7501", &cups("0200", &fields)), &["dropped (no_route)"]);
}
