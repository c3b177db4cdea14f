//! Every clause, and what proves it.

use Proof::{NotYet, Test};

enum Proof {
    /// The function that proves it.
    Test(&'static str),
    /// Why nothing does so far.
    NotYet(&'static str),
}

const FILES: Proof = NotYet("file transfer comes later");
const SMS: Proof = NotYet("an application on the switch, later");

/// The clauses in the order of the requirements. Where a clause binds a member only, its test shows
/// that the switch works with members that keep it.
#[rustfmt::skip]
const ROWS: [(&str, Proof); 55] = [
    ("MP1-4.1", Test("mp1_4_1_a_connection_is_known_by_its_two_addresses_and_stays")),
    ("MP1-4.2", Test("mp1_4_2_members_use_assigned_addresses_and_agreed_ports")),
    ("MP1-4.3.1a", Test("mp1_4_3_1a_a_simplex_member_has_one_line_in_and_one_out")),
    ("MP1-4.3.1b", Test("mp1_4_3_1b_two_in_and_two_out_share_the_load_and_survive_a_break")),
    ("MP1-4.3.2", Test("mp1_4_3_2_two_duplex_lines_share_the_load_and_survive_a_break")),
    ("MP1-4.5.1", Test("mp1_4_5_1_either_side_may_be_the_client")),
    ("MP1-4.5.2a", Test("mp1_4_5_2a_requests_do_not_wait_for_answers")),
    ("MP1-4.5.2b", Test("mp1_4_5_2b_an_answer_may_come_back_on_any_line")),
    ("MP1-4.5.2c", Test("mp1_4_5_2c_what_a_broken_line_lost_times_out")),
    ("MP1-4.5.3", Test("mp1_4_5_3_a_line_is_closed_by_sending_no_more_and_then_fin")),
    ("MP1-5a", NotYet("routes as network namespaces come with the fault matrix")),
    ("MP1-5b", Test("mp1_5b_the_backup_carries_everything_when_both_trunks_are_down")),
    ("MC6-3.1", Test("mc6_3_1_towards_terminals_and_channels_the_switch_is_the_server")),
    ("MC6-3.3", Test("mc6_3_3_towards_merchants_the_switch_is_the_client")),
    ("MC6-4.1.1", NotYet("one host of the two")),
    ("MC6-4.1.2a", Test("mc6_4_1_2a_a_client_connects_by_itself_and_again_after_a_break")),
    ("MC6-4.1.2b", Test("mc6_4_1_2b_a_server_goes_back_to_listening_after_a_break")),
    ("MC6-4.1.2c", Test("mc6_4_1_2c_a_server_responds_at_once_to_a_connect_request")),
    ("MC6-4.1.3", Test("mc6_4_1_3_a_member_has_as_many_lines_as_it_needs_and_is_warned_below_two")),
    ("MC6-4.1.4", Test("mc6_4_1_4_an_answer_returns_over_another_line_of_the_group")),
    ("MC6-4.2", Test("mc6_4_2_each_port_carries_exactly_one_connection")),
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
    ("MC6-5.3", Test("mc6_5_3_a_frame_with_dial_monitoring_passes_untouched")),
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
    ("TV4-3.2a", Test("tv4_3_2a_the_time_from_sending_a_request_to_its_answer_is_kept")),
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

/// The clauses once more, as the requirements list them: what [`ROWS`] is held against.
const REQUIREMENTS: &str = "
    MP1-4.1 MP1-4.2 MP1-4.3.1a MP1-4.3.1b MP1-4.3.2 MP1-4.5.1 MP1-4.5.2a MP1-4.5.2b MP1-4.5.2c MP1-4.5.3 MP1-5a MP1-5b
    MC6-3.1 MC6-3.3 MC6-4.1.1 MC6-4.1.2a MC6-4.1.2b MC6-4.1.2c MC6-4.1.3 MC6-4.1.4 MC6-4.2 MC6-4.3 MC6-5.1
    TV4-3.1.2 TV4-3.1.3a TV4-3.1.3b TV4-3.1.3c
    MP1-4.4 MP1-4.5.4 MC6-5.2 MC6-5.2b MC6-5.3
    MP1-4.5.5a MP1-4.5.5b MP1-4.5.5c MC6-5.4.1 MC6-5.4.2 MC6-5.4.3 TV4-3.1.3d
    MP1-4.3.2f MP1-4.6.1a MP1-4.6.1b MP1-4.6.2 MP1-4.6.3 MP1-4.4f
    TV4-3.2a TV4-3.2b
    SMS5-2 SMS5-3.1.1 SMS5-3.1.2 SMS5-3.2.1 SMS5-3.2.1.3 SMS5-3.3.1 SMS5-4.1 SMS5-4.2";

const SOURCES: [&str; 7] = [
    include_str!("clients.rs"),
    include_str!("frames.rs"),
    include_str!("groups.rs"),
    include_str!("idle.rs"),
    include_str!("lines.rs"),
    include_str!("timeouts.rs"),
    include_str!("transfer_control.rs"),
];

/// The names of all test functions of this program, but for the ones in this file.
fn tests() -> Vec<&'static str> {
    let name = |source: &'static str| Some(source.split_once("fn ")?.1.split_once('(')?.0);
    SOURCES.iter().flat_map(|source| source.split("#[test]\n").skip(1)).filter_map(name).collect()
}

#[test]
fn every_requirement_has_its_row() {
    let listed: Vec<&str> = ROWS.iter().map(|(id, _)| *id).collect();
    let required: Vec<&str> = REQUIREMENTS.split_whitespace().collect();
    assert_eq!(listed, required, "the same clauses in the same order, each once");
}

#[test]
fn every_row_names_a_test_that_exists_or_says_why_there_is_none() {
    let tests = tests();
    for (id, proof) in &ROWS {
        match proof {
            Test(name) => {
                assert!(tests.contains(name), "{id}: there is no test {name}");
                let clause = id.to_lowercase().replace(['-', '.'], "_");
                assert!(name.starts_with(&format!("{clause}_")), "{id}: {name} is named after another clause");
            }
            NotYet(reason) => assert!(!reason.is_empty(), "{id}: without a test and without a reason"),
        }
    }
}

#[test]
fn every_test_proves_a_row() {
    for test in tests() {
        let named = ROWS.iter().any(|(_, proof)| matches!(proof, Test(name) if *name == test));
        assert!(named, "{test} proves no row");
    }
}
