//! A run: the world of a seed, and a schedule played in it, with the judge looking on.

mod traffic;
mod trouble;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use ringswitch::time::Span;

use super::cast::{Cast, HOME, SECOND};
use super::message::Id;
use super::model::Model;
use super::player::{Asked, Key, Player};
use super::schedule::{Event, Nth, Step};
use crate::fake::{self, Conditions, Faults, Peer, Random, Server};
use crate::shards::opening;
use crate::shards::stage::Stage;

/// Everything that a seed draws before the first event.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub seed: u64,
    /// The configuration at the start, and those of the reloads.
    pub casts: Vec<Cast>,
    pub conditions: Conditions,
    pub faults: Faults,
    pub receive_buffers: u16,
    pub first_number: u16,
    pub schedule: Vec<Step>,
    /// It stops in the middle of things.
    pub stops_at_once: bool,
}

impl Drawn {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let first = Cast::draw(&mut random);
        let mut casts = vec![first.clone()];
        casts.extend(first.variants(&mut random));
        let narrow = random.chance(40);
        let conditions = Conditions {
            latency: Span::from_micros(random.below(300)),
            jitter: Span::from_micros(random.below(200)),
            // Where sockets hold little, queues form inside, and frames are given in parts.
            send_buffer: if narrow { 200 + random.below(1_500) } else { 2_000 + random.below(60_000) } as usize,
            window: if narrow { 200 + random.below(1_500) } else { 2_000 + random.below(60_000) } as usize,
            ..Conditions::default()
        };
        let faults = Faults::swarm(&mut random);
        let receive_buffers = [2, 4, 16, 256][random.below(4) as usize];
        let first_number = [0x0100, 0xfff0, random.next() as u16][random.below(3) as usize];
        let lines = first.members.iter().map(|member| member.lines.len()).sum::<usize>();
        let schedule = super::schedule::draw(&mut random, lines as Nth);
        let stops_at_once = random.chance(15);
        Self { seed, casts, conditions, faults, receive_buffers, first_number, schedule, stops_at_once }
    }
}

/// The memory that a shard sends from: its share of `memory`, and not so much that a run takes long to make.
pub fn chunk_bytes(cast: &Cast) -> usize {
    let share = cast.settings.memory / u64::from(cast.settings.shards);
    (share as usize).min(2 << 20)
}

pub struct Run {
    random: Random,
    pub stage: Stage,
    pub model: Rc<RefCell<Model>>,
    casts: Vec<Cast>,
    /// The configuration in force.
    cast: Cast,
    players: Vec<Player>,
    /// Requests that wait for an answer, by member.
    asked: Vec<VecDeque<Asked>>,
    /// What was answered, to be answered once more.
    answered: Vec<(usize, Asked)>,
    last_id: Id,
    /// Second connections and strangers, which are let go of after a while.
    intruders: VecDeque<Peer>,
    foreign: Option<Server>,
    /// A connection may be half open, which the switch finds out in its time.
    has_cut: bool,
    pub log: bool,
}

impl Run {
    pub fn new(drawn: &Drawn) -> Self {
        opening::begin_numbers_at(drawn.first_number);
        let kernel = fake::World::with_conditions(drawn.seed, drawn.conditions);
        let cast = drawn.casts[0].clone();
        let chunks = chunk_bytes(&cast);
        let stage = Stage::over(&cast.text(), drawn.seed, kernel.clone(), |kernel| {
            kernel.ring_with(drawn.receive_buffers, chunks)
        });
        let model = Rc::new(RefCell::new(Model::new(kernel.clone(), stage.world.clone(), &drawn.casts)));
        let lines = cast
            .members
            .iter()
            .enumerate()
            .flat_map(|(member, of)| (0..of.lines.len()).map(move |line| (member, line)));
        let home = |key: &Key| if (key.0 + key.1) % 3 == 2 { SECOND } else { HOME };
        let players = lines.map(|key| Player::new(&kernel, key, &drawn.casts, home(&key))).collect();
        let asked = cast.members.iter().map(|_| VecDeque::new()).collect();
        let mut run = Self {
            random: Random::new(drawn.seed ^ 0x5eed),
            stage,
            model,
            casts: drawn.casts.clone(),
            cast,
            players,
            asked,
            answered: Vec::new(),
            last_id: 0,
            intruders: VecDeque::new(),
            foreign: None,
            has_cut: false,
            log: false,
        };
        run.stage.watched_by(run.model.clone());
        run.come_up();
        run.stage.kernel.set_faults(drawn.faults);
        run
    }

    fn now(&self) -> u64 {
        self.stage.now().0
    }

    /// Every line of the configuration has its connection.
    fn come_up(&mut self) {
        for _ in 0..200 {
            self.begin_all();
            self.pass(20_000);
            if self.down().is_empty() {
                return;
            }
        }
        panic!("the lines do not come up: {:?}", self.down());
    }

    /// Lines that should have a connection and have none.
    fn down(&self) -> Vec<String> {
        let cast = &self.cast;
        let wanted = |player: &&Player| cast.line_present(player.key.0, player.key.1) && player.is_allowed(cast);
        let down = self.players.iter().filter(wanted).filter(|player| !player.is_up());
        let name = |player: &Player| cast.members[player.key.0].lines[player.key.1].name.clone();
        down.map(|player| format!("{} {:?}", name(player), self.stage.state(&name(player)))).collect()
    }

    /// Lets time go by; members who have nothing to say say so.
    fn pass(&mut self, micros: u64) {
        let (mut left, silence) = (micros, self.cast.settings.silent_after * 250_000);
        loop {
            let now = self.now();
            for player in &mut self.players {
                player.keep_alive(now, silence, &mut self.model.borrow_mut());
            }
            // At rest little happens, and long.
            let step = left.min(if micros > 5_000_000 { 500_000 } else { 100_000 });
            self.stage.pass(Span::from_micros(step));
            self.read();
            left -= step;
            if left == 0 {
                return;
            }
        }
    }

    fn read(&mut self) {
        for player in &mut self.players {
            self.asked[player.key.0].extend(player.read(&self.model.borrow()));
        }
    }

    fn begin_all(&mut self) {
        for player in &mut self.players {
            player.begin(&self.stage.kernel, &self.cast, &mut self.model.borrow_mut());
        }
    }

    pub fn play(&mut self, step: &Step) {
        if self.log {
            println!("{:>12} µs  {step}", self.now() / 1_000);
        }
        self.happen(step.event);
        self.read();
        self.pass(u64::from(step.pause_micros));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Send { line, frames, seed } => self.send(line, frames, &mut Random::new(u64::from(seed))),
            Event::Answer { many, seed } => self.answer(many, &mut Random::new(u64::from(seed))),
            Event::AnswerAgain { seed } => self.answer_again(&mut Random::new(u64::from(seed))),
            Event::Junk { line, seed } => self.junk(line, &mut Random::new(u64::from(seed))),
            Event::Probe { line } => self.probe(line),
            Event::BadLength { line } => self.bad_length(line),
            Event::Slow { line } => self.slow(line),
            Event::Begin => self.begin_all(),
            Event::Reset { line } | Event::Close { line } | Event::Finish { line } => self.break_off(line, event),
            Event::Cut { line, way } => self.cut(line, way),
            Event::Heal { line } => self.heal(line),
            Event::Vanish { line } => self.vanish(line),
            Event::Second { line } | Event::Stranger { line } => self.intrude(line, event),
            Event::Disable { line } => self.out_of_service(line),
            Event::Enable { line } => self.in_service(line),
            Event::Reload { to } => self.reload(usize::from(to)),
            Event::RefusedReload { how } => self.refused_reload(how),
            Event::Freeze { millis } => self.freeze(millis),
            Event::NoDescriptors { millis } => self.no_descriptors(millis),
            Event::Wait => {}
        }
    }

    fn player(&mut self, line: Nth) -> &mut Player {
        let count = self.players.len();
        &mut self.players[usize::from(line) % count]
    }

    /// Everybody reads, connects, answers and completes what was begun, until nothing is due any more.
    pub fn come_to_rest(&mut self) {
        self.stage.kernel.set_faults(Faults::default());
        for line in 0..self.players.len() as Nth {
            self.in_service(line);
            self.heal(line);
            if self.player(line).slow {
                self.slow(line);
            }
        }
        while !self.intruders.is_empty() {
            self.turn_away();
        }
        if self.has_cut {
            let of = &self.cast.settings;
            self.pass((of.silent_after + 3 * of.unread_within) * 1_000);
        }
        let rounds = 30 + self.cast.settings.drain_within.div_ceil(100).min(70);
        for _ in 0..rounds {
            self.begin_all();
            self.pass(100_000);
            let mut random = Random::new(self.last_id);
            self.answer(u8::MAX, &mut random);
        }
        let rest =
            Span::from_millis(self.casts.iter().map(|cast| cast.settings.answer_within).max().unwrap_or(0) + 100);
        for _ in 0..2 {
            self.pass(rest.0 / 1_000);
            self.begin_all();
        }
        self.come_up();
        self.pass(13_000_000);
        self.model.borrow_mut().rests();
        if self.model.borrow().counts.reloads == 0 {
            for (name, line) in self.stage.counters() {
                assert_eq!(line.counters.pending(), 0, "{name}: requests still wait");
            }
        }
    }

    /// Every way still goes: requests are answered, pairs and stations are reached.
    pub fn try_every_way(&mut self) {
        let first = self.last_id + 1;
        let mut random = Random::new(first);
        for line in 0..self.players.len() as Nth {
            let player = self.player(line);
            if player.can_send() {
                self.send(line, 2, &mut random);
            }
        }
        for _ in 0..20 {
            self.pass(100_000);
            self.answer(u8::MAX, &mut random);
        }
        self.pass(2_000_000);
        self.model.borrow_mut().rests();
    }

    /// Nothing is left over.
    pub fn check_rest(&self) {
        if self.model.borrow().counts.reloads == 0 {
            self.stage.assert_fates_add_up();
        }
        assert_eq!(self.stage.held(), 0, "frames are held at a quiet moment");
        for (name, line) in self.stage.counters() {
            assert_eq!(line.status.queued_bytes(), 0, "{name}");
        }
        assert_eq!(self.stage.memory(), 0, "bytes of queues and stashes");
    }

    pub fn stop(&mut self) {
        self.model.borrow_mut().stops();
        self.stage.stop(Span::from_secs(8));
    }

    /// All that can be seen of it.
    pub fn transcript(&self) -> String {
        let counters = self.stage.counters();
        let (turns, events, now) = (self.stage.turns, &self.stage.events, self.stage.now());
        format!("{turns} {now:?} {events:?} {counters:?} {:?}", self.model.borrow().counts)
    }
}

/// Plays the steps of a schedule, those of them that `keep` names.
pub fn play(drawn: &Drawn, keep: impl Fn(usize) -> bool, log: bool) -> Run {
    let mut run = Run::new(drawn);
    run.log = log;
    for (at, step) in drawn.schedule.iter().enumerate().filter(|(at, _)| keep(*at)) {
        if log {
            print!("{at:>4}");
        }
        run.play(step);
    }
    if !drawn.stops_at_once {
        run.come_to_rest();
        run.try_every_way();
        run.check_rest();
    }
    run.stop();
    run
}
