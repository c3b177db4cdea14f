//! Whole turns of shards: receive, decide, copy or lend, queue, send, book what was sent. All but
//! the kernel.
//!
//! What arrives is fetched by a turn that does not count. Then two count: one with the frames, and
//! one with the completions of their sends.

use ringswitch::frame::Prefix;
use ringswitch::message::tpdu::{self, Tpdu};

use super::Operation;
use crate::counter::{Counter, Part};
use crate::plans::{self, ANSWER, DATA, REQUEST, frames};
use crate::stage::{End, Stage};

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "shard/idle-turn", run: idle_turn },
    Operation { name: "shard/request/one-line", run: |counter| cards(counter, ONE_LINE, Counted::Requests) },
    Operation { name: "shard/answer/one-line", run: |counter| cards(counter, ONE_LINE, Counted::Answers) },
    Operation { name: "shard/request/32-lines", run: |counter| cards(counter, MANY_LINES, Counted::Requests) },
    Operation { name: "shard/answer/32-lines", run: |counter| cards(counter, MANY_LINES, Counted::Answers) },
    Operation { name: "shard/request/by-mail", run: |counter| cards(counter, BY_MAIL, Counted::Requests) },
    Operation { name: "shard/answer/by-mail", run: |counter| cards(counter, BY_MAIL, Counted::Answers) },
    Operation { name: "shard/pair/copied", run: |counter| pair(counter, 10) },
    Operation { name: "shard/pair/lent", run: |counter| pair(counter, 100) },
];

/// Who sends how much in one turn.
#[derive(Clone, Copy)]
struct Scene {
    shards: u16,
    terminal_lines: u16,
    /// On each terminal's line.
    frames: usize,
}

/// A busy line: 100 requests in one receive.
const ONE_LINE: Scene = Scene { shards: 1, terminal_lines: 1, frames: 100 };

/// Quiet lines: a request on each, gathered into few sends.
const MANY_LINES: Scene = Scene { shards: 1, terminal_lines: 32, frames: 1 };

/// As [`ONE_LINE`], but the host's lines are another shard's. Both shards' turns count.
const BY_MAIL: Scene = Scene { shards: 2, terminal_lines: 1, frames: 100 };

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Requests,
    Answers,
}

/// The head of an answer that has come home.
const HOME: [u8; 5] = [0x60, 0x12, 0x34, 0x00, 0x03];

/// Lines of the host in each shard.
const HOST_LINES: u16 = 8;

/// Terminals and a host, and the shards that each has its lines on.
struct Cards {
    stage: Stage,
    near: usize,
    far: usize,
    terminals: Vec<End>,
    /// What arrives on the line of each terminal.
    requests: Vec<u8>,
    /// Requests of one round.
    count: u64,
}

/// What was sent over each line.
type Sent = Vec<(End, Vec<u8>)>;

impl Cards {
    fn new(scene: Scene) -> Self {
        let text = plans::cards(scene.shards, scene.terminal_lines, HOST_LINES * scene.shards);
        let plan = plans::plan(&text);
        let shard_of = |name: &str| plan.line(plans::line(&plan, name)).expect("a line of the plan").shard.index();
        let near = shard_of("nac-1");
        let far = usize::from(scene.shards) - 1 - near;
        let stage = Stage::new(&text, |name| name.starts_with("nac") || shard_of(name) == far);
        let terminals: Vec<_> = (1..=scene.terminal_lines).map(|at| stage.line(&format!("nac-{at}"))).collect();
        let requests = frames(Prefix::Bin2, scene.frames, &REQUEST);
        let count = u64::from(scene.terminal_lines) * scene.frames as u64;
        Self { stage, near, far, terminals, requests, count }
    }

    /// A request from every terminal lies at the near shard's hand.
    fn ask(&mut self) {
        for terminal in &self.terminals {
            self.stage.arrives(*terminal, &self.requests);
        }
        self.stage.turn(self.near);
    }

    /// An answer to each request lies at the far shard's hand.
    fn reply(&mut self, requests: &Sent) {
        let mut replied = 0;
        for (host, bytes) in requests {
            let answers = answers(bytes);
            replied += answers.len() as u64 / (Prefix::Ascii4.bytes() + DATA) as u64;
            self.stage.arrives(*host, &answers);
        }
        assert_eq!(replied, self.count, "every request has arrived at the host");
        self.stage.turn(self.far);
    }

    /// What lies at one shard's hand goes out over the lines of the other.
    fn cross(&mut self, from: usize, to: usize, round: &mut Part, counts: bool) -> Sent {
        round.count_if(counts, self.count, || {
            self.stage.turn(from);
            if from != to {
                self.stage.turn(to);
            }
        });
        let sent = self.stage.take_sent(to);
        round.count_if(counts, 0, || self.stage.turn(to));
        sent
    }

    /// Every terminal has its answers, with its own address in them again.
    fn assert_home(&self, sent: &Sent) {
        let whole = frames(Prefix::Bin2, self.requests.len() / (Prefix::Bin2.bytes() + DATA), &HOME);
        let home: Vec<_> = self.terminals.iter().map(|terminal| (*terminal, whole.clone())).collect();
        let mut sent = sent.clone();
        sent.sort_by_key(|(terminal, _)| terminal.socket.0);
        assert_eq!(sent, home);
    }
}

fn cards(counter: &mut Counter, scene: Scene, counted: Counted) {
    let mut cards = Cards::new(scene);
    let (near, far) = (cards.near, cards.far);
    counter.mixed_rounds(|round| {
        cards.ask();
        let requests = cards.cross(near, far, round, counted == Counted::Requests);
        cards.reply(&requests);
        let answers = cards.cross(far, near, round, counted == Counted::Answers);
        cards.assert_home(&answers);
    });
}

/// What the host answers to requests behind each other.
fn answers(mut requests: &[u8]) -> Vec<u8> {
    let prefix = Prefix::Ascii4.bytes();
    let mut answers = Vec::new();
    while !requests.is_empty() {
        let tpdu = Tpdu::read(&requests[prefix..]).expect("a request has a TPDU");
        let mut answer = frames(Prefix::Ascii4, 1, &ANSWER);
        tpdu::write_address(&mut answer[prefix..], tpdu::DESTINATION, tpdu.source);
        answers.append(&mut answer);
        requests = &requests[prefix + DATA..];
    }
    answers
}

/// Frames from a channel to its merchant. Short runs are copied, long ones lent to the kernel where
/// they lie.
fn pair(counter: &mut Counter, run: usize) {
    let mut stage = Stage::new(&plans::shop(), |_| true);
    let channel = stage.line("channel-1");
    let bytes = frames(Prefix::Ascii4, run, b"");
    counter.mixed_rounds(|round| {
        stage.arrives(channel, &bytes);
        stage.turn(0);
        round.count(run as u64, || stage.turn(0));
        let sent: usize = stage.take_sent(0).iter().map(|(_, bytes)| bytes.len()).sum();
        assert_eq!(sent, bytes.len());
        round.count(0, || stage.turn(0));
    });
}

/// A turn of 40 lines up, in which nothing comes.
fn idle_turn(counter: &mut Counter) {
    let mut cards = Cards::new(MANY_LINES);
    counter.rounds(1, || cards.stage.turn(0));
}
