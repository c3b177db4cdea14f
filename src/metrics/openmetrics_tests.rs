//! The text is read back by a small strict reader of the OpenMetrics grammar.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::snapshot::{GroupFacts, LineCounts, LineFacts, LinePlace, NumberFacts, ShardFacts, SwitchFacts};
use super::super::{Distribution, Labels, Snapshot};
use super::render;
use crate::config::plan::{Flow, Tier};
use crate::reason::{Closed, Drop, Malformed, Refusal, Rejected, ResendFailed};
use crate::shared::counters::{Cold, Hot};
use crate::shared::histogram::Histogram;
use crate::shared::status::{Cause, LineState};
use crate::time::{Instant, Span};

/// Families that INTERFACE names, those of features to come left out, and the copies of requests that
/// PROTOCOL wants counted.
const FAMILIES: &[(&str, &str)] = &[
    ("ringswitch_line_up", "gauge"),
    ("ringswitch_frames_received", "counter"),
    ("ringswitch_frames_sent", "counter"),
    ("ringswitch_bytes_received", "counter"),
    ("ringswitch_bytes_sent", "counter"),
    ("ringswitch_probes_received", "counter"),
    ("ringswitch_probes_sent", "counter"),
    ("ringswitch_connections_accepted", "counter"),
    ("ringswitch_connections_refused", "counter"),
    ("ringswitch_connections_closed", "counter"),
    ("ringswitch_requests_forwarded", "counter"),
    ("ringswitch_answers_forwarded", "counter"),
    ("ringswitch_answers_rerouted", "counter"),
    ("ringswitch_answers_resent", "counter"),
    ("ringswitch_answers_resend_failed", "counter"),
    ("ringswitch_rejects_made", "counter"),
    ("ringswitch_answers_late", "counter"),
    ("ringswitch_answers_unmatched", "counter"),
    ("ringswitch_requests_timed_out", "counter"),
    ("ringswitch_requests_repeated", "counter"),
    ("ringswitch_frames_dropped", "counter"),
    ("ringswitch_frames_malformed", "counter"),
    ("ringswitch_config_last_reload_successful", "gauge"),
    ("ringswitch_config_last_reload_success_timestamp_seconds", "gauge"),
    ("ringswitch_build_info", "gauge"),
    ("ringswitch_line_state_changes", "counter"),
    ("ringswitch_pending_requests", "gauge"),
    ("ringswitch_answer_seconds", "histogram"),
    ("ringswitch_transit_seconds", "histogram"),
    ("ringswitch_config_reloads", "counter"),
    ("ringswitch_frames_held", "gauge"),
    ("ringswitch_number_rest_seconds", "gauge"),
];

#[test]
fn every_family_of_the_contract_is_there_with_its_type_and_no_other() {
    let text = read(&render(example()));
    let expected: BTreeMap<_, _> = FAMILIES.iter().map(|(name, kind)| (name.to_string(), kind.to_string())).collect();
    assert_eq!(text.types, expected);
}

#[test]
fn a_line_counts_under_its_member_group_and_name() {
    let text = read(&render(example()));
    let labels = r#"{member="issuer",group="main",line="issuer-in"}"#;
    assert_eq!(text.samples[&format!("ringswitch_line_up{labels}")], 1.0);
    assert_eq!(text.samples[&format!("ringswitch_frames_received_total{labels}")], 70.0);
    assert_eq!(text.samples[&format!("ringswitch_answers_rerouted_total{labels}")], 5.0);
    let dropped = r#"{member="issuer",group="main",line="issuer-in",reason="late"}"#;
    assert_eq!(text.samples[&format!("ringswitch_frames_dropped_total{dropped}")], 9.0);
    let change = r#"{member="issuer",group="main",line="issuer-in",to="up",cause="accepted"}"#;
    assert_eq!(text.samples[&format!("ringswitch_line_state_changes_total{change}")], 3.0);
}

#[test]
fn every_reason_of_every_line_is_exported_from_the_start_and_after_its_removal() {
    let text = read(&render(example()));
    for line in ["issuer-in", "gone-1"] {
        let count = |family: &str| {
            let start = format!("{family}{{");
            let of_line = format!(r#"line="{line}""#);
            text.samples.keys().filter(|sample| sample.starts_with(&start) && sample.contains(&of_line)).count()
        };
        assert_eq!(count("ringswitch_frames_dropped_total"), Drop::COUNT);
        assert_eq!(count("ringswitch_rejects_made_total"), Rejected::COUNT);
        assert_eq!(count("ringswitch_answers_resend_failed_total"), ResendFailed::COUNT);
        assert_eq!(count("ringswitch_frames_malformed_total"), Malformed::COUNT);
        assert_eq!(count("ringswitch_connections_refused_total"), Refusal::COUNT);
        assert_eq!(count("ringswitch_connections_closed_total"), Closed::COUNT);
        assert_eq!(count("ringswitch_line_up"), 1);
    }
}

#[test]
fn groups_and_the_switch_are_labelled_as_the_contract_says() {
    let text = read(&render(example()));
    assert_eq!(text.samples[r#"ringswitch_pending_requests{group="issuer/main"}"#], 12.0);
    assert_eq!(text.samples[r#"ringswitch_number_rest_seconds{group="issuer/main"}"#], 45.0);
    assert_eq!(text.samples[r#"ringswitch_answer_seconds_count{group="issuer/main"}"#], 4.0);
    assert_eq!(text.samples[r#"ringswitch_answer_seconds_bucket{le="+Inf",group="issuer/main"}"#], 4.0);
    assert_eq!(text.samples["ringswitch_frames_held"], 17.0);
    assert_eq!(text.samples[r#"ringswitch_config_reloads_total{result="refused"}"#], 2.0);
    assert_eq!(text.samples["ringswitch_config_last_reload_success_timestamp_seconds"], 1_700_000_000.5);
    assert_eq!(text.samples[r#"ringswitch_build_info{version="1.2.3",name="s\"w\\1"}"#], 1.0);
}

#[test]
fn the_reader_of_these_tests_finds_faults() {
    for bad in [
        "# TYPE a counter\na_total 1\n",                                            // no EOF
        "# TYPE a counter\na 1\n# EOF\n",                                           // no _total
        "a_total 1\n# EOF\n",                                                       // no type
        "# TYPE a gauge\na{x=\"1} 1\n# EOF\n",                                      // label not closed
        "# TYPE a gauge\na 1\na 1\n# EOF\n",                                        // twice
        "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",                           // unit not in the name
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 2\na_sum 1\n# EOF\n", // count and +Inf differ
        "# TYPE a gauge\n# TYPE b gauge\nb 1\na 1\n# EOF\n",                        // interleaved
    ] {
        assert!(std::panic::catch_unwind(|| read(bad)).is_err(), "accepted: {bad}");
    }
}

/// What was read: types by family, values by sample (name and labels as written).
struct Text {
    types: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

fn read(text: &str) -> Text {
    let body = text.strip_suffix("# EOF\n").expect("ends with # EOF");
    let mut read = Text { types: BTreeMap::new(), samples: BTreeMap::new() };
    let mut family = String::new();
    let mut helped = BTreeSet::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (keyword, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match keyword {
                "HELP" => assert!(helped.insert(name.to_owned()) && !rest.is_empty(), "help twice or empty: {line}"),
                "TYPE" => {
                    assert!(read.types.insert(name.to_owned(), rest.to_owned()).is_none(), "type twice: {line}");
                    name.clone_into(&mut family);
                }
                "UNIT" => assert!(name == family && name.ends_with(&format!("_{rest}")), "unit: {line}"),
                _ => panic!("unknown comment: {line}"),
            }
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').expect("a value");
        check_sample(sample, &family, &read.types);
        let value = value.parse().expect("a number");
        assert!(read.samples.insert(sample.to_owned(), value).is_none(), "sample twice: {line}");
    }
    check_histograms(&read);
    read
}

fn check_sample(sample: &str, family: &str, types: &BTreeMap<String, String>) {
    let (name, labels) = sample.split_once('{').map_or((sample, None), |(name, rest)| (name, Some(rest)));
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "name: {sample}");
    let suffix = name.strip_prefix(family).expect("a sample of the family above it");
    let suffixes: &[&str] = match types[family].as_str() {
        "counter" => &["_total"],
        "gauge" => &[""],
        "histogram" => &["_bucket", "_count", "_sum"],
        other => panic!("unknown type {other}"),
    };
    assert!(suffixes.contains(&suffix), "suffix: {sample}");
    if let Some(labels) = labels {
        check_labels(labels.strip_suffix('}').expect("labels closed"));
    }
}

fn check_labels(mut labels: &str) {
    let mut names = BTreeSet::new();
    loop {
        let (name, rest) = labels.split_once("=\"").expect("label=\"");
        assert!(names.insert(name), "label twice: {name}");
        let mut escaped = false;
        let end = rest
            .find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })
            .expect("label value closed");
        match rest[end + 1..].strip_prefix(',') {
            Some(more) => labels = more,
            None => return assert!(rest.len() == end + 1, "behind the labels: {rest}"),
        }
    }
}

fn check_histograms(read: &Text) {
    for (family, _) in read.types.iter().filter(|(_, kind)| *kind == "histogram") {
        let start = format!("{family}_count");
        for (sample, count) in read.samples.iter().filter(|(sample, _)| sample.starts_with(&start)) {
            let labels = sample[start.len()..].trim_start_matches('{').trim_end_matches('}');
            let comma = if labels.is_empty() { "" } else { "," };
            let all = format!("{family}_bucket{{le=\"+Inf\"{comma}{labels}}}");
            assert_eq!(read.samples.get(&all), Some(count), "{all}");
        }
    }
}

fn example() -> Snapshot {
    let histogram = Histogram::default();
    histogram.record(Span::from_millis(3), 4);
    let distribution = Distribution::sum_of(&[histogram]);
    Snapshot {
        taken: Instant(0),
        switch: SwitchFacts {
            name: "s\"w\\1".to_owned(),
            version: "1.2.3",
            reloads: super::super::snapshot::ReloadFacts {
                refused: 2,
                last_success_timestamp: 1_700_000_000.5,
                ..Default::default()
            },
            ..SwitchFacts::default()
        },
        shards: vec![ShardFacts::default()],
        frames_held: 17,
        lines: vec![removed_line(), line()],
        groups: vec![group(distribution.clone()), pair_group()],
        transit: distribution,
    }
}

fn line() -> LineFacts {
    let mut counts = LineCounts::default();
    counts.hot[Hot::FramesReceived as usize] = 70;
    counts.cold[Cold::AnswersRerouted as usize] = 5;
    counts.dropped[Drop::Late.index()] = 9;
    LineFacts {
        labels: Labels { member: "issuer".into(), group: "main".into(), line: "issuer-in".into() },
        place: Some(LinePlace { id: 0, tier: Tier::Trunk, flow: Flow::Receive, shard: 0 }),
        state: LineState::Up,
        since: Instant(0),
        local: None,
        remote: None,
        last_error: None,
        queued_bytes: 0,
        counts,
        changes: vec![(LineState::Up, Cause::Accepted, 3)],
    }
}

fn removed_line() -> LineFacts {
    let labels = Labels { member: "gone".into(), group: "main".into(), line: "gone-1".into() };
    LineFacts {
        labels,
        place: None,
        state: LineState::Disabled,
        counts: LineCounts::default(),
        changes: Vec::new(),
        ..line()
    }
}

fn group(answer_seconds: Distribution) -> GroupFacts {
    let shortest_rest = Some(Span::from_secs(45));
    GroupFacts {
        member: Arc::from("issuer"),
        name: Arc::from("main"),
        live: true,
        working_tier: Some(Tier::Trunk),
        lines: vec![Arc::from("issuer-in")],
        answer_bytes: 0,
        numbers: Some(NumberFacts { pending: 12, limit: 65_000, numbers: 65_533, shortest_rest }),
        answer_seconds: Some(answer_seconds),
    }
}

fn pair_group() -> GroupFacts {
    GroupFacts { member: Arc::from("merchant"), numbers: None, answer_seconds: None, ..group(Distribution::default()) }
}
