//! All lines of the member at our end, kept alive while one of them is tested.

#![expect(clippy::disallowed_methods, reason = "sockets are looked at in turn, with naps between")]

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use super::requests::{self, Answer, Asked, Talk};
use super::wire::{NAP, Wire};
use super::{Options, Part, Untestable};
use crate::config::plan::{Line, Member, OnLineLoss, Plan, Side};
use crate::simulate::clock::Clock;
use crate::simulate::message::{self, Addresses, Header, Request, Seen};
use crate::time::{Instant, Span};

/// What a busy machine may add to a time that is judged.
pub const SLACK: Span = Span::from_secs(5);

pub struct Bench<'a> {
    pub member: Arc<str>,
    pub part: Part,
    pub wires: Vec<Wire>,
    talks: Vec<Option<Talk>>,
    clock: Clock,
    run: u64,
    asked: BTreeMap<u64, Asked>,
    serial: u64,
    /// By line: when it breaks, the others of its group are closed, too (`on_line_loss`).
    rebuilt: Vec<bool>,
    /// Whether a whole request was answered over each line, once that was tried.
    answers: Vec<Option<bool>>,
    stop: &'a dyn Fn() -> bool,
}

impl<'a> Bench<'a> {
    pub fn open(
        plan: &Plan,
        member: &Member,
        lines: &[Arc<Line>],
        options: &Options,
        stop: &'a dyn Fn() -> bool,
    ) -> Result<Self, Untestable> {
        let clock = Clock::start();
        let open = |line: &Arc<Line>| {
            Wire::open(Arc::clone(line), options.part, options.bind, clock).map_err(|error| {
                let (Side::Listen(address) | Side::Connect { remote: address, .. }) = line.side;
                Untestable::Listen { part: options.part, address, error }
            })
        };
        Ok(Self {
            member: member.name.clone(),
            part: options.part,
            wires: lines.iter().map(open).collect::<Result<_, _>>()?,
            talks: lines.iter().map(|line| requests::talk(plan, member, line, options.part)).collect(),
            rebuilt: lines.iter().map(|line| is_rebuilt(plan, line)).collect(),
            clock,
            run: RandomState::new().build_hasher().finish(),
            asked: BTreeMap::new(),
            serial: 0,
            answers: vec![None; lines.len()],
            stop,
        })
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    pub fn stopped(&self) -> bool {
        (self.stop)()
    }

    /// Keeps all lines going until `done`, no longer than `limit`. False: it did not come to that.
    pub fn wait(&mut self, limit: Span, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let until = self.now() + limit;
        loop {
            self.turn();
            if done(self) {
                return true;
            }
            if self.now() >= until || self.stopped() {
                return false;
            }
            std::thread::sleep(NAP.as_duration());
        }
    }

    pub fn pause(&mut self, span: Span) {
        self.wait(span, |_| false);
    }

    /// Whether the line is closed when another of its group breaks.
    pub fn falls_with_others(&self, at: usize) -> bool {
        self.rebuilt[at]
    }

    /// Connections that have ended, on all lines.
    pub fn ends(&self) -> u64 {
        self.wires.iter().map(|wire| wire.seen.ends).sum()
    }

    fn turn(&mut self) {
        for at in 0..self.wires.len() {
            self.wires[at].turn();
            for data in std::mem::take(&mut self.wires[at].frames) {
                self.take_frame(at, &data);
            }
        }
    }

    fn take_frame(&mut self, at: usize, data: &[u8]) {
        let Some(header) = self.talks[at].as_ref().map(|talk| talk.header) else { return };
        match message::read(header, data) {
            Some(Seen::Answer { run, serial }) if run == self.run => self.take_answer(at, serial, data),
            // Its sender is `ringswitch simulate`; a request of anybody else's waits in vain.
            Some(Seen::Request { .. }) => self.reply(at, header, data),
            _ if matches!(header, Header::Tpdu | Header::Iso8583(_)) => self.take_foreign(at, data),
            _ => {}
        }
    }

    fn take_answer(&mut self, over: usize, serial: u64, data: &[u8]) {
        let Some(asked) = self.asked.get_mut(&serial) else { return };
        let right = asked.request.answered_by(data, asked.size, asked.sum, &mut Vec::new());
        // The first counts, unless it is damaged by what came before it.
        asked.answer = Some(Answer { over, right: right && asked.answer.is_none_or(|answer| answer.right) });
    }

    /// A host that is not the simulator answers with a message of its own.
    fn take_foreign(&mut self, over: usize, data: &[u8]) {
        let open = self
            .asked
            .values_mut()
            .find(|asked| asked.answer.is_none() && requests::is_answer_to(&asked.request, data));
        if let Some(asked) = open {
            asked.answer = Some(Answer { over, right: true });
        }
    }

    fn reply(&mut self, at: usize, header: Header, data: &[u8]) {
        let mut answer = Vec::new();
        message::answer(header, data, Addresses::Exchanged, &mut answer);
        let group = self.wires[at].line.group;
        let part = self.part;
        let fits = |wire: &&mut Wire| part.sends(&wire.line) && wire.line.group == group && wire.is_up() && !wire.mute;
        let over = if part.sends(&self.wires[at].line) {
            Some(&mut self.wires[at]).filter(|wire| !wire.mute)
        } else {
            self.wires.iter_mut().find(fits)
        };
        if let Some(wire) = over {
            wire.send(&framed(&wire.line.clone(), &answer));
        }
    }

    pub fn talk(&self, at: usize) -> Option<&Talk> {
        self.talks[at].as_ref()
    }

    /// The smallest request.
    pub fn least(&self, at: usize) -> usize {
        self.talks[at].as_ref().map_or(0, |talk| talk.header.least())
    }

    /// Makes a request of `size` data bytes, to be sent over the line, and expects its answer.
    /// `None`: the peer answers none on this line.
    pub fn ask(&mut self, at: usize, size: usize, hold: Span) -> Option<(u64, Vec<u8>)> {
        let way = self.talks[at].as_ref()?.way?;
        let serial = self.serial;
        self.serial += 1;
        let terminal = requests::terminal(serial);
        let request = Request { way, terminal, run: self.run, serial, sent: self.now(), hold };
        let mut frame = Vec::new();
        let sum = request.append(size, self.wires[at].line.framing, &mut frame);
        self.asked.insert(serial, Asked { request, size, sum, answer: None });
        Some((serial, frame))
    }

    pub fn answer(&self, serial: u64) -> Option<Answer> {
        self.asked.get(&serial)?.answer
    }

    /// Brings the line up, or waits until the peer has. One that did not come back once is not
    /// waited for again.
    pub fn bring_up(&mut self, at: usize) -> bool {
        let limit = if self.wires[at].gone { Span::ZERO } else { back_within(&self.wires[at].line) };
        let up = self.wait(limit, |bench| bench.wires[at].is_up());
        self.wires[at].gone = !up;
        up
    }

    /// Brings up another line of the group that `fits`.
    pub fn sibling(&mut self, at: usize, fits: impl Fn(Part, &Line) -> bool) -> Option<usize> {
        let group = self.wires[at].line.group;
        (0..self.wires.len()).find(|&other| {
            let line = &self.wires[other].line;
            other != at && line.group == group && fits(self.part, line) && self.bring_up(other)
        })
    }

    /// Whether the peer answers a whole request over this line: what framing is judged by. Asked a
    /// few times, because a switch whose host has just come up drops a request or two.
    pub fn answers(&mut self, at: usize) -> bool {
        if let Some(known) = self.answers[at] {
            return known;
        }
        let Some(patience) = self.talks[at].as_ref().map(|talk| talk.patience) else { return false };
        let size = self.least(at);
        let mut answered = false;
        let mut serials = Vec::new();
        for _ in 0..3 {
            let Some((serial, frame)) = self.ask(at, size, Span::ZERO) else { return false };
            serials.push(serial);
            if !self.wires[at].send(&frame) {
                break;
            }
            let any = |bench: &mut Self| serials.iter().any(|&serial| bench.answer(serial).is_some());
            answered = self.wait(Span(patience.0 / 3), any);
            if answered {
                break;
            }
        }
        self.answers[at] = Some(answered);
        answered
    }
}

fn is_rebuilt(plan: &Plan, line: &Line) -> bool {
    plan.group(line.group).is_some_and(|group| group.on_line_loss == OnLineLoss::ResetGroup)
}

/// How long a line may take to come back: the longest pause with its jitter, and the connect.
pub fn back_within(line: &Line) -> Span {
    let pause = line.timers.reconnect_longest.0;
    Span(pause + pause / 2 + line.timers.connect_within.0.min(SLACK.0 * 2))
}

/// The data behind its length.
pub fn framed(line: &Line, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; line.framing.prefix.bytes()];
    line.framing.prefix.write(data.len(), &mut frame);
    frame.extend_from_slice(data);
    frame
}
