//! Answers that a line had taken when it broke (`resend = "unacked"`): what the peer's TCP never
//! acknowledged goes out again, what it did is lost with a peer that never reads it.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::books::Books;
use crate::breaks::kill_locally;
use crate::harness::frames::{message, number_of};
use crate::harness::{Arrival, Member, Peer, Prefix, Switch, World, command, eventually, fates_add_up, payments};
use crate::hosts_or_skip;
use crate::net::{Hosts, MEMBERS, at, over_the_cable};
use crate::rows::{ms, report, skip};
use crate::traffic::{MESSAGE, answer_all, ask_all, see_all, take_all};

const ANSWERS: u32 = 1000;
/// Of one answer, with TPDU and length.
const BYTES: u64 = MESSAGE as u64 + 5 + 2;

/// A member that does not read soon: its window shuts after little.
fn reluctant(hosts: &Hosts, port: u16) -> Peer {
    hosts.at_members(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(32 * 1024).expect("a buffer size");
        socket.bind(&SocketAddr::from((MEMBERS, 0)).into()).expect("its own address");
        socket.connect(&at(port).into()).expect("the switch is there");
        Peer::over(TcpStream::from(socket), Prefix::Bin2)
    })
}

struct Scene {
    switch: Switch,
    books: Books,
    issuer: Peer,
}

/// `None` where the switch does not have the feature.
fn scene(timers: &[&str]) -> Option<Scene> {
    let nac = over_the_cable(Member::nac("nac"), &[7001, 7002]).key(r#"resend = "unacked""#);
    let host = Member::host("host").key("expect = false").key("probe = false").listen();
    let world: World = timers.iter().fold(payments(2, &nac, &host), |world, timer| world.timer(timer));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ringswitch.toml");
    std::fs::write(&file, world.text()).expect("written");
    let checked = command::run_on(&["check", "-c"], &file);
    if checked.output().contains("not built yet") {
        return None;
    }
    let switch = world.start();
    let issuer = switch.join(&host, 1);
    Some(Scene { switch, books: Books::default(), issuer })
}

/// A thousand answers on their way to a line that does not read, and what of them its TCP has acknowledged.
fn pile_up(scene: &mut Scene, line: &mut Peer, first: u32) -> u64 {
    ask_all(line, 0, first..first + ANSWERS, &scene.books);
    let requests = see_all(&mut scene.issuer, ANSWERS as usize, &scene.books);
    answer_all(&mut scene.issuer, &requests, &scene.books);
    let mut last = (0, 0);
    eventually("the window is shut", || {
        let unread = line.unread_bytes();
        last = if unread > 0 && unread == last.0 { (unread, last.1 + 1) } else { (unread, 0) };
        (last.1 > 20).then_some(())
    });
    last.0
}

#[test]
fn row_27_answers_in_the_socket_of_a_line_that_breaks() {
    let hosts = hosts_or_skip!(27, Hosts::joined());
    let timers = [r#"unread_within = "1s""#, r#"silent_after = "30s""#, r#"probe_after = "20s""#];
    let Some(mut scene) = scene(&timers) else { return skip(27, "`resend = \"unacked\"` is not built yet") };
    let mut figures = Vec::new();
    for (turn, way) in ["reset", "closed with unread bytes", "killed locally", "black hole"].into_iter().enumerate() {
        let before = scene.switch.metric("answers_resent_total", &[]);
        let mut line = reluctant(&hosts, 7001);
        scene.switch.wait_joined("nac-1", turn as u64 + 1);
        let mut sibling = hosts.at_members(|| Peer::connect_from(MEMBERS, at(7002), Prefix::Bin2));
        scene.switch.wait_joined("nac-2", turn as u64 + 1);
        let so_far = scene.books.account().delivered;
        let unread = pile_up(&mut scene, &mut line, turn as u32 * ANSWERS);
        let mut dead = None;
        match way {
            "reset" => line.reset(),
            "closed with unread bytes" => drop(line),
            "killed locally" => {
                assert!(kill_locally(&line), "ss -K works here");
                dead = Some(line);
            }
            _ => {
                hosts.filter("tcp dport 7001 drop", "tcp sport 7001 drop");
                dead = Some(line);
            }
        }
        let books = scene.books.clone();
        eventually("what was not acknowledged comes over the sibling", || {
            take_all(&mut sibling, 0, &books, ms(200));
            let came = books.account().delivered - so_far;
            let acknowledged = u64::from(ANSWERS) - came;
            (came > 0 && acknowledged * BYTES <= unread + BYTES).then_some(())
        });
        take_all(&mut sibling, 0, &books, ms(300));
        let account = books.sound();
        let came = account.delivered - so_far;
        // What the dead peer's program could still read: there already, and again over the sibling.
        let mut both = 0;
        if let (Some(mut line), "black hole") = (dead, way) {
            while let Arrival::Frame(answer) = line.arrival(ms(50)) {
                both += u64::from(books.was_delivered(number_of(message(&answer))));
            }
            hosts.filter("", "");
        }
        let resent = scene.switch.metric("answers_resent_total", &[]) - before;
        let lost = u64::from(ANSWERS) - came;
        figures.push(format!("{way}: {resent} resent, {lost} acknowledged and never read, {both} doubled"));
        sibling.reset();
        scene.switch.wait_gauge("line_up", &[("member", "nac")], 0);
    }
    fates_add_up(&scene.switch);
    report(27, &format!("of {ANSWERS} each: {}; 0 lost that were not acknowledged", figures.join("; ")));
}

#[test]
fn row_53_a_black_hole_found_after_the_deadline() {
    let hosts = hosts_or_skip!(53, Hosts::joined());
    let timers = [
        r#"unread_within = "2500ms""#,
        r#"answer_within = "1500ms""#,
        r#"silent_after = "30s""#,
        r#"probe_after = "20s""#,
    ];
    let Some(mut scene) = scene(&timers) else { return skip(53, "`resend = \"unacked\"` is not built yet") };
    let mut line = reluctant(&hosts, 7001);
    let mut sibling = hosts.at_members(|| Peer::connect_from(MEMBERS, at(7002), Prefix::Bin2));
    scene.switch.wait_joined("nac-1", 1);
    scene.switch.wait_joined("nac-2", 1);
    pile_up(&mut scene, &mut line, 0);
    hosts.filter("tcp dport 7001 drop", "tcp sport 7001 drop");
    scene.switch.wait_metric("connections_closed_total", &[("line", "nac-1"), ("reason", "stalled")], 1);
    assert_eq!(sibling.arrival(Duration::from_millis(300)), Arrival::Nothing, "late answers reach nobody");
    let resent = scene.switch.metric("answers_resent_total", &[]);
    assert_eq!(resent, 0);
    let failed = scene.switch.metric("answers_resend_failed_total", &[("reason", "late")]);
    assert!(failed > 0);
    hosts.filter("", "");
    drop(line);
    fates_add_up(&scene.switch);
    report(53, &format!("0 of {ANSWERS} resent, {failed} counted as late"));
}
