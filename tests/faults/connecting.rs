//! Merchants that the switch cannot connect to, each in its own way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::harness::{Door, Member, Prefix, Switch, World, eventually};
use crate::hosts_or_skip;
use crate::net::{Hosts, MEMBERS, ip};
use crate::outside::cpu_share;
use crate::rows::{lasting, ms, report};

/// Name, port or address, and a word that the reason must have.
const WAYS: [(&str, &str, &str); 6] = [
    ("refuses", "10.203.0.2:5001", "refused"),
    ("silent", "10.203.0.2:5002", "timed out"),
    ("unreachable", "10.203.9.1:5003", "unreachable"),
    ("prohibited", "10.203.9.2:5004", "prohibited"),
    ("forbidden", "10.203.0.2:5005", "unreachable"),
    ("full", "10.203.0.2:5006", "timed out"),
];

fn attempts(switch: &Switch, member: &str) -> u64 {
    switch.metric("line_state_changes_total", &[("member", member), ("to", "connecting")])
}

/// A port whose queue of connections is full.
fn full_backlog(address: SocketAddr) -> Vec<socket2::Socket> {
    let stream = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let listener = stream();
    listener.bind(&address.into()).expect("a free port");
    listener.listen(0).expect("bound");
    let mut kept = vec![listener];
    for _ in 0..8 {
        let socket = stream();
        socket.set_nonblocking(true).expect("a socket");
        let _ = socket.connect(&address.into());
        kept.push(socket);
    }
    kept
}

#[test]
fn row_21_merchants_that_cannot_be_reached() {
    let hosts = hosts_or_skip!(21, Hosts::joined());
    ip("route add unreachable 10.203.9.1/32");
    ip("route add prohibit 10.203.9.2/32");
    hosts.filter_members("tcp dport 5002 drop\ntcp dport 5005 reject with icmpx type admin-prohibited", "");
    let address = |port: u16| SocketAddr::from((MEMBERS, port));
    let _full = hosts.at_members(|| full_backlog(address(5006)));
    let (closing, mute) = hosts
        .at_members(|| (Door::open_at(address(5007), Prefix::Ascii4), Door::open_at(address(5008), Prefix::Ascii4)));
    let stop = Arc::<AtomicBool>::default();
    let stopped = stop.clone();
    let merchants = std::thread::spawn(move || {
        let mut kept = Vec::new();
        while !stopped.load(SeqCst) {
            drop(closing.try_accept());
            kept.extend(mute.try_accept());
            std::thread::sleep(ms(1));
        }
    });
    let nac = Member::nac("nac").listen();
    let mut world = World::new(2).member(&nac);
    let all = WAYS.iter().map(|(name, to, _)| (*name, to.parse().expect("an address")));
    for (at, (name, to)) in all.chain([("closes", address(5007)), ("mute", address(5008))]).enumerate() {
        let merchant = Member::host(name).connect_with(to, "");
        world = world.member(&merchant).route_nii("nac", name, &format!("{:04}", at + 1));
    }
    let world = world.timer(r#"connect_within = "400ms""#).timer(r#"reconnect = ["100ms", "800ms"]"#);
    let switch = world.timer(r#"probe_after = "200ms""#).timer(r#"silent_after = "600ms""#).start();
    let began = Instant::now();
    let mut told = Vec::new();
    for (name, _, word) in WAYS {
        let reason = eventually(&format!("{name} has tried"), || {
            switch.line(&format!("{name}-1"))["last_error"].as_str().map(str::to_owned)
        });
        assert!(reason.contains(word), "{name}: {reason}");
        assert_eq!(switch.connects(&format!("{name}-1")), 0);
        told.push(name);
    }
    switch.wait_metric_at_least("connections_closed_total", &[("member", "closes"), ("reason", "peer_closed")], 2);
    switch.wait_metric_at_least("connections_closed_total", &[("member", "mute"), ("reason", "silent")], 1);
    let watched = lasting(ms(3000), Duration::from_secs(20));
    let share = cpu_share(&switch, || std::thread::sleep(watched.saturating_sub(began.elapsed())));
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let counts = told.iter().copied().chain(["closes", "mute"]).map(|name| (name, attempts(&switch, name)));
    let rates: Vec<String> = counts
        .map(|(name, count)| {
            // Pauses of half of 100, 200, 400 and 800 ms, and then no shorter than 400 ms.
            let most = 4 + began.elapsed().as_millis() / 400 + 2;
            assert!(u128::from(count) <= most, "{name}: {count} attempts in {:?}", began.elapsed());
            format!("{name} {:.0}", count as f64 / minutes)
        })
        .collect();
    stop.store(true, SeqCst);
    merchants.join().expect("the merchants end");
    report(
        21,
        &format!("attempts/min with pauses of 0.1 to 0.8 s: {}; {:.1} % of a CPU", rates.join(", "), share * 100.0),
    );
}
