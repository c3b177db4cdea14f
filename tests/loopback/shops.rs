//! Channels and agents that connect to the switch, merchants that it connects to (`MC6-4.1.1`,
//! `MC6-5.2b`, `MC6-5.4.2`, `MC6-5.4.3`): both ask, both answer, both probe.

use crate::harness::frames::{message, numbered};
use crate::harness::{
    Door, Member, Peer, Prefix, World, answer_copied, answer_swapped, eventually, fates_add_up, tpdu,
};
use crate::on_1_2_and_5_shards;

/// What four digits can say.
const MOST: usize = 9999;

/// Every length counts where digits carry over.
fn sizes() -> impl Iterator<Item = usize> {
    [5, 9, 10, 99, 100, 999, 1000, 1001, 2044, 2045, 2048, 2049, 9998, MOST].into_iter()
}

/// A frame of a pair has no header: up to 9999 bytes, both ways, over a line that the switch opened.
fn data_up_to_four_digits_goes_both_ways(shards: u16) {
    let door = Door::open(Prefix::Ascii4);
    let channel = Member::new("channel", "channel").listen();
    let merchant = Member::new("merchant", "merchant").connect(&door);
    let switch = World::new(shards).member(&channel).member(&merchant).route("channel", "merchant").start();
    let mut agent = switch.join(&channel, 1);
    let mut shop = door.accept();
    switch.wait_joined("merchant-1", 1);
    for (number, size) in (0..).zip(sizes()) {
        let data = numbered(number, size);
        agent.send_frame(&data);
        shop.expect_frame(&data);
        shop.send_frame(&data);
        agent.expect_frame(&data);
    }
    fates_add_up(&switch);
}

fn transact(asker: &mut Peer, answerer: &mut Peer, nii: u16, size: usize, swapped: bool) {
    let text = numbered(nii.into(), size - 5);
    asker.send_frame(&tpdu(nii, 0x0042, &text));
    let request = answerer.receive_message();
    assert_eq!(message(&request), text);
    let answer = if swapped { answer_swapped } else { answer_copied };
    answerer.send_frame(&answer(&request, &text));
    let expected = if swapped { tpdu(0x0042, nii, &text) } else { tpdu(nii, 0x0042, &text) };
    assert_eq!(asker.receive_message(), expected);
}

/// Both roles on both sides: the channel asks merchants and answers them, each over its own lines.
fn channels_and_merchants_both_ask_and_answer(shards: u16) {
    let doors = [Door::open(Prefix::Ascii4), Door::open(Prefix::Ascii4)];
    let channel = Member::host("channel").listen().listen();
    let merchant = Member::new("merchant", "merchant").key(r#"header = "tpdu""#).connect(&doors[0]).connect(&doors[1]);
    let world = World::new(shards).member(&channel).member(&merchant);
    let switch = world.route_nii("channel", "merchant", "0003").route_nii("merchant", "channel", "0006").start();
    let mut agents = switch.join_all(&channel);
    let mut shops = doors.each_ref().map(Door::accept);
    switch.wait_joined("merchant-1", 1);
    switch.wait_joined("merchant-2", 1);
    // One line of each, so that both requests and answers of both sides share them.
    agents.pop().expect("two lines").reset();
    switch.wait_line_state("channel-2", "listening");
    drop(doors);
    let [shop, spare] = &mut shops;
    spare.half_close();
    eventually("the spare line is closed", || (switch.line_state("merchant-2") != "up").then_some(()));
    for size in sizes().filter(|size| *size >= 9) {
        transact(&mut agents[0], shop, 0x0003, size, true);
        transact(shop, &mut agents[0], 0x0006, size, false);
    }
    fates_add_up(&switch);
}

/// Each side probes the other on its own silence, and each one's probes keep the line.
#[test]
fn both_sides_probe_on_both_kinds_of_lines() {
    let door = Door::open(Prefix::Ascii4);
    let channel = Member::new("channel", "channel").listen();
    let merchant = Member::new("merchant", "merchant").connect(&door);
    let world = World::new(2).timer(r#"probe_after = "200ms""#).timer(r#"silent_after = "1500ms""#);
    let switch = world.member(&channel).member(&merchant).route("channel", "merchant").start();
    let mut agent = switch.join(&channel, 1);
    let mut shop = door.accept();
    switch.wait_joined("merchant-1", 1);
    for _ in 0..15 {
        for peer in [&mut agent, &mut shop] {
            peer.expect_probe();
            peer.send_probe();
        }
    }
    for line in ["channel-1", "merchant-1"] {
        assert_eq!((switch.line_state(line).as_str(), switch.connects(line)), ("up", 1), "{line}");
        switch.wait_metric("probes_received_total", &[("line", line)], 15);
    }
    agent.send_frame(b"and still carries");
    assert_eq!(shop.receive_message(), b"and still carries");
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(data_up_to_four_digits_goes_both_ways, channels_and_merchants_both_ask_and_answer);
