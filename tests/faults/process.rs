//! The process, or one of its threads, standing still.

use std::time::{Duration, Instant};

use crate::harness::{AnsweringHost, Member, Peer, eventually, fates_add_up, payments, round_trip};
use crate::outside::{Stopped, threads};
use crate::rows::{lasting, ms, report, skip};
use crate::traffic::{Askers, ratio};

#[test]
fn row_36_one_shard_stands_still() {
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).start();
    let (mut terminal, mut issuer) = (switch.join(&nac, 1), switch.join(&host, 1));
    let shard = *threads(&switch, "shard-0").first().expect("a thread of that name");
    let since = Instant::now();
    let stopped = match Stopped::thread(shard) {
        Ok(stopped) => stopped,
        Err(why) => return skip(36, &why),
    };
    eventually("/healthz says so", || (switch.get("/healthz").status == 503).then_some(()));
    let noticed = since.elapsed();
    assert!(switch.get("/healthz").body.contains("shard 0"), "{}", switch.get("/healthz").body);
    eventually("the log says so", || switch.log().contains("shard 0 has not turned for").then_some(()));
    drop(stopped);
    let since = Instant::now();
    eventually("/healthz is well again", || (switch.get("/healthz").status == 200).then_some(()));
    eventually("the log says that, too", || switch.log().contains("every shard turns again").then_some(()));
    let well = since.elapsed();
    for turn in 0..20 {
        round_trip(&mut terminal, &mut [&mut issuer], turn + 1, "goes on");
    }
    fates_add_up(&switch);
    report(
        36,
        &format!(
            "/healthz 503 after {:.1} s, log says so; well again {:.1} s after",
            noticed.as_secs_f64(),
            well.as_secs_f64()
        ),
    );
}

#[test]
fn row_37_stopped_and_continued() {
    let stands = lasting(Duration::from_secs(3), Duration::from_secs(5));
    // A terminal here waits for its answer without a word: one whose request was read before the stop would be silent.
    let nac = Member::nac("nac").key(r#"timers = { silent_after = "60s" }"#).listen().listen();
    let host = Member::host("host").listen();
    let talking = Member::plain("talking").listen();
    let other = Member::plain("other").key("expect = false").listen();
    let world = payments(2, &nac, &host).member(&talking).member(&other).route("talking", "other");
    let world =
        world.timer(r#"probe_after = "300ms""#).timer(r#"silent_after = "1s""#).timer(r#"partial_within = "1s""#);
    let switch = world.start();
    // The host's own words: a probe now and then, as everybody's here.
    let issuer = switch.join(&host, 1);
    let mut probing = issuer.writer();
    let issuer = AnsweringHost::on(issuer);
    let members = Askers::on(switch.join_all(&nac), ms(5));
    let mut talker: Peer = switch.join(&talking, 1);
    let _listener = switch.join(&other, 1);
    let (calm, ()) = members.p99_while(ms(500), || {
        talker.send_probe();
    });
    switch.signal(libc::SIGSTOP);
    let stopped = Instant::now();
    // What comes meanwhile lies in the sockets: probes, and half a frame with its end a long while later.
    let frame = talker.prefix().frame(&[b'x'; 100]);
    talker.send_raw(&frame[..50]);
    while stopped.elapsed() < stands {
        std::thread::sleep(ms(200));
        std::io::Write::write_all(&mut probing, b"0000").expect("a socket");
    }
    talker.send_raw(&frame[50..]);
    switch.signal(libc::SIGCONT);
    let went_on = Instant::now();
    let answered = members.answered();
    eventually("members are answered again", || (members.answered() > answered + 4).then_some(()));
    let caught_up = went_on.elapsed();
    talker.send_probe();
    std::io::Write::write_all(&mut probing, b"0000").expect("a socket");
    let closed = switch.metric("connections_closed_total", &[]);
    assert_eq!(closed, 0, "nobody was silent:\n{}", switch.log());
    let from = Instant::now();
    std::thread::sleep(ms(400));
    let after = members.p99(from, Instant::now());
    members.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        37,
        &format!(
            "stopped for {:.0} s with silent_after 1 s: 0 lines closed, answers again {:.0} ms after it went on, p99 ratio then {}",
            stands.as_secs_f64(),
            caught_up.as_secs_f64() * 1e3,
            ratio(calm, after)
        ),
    );
}
