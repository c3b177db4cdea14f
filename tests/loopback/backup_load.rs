//! Trunk and backup lines under load (`MP1-5`): trunks and backup lost one after the other, and back
//! one by one, with traffic all the time. What is lost was on a line that broke, or came when none was up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::frames::{number_of, numbered};
use crate::harness::{
    AnsweringHost, Arrival, Member, NII, Peer, Switch, eventually, fates_add_up, message, payments, tpdu,
};
use crate::on_1_2_and_5_shards;

/// Requests that a terminal has under way at most.
const WINDOW: u32 = 40;

/// Answers that every step is followed by before the next.
const PROGRESS: u64 = 400;

/// Past `answer_within`: what has not come by then never will.
const LOST_AFTER: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    answered: AtomicU64,
    stop: AtomicBool,
}

/// Terminals that ask and ask, each over a line of its own. They know what they sent and what came
/// back, and ask the switch for nothing.
struct Load {
    counts: Arc<Counts>,
    threads: Vec<JoinHandle<u64>>,
}

impl Load {
    fn start(lines: Vec<Peer>) -> Self {
        let counts = Arc::<Counts>::default();
        let play = |line: Peer| {
            let counts = Arc::clone(&counts);
            std::thread::spawn(move || play(line, &counts))
        };
        Self { threads: lines.into_iter().map(play).collect(), counts }
    }

    fn answered(&self) -> u64 {
        self.counts.answered.load(SeqCst)
    }

    /// Waits until traffic has flowed for a while.
    fn flows(&self) {
        let before = self.answered();
        eventually("the load flows", || (self.answered() >= before + PROGRESS).then_some(()));
    }

    /// Ends it; the requests sent, and those that were never answered.
    fn end(self) -> (u64, u64) {
        self.counts.stop.store(true, SeqCst);
        let lost = self.threads.into_iter().map(|thread| thread.join().expect("no answer was wrong")).sum();
        assert_eq!(self.counts.sent.load(SeqCst), self.counts.answered.load(SeqCst) + lost);
        (self.counts.sent.load(SeqCst), lost)
    }
}

/// Window after window; how many requests were lost.
fn play(mut line: Peer, counts: &Counts) -> u64 {
    let (mut next, mut lost) = (0_u32, 0);
    while !counts.stop.load(SeqCst) {
        let mut waiting: BTreeSet<u32> = (next..next + WINDOW).collect();
        next += WINDOW;
        for number in &waiting {
            line.send_frame(&tpdu(NII, *number as u16, &numbered(*number, 100)));
        }
        counts.sent.fetch_add(u64::from(WINDOW), SeqCst);
        let until = Instant::now() + LOST_AFTER;
        while !waiting.is_empty() && Instant::now() < until {
            match line.arrival(Duration::from_millis(50)) {
                Arrival::Frame(answer) => {
                    let number = number_of(message(&answer));
                    assert_eq!(answer[..5], tpdu(number as u16, NII, &[])[..], "the terminal's address is restored");
                    assert!(waiting.remove(&number), "{number} was answered twice, or late");
                    counts.answered.fetch_add(1, SeqCst);
                }
                Arrival::Nothing => {}
                other => panic!("a terminal's line is not touched: {other:?}"),
            }
        }
        lost += waiting.len() as u64;
    }
    lost
}

/// The host's three lines, each with a program that answers, or down.
struct Host {
    member: Member,
    programs: [Option<AnsweringHost>; 3],
}

impl Host {
    fn up(&mut self, switch: &Switch, number: usize) {
        self.programs[number - 1] = Some(AnsweringHost::on(switch.join(&self.member, number)));
    }

    /// The program stops, and then the line breaks: with what lies unread, and what still comes.
    fn down(&mut self, switch: &Switch, number: usize) {
        self.programs[number - 1].take().expect("up").stop().reset();
        switch.wait_line_state(&self.member.line(number), "listening");
    }

    /// Frames that the switch has sent over a line.
    fn carried(&self, switch: &Switch, number: usize) -> u64 {
        switch.metric("frames_sent_total", &[("line", &self.member.line(number))])
    }
}

fn mp1_5_under_load(shards: u16) {
    let nac = (0..4).fold(Member::nac("nac"), |member, _| member.listen());
    let member = Member::host("host").listen().listen().listen_with(r#"tier = "backup""#);
    let world = payments(shards, &nac, &member).timer(r#"answer_within = "4s""#);
    let switch = world.start();
    let mut host = Host { member, programs: [None, None, None] };
    (1..=3).for_each(|number| host.up(&switch, number));
    let load = Load::start(switch.join_all(&nac));
    load.flows();
    assert_eq!(host.carried(&switch, 3), 0, "both trunks are up");

    host.down(&switch, 1);
    load.flows();
    assert_eq!(host.carried(&switch, 3), 0, "a trunk is up");
    host.down(&switch, 2);
    load.flows();
    let backup = host.carried(&switch, 3);
    assert!(backup >= PROGRESS, "the backup carries alone, and has carried {backup}");

    host.down(&switch, 3);
    switch.wait_metric_at_least("frames_dropped_total", &[("reason", "no_line")], 1);
    host.up(&switch, 3);
    load.flows();
    host.up(&switch, 1);
    load.flows();
    let carried = [1, 2, 3].map(|number| host.carried(&switch, number));
    host.up(&switch, 2);
    load.flows();
    for trunk in [1, 2] {
        let more = || (host.carried(&switch, trunk) > carried[trunk - 1]).then_some(());
        eventually("both trunks carry", more);
    }
    assert_eq!(host.carried(&switch, 3), carried[2], "the load is back on the trunks");

    let (sent, lost) = load.end();
    fates_add_up(&switch);
    // A request that a host's line was given and did not answer, and one that found no line.
    let of = |name, number| switch.metric(name, &[("line", &host.member.line(number))]);
    let unanswered: u64 =
        (1..=3).map(|number| of("frames_sent_total", number) - of("frames_received_total", number)).sum();
    let dropped = ["no_line", "line_lost"].map(|reason| switch.dropped(reason)).iter().sum::<u64>();
    println!("{shards} shards: {sent} sent, {lost} lost: {unanswered} on lines that broke, {dropped} without a line");
    assert_eq!(lost, unanswered + dropped, "lost otherwise");
    assert_eq!(switch.metric("frames_dropped_total", &[]), dropped);
    assert!(unanswered <= 3 * u64::from(4 * WINDOW), "no more than was under way at each of three breaks");
}

on_1_2_and_5_shards!(mp1_5_under_load);
