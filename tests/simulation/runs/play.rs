//! A run: the world of a seed, and a schedule played in it, with the judge looking on.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use ringswitch::shared::inbox::Command;
use ringswitch::time::Span;

use super::cast::{Cast, HOME, Header, SECOND};
use super::draw::{NIIS, NO_NII, NO_STATION};
use super::message::{self, Id};
use super::model::{Kind, Model};
use super::player::{Asked, Key, Player};
use super::schedule::{Cut, Event, Nth, Refusal, Step};
use crate::fake::{self, Conditions, Faults, Peer, Random, Server};
use crate::shards::opening;
use crate::shards::stage::{Stage, address};
use crate::shards::wire::tpdu;

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

    /// The member's socket of a line that is connected.
    fn socket(&mut self, line: Nth) -> Option<fake::Id> {
        let player = self.player(line);
        player.peer.as_ref().filter(|_| player.is_up()).map(Peer::id)
    }

    fn send(&mut self, line: Nth, frames: u8, random: &mut Random) {
        for _ in 0..frames {
            let player = self.player(line);
            if !player.can_send() {
                return;
            }
            let key = player.key;
            let most = if random.chance(10) { 1_900 } else { 300 };
            let length = random.below(most) as usize;
            let length = if random.chance(1) { length * 4 } else { length };
            let Some((kind, data)) = self.frame_of(key, length, random) else { return };
            self.say(usize::from(line) % self.players.len(), kind, data.clone(), data, random);
        }
    }

    /// What a member sends of its own accord.
    fn frame_of(&mut self, key: Key, length: usize, random: &mut Random) -> Option<(Kind, Vec<u8>)> {
        self.last_id += 1;
        let id = self.last_id;
        let cast = &self.cast;
        let short = length.min(1_900);
        match cast.members[key.0].header {
            Header::None => Some((Kind::Pair, message::body(id, length))),
            Header::Station => {
                let others: Vec<&String> = cast.members.iter().flat_map(|member| &member.stations).collect();
                let to = others[random.below(others.len() as u64) as usize];
                let own = &cast.members[key.0].stations[0];
                Some((Kind::Station, message::station(to, own, id, short)))
            }
            Header::Tpdu => {
                let niis: Vec<u16> =
                    (NIIS.into_iter().chain([0x11, 0x12])).filter(|nii| !cast.route(key.0, *nii).is_empty()).collect();
                let nii = *niis.get(random.below(niis.len().max(1) as u64) as usize)?;
                // Few addresses, so that many requests at a time have the same.
                let terminal = random.below(4) as u16;
                Some((Kind::Request { nii }, message::card(nii, terminal, id, short)))
            }
        }
    }

    fn say(&mut self, player: usize, kind: Kind, data: Vec<u8>, whole: Vec<u8>, random: &mut Random) {
        let now = self.now();
        let player = &mut self.players[player];
        let Some(peer) = &player.peer else { return };
        self.model.borrow_mut().sends(peer.id(), self.last_id, kind, data.clone(), whole);
        player.send(&data, random, now);
    }

    fn answer(&mut self, many: u8, random: &mut Random) {
        for _ in 0..many {
            let hosts: Vec<usize> = (0..self.asked.len()).filter(|host| !self.asked[*host].is_empty()).collect();
            if hosts.is_empty() {
                return;
            }
            let host = hosts[random.below(hosts.len() as u64) as usize];
            let waiting = self.asked[host].len() as u64;
            let asked = self.asked[host].remove(random.below(waiting) as usize).expect("in range");
            // Some are never answered.
            if !random.chance(3) && self.answer_one(host, asked, random) {
                self.answered.push((host, asked));
            }
        }
    }

    fn answer_one(&mut self, host: usize, asked: Asked, random: &mut Random) -> bool {
        let able = |at: &usize| self.players[*at].key.0 == host && self.players[*at].can_send();
        let able: Vec<usize> = (0..self.players.len()).filter(able).collect();
        if able.is_empty() {
            return false;
        }
        let player = able[random.below(able.len() as u64) as usize];
        let (exchanged, length) = (random.chance(50), random.below(300) as usize);
        self.last_id += 1;
        let terminal = {
            let model = self.model.borrow();
            let request = &model.message(asked.id).whole;
            u16::from_be_bytes([request[3], request[4]])
        };
        let id = self.last_id;
        let data = |address| {
            let (destination, source) = if exchanged { (address, asked.nii) } else { (asked.nii, address) };
            message::card(destination, source, id, length)
        };
        self.say(player, Kind::Answer { request: asked.id }, data(asked.number), data(terminal), random);
        true
    }

    fn answer_again(&mut self, random: &mut Random) {
        if self.answered.is_empty() {
            return;
        }
        let (host, asked) = self.answered[random.below(self.answered.len() as u64) as usize];
        self.answer_one(host, asked, random);
    }

    /// What must reach nobody.
    fn junk(&mut self, line: Nth, random: &mut Random) {
        let at = usize::from(line) % self.players.len();
        let key = self.players[at].key;
        if !self.players[at].can_send() {
            return;
        }
        self.last_id += 1;
        let id = self.last_id;
        let data = match (self.cast.members[key.0].header, random.below(3)) {
            (Header::None, _) => return,
            (Header::Tpdu, 0) => vec![0x60, 0, 3],
            (Header::Tpdu, 1) => message::card(NO_NII, NO_NII, id, 20),
            (Header::Tpdu, _) => tpdu(0xfff7, 0xfff8, &message::body(id, 9)),
            (Header::Station, 0) => vec![0x2e; 20],
            (Header::Station, 1) => message::station(&self.cast.members[key.0].stations[0], "12345678", id, 20),
            (Header::Station, _) => message::station(NO_STATION, &self.cast.members[key.0].stations[0], id, 20),
        };
        self.say(at, Kind::Junk, data.clone(), data, random);
    }

    fn probe(&mut self, line: Nth) {
        let now = self.now();
        let at = usize::from(line) % self.players.len();
        let (player, random) = (&mut self.players[at], &mut self.random);
        if let (true, Some(peer)) = (player.can_send(), &player.peer) {
            self.model.borrow_mut().probes(peer.id());
            player.send(&[], random, now);
        }
    }

    fn bad_length(&mut self, line: Nth) {
        let now = self.now();
        let at = usize::from(line) % self.players.len();
        let player = &mut self.players[at];
        if let (true, Some(peer)) = (player.can_send(), &player.peer) {
            let by = peer.id();
            player.finish_frame(now);
            self.model.borrow_mut().spoils(by);
            player.spoilt = true;
            let bytes = player.bad_length();
            player.send_raw(bytes);
        }
    }

    fn slow(&mut self, line: Nth) {
        let player = self.player(line);
        let Some(peer) = player.peer.clone() else { return };
        player.slow = !player.slow;
        let slow = player.slow || player.cut;
        if player.slow {
            peer.stop_reading()
        } else {
            peer.resume_reading()
        }
        self.model.borrow_mut().is_unwell(peer.id(), slow);
    }

    fn break_off(&mut self, line: Nth, how: Event) {
        let Some(by) = self.socket(line) else { return };
        let at = usize::from(line) % self.players.len();
        let player = &mut self.players[at];
        let peer = player.peer.clone().expect("it is up");
        player.half_closed = true;
        self.asked[player.key.0].extend(player.read(&self.model.borrow()));
        let mut model = self.model.borrow_mut();
        match how {
            Event::Reset { .. } => {
                model.ends(by, "a reset");
                peer.reset();
            }
            Event::Close { .. } => {
                model.ends(by, "the member closes");
                peer.close();
            }
            _ => {
                model.ends(by, "a FIN");
                peer.shutdown();
            }
        }
    }

    fn cut(&mut self, line: Nth, way: Cut) {
        let Some(by) = self.socket(line) else { return };
        self.has_cut = true;
        let player = self.player(line);
        player.cut = true;
        let peer = player.peer.as_ref().expect("it is up");
        if way != Cut::Outward {
            peer.cut_inward();
        }
        if way != Cut::Inward {
            peer.cut_outward();
        }
        self.model.borrow_mut().is_unwell(by, true);
    }

    fn heal(&mut self, line: Nth) {
        let player = self.player(line);
        let Some(peer) = player.peer.clone() else { return };
        let slow = player.slow;
        if std::mem::replace(&mut player.cut, false) {
            peer.heal();
            self.model.borrow_mut().is_unwell(peer.id(), slow);
        }
    }

    /// Half open: the member's end is gone, and the switch has not been told.
    fn vanish(&mut self, line: Nth) {
        let Some(by) = self.socket(line) else { return };
        let player = self.player(line);
        let peer = player.peer.clone().expect("it is up");
        player.half_closed = true;
        self.model.borrow_mut().ends(by, "its end has vanished");
        peer.cut_outward();
        peer.reset();
        self.has_cut = true;
    }

    fn intrude(&mut self, line: Nth, event: Event) {
        let stranger = matches!(event, Event::Stranger { .. });
        let (kernel, cast) = (self.stage.kernel.clone(), self.cast.clone());
        if let Some(peer) = self.player(line).intrude(&kernel, &cast, stranger) {
            if stranger {
                peer.send(b"0004who?");
            } else {
                // Should the port be free after all, it is the line.
                let (key, now) = (self.player(line).key, self.stage.now());
                self.model.borrow_mut().speaks(peer.id(), key, now);
            }
            self.intruders.push_back(peer);
        }
        if self.intruders.len() > 3 {
            self.turn_away();
        }
    }

    fn turn_away(&mut self) {
        if let Some(peer) = self.intruders.pop_front() {
            self.model.borrow_mut().ends(peer.id(), "a reset");
            peer.reset();
        }
    }

    fn line_of(&mut self, line: Nth) -> Option<(Key, String)> {
        let key = self.player(line).key;
        let name = self.cast.members[key.0].lines[key.1].name.clone();
        self.cast.line_present(key.0, key.1).then_some((key, name))
    }

    fn out_of_service(&mut self, line: Nth) {
        let Some((key, name)) = self.line_of(line) else { return };
        self.model.borrow_mut().takes_out(key);
        self.order(&name, |line| Command::Disable { line });
    }

    fn in_service(&mut self, line: Nth) {
        let Some((key, name)) = self.line_of(line) else { return };
        self.model.borrow_mut().puts_back(key);
        self.order(&name, |line| Command::Enable { line });
    }

    fn order(&mut self, name: &str, command: impl Fn(ringswitch::ids::LineId) -> Command) {
        let id = self.stage.line_id(name);
        let shard = self.stage.plan.line(id).expect("a line of the plan").shard;
        self.stage.command(shard.index(), command(id));
    }

    fn reload(&mut self, to: usize) {
        let next = self.casts[to % self.casts.len()].clone();
        if next == self.cast {
            return;
        }
        // A port that the switch has just stopped to listen on is free a moment later.
        let mut taken = self.stage.reload(&next.text());
        for _ in 0..100 {
            if taken.as_ref().err().is_some_and(|why| why.contains("in use")) {
                self.pass(20_000);
                taken = self.stage.reload(&next.text());
            }
        }
        match taken {
            Ok(()) => {
                self.model.borrow_mut().reloaded(&next);
                if self.log {
                    println!("{}", next.text());
                }
                self.cast = next;
            }
            // Numbers rest for minutes.
            Err(why) => assert!(why.contains("lines are configured or were removed"), "{why}"),
        }
    }

    /// Refused as a whole: the judge goes on by the configuration before.
    fn refused_reload(&mut self, how: Refusal) {
        let mut next = self.cast.clone();
        let mut text = String::new();
        match how {
            Refusal::Faulty => text.push_str("[[route]]\nfrom = [\"nobody\"]\nto = [\"nobody\"]\n"),
            Refusal::Restart => next.settings.shards += 1,
            Refusal::Bind => {
                let taken = 6_999;
                self.foreign.get_or_insert_with(|| self.stage.kernel.listen(address(taken)));
                let line = next.members.iter_mut().flat_map(|member| &mut member.lines);
                let Some(line) = line.into_iter().find(|line| line.present && !line.connects) else { return };
                line.port = taken;
            }
        }
        let refused = self.stage.reload(&(next.text() + &text));
        assert!(refused.is_err() || how == Refusal::Bind && next.text() == self.cast.text(), "{how:?} was taken");
    }

    fn freeze(&mut self, millis: u16) {
        let silence = self.cast.settings.silent_after * 250_000;
        for _ in 0..=millis / 100 {
            self.stage.kernel.advance(Span::from_millis(100));
            let now = self.now();
            for player in &mut self.players {
                player.keep_alive(now, silence, &mut self.model.borrow_mut());
            }
        }
        self.model.borrow_mut().froze();
    }

    fn no_descriptors(&mut self, millis: u16) {
        self.stage.kernel.set_descriptors(0);
        self.pass(u64::from(millis) * 1_000);
        self.stage.kernel.set_descriptors(Conditions::default().descriptors);
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
