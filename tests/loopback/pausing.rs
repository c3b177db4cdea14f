//! Back-pressure: full is not lost, and nobody pays for another's slowness.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::frames::{message, number_of, numbered};
use crate::harness::{
    ABSENCE, AnsweringHost, Arrival, Member, NII, PATIENCE, Peer, World, eventually, fates_add_up, payments, tpdu,
};
use crate::on_1_2_and_5_shards;

const FRAME: usize = 2000;
/// More than all buffers between two peers can hold: 24 MB.
const FLOOD: u32 = 12_000;
const SMALL_QUEUE: &str = r#"line_queue = "64KiB""#;
const SMALL_BUFFER: usize = 16 * 1024;

/// Writes frames until all are taken or the line is closed; what it has written can be watched.
struct Flood {
    written: Arc<AtomicUsize>,
    thread: JoinHandle<bool>,
    stream: TcpStream,
}

impl Flood {
    fn on(line: &Peer, frame: impl Fn(u32) -> Vec<u8> + Send + 'static) -> Self {
        let (written, stream) = (Arc::new(AtomicUsize::new(0)), line.writer());
        stream.set_write_timeout(None).expect("a socket");
        let (count, prefix, mut writer) = (Arc::clone(&written), line.prefix(), line.writer());
        let thread = std::thread::spawn(move || {
            (0..FLOOD).all(|number| {
                let taken = writer.write_all(&prefix.frame(&frame(number))).is_ok();
                count.fetch_add(usize::from(taken), SeqCst);
                taken
            })
        });
        Self { written, thread, stream }
    }

    fn written(&self) -> usize {
        self.written.load(SeqCst)
    }

    /// Waits until the switch takes no more; all of it taken would mean that nothing ever pauses.
    fn wait_paused(&self) {
        let mut last = (self.written(), Instant::now());
        eventually("the flood is paused", || {
            let now = self.written();
            assert!(now < FLOOD as usize, "the switch took {FLOOD} frames for a peer that reads none");
            if now != last.0 {
                last = (now, Instant::now());
            }
            (last.1.elapsed() > Duration::from_millis(500)).then_some(())
        });
    }

    fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it, however far it got.
    fn stop(self) -> usize {
        let _ = self.stream.shutdown(Shutdown::Both);
        let _ = self.thread.join().expect("the writer does not panic");
        self.written.load(SeqCst)
    }
}

fn a_pair_that_does_not_read_stalls_only_its_counterpart(shards: u16) {
    let [a, b, x, y] = ["a", "b", "x", "y"].map(|id| Member::plain(id).listen());
    let world = World::new(shards).limit(SMALL_QUEUE).member(&a).member(&b).member(&x).member(&y);
    let switch = world.route("a", "x").route("b", "y").start();
    let flooding = switch.join(&a, 1);
    let mut stuck = Peer::connect_with_receive_buffer(x.address(1), x.prefix(), SMALL_BUFFER);
    switch.wait_joined("x-1", 1);
    let mut other = switch.join(&b, 1);
    let mut others_peer = switch.join(&y, 1);
    let flood = Flood::on(&flooding, |number| numbered(number, FRAME));
    flood.wait_paused();
    for number in 0..200 {
        other.send_frame(&numbered(number, FRAME));
        assert_eq!(number_of(&others_peer.receive()), number, "the other pair goes on");
    }
    // It reads again: everything comes, whole and in order.
    for number in 0..FLOOD {
        assert_eq!(number_of(&stuck.receive()), number);
    }
    eventually("the flood is through", || flood.is_done().then_some(()));
    assert_eq!(flood.stop(), FLOOD as usize);
    assert_eq!(switch.metric("frames_dropped_total", &[]), 0, "full is not lost");
    fates_add_up(&switch);
}

/// Half a frame read when the pause began is neither lost nor judged.
fn a_pause_longer_than_the_silence_limit_closes_nothing(shards: u16) {
    let [a, x] = ["a", "x"].map(|id| Member::plain(id).key("probe = false").listen());
    let world = World::new(shards).limit(SMALL_QUEUE).member(&a).member(&x.clone().key("expect = false"));
    let world = world.timer(r#"silent_after = "1s""#).timer(r#"probe_after = "100ms""#);
    let switch = world.timer(r#"partial_within = "1s""#).route("a", "x").start();
    let mut stuck = Peer::connect_with_receive_buffer(x.address(1), x.prefix(), SMALL_BUFFER);
    switch.wait_joined("x-1", 1);
    let flooding = switch.join(&a, 1);
    let flood = Flood::on(&flooding, |number| numbered(number, FRAME));
    flood.wait_paused();
    // Paused for more than twice the limit, seen from outside.
    let paused_until = Instant::now() + Duration::from_millis(2500);
    while Instant::now() < paused_until {
        assert_eq!(switch.line_state("a-1"), "up");
        std::thread::sleep(crate::harness::LOOK_AGAIN);
    }
    for number in 0..FLOOD {
        assert_eq!(number_of(&stuck.receive()), number);
    }
    eventually("the flood is through", || flood.is_done().then_some(()));
    assert_eq!(switch.connects("a-1"), 1);
    assert_eq!(switch.metric("frames_malformed_total", &[]), 0);
    flood.stop();
}

/// A host that stops reading costs those who send to it, for no longer than `pause_within` at a time.
fn a_stuck_host_does_not_stop_requests_to_another(shards: u16) {
    let nac = Member::nac("nac").listen().listen();
    let stuck_host = Member::host("stuck").listen();
    let host = Member::host("host").listen();
    let world = World::new(shards).limit(SMALL_QUEUE).member(&nac).member(&stuck_host).member(&host);
    let world = world.timer(r#"pause_within = "300ms""#);
    let switch = world.route_nii("nac", "stuck", "0006").route_nii("nac", "host", "0003").start();
    let mut flooding = switch.join(&nac, 1);
    let mut other = switch.join(&nac, 2);
    let mut stuck = Peer::connect_with_receive_buffer(stuck_host.address(1), stuck_host.prefix(), SMALL_BUFFER);
    switch.wait_joined("stuck-1", 1);
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let flood = Flood::on(&flooding, |number| tpdu(0x0006, 1, &numbered(number, FRAME)));
    switch.wait_metric_at_least("frames_dropped_total", &[("reason", "line_full")], 1);
    for number in 0..50 {
        other.send_frame(&tpdu(NII, 2, &numbered(number, 100)));
        assert_eq!(number_of(message(&other.receive())), number, "requests to the other host go on");
    }
    // What does not fit is dropped until the host takes bytes again: the flood itself gets through.
    eventually("the flood is taken to its end", || flood.is_done().then_some(()));
    flooding.send_frame(&tpdu(NII, 3, &numbered(77, 100)));
    assert_eq!(number_of(message(&flooding.receive())), 77, "the flooded line itself reaches the other host");
    let mut last = None;
    while let Arrival::Frame(request) = stuck.arrival(ABSENCE) {
        let number = number_of(message(&request));
        assert!(last < Some(number), "{number} behind {last:?}: whole, in order, none twice");
        last = Some(number);
    }
    assert!(last.is_some());
    flood.stop();
    drop(issuer);
    fates_add_up(&switch);
}

/// A requester that does not read its answers is not read any more, and nobody else notices.
fn a_requester_that_does_not_read_stalls_only_itself(shards: u16) {
    let [greedy, other] = ["greedy", "other"].map(|id| Member::nac(id).listen());
    let host = Member::host("host").listen();
    let world = payments(shards, &greedy, &host).member(&other).route("other", "host");
    let switch = world.limit(r#"answer_queue = "256KiB""#).timer(r#"answer_within = "120s""#).start();
    let mut stuck = Peer::connect_with_receive_buffer(greedy.address(1), greedy.prefix(), SMALL_BUFFER);
    switch.wait_joined("greedy-1", 1);
    let mut neighbour = switch.join(&other, 1);
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let flood = Flood::on(&stuck, |number| tpdu(NII, 1, &numbered(number, FRAME)));
    flood.wait_paused();
    for number in 0..200 {
        neighbour.send_frame(&tpdu(NII, 2, &numbered(number, FRAME)));
        assert_eq!(number_of(message(&neighbour.receive())), number, "the neighbour's answers flow");
    }
    // It reads again: what comes is whole, and each answer comes at most once.
    let mut seen = std::collections::BTreeSet::new();
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        match stuck.arrival(ABSENCE) {
            Arrival::Frame(answer) => assert!(seen.insert(number_of(message(&answer))), "an answer came twice"),
            Arrival::Nothing if flood.is_done() => break,
            Arrival::Nothing => {}
            other => panic!("the line of a requester that reads again stays: {other:?}"),
        }
        assert!(Instant::now() < deadline, "{} of {FLOOD} answers", seen.len());
    }
    let stalled = switch.dropped("requester_stalled");
    assert_eq!(seen.len() as u64 + stalled, u64::from(FLOOD), "delivered, or counted as what it is");
    flood.stop();
    drop(issuer);
    fates_add_up(&switch);
}

/// A peer whose TCP takes nothing at all for `unread_within` is broken.
#[test]
fn a_peer_that_never_reads_again_is_closed_after_unread_within() {
    let [a, x] = ["a", "x"].map(|id| Member::plain(id).listen());
    let world = World::new(2).limit(SMALL_QUEUE).timer(r#"unread_within = "1s""#).member(&a).member(&x);
    let switch = world.route("a", "x").start();
    let _stuck = Peer::connect_with_receive_buffer(x.address(1), x.prefix(), SMALL_BUFFER);
    switch.wait_joined("x-1", 1);
    let flooding = switch.join(&a, 1);
    let flood = Flood::on(&flooding, |number| numbered(number, FRAME));
    switch.wait_metric("connections_closed_total", &[("line", "x-1"), ("reason", "stalled")], 1);
    switch.wait_line_state("x-1", "listening");
    assert_eq!(switch.line_state("a-1"), "up");
    flood.stop();
    fates_add_up(&switch);
}

on_1_2_and_5_shards!(
    a_pair_that_does_not_read_stalls_only_its_counterpart,
    a_pause_longer_than_the_silence_limit_closes_nothing,
    a_stuck_host_does_not_stop_requests_to_another,
    a_requester_that_does_not_read_stalls_only_itself,
);
