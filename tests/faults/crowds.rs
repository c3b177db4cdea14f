//! Too many: strangers at the door, one member that floods, clients of the admin port.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::harness::frames::{message, number_of, numbered};
use crate::harness::{
    AnsweringHost, Arrival, Member, NII, PATIENCE, Peer, eventually, fates_add_up, payments, round_trip, tpdu,
};
use crate::outside::resident;
use crate::rows::{ms, report};
use crate::slow::Flood;
use crate::traffic::{Askers, ratio};

/// The `number`th stranger's address.
fn stranger(number: u32) -> Ipv4Addr {
    let [_, _, high, low] = (number % 65_000 + 257).to_be_bytes();
    Ipv4Addr::new(127, 200, high, low)
}

/// Connects from a stranger's address; true once the reset has come.
fn is_turned_away(number: u32, to: SocketAddr) -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((stranger(number), 0)).into()).expect("a loopback address");
    if socket.connect_timeout(&to.into(), PATIENCE).is_err() {
        return true; // the reset was quicker than the connect
    }
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut stream = TcpStream::from(socket);
    stream.read(&mut [0; 16]).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

#[test]
fn row_11_ten_thousand_strangers() {
    const STRANGERS: u32 = 10_000;
    const THREADS: u32 = 4;
    let nac = (0..100).fold(Member::nac("nac"), |nac, _| nac.listen());
    let victim = Member::nac("victim").listen();
    let host = Member::host("host").listen().listen();
    let switch = payments(2, &nac, &host).member(&victim).route("victim", "host").start();
    let issuers: Vec<_> = switch.join_all(&host).into_iter().map(AnsweringHost::on).collect();
    let members = Askers::on(switch.join_all(&nac), ms(2));
    let (calm, ()) = members.p99_while(ms(700), || ());
    let (files, before) = (switch.open_files(), resident(&switch));
    let began = Instant::now();
    let storm = move |thread: u32, door: SocketAddr| {
        let mine = (0..STRANGERS).filter(move |number| number % THREADS == thread);
        mine.filter(|number| is_turned_away(*number, door)).count()
    };
    let door = victim.address(1);
    let (during, turned_away) = members.p99_while(ms(0), || {
        let storms: Vec<_> = (0..THREADS).map(|thread| std::thread::spawn(move || storm(thread, door))).collect();
        storms.into_iter().map(|storm| storm.join().expect("a storm ends")).sum::<usize>()
    });
    let rate = f64::from(STRANGERS) / began.elapsed().as_secs_f64();
    assert_eq!(turned_away, STRANGERS as usize, "each is reset");
    switch.wait_metric("connections_refused_total", &[("reason", "not_allowed")], u64::from(STRANGERS));
    eventually("nothing is kept of them", || (switch.open_files() <= files + 1).then_some(()));
    let kept = resident(&switch) - before;
    assert!(kept < 32.0, "{kept} MiB more after the storm");
    let (after, ()) = members.p99_while(ms(500), || ());
    let answered = members.answered();
    members.stop();
    drop(issuers);
    fates_add_up(&switch);
    report(
        11,
        &format!(
            "{STRANGERS} refused at {rate:.0}/s, RSS {kept:+.1} MiB, 0 descriptors kept; p99 ratio of 100 members {}, after it {}; {answered} answers, none lost",
            ratio(calm, during),
            ratio(calm, after)
        ),
    );
}

#[test]
fn row_12_a_stranger_before_the_owner() {
    const TURNS: u32 = 50;
    let (nac, host) = (Member::nac("nac").listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).start();
    let mut issuer = switch.join(&host, 1);
    let mut took = Vec::new();
    for turn in 0..TURNS {
        let intruder = Peer::connect_from(stranger(turn), nac.address(1), nac.prefix());
        let since = Instant::now();
        let mut owner = Peer::connect(nac.address(1), nac.prefix());
        round_trip(&mut owner, &mut [&mut issuer], 1, "the owner is in");
        took.push(since.elapsed());
        let mut intruder = intruder;
        intruder.expect_reset();
        owner.end(false);
        switch.wait_line_state("nac-1", "listening");
    }
    assert_eq!(switch.metric("connections_refused_total", &[("reason", "not_allowed")]), u64::from(TURNS));
    fates_add_up(&switch);
    took.sort_unstable();
    let ms_of = |time: Duration| time.as_secs_f64() * 1e3;
    report(
        12,
        &format!(
            "{TURNS} of {TURNS} owners in with their first connect: first answer after {:.1} ms (median), {:.1} ms (longest)",
            ms_of(took[took.len() / 2]),
            ms_of(took[took.len() - 1])
        ),
    );
}

#[test]
fn row_29_one_member_floods() {
    let greedy = Member::nac("greedy").listen();
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen().listen());
    let (apart, own) = (Member::nac("apart").listen().listen(), Member::host("own").listen());
    let world = payments(2, &nac, &host).member(&greedy).route("greedy", "host");
    let switch = world.member(&apart).member(&own).route("apart", "own").start();
    let mut issuers: Vec<_> = switch.join_all(&host).into_iter().map(AnsweringHost::on).collect();
    issuers.push(AnsweringHost::on(switch.join(&own, 1)));
    let others = Askers::on(switch.join_all(&nac), ms(1));
    let elsewhere = Askers::on(switch.join_all(&apart), ms(1));
    let (calm, ()) = others.p99_while(ms(700), || ());
    let (calm_elsewhere, ()) = elsewhere.p99_while(ms(0), || std::thread::sleep(ms(500)));
    let before = resident(&switch);
    let flooding = switch.join(&greedy, 1);
    let mut reading = Peer::over(flooding.writer(), flooding.prefix());
    let reader = std::thread::spawn(move || {
        let mut answers = 0u32;
        while let Arrival::Frame(answer) = reading.arrival(ms(1500)) {
            number_of(message(&answer));
            answers += 1;
        }
        answers
    });
    let began = Instant::now();
    let flood = Flood::on(&flooding, u32::MAX, |number| tpdu(NII, 1, &numbered(number, 200)));
    let flooded = Instant::now();
    let (during, ()) = others.p99_while(Duration::from_secs(2), || ());
    let during_elsewhere = elsewhere.p99(flooded, Instant::now());
    let full = resident(&switch);
    let sent = flood.written();
    let rate = sent as f64 / began.elapsed().as_secs_f64();
    flooding.writer().shutdown(std::net::Shutdown::Write).expect("connected");
    let answers = reader.join().expect("whole answers");
    flood.stop();
    drop(flooding);
    let (after, ()) = others.p99_while(ms(500), || ());
    for member in ["nac", "apart"] {
        assert_eq!(switch.metric("frames_dropped_total", &[("member", member)]), 0, "the others lose nothing");
    }
    others.stop();
    elsewhere.stop();
    drop(issuers);
    fates_add_up(&switch);
    report(
        29,
        &format!(
            "flood of {rate:.0} requests/s ({answers} answered): p99 ratio of others towards other hosts {}, towards the flooded host, behind what its sockets hold, {}, after it {}; others' drops 0; RSS {before:.0} → {full:.0} MiB",
            ratio(calm_elsewhere, during_elsewhere),
            ratio(calm, during),
            ratio(calm, after)
        ),
    );
}

#[test]
fn row_39_a_crowd_at_the_admin_port() {
    let (nac, host) = (Member::nac("nac").listen().listen(), Member::host("host").listen());
    let switch = payments(2, &nac, &host).start();
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let members = Askers::on(switch.join_all(&nac), ms(1));
    let (calm, ()) = members.p99_while(ms(500), || ());
    let (files, before) = (switch.open_files(), resident(&switch));
    let mut most_files = 0;
    let (during, crowd) = members.p99_while(ms(500), || {
        // Slow ones send a byte of a header, greedy ones a header without end.
        let mut crowd: Vec<TcpStream> = Vec::new();
        for number in 0..1000 {
            let Ok(mut stream) = TcpStream::connect_timeout(&switch.admin(), PATIENCE) else { continue };
            stream.set_write_timeout(Some(ms(20))).expect("a socket");
            let _ = stream.write_all(if number % 2 == 0 { b"G" } else { b"GET / HTTP/1.1\r\nX: " });
            if number % 50 == 1 {
                let _ = stream.write_all(&[b'x'; 256 * 1024]);
            }
            crowd.push(stream);
            most_files = most_files.max(switch.open_files());
        }
        crowd
    });
    let full = resident(&switch);
    assert!(most_files < files + 100, "{most_files} descriptors where 64 clients are served at a time");
    let came = crowd.len();
    drop(crowd);
    eventually("the admin API is there again", || {
        let mut stream = TcpStream::connect_timeout(&switch.admin(), PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(())
    });
    members.stop();
    drop(issuer);
    fates_add_up(&switch);
    report(
        39,
        &format!(
            "{came} clients, at most {} served at once; data plane's p99 ratio {}; RSS {before:.0} → {full:.0} MiB",
            most_files - files,
            ratio(calm, during)
        ),
    );
}
