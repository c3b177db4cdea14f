//! Card data flows through; no payload byte reaches a log, a metric, an error or the admin API.

use crate::harness::{Member, NII, Switch, World, answer_swapped, ask, payments, station, tpdu};

/// A card number nobody has, in the forms in which messages carry one.
const CARD: &str = "4000001234567899";
const CARD_BCD: [u8; 8] = [0x40, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78, 0x99];

fn planted() -> Vec<u8> {
    [format!("0200 {CARD}={CARD} ").as_bytes(), &CARD_BCD].concat()
}

/// Reads everything that an operator can read of a running switch.
fn nothing_shows(switch: &Switch, lines: &[&str]) {
    let mut pages: Vec<String> =
        ["/", "/metrics", "/healthz", "/readyz", "/v1/status", "/v1/lines", "/v1/groups", "/v1/config", "/v1/events"]
            .iter()
            .map(|path| switch.get(path).body)
            .collect();
    pages.extend(lines.iter().map(|line| switch.line(line).to_string()));
    pages.push(switch.log());
    let hexadecimal: String = CARD.bytes().map(|byte| format!("{byte:02x}")).collect();
    for page in &pages {
        let lower = page.to_lowercase();
        for trace in [CARD, &hexadecimal, "40000012", "34567899", "52, 48, 48, 48", "64, 0, 0, 18"] {
            assert!(!lower.contains(trace), "{trace} shows in:\n{page}");
        }
    }
}

#[test]
fn forwarded_dropped_and_unmatched_frames_leave_no_trace() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = World::new(2).member(&nac).member(&host).route_nii("nac", "host", "0003");
    let switch = world.setting(r#"log = "json""#).timer(r#"answer_within = "2s""#).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    terminal.send_frame(&tpdu(NII, 1, &planted()));
    let request = issuer.receive();
    issuer.send_frame(&answer_swapped(&request, &planted()));
    issuer.send_frame(&answer_swapped(&request, &planted()));
    terminal.receive();
    terminal.send_frame(&tpdu(0x0999, 1, &planted()));
    terminal.send_frame(&planted());
    switch.wait_dropped("unmatched", 1);
    switch.wait_dropped("no_route", 1);
    switch.wait_dropped("bad_header", 1);
    ask(&mut terminal, 1, CARD);
    let late = issuer.receive();
    switch.wait_metric("requests_timed_out_total", &[], 1);
    issuer.send_frame(&answer_swapped(&late, &planted()));
    switch.wait_metric("frames_dropped_total", &[], 4);
    nothing_shows(&switch, &["nac-1", "host-1"]);
}

#[test]
fn what_is_no_frame_leaves_no_trace() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).timer(r#"partial_within = "200ms""#).start();
    // The bytes of a length are payload, too, on a line that is out of step.
    for bytes in [CARD.as_bytes(), b"99x4000001234567899", b"99994000001234567899"] {
        let mut issuer = switch.join(&host, 1);
        issuer.send_raw(bytes);
        issuer.expect_closed();
        switch.wait_line_state("host-1", "listening");
    }
    nothing_shows(&switch, &["nac-1", "host-1"]);
}

#[test]
fn station_frames_leave_no_trace() {
    let member = |id: &str, station: &str| {
        Member::plain(id).key(r#"header = "station""#).key(&format!("station = [\"{station}\"]")).listen()
    };
    let (left, right) = (member("left", "10000001"), member("right", "10000002"));
    let switch = World::new(2).member(&left).member(&right).start();
    let mut one = switch.join(&left, 1);
    let mut other = switch.join(&right, 1);
    one.send_frame(&station("10000002", "10000001", &planted()));
    other.receive();
    one.send_frame(&station("10000003", "10000001", &planted()));
    one.send_frame(&station("10000002", "10000009", &planted()));
    switch.wait_dropped("no_route", 1);
    switch.wait_dropped("foreign_source", 1);
    nothing_shows(&switch, &["left-1", "right-1"]);
}
