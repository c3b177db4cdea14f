//! Every clause, what proves it, and what is left unproved: `README.md` beside this file is made of it.

use std::path::{Path, PathBuf};

use Proof::{NotYet, Partly, Test};

enum Proof {
    /// The function that proves it.
    Test(&'static str),
    /// The same, and what of the clause it does not show, and why.
    Partly(&'static str, &'static str),
    /// Why nothing does so far.
    NotYet(&'static str),
}

const FILES: Proof = NotYet("file transfer comes later");
const SMS: Proof = NotYet("an application on the switch, later");

/// The clauses in the order of the requirements. Where a clause binds a member only, its test shows
/// that the switch works with members that keep it.
#[rustfmt::skip]
const ROWS: [(&str, Proof); 55] = [
    ("MP1-4.1", Partly("mp1_4_1_a_connection_is_known_by_its_two_addresses_and_stays", "short connections: only files use them, and file transfer comes later")),
    ("MP1-4.2", Partly("mp1_4_2_members_use_assigned_addresses_and_agreed_ports", "who assigns and agrees them: that is done on paper, and `allow` and the ports hold it")),
    ("MP1-4.3.1a", Test("mp1_4_3_1a_a_simplex_member_has_one_line_in_and_one_out")),
    ("MP1-4.3.1b", Test("mp1_4_3_1b_two_in_and_two_out_share_the_load_and_survive_a_break")),
    ("MP1-4.3.2", Test("mp1_4_3_2_two_duplex_lines_share_the_load_and_survive_a_break")),
    ("MP1-4.5.1", Test("mp1_4_5_1_either_side_may_be_the_client")),
    ("MP1-4.5.2a", Test("mp1_4_5_2a_requests_do_not_wait_for_answers")),
    ("MP1-4.5.2b", Test("mp1_4_5_2b_an_answer_may_come_back_on_any_line")),
    ("MP1-4.5.2c", Test("mp1_4_5_2c_what_a_broken_line_lost_times_out")),
    ("MP1-4.5.3", Test("mp1_4_5_3_a_line_is_closed_by_sending_no_more_and_then_fin")),
    ("MP1-5a", Partly("mp1_5a_of_two_trunks_with_different_routes_one_carries_everything", "real trunks: the routes are two network namespaces with two cables between them, for which the test needs root")),
    ("MP1-5b", Partly("mp1_5b_the_backup_carries_everything_when_both_trunks_are_down", "dialling a backup link: the host's business")),
    ("MC6-3.1", Test("mc6_3_1_towards_terminals_and_channels_the_switch_is_the_server")),
    ("MC6-3.3", Test("mc6_3_3_towards_merchants_the_switch_is_the_client")),
    ("MC6-4.1.1", Partly("mc6_4_1_1_each_of_two_hosts_has_one_of_a_clients_lines", "answers over the other host: the switch is one host of the two, and each answers what it was asked")),
    ("MC6-4.1.2a", Test("mc6_4_1_2a_a_client_connects_by_itself_and_again_after_a_break")),
    ("MC6-4.1.2b", Test("mc6_4_1_2b_a_server_goes_back_to_listening_after_a_break")),
    ("MC6-4.1.2c", Test("mc6_4_1_2c_a_server_responds_at_once_to_a_connect_request")),
    ("MC6-4.1.3", Partly("mc6_4_1_3_a_member_has_as_many_lines_as_it_needs_and_is_warned_below_two", "fewer than two: warned of and not refused, a group may have one line on each of two hosts")),
    ("MC6-4.1.4", Test("mc6_4_1_4_an_answer_returns_over_another_line_of_the_group")),
    ("MC6-4.2", Partly("mc6_4_2_each_port_carries_exactly_one_connection", "several hosts: see MC6-4.1.1")),
    ("MC6-4.3", Test("mc6_4_3_only_a_registered_address_is_let_in_on_a_port")),
    ("MC6-5.1", Test("mc6_5_1_the_failures_of_a_connect_are_told_apart")),
    ("TV4-3.1.2", Test("tv4_3_1_2_an_idle_line_gets_link_checks_from_both_sides")),
    ("TV4-3.1.3a", Test("tv4_3_1_3a_the_platform_connects_and_both_sides_send_requests")),
    ("TV4-3.1.3b", Test("tv4_3_1_3b_the_connecting_side_reconnects_on_a_break_and_on_silence")),
    ("TV4-3.1.3c", Test("tv4_3_1_3c_the_listening_side_listens_again_and_responds_at_once")),
    ("MP1-4.4", Test("mp1_4_4_content_passes_unread_and_unchanged")),
    ("MP1-4.5.4", Test("mp1_4_5_4_four_digits_of_length_and_at_most_2044_bytes_read_to_their_end")),
    ("MC6-5.2", Test("mc6_5_2_two_bytes_of_length_and_at_most_2048_bytes")),
    ("MC6-5.2b", Test("mc6_5_2b_four_digits_padded_with_zeros_on_the_left")),
    ("MC6-5.3", Partly("mc6_5_3_a_frame_with_dial_monitoring_passes_untouched", "monitoring: what is done with the numbers is the application's")),
    ("MP1-4.5.5a", Test("mp1_4_5_5a_a_sending_line_idle_for_a_sends_a_probe_that_is_discarded")),
    ("MP1-4.5.5b", Test("mp1_4_5_5b_a_receiving_line_silent_for_b_is_broken")),
    ("MP1-4.5.5c", Test("mp1_4_5_5c_a_duplex_line_idle_for_a_gets_a_probe_from_the_switch")),
    ("MC6-5.4.1", Test("mc6_5_4_1_terminals_alone_probe_and_their_silence_drops_the_line")),
    ("MC6-5.4.2", Test("mc6_5_4_2_channels_and_the_switch_both_probe_and_both_drop")),
    ("MC6-5.4.3", Test("mc6_5_4_3_towards_merchants_the_switch_probes_drops_and_reconnects")),
    ("TV4-3.1.3d", Test("tv4_3_1_3d_any_message_counts_as_received")),
    ("MP1-4.3.2f", FILES),
    ("MP1-4.6.1a", FILES),
    ("MP1-4.6.1b", FILES),
    ("MP1-4.6.2", FILES),
    ("MP1-4.6.3", FILES),
    ("MP1-4.4f", FILES),
    ("TV4-3.2a", Partly("tv4_3_2a_the_time_from_sending_a_request_to_its_answer_is_kept", "the time from the hand-over itself: the deadline runs from when the whole request is here, so it also covers the wait in the switch's own queue")),
    ("TV4-3.2b", Test("tv4_3_2b_the_time_runs_on_the_switchs_own_clock")),
    ("SMS5-2", SMS),
    ("SMS5-3.1.1", SMS),
    ("SMS5-3.1.2", SMS),
    ("SMS5-3.2.1", SMS),
    ("SMS5-3.2.1.3", SMS),
    ("SMS5-3.3.1", SMS),
    ("SMS5-4.1", SMS),
    ("SMS5-4.2", SMS),
];

/// The clauses once more with what they demand: what [`ROWS`] is held against.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Set, the test that compares the table writes it instead.
const WRITE: &str = "WRITE_CONFORMANCE_TABLE";

impl Proof {
    const fn test(&self) -> Option<&'static str> {
        match self {
            Test(name) | Partly(name, _) => Some(*name),
            NotYet(_) => None,
        }
    }

    const fn gap(&self) -> Option<&'static str> {
        match self {
            Test(_) => None,
            Partly(_, gap) | NotYet(gap) => Some(*gap),
        }
    }
}

fn requirements() -> Vec<(&'static str, &'static str)> {
    let rows = REQUIREMENTS.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    rows.map(|line| line.split_once(" | ").unwrap_or_else(|| panic!("no row and demand: {line}"))).collect()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The names of all test functions in the files of a folder, but for the ones in this file.
fn tests_in(name: &str) -> Vec<String> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder(name)).expect("the sources").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "rs") && !file.ends_with("conformance/rows.rs"));
    files.sort();
    let name = |part: &str| Some(part.split_once("fn ")?.1.split_once('(')?.0.to_owned());
    let sources = files.iter().map(|file| std::fs::read_to_string(file).expect("a source"));
    sources.flat_map(|text| text.split("#[test]\n").skip(1).filter_map(name).collect::<Vec<_>>()).collect()
}

/// How the name of a test of that clause begins.
fn beginning(id: &str) -> String {
    format!("{}_", id.to_lowercase().replace(['-', '.'], "_"))
}

#[test]
fn every_requirement_has_its_row() {
    let listed: Vec<&str> = ROWS.iter().map(|(id, _)| *id).collect();
    let required: Vec<&str> = requirements().into_iter().map(|(id, _)| id).collect();
    assert_eq!(listed, required, "the same clauses in the same order, each once");
    assert!(requirements().iter().all(|(_, demand)| !demand.trim().is_empty()));
}

#[test]
fn every_row_names_a_test_that_exists_or_says_why_there_is_none() {
    let tests = tests_in("conformance");
    for (id, proof) in &ROWS {
        if let Some(name) = proof.test() {
            assert!(tests.iter().any(|test| test == name), "{id}: there is no test {name}");
            assert!(name.starts_with(&beginning(id)), "{id}: {name} is named after another clause");
        }
        assert!(proof.gap().is_none_or(|gap| !gap.is_empty()), "{id}: what is not covered is not said");
    }
}

#[test]
fn every_test_proves_a_row() {
    for test in tests_in("conformance") {
        let named = ROWS.iter().any(|(_, proof)| proof.test() == Some(test.as_str()));
        assert!(named, "{test} proves no row");
    }
}

/// What stands in the table: a row for each clause.
fn table() -> String {
    let virtual_time = tests_in("simulation/shards");
    let mut text = String::from(
        "| row | what it demands | test | in virtual time | not covered, and why |\n|---|---|---|---|---|\n",
    );
    for ((id, proof), (_, demand)) in ROWS.iter().zip(requirements()) {
        let code = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let own = beginning(id);
        let minutes = virtual_time.iter().map(String::as_str).filter(|name| name.starts_with(&own)).collect();
        let (test, minutes) = (code(proof.test().into_iter().collect()), code(minutes));
        text += &format!("| {id} | {demand} | {test} | {minutes} | {} |\n", proof.gap().unwrap_or(""));
    }
    text
}

/// A stale table is as wrong as a missing test.
#[test]
fn the_table_in_the_documents_is_this_one() {
    let path = folder("conformance").join("README.md");
    let document = std::fs::read_to_string(&path).expect("the document");
    let at = document.find("| row |").expect("a table");
    let end = document[at..].find("\n\n").map_or(document.len(), |length| at + length + 1);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, [&document[..at], &table(), &document[end..]].concat()).expect("written");
        return;
    }
    for (written, made) in document[at..end].lines().zip(table().lines()) {
        assert_eq!(written, made, "stale: run it once with {WRITE}=1");
    }
    assert_eq!(document[at..end], table(), "stale: run it once with {WRITE}=1");
}
