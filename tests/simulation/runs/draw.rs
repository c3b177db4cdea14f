//! What a seed draws before anything happens: members, lines, limits, clocks, and the configurations of the reloads.

use super::cast::{Cast, Flow, Header, Line, Member, Route, Settings};
use crate::fake::Random;
use crate::shards::wire::Lengths;

/// Configurations of a run beside the first.
pub const RELOADS: usize = 4;

/// NIIs that routes match.
pub const NIIS: [u16; 3] = [0x0003, 0x0006, 0x0009];
/// An NII that no route matches.
pub const NO_NII: u16 = 0x0777;
/// A station that nobody has.
pub const NO_STATION: &str = "99999999";

/// Ports of members begin here, four hundred apart: a reload may move a line by some.
const FIRST_PORT: u16 = 7000;

struct Drawing<'a> {
    random: &'a mut Random,
    shards: u16,
    members: Vec<Member>,
    routes: Vec<Route>,
}

/// What a member is, before its lines are drawn.
#[derive(Clone, Copy)]
struct Sort {
    profile: &'static str,
    header: Header,
    lengths: Lengths,
    /// Of a hundred: the switch connects to it.
    connects: u8,
    /// Of a hundred: lines in and out are apart.
    simplex: u8,
}

const CHANNEL: Sort =
    Sort { profile: "channel", header: Header::None, lengths: Lengths::Digits, connects: 0, simplex: 0 };
const MERCHANT: Sort =
    Sort { profile: "merchant", header: Header::None, lengths: Lengths::Digits, connects: 100, simplex: 0 };
const NAC: Sort = Sort { profile: "terminal", header: Header::Tpdu, lengths: Lengths::Binary, connects: 0, simplex: 0 };
const HOST: Sort =
    Sort { profile: "institution", header: Header::Tpdu, lengths: Lengths::Digits, connects: 50, simplex: 30 };
const STATION: Sort =
    Sort { profile: "institution", header: Header::Station, lengths: Lengths::Digits, connects: 30, simplex: 30 };
const BOTH: Sort = Sort { profile: "tv", header: Header::Tpdu, lengths: Lengths::Digits, connects: 0, simplex: 0 };

impl Cast {
    pub fn draw(random: &mut Random) -> Self {
        let settings = settings(random);
        let shards = settings.shards;
        let mut drawing = Drawing { random, shards, members: Vec::new(), routes: Vec::new() };
        // Cards nearly always: that is where most can go wrong.
        let scenes = drawing.random.below(8);
        if scenes != 7 {
            drawing.cards();
        }
        if scenes & 1 == 1 {
            drawing.pair();
        }
        if scenes & 2 == 2 {
            drawing.stations();
        }
        if scenes == 5 {
            drawing.both_ways();
        }
        let Drawing { members, routes, .. } = drawing;
        Self { settings, members, routes }
    }

    /// The configurations that the run may be told to take, each made of the first.
    pub fn variants(&self, random: &mut Random) -> Vec<Self> {
        let varied = |_| {
            let mut cast = self.clone();
            for _ in 0..1 + random.below(3) {
                let before = cast.clone();
                cast.vary(random);
                if !cast.is_sound() {
                    cast = before;
                }
            }
            cast
        };
        (0..RELOADS).map(varied).collect()
    }

    fn vary(&mut self, random: &mut Random) {
        let member = random.below(self.members.len() as u64) as usize;
        let lines = self.members[member].lines.len() as u64;
        let line = random.below(lines) as usize;
        match random.below(10) {
            0 => self.members[member].lines[line].present ^= true,
            1 => self.members[member].present = false,
            2 => self.members[member].lines[line].port += 50,
            3 => self.members[member].lines[line].backup ^= true,
            4 => self.members[member].second_address ^= true,
            5 => {
                self.settings.answer_within = 2_000 + random.below(6_000);
                self.settings.drain_within = self.settings.answer_within + 1_000;
            }
            9 => self.members[member].resends ^= true,
            6 => self.settings.line_queue = [16 << 10, 64 << 10, 1 << 20][random.below(3) as usize],
            7 if !self.routes.is_empty() => {
                let route = random.below(self.routes.len() as u64) as usize;
                self.routes[route].to.reverse();
            }
            _ => {
                let line = &mut self.members[member].lines[line];
                line.connects ^= true;
                line.port += 25;
            }
        }
    }

    /// `check` would not refuse it: every group has a line each way, every route two ends.
    fn is_sound(&self) -> bool {
        let both_ways = |member: &Member| {
            let present = || member.lines.iter().filter(|line| line.present);
            present().any(|line| line.flow.sends()) && present().any(|line| line.flow.receives())
        };
        let pair_whole = |route: &Route| {
            let there = |members: &[usize]| members.iter().any(|at| self.members[*at].present);
            there(&route.from) && there(&route.to)
        };
        self.members.iter().all(both_ways) && self.routes.iter().all(pair_whole)
    }
}

fn settings(random: &mut Random) -> Settings {
    let mut one = |of: &[u64]| of[random.below(of.len() as u64) as usize];
    let answer_within = one(&[3_000, 5_000, 45_000]);
    let silent_after = one(&[8_000, 30_000, 180_000]);
    Settings {
        shards: one(&[1, 1, 2, 2, 3, 5]) as u16,
        line_queue: one(&[16 << 10, 64 << 10, 1 << 20]),
        answer_queue: one(&[64 << 10, 16 << 20, 16 << 20]),
        pending: one(&[40, 65_000, 65_000, 65_000]),
        memory: one(&[16 << 20, 1 << 30, 1 << 30]),
        answer_within,
        hold_answer: one(&[500, 2_000]),
        pause_within: one(&[100, 1_000]),
        drain_within: answer_within + 1_000,
        probe_after: silent_after / 2,
        silent_after,
        unread_within: one(&[2_000, 10_000]),
        partial_within: one(&[2_000, 10_000]),
        trunk_steady: one(&[0, 0, 0, 700]),
    }
}

impl Drawing<'_> {
    fn member(&mut self, name: &str, sort: Sort) -> usize {
        let at = self.members.len();
        let simplex = self.random.chance(sort.simplex);
        let connects = self.random.chance(sort.connects);
        let most = u64::from(self.shards.max(2)).min(4);
        let count = 1 + self.random.below(most) as usize;
        let count = if simplex { 2 * count.min(2) } else { count };
        let backup = !simplex && count > 1 && self.random.chance(40);
        let line = |at_line: usize| Line {
            name: format!("{name}-{at_line}"),
            port: FIRST_PORT + (at * 400 + at_line) as u16,
            connects,
            flow: match (simplex, at_line % 2) {
                (false, _) => Flow::Duplex,
                (true, 0) => Flow::Receive,
                (true, _) => Flow::Send,
            },
            backup: backup && at_line + 1 == count,
            present: at_line < count,
        };
        // One more that only a reload brings in.
        let later = usize::from(!simplex && self.random.chance(40));
        let lines = (0..count + later).map(line).collect();
        self.members.push(Member {
            name: name.to_owned(),
            profile: sort.profile,
            header: sort.header,
            lengths: sort.lengths,
            lines,
            stations: if sort.header == Header::Station { vec![format!("0001{at:04}")] } else { Vec::new() },
            rejects: self.random.chance(50),
            resends: self.random.chance(85),
            resets_group: self.random.chance(12),
            second_address: true,
            present: true,
        });
        at
    }

    fn pair(&mut self) {
        let (one, other) = if self.random.chance(50) { (CHANNEL, MERCHANT) } else { (MERCHANT, CHANNEL) };
        let (from, to) = (self.member("left", one), self.member("right", other));
        self.routes.push(Route { from: vec![from], to: vec![to], nii: None });
    }

    /// Terminals behind NACs, and hosts that answer, one of them in another's stead.
    fn cards(&mut self) {
        let header = match self.random.below(100) {
            0..50 => Header::Tpdu,
            50..70 => Header::Guarded,
            _ => Header::Iso8583,
        };
        let (nac, host) = (Sort { header, ..NAC }, Sort { header, ..HOST });
        let nacs: Vec<usize> = (0..1 + self.random.below(3)).map(|at| self.member(&format!("nac{at}"), nac)).collect();
        let hosts: Vec<usize> =
            (0..1 + self.random.below(3)).map(|at| self.member(&format!("host{at}"), host)).collect();
        if header == Header::Iso8583 {
            // Nothing in a message says for which of several routes it is.
            return self.routes.push(Route { from: nacs, to: hosts, nii: None });
        }
        for (at, host) in hosts.iter().enumerate() {
            let second = hosts[(at + 1) % hosts.len()];
            let to = if second != *host && self.random.chance(40) { vec![*host, second] } else { vec![*host] };
            self.routes.push(Route { from: nacs.clone(), to, nii: Some(NIIS[at]) });
        }
    }

    fn stations(&mut self) {
        for at in 0..2 + self.random.below(2) {
            self.member(&format!("bank{at}"), STATION);
        }
    }

    /// Two members that ask each other.
    fn both_ways(&mut self) {
        let (one, other) = (self.member("this", BOTH), self.member("that", BOTH));
        self.routes.push(Route { from: vec![one], to: vec![other], nii: Some(0x0011) });
        self.routes.push(Route { from: vec![other], to: vec![one], nii: Some(0x0012) });
    }
}
