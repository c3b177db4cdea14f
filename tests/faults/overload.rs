//! Everything full at once, and what is left of it afterwards.

use std::time::{Duration, Instant};

use crate::harness::frames::numbered;
use crate::harness::{AnsweringHost, Arrival, Member, NII, Peer, Switch, eventually, fates_add_up, payments, tpdu};
use crate::outside::resident;
use crate::rows::{lasting, ms, report};
use crate::slow::Flood;
use crate::traffic::{Askers, ratio};

const MEMORY: u64 = 8 << 20;
const SMALL_BUFFER: usize = 16 * 1024;

/// What the shards say that queues, stashes and held answers take.
fn memory_in_use(switch: &Switch) -> u64 {
    let status = switch.get("/v1/status").json();
    let shards = status["shards"].as_array().expect("a list");
    shards.iter().map(|shard| shard["memory_bytes"].as_u64().expect("bytes")).sum()
}

/// Round trips in a second.
fn speed(members: &Askers) -> f64 {
    let (before, since) = (members.answered(), Instant::now());
    std::thread::sleep(ms(700));
    (members.answered() - before) as f64 / since.elapsed().as_secs_f64()
}

#[test]
fn row_56_everything_full_at_once() {
    const FRAME: usize = 2000;
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let greedy = Member::nac("greedy").listen();
    let [feeder, slow] = ["feeder", "slow"].map(|id| Member::plain(id).listen());
    let (hopeful, mute) =
        (Member::nac("hopeful").listen(), Member::host("mute").key("limits = { pending = 100 }").listen());
    let dribbling = (0..20).fold(Member::nac("dribbling"), |member, _| member.listen());
    let world = payments(2, &nac, &host).member(&greedy).member(&feeder).member(&slow).member(&hopeful).member(&mute);
    let world = world.member(&dribbling).route("greedy", "host").route("feeder", "slow").route("hopeful", "mute");
    let world = world.route("dribbling", "host").limit(r#"memory = "8MiB""#).limit(r#"line_queue = "512KiB""#);
    let switch = world.limit(r#"answer_queue = "1MiB""#).timer(r#"partial_within = "60s""#).start();
    assert!(switch.said().contains("memory at most 8 MiB"), "{}", switch.said());
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let members = Askers::on(switch.join_all(&nac), ms(1));
    let (calm, fast) = members.p99_while(ms(0), || speed(&members));
    let before = resident(&switch);

    let feeding = switch.join(&feeder, 1);
    let unread = Peer::connect_with_receive_buffer(slow.address(1), slow.prefix(), SMALL_BUFFER);
    let stuck = Peer::connect_with_receive_buffer(greedy.address(1), greedy.prefix(), SMALL_BUFFER);
    let mut asking = switch.join(&hopeful, 1);
    let mut silent = switch.join(&mute, 1);
    let mut drops = switch.join_all(&dribbling);
    let floods = [
        Flood::on(&feeding, 50_000, |number| numbered(number, FRAME)),
        Flood::on(&stuck, 50_000, |number| tpdu(NII, 1, &numbered(number, FRAME))),
    ];
    let until = Instant::now() + lasting(Duration::from_secs(2), Duration::from_secs(20));
    let (mut most, mut beat) = (0, 0u32);
    let (during, ()) = members.p99_while(ms(0), || {
        while Instant::now() < until {
            beat += 1;
            // A length of 200 in two bytes, and then as many: a frame every 202 beats.
            drops.iter_mut().for_each(|line| line.send_raw(&[if beat % 202 == 1 { 0 } else { 200 }]));
            (0..10).for_each(|number| asking.send_frame(&tpdu(NII, 1, &numbered(number, 200))));
            most = most.max(memory_in_use(&switch));
            std::thread::sleep(ms(20));
        }
    });
    let full = resident(&switch);
    assert!(most <= MEMORY, "{most} bytes in queues where {MEMORY} are allowed");
    switch.wait_metric_at_least("frames_dropped_total", &[("reason", "pending_full")], 1);
    let dropped = switch.metric("frames_dropped_total", &[]);
    // They read again, or go; nobody starts anything anew.
    for flood in floods {
        flood.stop();
    }
    drop((feeding, unread, stuck, drops));
    while silent.arrival(ms(100)) != Arrival::Nothing {}
    eventually("the queues are empty", || (memory_in_use(&switch) < MEMORY / 8).then_some(()));
    let (after, again) = members.p99_while(ms(0), || speed(&members));
    let answered = members.answered();
    members.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        56,
        &format!(
            "memory 8 MiB: at most {:.1} MiB in queues, RSS {before:.0} → {full:.0} MiB; {dropped} drops, each with its reason; others: {answered} answers, 0 lost, p99 ratio {}, after it {}; {fast:.0} → {again:.0} round trips/s",
            most as f64 / f64::from(1 << 20),
            ratio(calm, during),
            ratio(calm, after)
        ),
    );
}
