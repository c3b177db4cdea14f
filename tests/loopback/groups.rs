//! Groups of one member, named in `from` and `to` (`MC6-4.1.4`).

use crate::harness::{Member, NII, World, answer_swapped, ask, fates_add_up, message, round_trip, tpdu};
use crate::on_1_2_and_5_shards;

const EAST: &str = r#"group = "east""#;
const WEST: &str = r#"group = "west""#;

/// What comes from one group goes another way than what comes from its sibling, and answers keep to it.
fn each_group_of_a_requester_has_its_own_way(shards: u16) {
    let nac = Member::nac("nac").listen_with(EAST).listen_with(WEST).listen_with(WEST);
    let first = Member::host("first").listen();
    let second = Member::host("second").listen();
    let world = World::new(shards).member(&nac).member(&first).member(&second);
    let switch = world.route("nac/east", "first").route("nac/west", "second").start();
    let [mut east, mut west, mut west_too] = [1, 2, 3].map(|number| switch.join(&nac, number));
    let [mut one, mut other] = [&first, &second].map(|host| switch.join(host, 1));
    round_trip(&mut east, &mut [&mut one], 1, "from the east");
    round_trip(&mut west, &mut [&mut other], 1, "from the west");
    round_trip(&mut west_too, &mut [&mut other], 1, "from the west, too");
    // An answer goes to a sibling of its group, past a line of the same member that is none.
    ask(&mut west, 0x0042, "request");
    let request = other.receive();
    west.reset();
    switch.wait_line_state("nac-2", "listening");
    other.send_frame(&answer_swapped(&request, b"answer"));
    west_too.expect_frame(&tpdu(0x0042, NII, b"answer"));
    east.expect_nothing();
    fates_add_up(&switch);
}

/// No line of its group is up: an answer waits for one, and another group of the member does not take it.
fn an_answer_never_goes_to_another_group_of_its_member(shards: u16) {
    let nac = Member::nac("nac").listen_with(EAST).listen_with(WEST);
    let host = Member::host("host").listen();
    let world = World::new(shards).member(&nac).member(&host).route("nac", "host");
    let switch = world.timer(r#"hold_answer = "200ms""#).start();
    let [mut east, west] = [1, 2].map(|number| switch.join(&nac, number));
    let mut west = west;
    let mut issuer = switch.join(&host, 1);
    ask(&mut west, 0x0042, "a bare name in `from` means all groups");
    let request = issuer.receive();
    west.reset();
    switch.wait_line_state("nac-2", "listening");
    issuer.send_frame(&answer_swapped(&request, b"nobody's"));
    switch.wait_dropped("hold_expired", 1);
    round_trip(&mut east, &mut [&mut issuer], 1, "the first that comes here");
    fates_add_up(&switch);
}

/// Groups of an answering member are destinations of their own, each with its own numbers, and stand in
/// order of preference like members.
fn each_group_of_a_host_is_a_destination(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen_with(EAST).listen_with(WEST).listen();
    let world = World::new(shards).member(&nac).member(&host);
    let nii = |nii: &str, to: &str| format!("from = [\"nac\"]\nto = [{to}]\nmatch = {{ nii = [\"{nii}\"] }}");
    let switch = world
        .route_text(&nii("0003", "\"host/east\", \"host/west\""))
        .route_text(&nii("0006", "\"host/west\""))
        .route_text(&nii("0007", "\"host\""))
        .start();
    let mut terminal = switch.join(&nac, 1);
    let [mut east, mut west, mut main] = [1, 2, 3].map(|number| switch.join(&host, number));
    for (nii, line) in [(0x0003, &mut east), (0x0006, &mut west), (0x0007, &mut main)] {
        terminal.send_frame(&tpdu(nii, 0x0042, b"by its NII"));
        let request = line.receive();
        assert_eq!(message(&request), b"by its NII");
        line.send_frame(&answer_swapped(&request, b"answer"));
        terminal.expect_frame(&tpdu(0x0042, nii, b"answer"));
    }
    // A group answers what it was asked, not what its sibling was.
    ask(&mut terminal, 0x0042, "asked of the east");
    let request = east.receive();
    west.send_frame(&answer_swapped(&request, b"by the west"));
    switch.wait_metric("frames_dropped_total", &[("reason", "unmatched"), ("line", "host-2")], 1);
    east.send_frame(&answer_swapped(&request, b"by the east"));
    terminal.expect_frame(&tpdu(0x0042, NII, b"by the east"));
    // While the east is not live, the west is next.
    east.reset();
    switch.wait_line_state("host-1", "listening");
    round_trip(&mut terminal, &mut [&mut west], 1, "the next in order");
    let mut east = switch.join(&host, 1);
    round_trip(&mut terminal, &mut [&mut east], 1, "back to the first");
    fates_add_up(&switch);
}

/// Two groups of one member are the two ends of a pair.
#[test]
fn a_pair_may_lead_from_group_to_group() {
    let left = Member::plain("left").listen_with(EAST).listen_with(WEST);
    let [near, far] = ["near", "far"].map(|id| Member::plain(id).listen());
    let world = World::new(2).member(&left).member(&near).member(&far);
    let switch = world.route("left/east", "near").route("left/west", "far").start();
    let [mut east, mut west] = [1, 2].map(|number| switch.join(&left, number));
    let [mut near, mut far] = [&near, &far].map(|member| switch.join(member, 1));
    for turn in 0..5_u8 {
        east.send_frame(&[turn, 1]);
        west.send_frame(&[turn, 2]);
        near.expect_frame(&[turn, 1]);
        far.expect_frame(&[turn, 2]);
        near.send_frame(&[turn, 3]);
        far.send_frame(&[turn, 4]);
        east.expect_frame(&[turn, 3]);
        west.expect_frame(&[turn, 4]);
    }
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(
    each_group_of_a_requester_has_its_own_way,
    an_answer_never_goes_to_another_group_of_its_member,
    each_group_of_a_host_is_a_destination,
);
