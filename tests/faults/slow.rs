//! Peers that do not read.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::frames::{number_of, numbered};
use crate::harness::{AnsweringHost, Member, NII, Peer, World, eventually, fates_add_up, payments, tpdu};
use crate::outside::resident;
use crate::rows::{lasting, ms, report};
use crate::traffic::{Askers, ratio};

const FRAME: usize = 2000;
/// More than all buffers between two peers can hold: 24 MB.
const FLOOD: u32 = 12_000;
const SMALL_BUFFER: usize = 16 * 1024;

/// Writes frames until all are taken or the line is closed.
pub struct Flood {
    written: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
    stream: TcpStream,
}

impl Flood {
    pub fn on(line: &Peer, frames: u32, frame: impl Fn(u32) -> Vec<u8> + Send + 'static) -> Self {
        let (written, stream) = (Arc::new(AtomicUsize::new(0)), line.writer());
        stream.set_write_timeout(None).expect("a socket");
        let (count, prefix, mut writer) = (written.clone(), line.prefix(), line.writer());
        let thread = std::thread::spawn(move || {
            for number in 0..frames {
                if writer.write_all(&prefix.frame(&frame(number))).is_err() {
                    return;
                }
                count.fetch_add(1, SeqCst);
            }
        });
        Self { written, thread, stream }
    }

    pub fn written(&self) -> usize {
        self.written.load(SeqCst)
    }

    /// Waits until the switch takes no more.
    pub fn wait_paused(&self) {
        let mut last = (self.written(), Instant::now());
        eventually("the flood is paused", || {
            let now = self.written();
            if now != last.0 {
                last = (now, Instant::now());
            }
            (last.1.elapsed() > ms(400)).then_some(())
        });
    }

    pub fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it, however far it got.
    pub fn stop(self) -> usize {
        let _ = self.stream.shutdown(Shutdown::Both);
        self.thread.join().expect("the writer does not panic");
        self.written.load(SeqCst)
    }
}

#[test]
fn row_06_a_shut_window() {
    let [feeder, slow] = ["feeder", "slow"].map(|id| Member::plain(id).listen());
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let world = payments(2, &nac, &host).member(&feeder).member(&slow).route("feeder", "slow");
    let switch = world.limit(r#"line_queue = "64KiB""#).start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let others = Askers::on(switch.join_all(&nac), ms(1));
    let (calm, ()) = others.p99_while(ms(500), || ());
    let before = resident(&switch);
    let feeding = switch.join(&feeder, 1);
    let mut reader = Peer::connect_with_receive_buffer(slow.address(1), slow.prefix(), SMALL_BUFFER);
    switch.wait_joined("slow-1", 1);
    let flood = Flood::on(&feeding, FLOOD, |number| numbered(number, FRAME));
    flood.wait_paused();
    let taken = flood.written();
    assert!(taken < FLOOD as usize, "only its feeder is paused, but that it is");
    let shut = lasting(ms(1500), Duration::from_secs(30));
    let (during, ()) = others.p99_while(shut, || ());
    let full = resident(&switch);
    assert!(full - before < 64.0, "{full} MiB where a queue of 64 KiB is allowed");
    assert_eq!(switch.line_state("slow-1"), "up");
    // The window opens: everything comes, whole and in order.
    let since = Instant::now();
    for number in 0..FLOOD {
        assert_eq!(number_of(&reader.receive_message()), number);
    }
    let caught_up = since.elapsed();
    eventually("the flood is through", || flood.is_done().then_some(()));
    flood.stop();
    assert_eq!(switch.metric("frames_dropped_total", &[]), 0, "full is not lost");
    let (after, ()) = others.p99_while(ms(300), || ());
    others.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        6,
        &format!(
            "shut for {:.1} s, RSS {before:.0} → {full:.0} MiB, others' p99 ratio {}, after it {}; {FLOOD} of {FLOOD} in order in {:.1} s",
            shut.as_secs_f64(),
            ratio(calm, during),
            ratio(calm, after),
            caught_up.as_secs_f64()
        ),
    );
}

#[test]
fn row_51_a_requester_that_never_reads() {
    const GREED: u32 = 20 * FLOOD;
    let greedy = Member::nac("greedy").listen();
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let world = payments(2, &nac, &host).member(&greedy).route("greedy", "host");
    let switch = world.limit(r#"answer_queue = "128KiB""#).timer(r#"unread_within = "1s""#).start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let others = Askers::on(switch.join_all(&nac), ms(1));
    let (calm, ()) = others.p99_while(ms(500), || ());
    let before = resident(&switch);
    let stuck = Peer::connect_with_receive_buffer(greedy.address(1), greedy.prefix(), SMALL_BUFFER);
    switch.wait_joined("greedy-1", 1);
    let since = Instant::now();
    // Requests, and a probe behind each: its silence is not what closes it.
    let flood = Flood::on(
        &stuck,
        // More than both kernels' buffers can grow to.
        GREED,
        |number| if number % 2 == 0 { tpdu(NII, 1, &numbered(number, FRAME)) } else { Vec::new() },
    );
    let labels = [("line", "greedy-1"), ("reason", "stalled")];
    let (during, ()) = others.p99_while(ms(500), || {
        switch.wait_metric("connections_closed_total", &labels, 1);
    });
    let took = since.elapsed();
    let full = resident(&switch);
    assert!(flood.written() < GREED as usize, "its requests are not read");
    flood.stop();
    others.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        51,
        &format!(
            "closed as stalled after {:.1} s for a limit of 1 s; others' p99 ratio {}; RSS {before:.0} → {full:.0} MiB",
            took.as_secs_f64(),
            ratio(calm, during)
        ),
    );
}

#[test]
fn row_52_paused_past_the_silence_limit_with_half_a_frame() {
    let [feeder, slow] = ["feeder", "slow"].map(|id| Member::plain(id).key("probe = false").listen());
    let world = World::new(2).member(&feeder).member(&slow.clone().key("expect = false")).route("feeder", "slow");
    let world =
        world.limit(r#"line_queue = "64KiB""#).timer(r#"silent_after = "700ms""#).timer(r#"probe_after = "100ms""#);
    let switch = world.timer(r#"partial_within = "700ms""#).start();
    let mut reader = Peer::connect_with_receive_buffer(slow.address(1), slow.prefix(), SMALL_BUFFER);
    switch.wait_joined("slow-1", 1);
    let feeding = switch.join(&feeder, 1);
    let flood = Flood::on(&feeding, FLOOD, |number| numbered(number, FRAME));
    flood.wait_paused();
    let paused = Instant::now();
    while paused.elapsed() < ms(1800) {
        assert_eq!(switch.line_state("feeder-1"), "up");
        std::thread::sleep(ms(50));
    }
    for number in 0..FLOOD {
        assert_eq!(number_of(&reader.receive()), number);
    }
    eventually("the flood is through", || flood.is_done().then_some(()));
    assert_eq!((switch.connects("feeder-1"), switch.metric("frames_malformed_total", &[])), (1, 0));
    flood.stop();
    fates_add_up(&switch);
    report(
        52,
        &format!(
            "paused for {:.1} s with limits of 0.7 s: kept; {FLOOD} of {FLOOD} frames in order",
            paused.elapsed().as_secs_f64()
        ),
    );
}
