//! A network that loses, doubles, delays and reorders: a program carries every packet between the two hosts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::frames::{message, number_of, numbered};
use crate::harness::{AnsweringHost, Member, NII, Peer, fates_add_up, payments, tpdu};
use crate::hosts_or_skip;
use crate::net::{Hosts, MEMBERS, at, over_the_cable};
use crate::rows::{lasting, ms, report};

/// Carries packets both ways until it is dropped.
struct Link {
    stop: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    doubled: Arc<AtomicU64>,
    carried: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// What becomes of a packet, from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

impl Link {
    /// 2 % of the packets are lost and 2 % doubled; each takes 50 ms, up to 5 ms more at random, so that some
    /// overtake others.
    fn between(ends: [File; 2]) -> Self {
        let (stop, lost, doubled, carried) = (
            Arc::<AtomicBool>::default(),
            Arc::<AtomicU64>::default(),
            Arc::<AtomicU64>::default(),
            Arc::<AtomicU64>::default(),
        );
        let shared = (stop.clone(), lost.clone(), doubled.clone(), carried.clone());
        let thread = std::thread::spawn(move || {
            let (stop, lost, doubled, carried) = shared;
            let mut chance = Chance(0x5eed);
            let mut under_way = BinaryHeap::new();
            let mut order = 0u64;
            let mut packet = [0; 2048];
            while !stop.load(SeqCst) {
                for (from, end) in ends.iter().enumerate() {
                    while let Ok(len @ 1..) = (&mut &*end).read(&mut packet) {
                        let copies = match chance.below(100) {
                            0 | 1 => 0,
                            2 | 3 => 2,
                            _ => 1,
                        };
                        carried.fetch_add(1, SeqCst);
                        lost.fetch_add(u64::from(copies == 0), SeqCst);
                        doubled.fetch_add(u64::from(copies == 2), SeqCst);
                        for _ in 0..copies {
                            let due = Instant::now() + ms(50) + Duration::from_micros(chance.below(5000));
                            order += 1;
                            under_way.push(Reverse((due, order, 1 - from, packet[..len].to_vec())));
                        }
                    }
                }
                while under_way.peek().is_some_and(|Reverse((due, ..))| *due <= Instant::now()) {
                    let Reverse((_, _, to, packet)) = under_way.pop().expect("peeked");
                    // A full device drops it, as a full queue on the way would.
                    let _ = (&mut &ends[to]).write(&packet);
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        Self { stop, lost, doubled, carried, thread: Some(thread) }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn join(hosts: &Hosts, port: u16, member: &Member) -> Peer {
    hosts.at_members(|| Peer::connect_from(MEMBERS, at(port), member.prefix()))
}

#[test]
fn row_47_a_bad_network() {
    let (hosts, ends) = hosts_or_skip!(47, Hosts::joined_by_program());
    let link = Link::between(ends);
    let nac = over_the_cable(Member::nac("nac"), &[7001]);
    let host = over_the_cable(Member::host("host"), &[7101]);
    let [left, right] = [("left", 7201), ("right", 7202)].map(|(id, port)| over_the_cable(Member::plain(id), &[port]));
    let switch = payments(2, &nac, &host).member(&left).member(&right).route("left", "right").start();
    let (mut terminal, issuer) = (join(&hosts, 7001, &nac), join(&hosts, 7101, &host));
    let (mut sender, mut receiver) = (join(&hosts, 7201, &left), join(&hosts, 7202, &right));
    for line in ["nac-1", "host-1", "left-1", "right-1"] {
        switch.wait_joined(line, 1);
    }
    let issuer = AnsweringHost::on(issuer);
    let until = Instant::now() + lasting(Duration::from_secs(3), Duration::from_secs(60));
    let mut next = 0u32;
    let (mut answered, mut asked, mut passed) = (Vec::new(), 0u32, 0u32);
    while Instant::now() < until {
        for _ in 0..20 {
            sender.send_frame(&numbered(next, 500));
            terminal.send_frame(&tpdu(NII, 1, &numbered(next, 200)));
            next += 1;
        }
        asked += 20;
        // No more under way than a window's worth; what has come is taken.
        while passed + 200 < next {
            assert_eq!(number_of(&receiver.receive_message()), passed, "in order, none twice");
            passed += 1;
        }
        while answered.len() + 200 < asked as usize {
            answered.push(number_of(message(&terminal.receive_message())));
        }
        std::thread::sleep(ms(5));
    }
    while passed < next {
        assert_eq!(number_of(&receiver.receive_message()), passed, "in order, none twice");
        passed += 1;
    }
    while answered.len() < asked as usize {
        answered.push(number_of(message(&terminal.receive_message())));
    }
    assert!(answered.iter().copied().eq(0..asked), "one line there, one line back: in order, each once");
    assert_eq!(switch.metric("frames_dropped_total", &[]), 0);
    assert_eq!(switch.metric("connections_closed_total", &[]), 0);
    drop(issuer);
    let [carried, lost, doubled] = [&link.carried, &link.lost, &link.doubled].map(|count| count.load(SeqCst));
    fates_add_up(&switch);
    report(
        47,
        &format!(
            "{carried} packets, {lost} lost, {doubled} doubled: {passed} frames of a pair and {asked} requests with their answers, 0 lost, 0 doubled, 0 out of order"
        ),
    );
}
