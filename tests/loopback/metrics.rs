//! `/metrics`: every name, from the start, and counters that outlive connections.

use crate::harness::{Member, fates_add_up, payments, round_trip};

/// Every metric of the interface, labels aside.
const NAMES: [&str; 32] = [
    "line_up",
    "frames_received_total",
    "frames_sent_total",
    "bytes_received_total",
    "bytes_sent_total",
    "probes_received_total",
    "probes_sent_total",
    "connections_accepted_total",
    "connections_refused_total",
    "connections_closed_total",
    "requests_forwarded_total",
    "answers_forwarded_total",
    "answers_rerouted_total",
    "answers_resent_total",
    "answers_late_total",
    "answers_unmatched_total",
    "requests_timed_out_total",
    "requests_repeated_total",
    "frames_dropped_total",
    "frames_malformed_total",
    "answers_resend_failed_total",
    "rejects_made_total",
    "config_last_reload_successful",
    "config_last_reload_success_timestamp_seconds",
    "build_info",
    "line_state_changes_total",
    "pending_requests",
    "answer_seconds",
    "transit_seconds",
    "config_reloads_total",
    "frames_held",
    "number_rest_seconds",
];

/// Those that every configured line has from the start, up or not.
const OF_EACH_LINE: [&str; 7] = [
    "line_up",
    "frames_received_total",
    "frames_sent_total",
    "bytes_received_total",
    "bytes_sent_total",
    "probes_received_total",
    "probes_sent_total",
];

#[test]
fn every_name_is_announced() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let metrics = switch.metrics();
    let missing: Vec<&str> = NAMES.into_iter().filter(|name| !metrics.announces(name)).collect();
    assert!(missing.is_empty(), "not announced: {missing:?} in\n{}", metrics.text);
}

#[test]
fn the_text_is_openmetrics() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let response = switch.get("/metrics");
    let kind = response.header("content-type").expect("a content type");
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(response.body.ends_with("# EOF\n"), "OpenMetrics ends with its end");
    for line in response.body.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("ringswitch_"), "{line}");
    }
}

#[test]
fn every_line_is_there_from_the_start() {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let metrics = switch.metrics();
    for (line, member) in [("nac-1", "nac"), ("nac-2", "nac"), ("host-1", "host")] {
        for name in OF_EACH_LINE {
            let labels = [("member", member), ("group", "main"), ("line", line)];
            assert!(metrics.has(name, &labels), "{name} of {line}");
            assert_eq!(metrics.sum(name, &labels), 0, "{name} of {line}");
        }
    }
    assert_eq!(metrics.sum("config_last_reload_successful", &[]), 1, "the start was a good load");
    assert_eq!(metrics.sum("build_info", &[]), 1);
}

#[test]
fn counters_survive_reconnects_and_name_no_port() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    for count in 1..=3 {
        let mut terminal = switch.join(&nac, 1);
        round_trip(&mut terminal, &mut [&mut issuer], 1, "once a connection");
        let port = terminal.local().port();
        fates_add_up(&switch);
        let metrics = switch.metrics();
        let of = |name| metrics.sum(name, &[("line", "nac-1")]);
        assert_eq!((of("line_up"), of("connections_accepted_total")), (1, count));
        assert_eq!((of("frames_received_total"), of("frames_sent_total")), (count, count));
        assert_eq!((of("requests_forwarded_total"), of("answers_forwarded_total")), (count, 0));
        assert_eq!(metrics.sum("answers_forwarded_total", &[("line", "host-1")]), count);
        assert!(!metrics.text.contains(&format!(":{port}\"")), "a remote port is no label");
        drop(terminal);
        switch.wait_line_state("nac-1", "listening");
        assert_eq!(switch.metric("line_up", &[("line", "nac-1")]), 0);
        switch.wait_metric("connections_closed_total", &[("line", "nac-1")], count);
    }
}

#[test]
fn times_are_counted_in_histograms() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    for _ in 0..10 {
        round_trip(&mut terminal, &mut [&mut issuer], 1, "timed");
    }
    switch.wait_metric("answer_seconds_count", &[], 10);
    let metrics = switch.metrics();
    assert_eq!(metrics.sum("answer_seconds_bucket", &[("le", "+Inf")]), 10);
    assert!(metrics.sum("transit_seconds_count", &[]) >= 10);
}

#[test]
fn state_changes_are_counted() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let ups = || switch.metric("line_state_changes_total", &[("line", "nac-1"), ("to", "up")]);
    for count in 1..=3 {
        drop(switch.join(&nac, 1));
        switch.wait_line_state("nac-1", "listening");
        assert_eq!(ups(), count);
    }
}
