//! Shards over the fake kernel, all on one thread and by one clock that jumps to the next thing that happens.
//!
//! A shard turns only when the kernel would end its wait: a wake-up that the code forgot is a shard that sleeps on.
//! While it waits its bed says so, as it does while a thread waits in the kernel.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use ringswitch::config::Built;
use ringswitch::config::plan::Plan;
use ringswitch::control::listeners::listening;
use ringswitch::control::publisher::Publisher;
use ringswitch::control::source::Fault;
use ringswitch::ids::{LineId, ShardId};
use ringswitch::metrics::KnownLines;
use ringswitch::reason::{Closed, Drop};
use ringswitch::ring::{Listener, Ring, Socket};
use ringswitch::shard::thread::posts;
use ringswitch::shard::{Shard, Turn};
use ringswitch::shared::counters::{Hot, LineCounters};
use ringswitch::shared::inbox::{Command, Event};
use ringswitch::shared::published::{LineShared, World};
use ringswitch::shared::status::LineState;
use ringswitch::time::{Instant, Span};

use super::opening::{self, FILE};
use crate::fake::{self, Conditions, FakeRing, Peer};

/// Turns at one instant after which a shard is said to be busy with nothing.
const TURNS_AT_ONCE_MAX: u64 = 20_000;

/// Looks at everything after every step: a turn of a shard, a moment that passed.
pub trait Witness {
    fn look(&mut self);
}

pub struct Stage {
    pub kernel: fake::World,
    pub world: Arc<World>,
    pub plan: Arc<Plan>,
    shards: Vec<Shard<FakeRing>>,
    stopped: Vec<bool>,
    pub turns: u64,
    /// Every change of a line's state, as the log would show it.
    pub events: Vec<Event>,
    publisher: Publisher,
    built: Built,
    known: KnownLines,
    /// Listening sockets, and who of the switch still holds them.
    ears: Vec<(Socket, Weak<Listener>)>,
    witness: Option<Rc<RefCell<dyn Witness>>>,
}

pub fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Stage {
    /// Shards that have taken the plan of `text` and opened its lines.
    pub fn new(text: &str) -> Self {
        Self::with(text, 1, Conditions::default())
    }

    pub fn with(text: &str, seed: u64, conditions: Conditions) -> Self {
        let mut stage = Self::before(text, seed, conditions);
        stage.settle();
        stage
    }

    /// The same before the first turn: programs that the switch connects to can still begin to listen.
    pub fn before(text: &str, seed: u64, conditions: Conditions) -> Self {
        Self::over(text, seed, fake::World::with_conditions(seed, conditions), |kernel| kernel.ring())
    }

    /// The same with rings of the caller's making.
    pub fn over(text: &str, seed: u64, kernel: fake::World, mut ring: impl FnMut(&fake::World) -> FakeRing) -> Self {
        let built = opening::built(text, None, kernel.now()).unwrap_or_else(|faults| panic!("{faults}"));
        let (plan, mut known) = (built.plan.clone(), KnownLines::default());
        let bind = |address| kernel.bind(address);
        let publisher = Publisher::first(plan.clone(), &bind, FILE, &mut known, Box::new(opening::Fixed));
        let publisher = publisher.expect("free addresses");
        let world = publisher.world().clone();
        let posts = posts(usize::from(plan.settings.shards));
        let shards: Vec<_> = posts
            .into_iter()
            .enumerate()
            .map(|(at, post)| Shard::new(ShardId(at as u16), ring(&kernel), world.clone(), post, seed + at as u64))
            .collect();
        let stopped = vec![false; shards.len()];
        let (turns, events, ears, witness) = (0, Vec::new(), Vec::new(), None);
        let mut stage =
            Self { kernel, world, plan, shards, stopped, turns, events, publisher, built, known, ears, witness };
        stage.note_ears();
        stage
    }

    /// From now on `witness` looks after every step.
    pub fn watched_by(&mut self, witness: Rc<RefCell<dyn Witness>>) {
        self.witness = Some(witness);
    }

    fn look(&self) {
        if let Some(witness) = &self.witness {
            witness.borrow_mut().look();
        }
    }

    /// Takes another configuration, as the control thread does; the shards apply it when they turn.
    ///
    /// # Errors
    /// Why it is refused; then nothing has changed.
    pub fn reload(&mut self, text: &str) -> Result<(), String> {
        let built = opening::built(text, Some(&self.built), self.now())?;
        let refused = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Publisher::possible(&self.plan, &built.plan, FILE).map_err(refused)?;
        let (kernel, bound) = (self.kernel.clone(), RefCell::new(Vec::new()));
        let bind = |address| {
            let listener = kernel.bind(address)?;
            bound.borrow_mut().push(listener.socket);
            Ok(listener)
        };
        let staged = self.publisher.stage(built.plan.clone(), &bind, FILE, &mut self.known);
        if staged.is_err() {
            // What was bound for the plan is let go of, which closes it.
            bound.take().into_iter().for_each(|socket| self.kernel.unlisten(socket));
        }
        self.publisher.publish(staged.map_err(refused)?);
        self.plan = built.plan.clone();
        self.built = built;
        self.note_ears();
        self.shards.iter().for_each(|shard| shard.ring().waker().wake());
        Ok(())
    }

    fn note_ears(&mut self) {
        for (_, address) in listening(&self.plan) {
            let listener = self.publisher.listeners().get(address).expect("every listener of the plan is open");
            if self.ears.iter().all(|(socket, _)| *socket != listener.socket) {
                self.ears.push((listener.socket, Arc::downgrade(listener)));
            }
        }
    }

    /// Closes the listening sockets that nobody holds any more, as dropping a descriptor does.
    fn close_ears(&mut self) {
        let Self { kernel, ears, .. } = self;
        ears.retain(|(socket, held)| {
            let open = held.strong_count() > 0;
            if !open {
                kernel.unlisten(*socket);
            }
            open
        });
    }

    pub fn now(&self) -> Instant {
        self.kernel.now()
    }

    fn is_due(&self, at: usize) -> bool {
        let shard = ShardId(at as u16);
        !self.stopped[at] && (self.kernel.wish(shard).is_none() || self.kernel.is_due(shard))
    }

    fn turn(&mut self, at: usize) {
        self.turns += 1;
        self.world.beds[at].sleeper.get_up();
        self.stopped[at] = self.shards[at].turn() == Turn::Stopped;
        if self.stopped[at] {
            self.kernel.retire(ShardId(at as u16));
        }
        if !self.stopped[at] && self.kernel.wish(ShardId(at as u16)).is_some() {
            self.world.beds[at].sleeper.lie_down();
        }
        while let Some(event) = self.world.inbox.events.pop() {
            self.events.push(event);
        }
        self.look();
    }

    /// Turns until every shard waits, without a moment passing. Who goes first is chance.
    pub fn settle(&mut self) {
        let before = self.turns;
        loop {
            let mut due: Vec<usize> = (0..self.shards.len()).filter(|at| self.is_due(*at)).collect();
            if due.is_empty() {
                self.publisher.tidy();
                self.close_ears();
                return self.assert_nobody_oversleeps();
            }
            if due.len() > 1 {
                let first = self.kernel.below(due.len() as u64) as usize;
                due.rotate_left(first);
            }
            due.into_iter().for_each(|at| self.turn(at));
            assert!(
                self.turns - before < TURNS_AT_ONCE_MAX,
                "a shard turns and turns at {:?}{}",
                self.now(),
                self.awake()
            );
        }
    }

    /// What is on its way arrives, but no shard looks.
    pub fn arrive(&mut self) {
        while self.kernel.jump(self.kernel.now()) {}
    }

    /// One turn of each shard that the kernel would let turn; false if none was.
    pub fn step(&mut self) -> bool {
        let due: Vec<usize> = (0..self.shards.len()).filter(|at| self.is_due(*at)).collect();
        due.iter().for_each(|at| self.turn(*at));
        !due.is_empty()
    }

    /// What keeps the shards awake.
    fn awake(&self) -> String {
        let of = |(at, shard): (usize, &Shard<FakeRing>)| {
            let (id, bed) = (ShardId(at as u16), &self.world.beds[at]);
            format!(
                "; {at}: due {}, waits {:?}, mail {}, nudged {}",
                self.is_due(at),
                self.kernel.wish(id),
                shard.has_mail(),
                bed.is_nudged()
            )
        };
        self.shards.iter().enumerate().map(of).collect()
    }

    /// Its sign of life each second would hide a wake-up that was forgotten.
    fn assert_nobody_oversleeps(&self) {
        for (at, shard) in self.shards.iter().enumerate().filter(|(at, _)| !self.stopped[*at]) {
            let now = self.now();
            assert!(!shard.has_mail(), "shard {at} sleeps with letters unread at {now:?}");
            assert!(!self.world.beds[at].is_nudged(), "shard {at} sleeps though a way has opened at {now:?}");
            assert!(self.world.inbox.commands[at].is_empty(), "shard {at} sleeps with orders at {now:?}");
        }
    }

    pub fn run_until(&mut self, until: Instant) {
        self.settle();
        while self.kernel.jump(until) {
            self.look();
            self.settle();
        }
        self.settle();
        self.look();
    }

    pub fn pass(&mut self, span: Span) {
        self.run_until(self.now() + span);
    }

    pub fn pass_secs(&mut self, secs: u64) {
        self.pass(Span::from_secs(secs));
    }

    /// A member's program connects to a line of the switch.
    pub fn connect(&mut self, port: u16) -> Peer {
        self.connect_from(address(0), port)
    }

    pub fn connect_from(&mut self, from: SocketAddr, port: u16) -> Peer {
        let peer = self.kernel.connect(from, address(port));
        self.pass(Span::ZERO);
        peer
    }

    /// Sends, and lets the switch do what follows at once.
    pub fn send(&mut self, peer: &Peer, bytes: &[u8]) {
        peer.send(bytes);
        self.settle();
    }

    pub fn command(&mut self, shard: usize, command: Command) {
        self.world.inbox.commands[shard].push(command);
        self.shards[shard].ring().waker().wake();
    }

    /// Ends all shards, as a signal does.
    pub fn stop(&mut self, within: Span) {
        let until = self.now() + within;
        (0..self.shards.len()).for_each(|at| self.command(at, Command::Stop { until }));
        self.run_until(until + Span::from_secs(2));
        assert!(self.stopped.iter().all(|stopped| *stopped), "a shard did not stop");
        assert_eq!(self.kernel.sockets_open(), 0, "sockets are left open");
    }

    pub fn line_id(&self, name: &str) -> LineId {
        opening::line(&self.plan, name)
    }

    pub fn line(&self, name: &str) -> Arc<LineShared> {
        self.world.current().line(self.line_id(name)).expect("a line of the plan").clone()
    }

    pub fn state(&self, name: &str) -> LineState {
        self.line(name).status.state()
    }

    pub fn closed(&self, name: &str, reason: Closed) -> u64 {
        self.line(name).counters.closed(reason)
    }

    pub fn dropped(&self, name: &str, reason: Drop) -> u64 {
        self.line(name).counters.dropped(reason)
    }

    /// Frames that the switch says it holds.
    pub fn held(&self) -> i64 {
        let sum = |cell: fn(&ringswitch::shared::counters::ShardCounters) -> u64| {
            self.world.shards.iter().map(cell).sum::<u64>() as i64
        };
        sum(|shard| shard.held_in.load(Relaxed)) - sum(|shard| shard.held_out.load(Relaxed))
    }

    /// Bytes of queues and stashes, by the switch's account.
    pub fn memory(&self) -> u64 {
        self.world.shards.iter().map(|shard| shard.memory.load(Relaxed)).sum()
    }

    pub fn counters(&self) -> Vec<(String, Arc<LineShared>)> {
        let lines = self.plan.lines.iter().flatten();
        lines.map(|line| (line.name.to_string(), self.line(&line.name))).collect()
    }

    /// INTERFACE: every frame received has exactly one fate, at a quiet moment on every line by itself.
    pub fn assert_fates_add_up(&self) {
        assert_eq!(self.held(), 0, "frames are held at a quiet moment");
        for (name, line) in self.counters() {
            let (received, fates) = (line.counters.hot(Hot::FramesReceived), fates(&line.counters));
            assert_eq!(received, fates, "{name}: frames received, and fates; {:?}", drops(&line.counters));
        }
        assert_eq!(fates(&self.world.strays), 0);
    }
}

pub fn fates(counters: &LineCounters) -> u64 {
    let sent = [Hot::ProbesReceived, Hot::RequestsForwarded, Hot::AnswersForwarded];
    let sent: u64 = sent.iter().map(|cell| counters.hot(*cell)).sum();
    sent + drops(counters).iter().map(|(_, count)| count).sum::<u64>()
}

pub fn drops(counters: &LineCounters) -> Vec<(Drop, u64)> {
    let of = |reason: &Drop| (*reason, counters.dropped(*reason));
    Drop::ALL.iter().map(of).filter(|(_, count)| *count > 0).collect()
}

impl std::ops::Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var("LOOK").is_ok() {
            for shard in &self.shards {
                println!("SWITCH {:#?}", shard.switch());
            }
        }
    }
}
