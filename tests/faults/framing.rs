//! What is no frame, comes too slowly for one, or is a probe too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::harness::{
    AnsweringHost, Arrival, Member, NII, PATIENCE, Peer, Switch, World, eventually, fates_add_up, payments, tpdu,
};
use crate::outside::{cpu_share, resident};
use crate::rows::{lasting, ms, report};
use crate::traffic::{Askers, ratio};

/// A crowd that writes a byte now and then: `partial_within` ends each of them, and others go on.
#[test]
fn row_07_a_byte_at_a_time() {
    const SLOW: usize = 50;
    let crowd = (0..SLOW).fold(Member::nac("crowd"), |crowd, _| crowd.listen());
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let world = payments(2, &nac, &host).member(&crowd).route("crowd", "host").timer(r#"partial_within = "2s""#);
    let switch = world.start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let others = Askers::on(switch.join_all(&nac), ms(1));
    let (calm, ()) = others.p99_while(ms(500), || ());
    let before = resident(&switch);
    let mut slow = switch.join_all(&crowd);
    let since = Instant::now();
    let every = lasting(ms(100), Duration::from_secs(1));
    let frame = crowd.prefix().frame(&tpdu(NII, 1, &[7; 300]));
    let mut first = None;
    let closed = || switch.metric("connections_closed_total", &[("member", "crowd"), ("reason", "partial")]);
    let (during, ()) = others.p99_while(ms(0), || {
        for byte in frame {
            slow.iter_mut().for_each(|line| {
                line.send_raw_while_open(&[byte]);
            });
            std::thread::sleep(every);
            if closed() > 0 {
                first.get_or_insert(since.elapsed());
            }
            if closed() == SLOW as u64 {
                break;
            }
            assert!(since.elapsed() < PATIENCE, "{} of {SLOW} closed", closed());
        }
    });
    let last = since.elapsed();
    others.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        7,
        &format!(
            "{SLOW} of {SLOW} closed, {:.1} to {:.1} s for a limit of 2 s; others' p99 ratio {}; RSS {before:.0} → {:.0} MiB",
            first.unwrap_or_default().as_secs_f64(),
            last.as_secs_f64(),
            ratio(calm, during),
            resident(&switch)
        ),
    );
}

#[test]
fn row_08_what_is_no_length() {
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let digits = Member::plain("digits").listen();
    let other = Member::plain("other").listen();
    let world = payments(2, &nac, &host).member(&digits).member(&other).route("digits", "other");
    let switch = world.start();
    let mut neighbour = switch.join(&other, 1);
    let refused = |member: &Member, bytes: &[u8], reason: &str| {
        let count = switch.metric("frames_malformed_total", &[("member", &member.id), ("reason", reason)]);
        let mut line = switch.join(member, 1);
        line.send_raw(bytes);
        line.expect_closed();
        let labels = [("member", member.id.as_str()), ("reason", reason)];
        switch.wait_metric("frames_malformed_total", &labels, count + 1);
        switch.wait_line_state(&member.line(1), "listening");
    };
    let no_digits: [&[u8]; 12] = [
        b"-001",
        b"+001",
        b" 12x",
        b"0x10",
        b"\0\0\0\0",
        b"12 3",
        b"1e03",
        b"00\x001",
        b"    ",
        b"12.0",
        b"\xff\xff\xff\xff",
        b"\xd9\xa1\xd9\xa2",
    ];
    no_digits.iter().for_each(|bytes| refused(&digits, bytes, "length_digits"));
    for over in [2049u16, 4096, 0x7fff, 0x8000, 0xffff] {
        refused(&nac, &over.to_be_bytes(), "length_limit");
    }
    let closed = switch.metric("connections_closed_total", &[("reason", "length_digits")]);
    assert_eq!(closed, no_digits.len() as u64);
    let mut line = switch.join(&digits, 1);
    line.send_frame(b"the next one is a line like any other");
    neighbour.expect_frame(b"the next one is a line like any other");
    fates_add_up(&switch);
    report(8, &format!("{} of {} closed as length_digits, 5 of 5 as length_limit", no_digits.len(), no_digits.len()));
}

#[test]
fn row_09_a_flood_of_probes() {
    let noisy = Member::nac("noisy").listen();
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).member(&noisy).route("noisy", "host").start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let others = Askers::on(switch.join_all(&nac), ms(1));
    let mut flood = switch.join(&noisy, 1);
    let (calm, ()) = others.p99_while(ms(500), || ());
    // 100,000 a second, a hundred at a time.
    let probes = [0u8; 200];
    let lasting = lasting(ms(1500), Duration::from_secs(10));
    let mut sent = 0u64;
    let mut share = 0.0;
    let began = Instant::now();
    let (during, ()) = others.p99_while(ms(0), || {
        share = cpu_share(&switch, || {
            while began.elapsed() < lasting {
                let due = (began.elapsed().as_secs_f64() * 100_000.0) as u64;
                while sent < due {
                    flood.send_raw(&probes);
                    sent += 100;
                }
                std::thread::sleep(ms(1));
            }
        });
    });
    let rate = sent as f64 / began.elapsed().as_secs_f64();
    switch.wait_metric("probes_received_total", &[("line", "noisy-1")], sent);
    assert_eq!(switch.metric("frames_dropped_total", &[]), 0);
    assert_eq!(flood.arrival(ms(100)), Arrival::Nothing, "never answered, the line stays");
    others.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        9,
        &format!(
            "{sent} swallowed at {rate:.0}/s, the switch at {:.0} % of a CPU; others' p99 ratio {}",
            share * 100.0,
            ratio(calm, during)
        ),
    );
}

/// A peer that sends back every probe it gets.
fn echo(mut line: Peer, stop: Arc<AtomicBool>, echoed: Arc<AtomicU64>) -> std::thread::JoinHandle<Peer> {
    std::thread::spawn(move || {
        while !stop.load(SeqCst) {
            match line.arrival(ms(50)) {
                Arrival::Frame(frame) if frame.is_empty() => {
                    line.send_probe();
                    echoed.fetch_add(1, SeqCst);
                }
                Arrival::Nothing => {}
                other => panic!("nothing but probes was due: {other:?}"),
            }
        }
        line
    })
}

#[test]
fn row_10_a_probe_that_comes_back() {
    let (one, other) = (Member::plain("one").listen(), Member::plain("other").listen());
    let world = World::new(2).member(&one).member(&other).route("one", "other");
    let switch: Switch = world.timer(r#"probe_after = "200ms""#).timer(r#"silent_after = "5s""#).start();
    let (stop, echoed) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let began = Instant::now();
    let line = echo(switch.join(&one, 1), stop.clone(), echoed.clone());
    eventually("ten probes came and went back", || (echoed.load(SeqCst) >= 10).then_some(()));
    stop.store(true, SeqCst);
    let back = line.join().expect("probes only");
    let (sent, seen) = (switch.metric("probes_sent_total", &[("line", "one-1")]), echoed.load(SeqCst));
    let most = began.elapsed().as_millis() / 200 + 1;
    assert!(u128::from(sent) <= most, "{sent} probes where {most} are due");
    drop(back);
    fates_add_up(&switch);
    report(
        10,
        &format!("{seen} echoed, {sent} sent in {:.1} s with probe_after 200 ms", began.elapsed().as_secs_f64()),
    );
}
