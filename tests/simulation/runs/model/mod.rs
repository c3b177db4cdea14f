//! An independent judge of a run. It knows the configuration as it was written, what the members sent, and what the
//! fake kernel was given, handed over and was told to end; it shares no code with the switch, and looks after every
//! step. The switch's counters it reads only to hold them against its own books.
//!
//! What it holds the switch to is in DESIGN's guarantees: the right member, the whole frame, in order; no request
//! twice; no answer lost while a line of its group lives, none after its deadline; nobody paused, refused, closed or
//! touched without a reason; one fate for each frame; memory within its limit.

mod again;
mod begun;
mod books;
mod doings;
mod frames;
mod full;
mod health;
mod wires;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;

use ringswitch::shared::published::World;
use ringswitch::time::Instant;

use super::cast::Cast;
use super::message::Id;
use super::player::Key;
use crate::fake::{self, Id as Socket};
use crate::shards::stage::Witness;
use books::Books;
use health::Health;
use wires::Wire;

/// Milliseconds on the clock of the run.
pub const MILLI: u64 = 1_000_000;

/// The clocks of the switch have a grain, and what is under way in the kernel must be called back.
pub const DEADLINE_SLACK: u64 = 100 * MILLI;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Pair,
    Station,
    Request {
        nii: u16,
    },
    Answer {
        request: Id,
    },
    /// It must reach nobody.
    Junk,
}

/// A frame that a member has sent.
#[derive(Debug)]
pub struct Message {
    pub kind: Kind,
    pub from: Key,
    /// The member's socket.
    pub by: Socket,
    /// Whom it may go to, the preferred one first, by the configuration of its time.
    pub to: Vec<usize>,
    /// As it must arrive; a request's source address is the switch's affair.
    pub whole: Vec<u8>,
    /// When the last byte of it was handed to the switch.
    pub whole_at: Option<u64>,
    pub begun: Vec<Begun>,
    /// The kernel has all of it, and it need not go again.
    pub done: bool,
    /// The kernel has had all of it.
    pub given_once: bool,
    /// Since when it is known that it must go again.
    pub missing_since: Option<u64>,
    /// Something happened by which it may be dropped.
    pub excused: Option<&'static str>,
    /// What stands for its requester at the host.
    pub number: Option<u16>,
    /// Answers to it, of a request.
    pub answers: Vec<Id>,
}

impl Message {
    /// Notes why it may be dropped. The first reason stays, but for [`full::FULL`]: whatever happens to a frame that
    /// waits for a full line may be the reason all the same.
    fn excuse(&mut self, why: &'static str) {
        if self.excused.is_none_or(|before| before == full::FULL) {
            self.excused = Some(why);
        }
    }

    /// Something happened by which it may be dropped, beside that its destination is full.
    fn is_excused_otherwise(&self) -> bool {
        self.excused.is_some_and(|why| why != full::FULL)
    }
}

/// A frame of which bytes were given to the kernel on a connection.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    pub wire: Socket,
    pub at: u64,
    /// Where it ends in all that the connection was given, once all of it was.
    pub end: Option<u64>,
}

/// What a member says on one connection: frames in their order, none for a probe.
#[derive(Debug)]
pub struct Speech {
    pub key: Key,
    /// Each with the bytes as they were sent.
    pub frames: VecDeque<Option<(Id, Vec<u8>)>>,
    /// Since when and why it is over, or spoilt, on the member's side.
    pub ended: Option<(u64, &'static str)>,
    /// It does not read, or the network loses what is said.
    pub unwell: bool,
    /// It was unwell at some time: the switch may have given up on it.
    pub was_unwell: bool,
    pub spoilt: bool,
    /// When it sent something last; 0 before it has.
    pub spoke_at: u64,
}

pub struct Model {
    kernel: fake::World,
    /// The configurations in force, the last one now, each from its time on.
    casts: Vec<(u64, Rc<Cast>)>,
    ports: BTreeMap<u16, Key>,
    wires: BTreeMap<Socket, Wire>,
    speeches: BTreeMap<Socket, Speech>,
    messages: BTreeMap<Id, Message>,
    /// Whole in the switch, and not wholly given on.
    waiting: BTreeSet<Id>,
    /// The last message from a connection to a connection.
    order: BTreeMap<(Socket, Socket), Id>,
    health: Health,
    books: Books,
    /// By the host's place and number: who had it last.
    numbers: BTreeMap<(usize, u16), Id>,
    looked_at: u64,
    /// Nothing is judged by time that the process stood still.
    frozen_until: u64,
    /// When it began to stand still, the last time that it did.
    frozen_from: u64,
    stopping: bool,
    pub counts: Counts,
    /// What is wrong; the first is what matters.
    pub faults: Vec<String>,
}

/// What a run came to, so that many runs prove what they seem to.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    pub runs: u64,
    pub pairs: u64,
    pub stations: u64,
    pub requests: u64,
    pub answers: u64,
    pub rejected: u64,
    /// Answers that were begun on one line and finished on another.
    pub answers_again: u64,
    /// Answers that were given whole, not acknowledged, and given again.
    pub resent: u64,
    /// Messages of each header whose requests are answered.
    pub guarded: u64,
    pub keyed: u64,
    pub excused: u64,
    pub ended: u64,
    pub reloads: u64,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.pairs += other.pairs;
        self.stations += other.stations;
        self.requests += other.requests;
        self.answers += other.answers;
        self.rejected += other.rejected;
        self.answers_again += other.answers_again;
        self.resent += other.resent;
        self.guarded += other.guarded;
        self.keyed += other.keyed;
        self.excused += other.excused;
        self.ended += other.ended;
        self.reloads += other.reloads;
    }
}

impl Model {
    pub fn new(kernel: fake::World, shared: Arc<World>, casts: &[Cast]) -> Self {
        kernel.watch();
        let mut ports = BTreeMap::new();
        for cast in casts {
            for (member, of) in cast.members.iter().enumerate() {
                ports.extend(of.lines.iter().enumerate().map(|(line, of)| (of.port, (member, line))));
            }
        }
        let mut model = Self {
            kernel,
            books: Books::new(shared),
            casts: vec![(0, Rc::new(casts[0].clone()))],
            ports,
            wires: BTreeMap::new(),
            speeches: BTreeMap::new(),
            messages: BTreeMap::new(),
            waiting: BTreeSet::new(),
            order: BTreeMap::new(),
            health: Health::new(casts[0].members.len()),
            numbers: BTreeMap::new(),
            looked_at: 0,
            frozen_until: 0,
            frozen_from: 0,
            stopping: false,
            counts: Counts::default(),
            faults: Vec::new(),
        };
        for (key, name) in model.ports.values().map(|key| (*key, model.name(*key))).collect::<Vec<_>>() {
            model.books.names(key, &name);
        }
        model.books.learn();
        model
    }

    pub fn now(&self) -> u64 {
        let Instant(now) = self.kernel.now();
        now
    }

    fn cast(&self) -> Rc<Cast> {
        self.casts.last().expect("there is one from the start").1.clone()
    }

    /// The configurations that were in force at some time since.
    fn casts_since(&self, since: u64) -> impl Iterator<Item = &Cast> {
        let first = self.casts.iter().rposition(|(from, _)| *from <= since).unwrap_or(0);
        self.casts[first..].iter().map(|(_, cast)| &**cast)
    }

    fn fault(&mut self, what: String) {
        let now = self.now();
        self.faults.push(format!("at {}.{:06} s: {what}", now / 1_000_000_000, now / 1_000 % 1_000_000));
    }

    /// Connections of late and members, with times in milliseconds before now.
    fn picture(&self) -> String {
        let now = self.now();
        let ago = |at: Option<u64>| at.map_or("-".to_owned(), |at| format!("{}", (now - at.min(now)) / MILLI));
        let mut text = String::new();
        for (socket, wire) in &self.wires {
            if wire.closed.is_some_and(|at| at + 5_000 * MILLI < now) {
                continue;
            }
            let view = self.kernel.view(*socket);
            let speech = wire.peer.and_then(|peer| self.speeches.get(&peer));
            let _ = writeln!(
                text,
                "  {} ({socket}): up {} told {} abandoned {} finished {} closed {} peer ended {} unwell {:?} room {} unread {}",
                self.name(wire.key),
                ago(wire.up_at),
                ago(wire.told.map(|(at, _)| at)),
                ago(wire.abandoned),
                wire.finished,
                ago(wire.closed),
                ago(speech.and_then(|speech| Some(speech.ended?.0))),
                speech.map(|speech| speech.unwell),
                view.room,
                view.unread
            );
        }
        for (at, member) in self.health.members.iter().enumerate() {
            let (disturbed, changed) = (ago(Some(member.disturbed_at)), ago(Some(member.changed_at)));
            let name = &self.casts[0].1.members[at].name;
            let _ = writeln!(text, "  {name}: disturbed {disturbed} changed {changed} dead {}", ago(member.dead_since));
        }
        text + &self.books.dropped()
    }

    /// What became of a message.
    fn history(&self, id: Id) -> String {
        let (now, of) = (self.now(), &self.messages[&id]);
        let ago = |at: u64| (now - at) / MILLI;
        let begun: Vec<String> = of
            .begun
            .iter()
            .map(|begun| format!("{} {} ms ago to {:?}", begun.wire, ago(begun.at), begun.end))
            .collect();
        let deadline = self.deadline(id).map(|deadline| deadline as i64 - now as i64).map(|left| left / MILLI as i64);
        let whole = of.whole_at.map(ago);
        format!("whole {whole:?} ms ago, {deadline:?} ms left, for {:?}, begun {begun:?}, {:?}", of.to, of.excused)
    }

    fn name(&self, (member, line): Key) -> String {
        self.casts[0].1.members[member].lines[line].name.clone()
    }

    fn describe(&self, id: Id) -> String {
        let of = &self.messages[&id];
        format!("{:?} {id} of {} ({})", of.kind, self.name(of.from), self.history(id))
    }

    /// Everything has come to rest, every line is up and everybody reads: nothing may be left over.
    pub fn rests(&mut self) {
        self.counts.excused = self.messages.values().filter(|of| of.excused.is_some() && !of.done).count() as u64;
        self.look();
        let stayed = |key: Key| self.casts.iter().all(|(_, cast)| cast.line_present(key.0, key.1));
        let faults = self.books.faults_at_rest(&self.messages, &self.wires, stayed);
        faults.into_iter().for_each(|fault| self.fault(fault));
    }
}

impl Witness for Model {
    fn look(&mut self) {
        for fact in self.kernel.facts() {
            self.learn(fact);
        }
        let now = self.now();
        let members = self.casts[0].1.members.len();
        if let Some(fault) = self.books.fault() {
            self.fault(fault);
        }
        if now >= self.looked_at + 20 * MILLI {
            self.looked_at = now;
            self.look_at_health(members);
            self.look_at_waiting();
        }
        if let Some(first) = self.faults.first() {
            panic!("{first}\n{}", self.picture());
        }
    }
}
