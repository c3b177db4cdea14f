//! The switch's own decisions over whatever members send: a NAC with two lines, a host, two
//! stations, a pair. The judge keeps its own books: who asked under which number, with which
//! address, and until when.
//!
//! Input: a script; each act is a byte, and what it needs follows.

use std::collections::BTreeMap;

use ringswitch::frame::{Scan, scan};
use ringswitch::ids::LineId;
use ringswitch::limits::RUN_FRAMES_MAX;
use ringswitch::message::tpdu::{DESTINATION, SOURCE, Tpdu};
use ringswitch::reason::{Closed, Drop as Dropped};
use ringswitch::shared::response_table::ResponseTable;
use ringswitch::shared::status::Cause;
use ringswitch::switch::Switch;
use ringswitch::switch::line::phase::Phase;
use ringswitch::switch::step::{Cut, Fate, Forward, Kind, Place, Step};
use ringswitch::time::{Instant, Span};

use super::Bytes;

#[path = "../../../benches/plans/mod.rs"]
mod plans;

/// Acts of one script; more only cost time.
const ACTS_MAX: usize = 400;
const TICK: Span = Span::from_millis(50);

/// As the configuration has it.
const NAC: usize = 0;
const HOST: usize = 2;
const EAST: usize = 4;
const LINES: usize = 8;

pub fn run(input: &[u8]) {
    let (mut stage, mut script) = (Stage::new(), Bytes::new(input));
    for _ in 0..ACTS_MAX {
        if script.is_empty() {
            break;
        }
        stage.act(&mut script);
    }
}

fn configuration() -> String {
    plans::settings(1)
        + &plans::member("nac", "terminal", "tpdu", 7_001, 2, "")
        + &plans::member("host", "institution", "tpdu", 7_101, 2, "timers = { answer_within = \"1s\" }")
        + &plans::member("east", "institution", "station", 7_201, 1, "station = [\"48410000\"]")
        + &plans::member("west", "channel", "station", 7_301, 1, "station = [\"00010344\"]")
        + &plans::member("channel", "channel", "none", 7_401, 1, "")
        + &plans::member("merchant", "terminal", "none", 7_501, 1, "")
        + "[[route]]\nfrom = [\"nac\"]\nto = [\"host\"]\nmatch = { nii = [\"0003\", \"0525\"] }\n"
        + "[[route]]\nfrom = [\"channel\"]\nto = [\"merchant\"]\n"
}

/// A request that waits, as the judge remembers it.
struct Asked {
    line: LineId,
    nii: u16,
    address: u16,
    deadline: Instant,
}

struct Stage {
    switch: Switch,
    /// Received and not decided, by line in the order of the configuration; here that is its slot.
    unread: Vec<Vec<u8>>,
    asked: BTreeMap<u16, Asked>,
}

impl Stage {
    fn new() -> Self {
        let mut switch = plans::switch(&configuration());
        switch.begin_turn(Instant(1_000_000_000));
        assert_eq!(switch.lines.len(), LINES);
        Self { switch, unread: vec![Vec::new(); LINES], asked: BTreeMap::new() }
    }

    fn act(&mut self, script: &mut Bytes<'_>) {
        match script.byte() % 8 {
            0 | 1 => {
                let (line, len) = (script.below(LINES), script.below(256));
                let bytes = script.take(len).to_vec();
                self.receive(line, &bytes);
            }
            2 | 3 => self.request(script),
            4 => self.answer(script),
            5 => self.station(script),
            6 => self.wait(script.byte()),
            _ => self.breaks(script.below(LINES)),
        }
    }

    /// A frame whose length is right.
    fn send(&mut self, line: usize, data: &[u8]) {
        let prefix = self.switch.lines[line].plan.framing.prefix;
        let mut frame = vec![0; prefix.bytes()];
        prefix.write(data.len(), &mut frame);
        frame.extend_from_slice(data);
        self.receive(line, &frame);
    }

    fn request(&mut self, script: &mut Bytes<'_>) {
        let (line, nii) = (NAC + script.below(2), [3, 0x0525, 7, 0][script.below(4)]);
        let source = u16::from(script.byte()) << 8 | 1;
        let filling = script.below(256) * 9; // past the largest of either side, too
        for _ in 0..=script.below(4) {
            self.send(line, &head(nii, source, filling));
        }
    }

    /// To one that waits, exchanged, copied, with a foreign address, or twice.
    fn answer(&mut self, script: &mut Bytes<'_>) {
        let (line, which, manner, filling) = (HOST + script.below(2), script.byte(), script.byte(), script.below(256));
        let Some((number, asked)) = self.asked.iter().nth(usize::from(which) % self.asked.len().max(1)) else { return };
        let (number, nii) = (*number, asked.nii);
        let (destination, source) = match manner % 4 {
            0 | 1 => (number, nii),
            2 => (nii, number),
            _ => (number, u16::from(manner)),
        };
        for _ in 0..=manner / 128 {
            self.send(line, &head(destination, source, filling * 9));
        }
    }

    fn station(&mut self, script: &mut Bytes<'_>) {
        const IDS: [&str; 4] = ["48410000", "00010344", "99999999", ""];
        let (line, to, from) = (EAST + script.below(2), IDS[script.below(4)], IDS[script.below(4)]);
        let mut data = format!("\x2e\x020046{to:<11}{from:<11}{:0>18}", "").into_bytes();
        data.resize(data.len() + script.below(256), b'x');
        self.send(line, &data);
    }

    fn wait(&mut self, ticks: u8) {
        let (now, asked) = (self.switch.now + Span(TICK.0 * u64::from(ticks)), &mut self.asked);
        self.switch.begin_turn(now);
        for group in self.switch.groups.iter_mut().flatten() {
            let Some(table) = &group.shared.responses else { continue };
            table.sweep(&mut group.hand, now, |number, waiting| {
                let known = asked.remove(&number).expect("one that waits timed out");
                assert_eq!((waiting.line, waiting.address, waiting.nii), (known.line, known.address, known.nii));
                assert!(waiting.deadline <= now);
            });
            assert!(ResponseTable::sweep_due(&group.hand) > now, "swept, and due again at once");
        }
    }

    /// The line's connection ends and another comes, or the other way round.
    fn breaks(&mut self, line: usize) {
        let slot = line as u32;
        if self.switch.lines[line].phase == Phase::Up {
            self.switch.leave(slot);
            self.switch.down(slot, Closed::Reset);
            self.unread[line].clear();
        } else {
            self.switch.up(slot, Cause::Accepted, None);
        }
        self.switch.changes.clear();
    }

    fn receive(&mut self, line: usize, bytes: &[u8]) {
        if self.switch.lines[line].phase != Phase::Up {
            return;
        }
        let mut unread = std::mem::take(&mut self.unread[line]);
        unread.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let rest = &unread[at..];
            let step = self.switch.step(line as u32, rest, self.switch.now);
            assert!(step.len <= rest.len(), "{step:?} of {} bytes", rest.len());
            match step.fate {
                Fate::Part { needed } => {
                    assert!(step.len == 0 && needed > rest.len(), "{step:?} of {} bytes", rest.len());
                    assert!(needed <= self.switch.lines[line].plan.framing.frame_bytes_max());
                    break;
                }
                Fate::Blocked(_) => break,
                Fate::Malformed(_) => {
                    at = unread.len();
                    break;
                }
                fate => {
                    assert!(step.len > 0 && step.frames > 0, "{step:?}");
                    self.judge(line, &rest[..step.len], step, fate);
                }
            }
            at += step.len;
        }
        unread.drain(..at);
        self.unread[line] = unread;
    }

    fn judge(&mut self, line: usize, bytes: &[u8], step: Step, fate: Fate) {
        let cuts = self.switch.cuts.clone();
        match fate {
            Fate::Forward(forward) | Fate::Hold { frame: forward, .. } if !forward.unchanged => {
                assert_eq!(cuts.len(), step.frames as usize);
                assert!(cuts.len() <= RUN_FRAMES_MAX);
                let mut at = 0;
                for cut in &cuts {
                    at = self.cut(line, bytes, at, &forward, cut);
                }
                assert_eq!(at, bytes.len(), "bytes between or behind the frames of a run");
            }
            Fate::Forward(forward) => self.unchanged(line, bytes, step, &forward),
            // Its number is taken: nobody waits under it any more.
            Fate::Drop(Dropped::TooLarge | Dropped::RequesterStalled | Dropped::RequesterGone) => {
                self.forget(line, bytes);
            }
            _ => {}
        }
    }

    fn forget(&mut self, line: usize, bytes: &[u8]) {
        let prefix = self.switch.lines[line].plan.framing.prefix.bytes();
        if let (HOST..EAST, Some(head)) = (line, Tpdu::read(&bytes[prefix..])) {
            self.asked.remove(&head.destination);
            self.asked.remove(&head.source);
        }
    }

    /// One frame of a run: cut where it lies, and leaving with two other bytes at most.
    fn cut(&mut self, line: usize, bytes: &[u8], at: usize, forward: &Forward, cut: &Cut) -> usize {
        let framing = self.switch.lines[line].plan.framing;
        let Scan::Frame { data: len } = scan(framing, &bytes[at..]) else { panic!("no frame at {at}") };
        let start = at + framing.prefix.bytes();
        assert_eq!((cut.at as usize, usize::from(cut.len)), (start, len));
        let data = &bytes[start..start + len];
        let mut left = Vec::new();
        cut.write_to(forward.prefix, bytes, &mut left);
        let mut expected = vec![0; forward.prefix.bytes()];
        forward.prefix.write(len, &mut expected);
        expected.extend_from_slice(data);
        if let Some(rewrite) = cut.rewrite {
            assert!(usize::from(rewrite.at) == DESTINATION || usize::from(rewrite.at) == SOURCE);
            expected[forward.prefix.bytes() + usize::from(rewrite.at)..][..2]
                .copy_from_slice(&rewrite.value.to_be_bytes());
        }
        assert_eq!(left, expected, "more changed than the prefix and an address");
        match forward.kind {
            Kind::Request => self.claimed(line, data, forward, cut),
            Kind::Answer => self.answered(line, data, forward, cut),
            Kind::Pair => assert!(cut.rewrite.is_none() && self.other(line, forward)),
            Kind::Probe | Kind::Reject | Kind::Resent => panic!("these are the shard's own"),
        }
        start + len
    }

    fn claimed(&mut self, line: usize, data: &[u8], forward: &Forward, cut: &Cut) {
        let (head, rewrite) = (Tpdu::read(data).expect("a request has one"), cut.rewrite.expect("a number"));
        assert!((NAC..HOST).contains(&line) && self.is_group_of(HOST, forward), "asked of whom no route leads to");
        assert_eq!(usize::from(rewrite.at), SOURCE);
        assert!(![0, 0xffff, 3, 0x0525].contains(&rewrite.value), "{:04x} is never handed out", rewrite.value);
        assert!(forward.deadline > self.switch.now);
        let line = self.switch.lines[line].plan.id;
        let asked = Asked { line, nii: head.destination, address: head.source, deadline: forward.deadline };
        assert!(self.asked.insert(rewrite.value, asked).is_none(), "{:04x} is another's", rewrite.value);
    }

    fn answered(&mut self, line: usize, data: &[u8], forward: &Forward, cut: &Cut) {
        let (head, rewrite) = (Tpdu::read(data).expect("an answer has one"), cut.rewrite.expect("an address"));
        assert!((HOST..EAST).contains(&line) && self.is_group_of(NAC, forward), "an answer went astray");
        let exchanged = usize::from(rewrite.at) == DESTINATION;
        let (number, other) = if exchanged { (head.destination, head.source) } else { (head.source, head.destination) };
        let asked = self.asked.remove(&number).expect("nobody waits under that number");
        assert_eq!((rewrite.value, other), (asked.address, asked.nii));
        assert!(self.switch.now < asked.deadline, "an answer after its deadline");
        assert!(forward.rerouted || forward.to.line == asked.line || forward.to.place == Place::Nowhere);
    }

    /// Frames that leave as they came: of a pair or of a station.
    fn unchanged(&self, line: usize, bytes: &[u8], step: Step, forward: &Forward) {
        assert!(line >= EAST && forward.kind == Kind::Pair && self.other(line, forward));
        let framing = self.switch.lines[line].plan.framing;
        assert_eq!(forward.prefix, framing.prefix);
        let (mut at, mut frames) = (0, 0);
        while at < bytes.len() {
            let Scan::Frame { data } = scan(framing, &bytes[at..]) else { panic!("no frame at {at}") };
            (at, frames) = (at + framing.prefix.bytes() + data, frames + 1);
        }
        assert_eq!((at, frames), (bytes.len(), step.frames));
    }

    /// East and west, channel and merchant: each sends to the other only. A station may write to
    /// itself.
    fn other(&self, line: usize, forward: &Forward) -> bool {
        self.is_group_of(line ^ 1, forward) || (line < EAST + 2 && self.is_group_of(line, forward))
    }

    fn is_group_of(&self, line: usize, forward: &Forward) -> bool {
        self.switch.lines[line].plan.group == forward.group
    }
}

fn head(destination: u16, source: u16, filling: usize) -> Vec<u8> {
    let mut data = vec![0x60];
    data.extend_from_slice(&destination.to_be_bytes());
    data.extend_from_slice(&source.to_be_bytes());
    data.resize(data.len() + filling, 0x02);
    data
}
