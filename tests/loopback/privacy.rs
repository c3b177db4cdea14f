//! Card data flows through; no payload byte reaches a log, a metric, an error or the admin API.

use crate::harness::{Member, NII, Peer, Switch, World, answer_swapped, ask, payments, station, tpdu};

/// A card number nobody has, in the forms in which messages carry one.
const CARD: &str = "4000001234567899";
const CARD_BCD: [u8; 8] = [0x40, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78, 0x99];
const TRACK_2: &str = ";4000001234567899=29121010000012300000?";

/// The number in the ways in which programs print bytes: as text, in hexadecimal digits, as a list
/// of numbers, in base 64 wherever it begins. Parts of it are enough.
const TRACES: &[&str] = &[
    "40000012",
    "34567899",
    "34303030303031",
    "32333435363738",
    "34 30 30 30",
    "34, 30, 30",
    "40 00 00 12",
    "40, 0, 0, 12",
    "40, 00, 00, 12",
    "\\x40\\x00",
    "@\\0\\0",
    "@\\u0000",
    "@\\x00",
    "0x40, 0x0",
    "52, 48, 48, 48",
    "64, 0, 0, 18",
    "ndawmdawmtiz",
    "qwmdawmdeymzq",
    "0mdawmdaxmjm0nty",
    "qaaaejrw",
    "29121010",
];

fn planted() -> Vec<u8> {
    [format!("0200 {CARD}={CARD} {TRACK_2}").as_bytes(), &CARD_BCD].concat()
}

/// What of the card shows in a text.
fn trace_in(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    TRACES.iter().copied().find(|trace| lower.contains(trace))
}

/// Reads everything that an operator can read of a running switch.
fn nothing_shows(switch: &Switch, lines: &[&str]) {
    let mut pages: Vec<String> =
        ["/", "/metrics", "/healthz", "/readyz", "/v1/status", "/v1/lines", "/v1/groups", "/v1/config", "/v1/events"]
            .iter()
            .map(|path| switch.get(path).body)
            .collect();
    pages.extend(lines.iter().map(|line| switch.line(line).to_string()));
    pages.push(switch.post("/v1/reload?plan=1").body);
    pages.push(switch.log());
    pages.push(switch.said());
    for page in &pages {
        assert_eq!(trace_in(page), None, "this shows in:\n{page}");
    }
}

/// What nobody could find would always be hidden.
#[test]
fn a_card_is_recognised_however_it_is_printed() {
    let bytes = planted();
    let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    for text in [
        String::from_utf8_lossy(&bytes).into_owned(),
        hexadecimal,
        format!("{bytes:?}"),
        format!("{CARD_BCD:?}"),
        format!("{CARD_BCD:02x?}"),
        format!("{CARD_BCD:x?}"),
        format!("{:?}", String::from_utf8_lossy(&CARD_BCD)),
        CARD_BCD.escape_ascii().to_string(),
        "NDAwMDAwMTIzNDU2Nzg5OQ".to_owned(),
        "ADQwMDAwMDEyMzQ1Njc4OTk".to_owned(),
        "AAA0MDAwMDAxMjM0NTY3ODk5".to_owned(),
    ] {
        assert!(trace_in(&text).is_some(), "{text}");
    }
    assert_eq!(trace_in("127.0.0.1:40001 2026-11-21T18:00:00.123456Z"), None);
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

/// A host with a line on which it must not send, and a NAC; everything is logged.
struct Stage {
    switch: Switch,
    nac: Member,
    host: Member,
    world: World,
}

impl Stage {
    fn new(log: &str) -> Self {
        let nac = Member::nac("nac").listen().listen();
        let host = Member::host("host").listen().listen_with(r#"flow = "send""#);
        let world = payments(2, &nac, &host)
            .setting(&format!("log = \"{log}\""))
            .timer(r#"answer_within = "5s""#)
            .timer(r#"hold_answer = "200ms""#)
            .timer(r#"partial_within = "200ms""#);
        Self { switch: world.start_talkative(), nac, host, world }
    }

    /// What is no frame: each closes the line that it came in on.
    fn malformed(&self) {
        let begun = format!("0099{TRACK_2}");
        let begun_by_the_card = format!("999{CARD}");
        for bytes in [&CARD_BCD, begun.as_bytes(), begun_by_the_card.as_bytes(), TRACK_2.as_bytes()] {
            let mut host = self.switch.join(&self.host, 1);
            host.send_raw(bytes);
            host.expect_closed();
            self.switch.wait_line_state("host-1", "listening");
        }
        let mut terminal = self.switch.join(&self.nac, 1);
        terminal.send_raw(&[&[0xff, 0xff], CARD.as_bytes()].concat());
        terminal.expect_closed();
        let mut sink = self.switch.join(&self.host, 2);
        sink.send_frame(&planted());
        sink.expect_closed();
    }

    /// Those who may not speak here: on an occupied port, and at the admin API.
    fn strangers(&self) {
        let _owner = self.switch.join(&self.nac, 1);
        let mut second = Peer::connect(self.nac.address(1), self.nac.prefix());
        second.send_raw_while_open(&planted());
        second.expect_closed();
        let mut lost = Peer::connect(self.switch.admin(), self.nac.prefix());
        lost.send_raw_while_open(&planted());
        lost.send_raw_while_open(b"\r\n\r\n");
        drop(lost);
    }

    /// A requester that is reset before its answer comes, a host that is reset before it answers.
    fn resets(&self) {
        let mut terminal = self.switch.join(&self.nac, 2);
        let mut issuer = self.switch.join(&self.host, 1);
        terminal.send_frame(&tpdu(NII, 1, &planted()));
        let request = issuer.receive_message();
        terminal.end(true);
        self.switch.wait_line_state("nac-2", "listening");
        issuer.send_frame(&answer_swapped(&request, &planted()));
        self.switch.wait_dropped("hold_expired", 1);
        let mut terminal = self.switch.join(&self.nac, 2);
        terminal.send_frame(&tpdu(NII, 1, &planted()));
        issuer.receive_message();
        issuer.end(true);
        self.switch.wait_line_state("host-1", "listening");
        terminal.send_frame(&tpdu(NII, 1, &planted()));
        self.switch.wait_dropped("no_line", 1);
    }

    /// Answers twice, to nobody and too late, with reloads in between.
    fn answers(&self) {
        // The one that nobody answered when its host was reset.
        self.switch.wait_metric("requests_timed_out_total", &[], 1);
        let mut terminal = self.switch.join(&self.nac, 2);
        let mut issuer = self.switch.join(&self.host, 1);
        terminal.send_frame(&tpdu(NII, 1, &planted()));
        let request = issuer.receive_message();
        self.switch.reload_applied(&self.world.clone().timer(r#"connect_within = "3s""#));
        assert_eq!(self.switch.reload_text("[switch\nname = 7").status, 422);
        issuer.send_frame(&answer_swapped(&request, &planted()));
        issuer.send_frame(&answer_swapped(&request, &planted()));
        terminal.receive();
        self.switch.wait_dropped("unmatched", 1);
        terminal.send_frame(&tpdu(NII, 1, &planted()));
        let request = issuer.receive_message();
        self.switch.wait_metric("requests_timed_out_total", &[], 2);
        issuer.send_frame(&answer_swapped(&request, &planted()));
        self.switch.wait_metric_at_least("answers_late_total", &[], 1);
        self.switch.write_config(&self.world.text());
    }
}

fn faults_leave_no_trace(log: &str) {
    let mut stage = Stage::new(log);
    stage.malformed();
    stage.strangers();
    stage.switch.wait_line_state("nac-1", "listening");
    stage.resets();
    stage.switch.wait_line_state("nac-2", "listening");
    stage.answers();
    nothing_shows(&stage.switch, &["nac-1", "nac-2", "host-1", "host-2"]);
    stage.switch.terminate();
    assert!(stage.switch.wait_exit().success());
    let log = stage.switch.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "not talkative at all:\n{log}");
    assert_eq!(trace_in(&log), None, "this shows in:\n{log}");
    assert_eq!(trace_in(&stage.switch.said()), None);
}

#[test]
fn faults_leave_no_trace_in_the_most_verbose_text_log() {
    faults_leave_no_trace("text");
}

#[test]
fn faults_leave_no_trace_in_the_most_verbose_json_log() {
    faults_leave_no_trace("json");
}
