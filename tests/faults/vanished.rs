//! Peers that are gone without a word, and networks that carry one way only.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::books::Books;
use crate::harness::{Member, Peer, Prefix, Switch, World, ask, eventually, fates_add_up, payments, round_trip};
use crate::hosts_or_skip;
use crate::net::{Hosts, MEMBERS, at, ip, over_the_cable};
use crate::rows::{ms, report};
use crate::traffic::{answer_all, ask_all, see_all, take_all};

/// The member's end of a line, over the cable.
fn join(hosts: &Hosts, switch: &Switch, line: &str, port: u16) -> Peer {
    let before = switch.connects(line);
    let peer = hosts.at_members(|| Peer::connect_from(MEMBERS, at(port), Prefix::Bin2));
    switch.wait_joined(line, before + 1);
    peer
}

/// Forgets the connection without telling the other side.
fn close_silently(line: Peer) {
    let on: libc::c_int = 1;
    let size = size_of_val(&on) as libc::socklen_t;
    let socket = line.writer();
    // SAFETY: the kernel reads one int.
    let failed = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_REPAIR, (&raw const on).cast(), size)
    };
    assert_eq!(failed, 0, "{}", std::io::Error::last_os_error());
}

fn closed(switch: &Switch, line: &str) -> String {
    let metrics = switch.metrics();
    let reasons = metrics.samples("connections_closed_total", &[]).filter(|sample| sample.label("line") == Some(line));
    let mut reasons: Vec<_> =
        reasons.filter(|sample| sample.value > 0.0).filter_map(|sample| sample.label("reason")).collect();
    reasons.sort_unstable();
    reasons.join("+")
}

/// Milliseconds until the line listens again, and as what it was closed.
fn until_closed(switch: &Switch, line: &str, since: Instant, so_far: u64) -> f64 {
    eventually("the line is closed", || {
        (switch.metric("connections_closed_total", &[("line", line)]) > so_far).then_some(())
    });
    since.elapsed().as_secs_f64() * 1e3
}

#[test]
fn row_04_half_open_peers() {
    const REQUESTS: u32 = 20;
    let hosts = hosts_or_skip!(4, Hosts::joined());
    let nac = over_the_cable(Member::nac("nac"), &[7001, 7002]);
    let host = Member::host("host").key("expect = false").key("probe = false").listen();
    let world: World = payments(2, &nac, &host).timer(r#"probe_after = "300ms""#).timer(r#"silent_after = "1s""#);
    let switch = world.start();
    let books = Books::default();
    let mut issuer = switch.join(&host, 1);
    let mut figures = Vec::new();
    let mut first = 0;
    let mut ends = 0;
    for (way, sending) in [("dropped", false), ("dropped", true), ("closed silently", false), ("closed silently", true)]
    {
        let mut line = join(&hosts, &switch, "nac-1", 7001);
        // Its sibling works on, and takes what the group still gets.
        let sibling = join(&hosts, &switch, "nac-2", 7002);
        let requests = if sending {
            ask_all(&mut line, 0, first..first + REQUESTS, &books);
            see_all(&mut issuer, REQUESTS as usize, &books)
        } else {
            Vec::new()
        };
        let since = Instant::now();
        let dead = match way {
            "dropped" => {
                hosts.filter("tcp dport 7001 drop", "tcp sport 7001 drop");
                Some(line)
            }
            _ => {
                close_silently(line);
                None
            }
        };
        let before = books.account();
        answer_all(&mut issuer, &requests, &books);
        let mut probing = sibling.writer();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let took = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                    let _ = std::io::Write::write_all(&mut probing, &[0, 0]);
                    std::thread::sleep(ms(100));
                }
            });
            let took =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until_closed(&switch, "nac-1", since, ends)));
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            took.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let mut sibling = sibling;
        take_all(&mut sibling, 0, &books, ms(150));
        round_trip(&mut sibling, &mut [&mut issuer], 1, "the group carries on");
        let account = books.sound();
        let what = if sending {
            let lost = (account.answered - account.delivered) - (before.answered - before.delivered);
            format!(", {lost} of {REQUESTS} answers lost")
        } else {
            String::new()
        };
        figures.push(format!("{way}, {}: {took:.0} ms{what}", if sending { "sending" } else { "idle" }));
        first += REQUESTS;
        // A reset that could reach the other side now would be another fault.
        hosts.filter("", "");
        drop((dead, sibling));
        switch.wait_gauge("line_up", &[("member", "nac")], 0);
        ends = switch.metric("connections_closed_total", &[("line", "nac-1")]);
    }
    let _lines = [join(&hosts, &switch, "nac-1", 7001), join(&hosts, &switch, "nac-2", 7002)];
    let since = Instant::now();
    hosts.at_members(|| ip("link del vm"));
    let took = until_closed(&switch, "nac-1", since, ends);
    figures.push(format!("link deleted, idle: {took:.0} ms"));
    assert!(closed(&switch, "nac-1").contains("silent"), "{}", closed(&switch, "nac-1"));
    fates_add_up(&switch);
    report(4, &format!("silent_after 1 s: {}; 0 doubled", figures.join("; ")));
}

#[test]
fn row_05_one_way_only() {
    const REQUESTS: u32 = 20;
    let hosts = hosts_or_skip!(5, Hosts::joined());
    let nac = over_the_cable(Member::nac("nac"), &[7001]);
    let host = Member::host("host").key("expect = false").key("probe = false").listen();
    let world = payments(2, &nac, &host).timer(r#"probe_after = "300ms""#).timer(r#"silent_after = "2500ms""#);
    let switch = world.timer(r#"unread_within = "1s""#).start();
    let books = Books::default();
    let mut issuer = switch.join(&host, 1);
    let idle = join(&hosts, &switch, "nac-1", 7001);
    let since = Instant::now();
    hosts.filter("tcp dport 7001 drop", "");
    let silent = until_closed(&switch, "nac-1", since, 0);
    assert_eq!(closed(&switch, "nac-1"), "silent");
    hosts.filter("", "");
    drop(idle);
    switch.wait_line_state("nac-1", "listening");

    let mut line = join(&hosts, &switch, "nac-1", 7001);
    ask_all(&mut line, 0, 0..REQUESTS, &books);
    let requests = see_all(&mut issuer, REQUESTS as usize, &books);
    let since = Instant::now();
    hosts.filter("", "tcp sport 7001 drop");
    answer_all(&mut issuer, &requests, &books);
    let unacknowledged = until_closed(&switch, "nac-1", since, 1);
    assert_eq!(closed(&switch, "nac-1"), "silent+stalled");
    hosts.filter("", "");
    drop(line);
    // Held for the group, which has no other line, and sent again over the next one.
    let mut next = join(&hosts, &switch, "nac-1", 7001);
    take_all(&mut next, 0, &books, ms(300));
    let account = books.sound();
    let lost = account.answered - account.delivered;
    assert_eq!(lost, 0, "{account:?}");
    fates_add_up(&switch);
    report(
        5,
        &format!(
            "nothing arrives: silent after {silent:.0} ms (limit 2.5 s); nothing is acknowledged: stalled after {unacknowledged:.0} ms (limit 1 s), {lost} of {REQUESTS} answers lost, all came over its next line"
        ),
    );
}

#[test]
fn row_48_a_link_that_comes_back_and_a_reset_told_to_one() {
    let hosts = hosts_or_skip!(48, Hosts::joined());
    let nac = over_the_cable(Member::nac("nac"), &[7001]);
    let host = Member::host("host").key("expect = false").key("probe = false").listen();
    let switch = payments(2, &nac, &host).timer(r#"probe_after = "500ms""#).timer(r#"silent_after = "2s""#).start();
    let mut issuer = switch.join(&host, 1);
    let mut line = join(&hosts, &switch, "nac-1", 7001);
    hosts.at_members(|| ip("link set vm down"));
    // Asked while the link is down: it waits in the terminal's kernel.
    ask(&mut line, 1, "asked while the link is down");
    std::thread::sleep(ms(800));
    hosts.at_members(|| ip("link set vm up"));
    let since = Instant::now();
    let request = issuer.receive_message();
    let back = since.elapsed();
    issuer.send_frame(&crate::harness::answer_swapped(&request, b"answered"));
    assert_eq!(line.receive(), crate::harness::tpdu(1, crate::harness::NII, b"answered"));
    assert_eq!(switch.connects("nac-1"), 1, "kept");

    // A box on the way resets the terminal and tells the switch nothing.
    hosts.filter("tcp dport 7001 reject with tcp reset", "");
    let _ = line.send_raw_while_open(&[0, 0]);
    line.expect_reset();
    drop(line);
    hosts.filter("", "");
    let since = Instant::now();
    let mut refused = 0;
    let mut line = eventually("the owner is in again", || {
        let mut line = hosts.at_members(|| Peer::connect_from(MEMBERS, at(7001), Prefix::Bin2));
        let admitted = switch.line_state("nac-1") == "up" && switch.connects("nac-1") == 2;
        if !admitted && line.arrival(Duration::from_secs(1)) == crate::harness::Arrival::Reset {
            refused += 1;
            std::thread::sleep(ms(50));
            return None;
        }
        Some(line)
    });
    let noticed = since.elapsed();
    switch.wait_joined("nac-1", 2);
    round_trip(&mut line, &mut [&mut issuer], 1, "as before");
    assert!(closed(&switch, "nac-1").contains("silent"));
    fates_add_up(&switch);
    report(
        48,
        &format!(
            "link down for 0.8 s: kept, the request on its way {:.0} ms after; reset told to one side: noticed after {:.1} s (silent_after 2 s), {refused} refusals until then",
            back.as_secs_f64() * 1e3,
            noticed.as_secs_f64()
        ),
    );
}
