//! Answers that a line had taken when it broke (DESIGN, guarantee 3): which go again, which do not, and what is
//! counted.

use std::collections::BTreeMap;

use ringswitch::reason::{Closed, Drop, ResendFailed};
use ringswitch::shared::counters::{Cold, Hot};
use ringswitch::time::Span;

use super::stage::Stage;
use super::texts::CARDS;
use super::wire::{DIGITS_PROBE, Lengths, binary, digits, tpdu};
use crate::fake::{Conditions, Faults, Peer, Random};

const NII: u16 = 3;
const ANSWER_BYTES: usize = 302;

/// The sockets of requesters take 2,000 bytes each that nobody reads; the switch's take all answers.
const NARROW: Conditions =
    Conditions { latency: Span::ZERO, jitter: Span::ZERO, send_buffer: 4 << 20, window: 2_000, descriptors: 20_000 };

struct Cards {
    stage: Stage,
    nac: Peer,
    issuer: Peer,
}

impl Cards {
    fn new(text: &str, conditions: Conditions) -> Self {
        let mut stage = Stage::with(text, 1, conditions);
        let nac = stage.connect(7001);
        let issuer = stage.connect(7101);
        Self { stage, nac, issuer }
    }

    /// Requests of as many terminals, answered by the host; gives the answers as the requester must get them.
    fn answer(&mut self, terminals: std::ops::Range<u16>) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        for terminal in terminals {
            self.stage.send(&self.nac, &binary(&tpdu(NII, terminal, b"a request")));
            let request = requests(&self.issuer).pop().expect("a request");
            let text = vec![terminal as u8; ANSWER_BYTES - 7];
            self.stage.send(&self.issuer, &digits(&answer_to(&request, &text)));
            self.stage.send(&self.issuer, DIGITS_PROBE);
            answers.push(tpdu(terminal, NII, &text));
        }
        answers
    }

    fn resent(&self) -> u64 {
        ["issuer-1", "issuer-2"].map(|line| self.stage.line(line).counters.cold(Cold::AnswersResent)).iter().sum()
    }

    fn failed(&self, reason: ResendFailed) -> u64 {
        ["issuer-1", "issuer-2"].map(|line| self.stage.line(line).counters.resend_failed(reason)).iter().sum()
    }
}

fn requests(issuer: &Peer) -> Vec<Vec<u8>> {
    let mut bytes = issuer.receive();
    let frames = Lengths::Digits.take_all(&mut bytes);
    assert!(bytes.is_empty(), "whole frames");
    frames.into_iter().filter(|frame| !frame.is_empty()).collect()
}

/// The addresses exchanged, as hosts do.
fn answer_to(request: &[u8], text: &[u8]) -> Vec<u8> {
    tpdu(u16::from_be_bytes([request[3], request[4]]), NII, text)
}

fn received(nac: &Peer) -> Vec<Vec<u8>> {
    let mut bytes = nac.receive();
    let frames = Lengths::Binary.take_all(&mut bytes);
    assert!(bytes.is_empty(), "whole frames");
    frames
}

/// Of 100 answers the first six and a part of the seventh were acknowledged: nobody has read them, and nobody can
/// know that.
const ACKNOWLEDGED: usize = NARROW.window / ANSWER_BYTES;

#[test]
fn what_a_reset_line_had_not_acknowledged_goes_again_over_its_sibling() {
    let mut cards = Cards::new(CARDS, NARROW);
    cards.nac.stop_reading();
    let answers = cards.answer(0..100);
    let sibling = cards.stage.connect(7002);
    cards.nac.reset();
    cards.stage.pass_secs(1);
    assert_eq!(received(&sibling), answers[ACKNOWLEDGED..], "whole, in order, the one acknowledged in part too");
    assert_eq!(cards.resent(), (100 - ACKNOWLEDGED) as u64);
    assert_eq!(cards.stage.line("issuer-1").counters.hot(Hot::AnswersForwarded), 100, "each forwarded once");
    assert_eq!(cards.stage.line("nac-2").counters.hot(Hot::FramesSent), (100 - ACKNOWLEDGED) as u64);
    cards.stage.assert_fates_add_up();
    cards.stage.pass_secs(70);
    assert_eq!(cards.stage.memory(), 0);
}

#[test]
fn what_was_acknowledged_does_not_go_again() {
    let mut cards = Cards::new(CARDS, Conditions::default());
    let answers = cards.answer(0..50);
    let sibling = cards.stage.connect(7002);
    assert_eq!(received(&cards.nac), answers);
    cards.nac.reset();
    cards.stage.pass_secs(1);
    assert_eq!((received(&sibling).len(), cards.resent()), (0, 0));
    cards.stage.assert_fates_add_up();
}

#[test]
fn with_never_it_is_lost_with_the_line() {
    let text = CARDS.replacen("header = \"tpdu\"", "header = \"tpdu\"\nresend = \"never\"", 1);
    let mut cards = Cards::new(&text, NARROW);
    cards.nac.stop_reading();
    cards.answer(0..100);
    let sibling = cards.stage.connect(7002);
    cards.nac.reset();
    cards.stage.pass_secs(1);
    assert_eq!((received(&sibling).len(), cards.resent()), (0, 0));
    cards.stage.assert_fates_add_up();
}

/// The group is closed for the loss of a sibling; what the slow line's peer did not take in time goes again over the
/// lines that the member opens next, whatever becomes of the old one.
#[test]
fn what_a_slow_line_had_not_acknowledged_when_its_group_was_reset_goes_again() {
    let text = CARDS.replacen("header = \"tpdu\"", "header = \"tpdu\"\non_line_loss = \"reset_group\"", 1);
    let mut cards = Cards::new(&text, NARROW);
    let sibling = cards.stage.connect(7002);
    cards.nac.stop_reading();
    let answers = cards.answer(0..40);
    sibling.reset();
    cards.stage.pass_secs(3);
    let next = cards.stage.connect(7002);
    cards.stage.pass_secs(1);
    assert_eq!(received(&next), answers[ACKNOWLEDGED..], "whole, in order");
    assert_eq!(cards.resent(), (40 - ACKNOWLEDGED) as u64);
    assert_eq!(cards.stage.closed("nac-1", Closed::GroupReset), 1);
    cards.stage.assert_fates_add_up();
    cards.stage.pass_secs(70);
    assert_eq!(cards.stage.memory(), 0);
}

/// A member that has closed whole: its FIN comes, answers are given to its socket all the same, its reset follows. Some
/// kernels then no longer know what was outstanding, and only what was acknowledged can be believed.
#[test]
fn a_kernel_that_has_forgotten_what_was_outstanding_makes_nothing_acknowledged() {
    let conditions = Conditions { latency: Span::from_millis(1), ..Conditions::default() };
    let mut cards = Cards::new(CARDS, conditions);
    cards.stage.kernel.set_faults(Faults { forgotten_queue: 100, ..Faults::default() });
    for terminal in 0..10 {
        cards.stage.send(&cards.nac, &binary(&tpdu(NII, terminal, b"a request")));
    }
    cards.stage.pass(Span::from_millis(10));
    let asked = requests(&cards.issuer);
    assert_eq!(asked.len(), 10);
    cards.nac.close();
    cards.stage.pass(Span::from_millis(5));
    for request in &asked {
        cards.stage.send(&cards.issuer, &digits(&answer_to(request, b"an answer")));
    }
    cards.stage.pass_secs(1);
    let sibling = cards.stage.connect(7002);
    cards.stage.pass_secs(1);
    assert_eq!(received(&sibling).len(), 10);
    cards.stage.assert_fates_add_up();
}

/// A black hole: nothing says that the line is dead but that nothing is acknowledged.
fn behind_a_black_hole(timers: &str) -> (Cards, Peer, Vec<Vec<u8>>) {
    let text = CARDS.replacen("[[member]]", &format!("[timers]\n{timers}\n[[member]]"), 1);
    let mut cards = Cards::new(&text, Conditions::default());
    let sibling = cards.stage.connect(7002);
    cards.nac.cut_inward();
    let answers = cards.answer(0..10);
    (cards, sibling, answers)
}

#[test]
fn a_black_hole_found_in_time_loses_nothing() {
    let (mut cards, sibling, answers) = behind_a_black_hole("unread_within = \"10s\"");
    cards.stage.pass_secs(20);
    assert_eq!(cards.stage.closed("nac-1", Closed::Stalled), 1);
    assert_eq!((received(&sibling), cards.resent()), (answers, 10));
    cards.stage.assert_fates_add_up();
}

#[test]
fn after_the_deadline_nothing_goes_again() {
    let (mut cards, sibling, _) = behind_a_black_hole("unread_within = \"10s\"\nanswer_within = \"5s\"");
    cards.stage.pass_secs(20);
    assert_eq!(cards.stage.closed("nac-1", Closed::Stalled), 1);
    assert_eq!((received(&sibling).len(), cards.resent(), cards.failed(ResendFailed::Late)), (0, 0, 10));
    cards.stage.assert_fates_add_up();
}

#[test]
fn without_a_line_it_is_held_for_two_seconds() {
    for (away, comes_home) in [(1_900, true), (2_100, false)] {
        let mut cards = Cards::new(CARDS, NARROW);
        cards.nac.stop_reading();
        let answers = cards.answer(0..20);
        cards.nac.reset();
        cards.stage.pass(Span::from_millis(away));
        assert_eq!(cards.stage.held(), 0, "they were forwarded, and are no frames that wait for a fate");
        let sibling = cards.stage.connect(7002);
        cards.stage.pass(Span::from_millis(50));
        let due = answers.len() - ACKNOWLEDGED;
        let (came, expired) = if comes_home { (due, 0) } else { (0, due) };
        assert_eq!(received(&sibling), answers[answers.len() - came..]);
        assert_eq!(cards.resent(), came as u64);
        assert_eq!(cards.failed(ResendFailed::HoldExpired), expired as u64);
        assert_eq!(cards.stage.dropped("issuer-1", Drop::HoldExpired), 0);
        cards.stage.assert_fates_add_up();
    }
}

/// FAULTS, row 3: to a program that is gone the kernel answers with a reset, not with an acknowledgement.
#[test]
fn a_full_close_with_answers_on_their_way_loses_none() {
    let slow = Conditions { latency: Span::from_millis(10), ..Conditions::default() };
    let mut cards = Cards::new(CARDS, slow);
    let sibling = cards.stage.connect(7002);
    cards.stage.pass_secs(1);
    for terminal in 0..5 {
        cards.stage.send(&cards.nac, &binary(&tpdu(NII, terminal, b"a request")));
    }
    cards.stage.pass_secs(1);
    let asked = requests(&cards.issuer);
    let answers = asked.iter().flat_map(|request| digits(&answer_to(request, b"an answer"))).collect::<Vec<u8>>();
    cards.issuer.send(&answers);
    // The answers are at the switch, or on their way from it, when the FIN comes.
    cards.stage.pass(Span::from_millis(11));
    cards.nac.close();
    cards.stage.pass_secs(1);
    assert_eq!(received(&sibling).len(), 5);
    let over_others = cards.stage.line("issuer-1").counters.cold(Cold::AnswersRerouted) + cards.resent();
    assert!(cards.resent() > 0 && over_others == 5, "{over_others}");
    assert_eq!(cards.stage.line("nac-1").status.state(), ringswitch::shared::status::LineState::Listening);
    cards.stage.assert_fates_add_up();
}

/// A program that has said all it wants to say and still reads: nothing is sent twice, and the line ends.
#[test]
fn a_half_close_gets_its_answers_once() {
    let slow = Conditions { latency: Span::from_millis(10), ..Conditions::default() };
    let mut cards = Cards::new(CARDS, slow);
    let sibling = cards.stage.connect(7002);
    cards.stage.pass_secs(1);
    cards.stage.send(&cards.nac, &binary(&tpdu(NII, 1, b"a request")));
    cards.stage.pass_secs(1);
    let request = requests(&cards.issuer).pop().expect("a request");
    cards.issuer.send(&digits(&answer_to(&request, b"an answer")));
    cards.stage.pass(Span::from_millis(11));
    cards.nac.shutdown();
    cards.stage.pass_secs(1);
    assert_eq!((received(&cards.nac).len(), received(&sibling).len(), cards.resent()), (1, 0, 0));
    assert_eq!(cards.stage.closed("nac-1", Closed::Peer), 1);
    cards.stage.assert_fates_add_up();
}

/// A drain ends when the peer has what it was sent, not when the kernel has.
#[test]
fn a_drained_line_waits_for_the_peer_to_take_its_answers() {
    let mut cards = Cards::new(CARDS, NARROW);
    cards.nac.stop_reading();
    let answers = cards.answer(0..20);
    let (line, shard) = (cards.stage.line_id("nac-1"), cards.stage.plan.line(cards.stage.line_id("nac-1")));
    let shard = shard.expect("a line").shard.index();
    cards.stage.command(shard, ringswitch::shared::inbox::Command::Disable { line });
    cards.stage.pass_secs(5);
    assert_eq!(cards.stage.closed("nac-1", Closed::Drained), 0);
    cards.nac.resume_reading();
    cards.stage.pass_secs(2);
    assert_eq!((received(&cards.nac), cards.resent()), (answers, 0));
    assert_eq!(cards.stage.closed("nac-1", Closed::Drained), 1);
}

/// Memory that is kept in case of a break makes room for what must go on; what is missed then is counted.
#[test]
fn memory_that_runs_short_is_taken_from_the_log() {
    let text = CARDS.replacen("[[member]]", "[limits]\nmemory = \"1MiB\"\n[[member]]", 1);
    let mut cards = Cards::new(&text, NARROW);
    let sibling = cards.stage.connect(7002);
    cards.nac.cut_inward();
    let most = 2_000;
    cards.answer(0..most);
    assert_eq!(cards.stage.line("issuer-1").counters.hot(Hot::AnswersForwarded), u64::from(most), "none was dropped");
    cards.nac.reset();
    cards.stage.pass_secs(1);
    let (resent, failed) = (cards.resent(), cards.failed(ResendFailed::Memory));
    assert!(resent > 0 && failed > 0, "{resent}, {failed}");
    assert_eq!((resent + failed, received(&sibling).len() as u64), (u64::from(most), resent));
    cards.stage.assert_fates_add_up();
}

/// Requests by the thousand are under way while lines break at any moment.
#[test]
fn ten_thousand_in_flight_are_answered_once_and_once_more_for_each_that_was_sent_again() {
    for seed in 0..4 {
        in_flight(seed, 10_000);
    }
}

struct InFlight {
    cards: Cards,
    random: Random,
    lines: [Peer; 2],
    /// What is left of a frame, by line.
    rests: [Vec<u8>; 2],
    /// How often each terminal's answer was read.
    read: BTreeMap<u16, u64>,
    /// Answers whose last byte was acknowledged and which no program has read.
    unread: u64,
}

impl InFlight {
    fn read(&mut self, line: usize) {
        let rest = &mut self.rests[line];
        rest.extend(self.lines[line].receive());
        for frame in Lengths::Binary.take_all(rest) {
            *self.read.entry(u16::from_be_bytes([frame[1], frame[2]])).or_default() += 1;
        }
    }

    fn break_one(&mut self) {
        let line = self.random.below(2) as usize;
        if self.random.chance(50) {
            self.read(line);
        } else {
            // Killed before it read: what its kernel had taken is lost with it.
            let mut taken = std::mem::take(&mut self.rests[line]);
            taken.extend(self.lines[line].receive());
            self.unread += Lengths::Binary.take_all(&mut taken).len() as u64;
        }
        if self.random.chance(50) {
            self.lines[line].reset()
        } else {
            self.lines[line].close()
        }
        self.rests[line].clear();
        self.cards.stage.pass(Span::from_micros(self.random.below(3_000)));
        self.lines[line] = self.cards.stage.connect(7001 + line as u16);
    }
}

fn in_flight(seed: u64, many: u16) {
    let text = CARDS.replacen("header = \"tpdu\"", "header = \"tpdu\"\nprobe = false", 2);
    let conditions = Conditions { latency: Span::from_micros(300), jitter: Span::from_micros(200), ..NARROW };
    let mut cards = Cards::new(&text, conditions);
    let lines = [cards.nac.clone(), cards.stage.connect(7002)];
    cards.stage.pass_secs(1);
    for terminal in 0..many {
        let line = usize::from(terminal % 2);
        lines[line].send(&binary(&tpdu(NII, terminal, b"a request")));
    }
    cards.stage.pass_secs(2);
    let mut asked = requests(&cards.issuer);
    assert_eq!(asked.len(), usize::from(many));
    let mut run = InFlight {
        cards,
        random: Random::new(seed),
        lines,
        rests: Default::default(),
        read: BTreeMap::new(),
        unread: 0,
    };
    while !asked.is_empty() {
        for _ in 0..run.random.some_of(200).min(asked.len()) {
            let request = asked.swap_remove(run.random.below(asked.len() as u64) as usize);
            let text = vec![7; run.random.below(300) as usize];
            run.cards.issuer.send(&digits(&answer_to(&request, &text)));
        }
        run.cards.stage.pass(Span::from_micros(run.random.below(2_000)));
        for line in 0..2 {
            if run.random.chance(60) {
                run.read(line);
            }
        }
        if run.random.chance(20) {
            run.break_one();
        }
    }
    for _ in 0..50 {
        (0..2).for_each(|line| run.read(line));
        run.cards.stage.pass(Span::from_millis(20));
    }
    let resent = run.cards.resent();
    let reads: u64 = run.read.values().sum();
    let answered = run.read.len() as u64;
    println!(
        "seed {seed}: {answered} answered, {resent} sent again, {} doubled, {} taken and never read",
        reads - answered,
        run.unread
    );
    assert!(answered + run.unread >= u64::from(many), "{answered} answered, {} never read", run.unread);
    assert!(reads + run.unread <= u64::from(many) + resent, "a double that was not counted");
    assert!(resent > 0);
    run.cards.stage.assert_fates_add_up();
}

#[test]
fn an_answer_begun_in_time_goes_nowhere_else_once_it_is_late() {
    // What the kernel was given of it stays there: it could end on that line, and on no other.
    let mut cards = Cards::new(CARDS, Conditions { send_buffer: 500, ..NARROW });
    cards.nac.stop_reading();
    cards.answer(0..20);
    cards.stage.pass_secs(50);
    let sibling = cards.stage.connect(7002);
    cards.nac.reset();
    cards.stage.pass_secs(1);
    assert_eq!(received(&sibling), [[0; 0]; 0]);
    assert_eq!(cards.resent(), 0);
    let late: u64 = ["issuer-1", "issuer-2"].map(|line| cards.stage.dropped(line, Drop::Late)).iter().sum();
    assert_eq!(late, 20 - 2_500 / ANSWER_BYTES as u64, "all but what the kernel had wholly taken");
    cards.stage.assert_fates_add_up();
}
