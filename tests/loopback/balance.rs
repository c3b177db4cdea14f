//! Load over the lines of a group (`MP1-4.3.1b`, `MP1-4.3.2`): no live line stays unused.

use crate::harness::frames::{message, numbered};
use crate::harness::{
    Member, NII, Peer, Switch, World, eventually, fates_add_up, payments, receive_from_any, round_trip, tpdu,
};
use crate::on_1_2_and_5_shards;

/// Round trips over one requesting line until every line of the host was used.
fn until_every_line_was_used(switch: &Switch, terminal: &mut Peer, hosts: &mut [&mut Peer]) {
    let mut used = vec![0_u32; hosts.len()];
    eventually("every live line of the host carries requests", || {
        for _ in 0..20 {
            used[round_trip(terminal, hosts, 1, "balanced")] += 1;
        }
        used.iter().all(|&count| count > 0).then_some(())
    });
    fates_add_up(switch);
}

fn one_requester_uses_every_line_of_the_host(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen().listen().listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut hosts = switch.join_all(&host);
    until_every_line_was_used(&switch, &mut terminal, &mut hosts.iter_mut().collect::<Vec<_>>());
}

fn a_line_that_came_back_is_used_again(shards: u16) {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen().listen();
    let switch = payments(shards, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let mut kept = switch.join(&host, 1);
    let broken = switch.join(&host, 2);
    broken.reset();
    switch.wait_line_state("host-2", "listening");
    for _ in 0..10 {
        round_trip(&mut terminal, &mut [&mut kept], 1, "only one line lives");
    }
    let mut back = switch.join(&host, 2);
    until_every_line_was_used(&switch, &mut terminal, &mut [&mut kept, &mut back]);
}

fn frames_of_a_pair_use_every_line(shards: u16) {
    let left = Member::plain("left").listen();
    let right = Member::plain("right").listen().listen().listen();
    let switch = World::new(shards).member(&left).member(&right).route("left", "right").start();
    let mut sender = switch.join(&left, 1);
    let mut receivers = switch.join_all(&right);
    let mut lines: Vec<&mut Peer> = receivers.iter_mut().collect();
    let mut used = [0_u32; 3];
    let mut number = 0;
    eventually("every line of the counterpart carries frames", || {
        for _ in 0..20 {
            sender.send_frame(&numbered(number, 50));
            let (line, data) = receive_from_any(&mut lines);
            assert_eq!(data, numbered(number, 50));
            used[line] += 1;
            number += 1;
        }
        used.iter().all(|&count| count > 0).then_some(())
    });
    fates_add_up(&switch);
}

/// Many requesting lines, many host lines: everything answered, every line used.
fn many_lines_on_both_sides(shards: u16) {
    let nac = (0..6).fold(Member::nac("nac"), |member, _| member.listen());
    let host = (0..3).fold(Member::host("host"), |member, _| member.listen());
    let switch = payments(shards, &nac, &host).start();
    let mut terminals = switch.join_all(&nac);
    let hosts: Vec<_> = switch.join_all(&host).into_iter().map(crate::harness::AnsweringHost::on).collect();
    eventually("every line of the host carries requests", || {
        for (index, terminal) in terminals.iter_mut().enumerate() {
            for turn in 0..10_u16 {
                terminal.send_frame(&tpdu(NII, turn + 1, &numbered(index as u32, 60)));
            }
        }
        for (index, terminal) in terminals.iter_mut().enumerate() {
            for _ in 0..10 {
                assert_eq!(message(&terminal.receive()), numbered(index as u32, 60), "its own answer");
            }
        }
        hosts.iter().all(|host| host.answered() > 0).then_some(())
    });
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(
    one_requester_uses_every_line_of_the_host,
    a_line_that_came_back_is_used_again,
    frames_of_a_pair_use_every_line,
    many_lines_on_both_sides,
);
