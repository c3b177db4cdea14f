//! What members say: requests, answers, pairs, stations, probes, and what nobody should.

use super::Run;
use crate::fake::Random;
use crate::runs::cast::Header;
use crate::runs::draw::{NIIS, NO_NII, NO_STATION};
use crate::runs::message::{self, About, Id};
use crate::runs::model::Kind;
use crate::runs::player::{Asked, Key};
use crate::runs::schedule::Nth;
use crate::shards::wire::tpdu;

impl Run {
    pub(super) fn send(&mut self, line: Nth, frames: u8, random: &mut Random) {
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
    pub(super) fn frame_of(&mut self, key: Key, length: usize, random: &mut Random) -> Option<(Kind, Vec<u8>)> {
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
            header @ (Header::Tpdu | Header::Guarded | Header::Iso8583) => {
                let niis: Vec<u16> =
                    (NIIS.into_iter().chain([0x11, 0x12])).filter(|nii| !cast.route(key.0, *nii).is_empty()).collect();
                let nii = *niis.get(random.below(niis.len().max(1) as u64) as usize)?;
                // Few addresses, so that many requests at a time have the same.
                let terminal = random.below(4) as u16;
                Some((Kind::Request { nii }, message::card(header, (nii, terminal), About::Request(id), id, short)))
            }
        }
    }

    pub(super) fn say(&mut self, player: usize, kind: Kind, data: Vec<u8>, whole: Vec<u8>, random: &mut Random) {
        let now = self.now();
        let player = &mut self.players[player];
        let Some(peer) = &player.peer else { return };
        self.model.borrow_mut().sends(peer.id(), self.last_id, kind, data.clone(), whole);
        player.send(&data, random, now);
    }

    pub(super) fn answer(&mut self, many: u8, random: &mut Random) {
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

    pub(super) fn answer_one(&mut self, host: usize, asked: Asked, random: &mut Random) -> bool {
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
        let (id, header) = (self.last_id, self.cast.members[host].header);
        let data = |address| {
            let addresses = if exchanged { (address, asked.nii) } else { (asked.nii, address) };
            message::card(header, addresses, About::Answer(asked.id), id, length)
        };
        // What the switch has not replaced it does not put back.
        let number = if header.has_numbers() { asked.number } else { terminal };
        self.say(player, Kind::Answer { request: asked.id }, data(number), data(terminal), random);
        true
    }

    pub(super) fn answer_again(&mut self, random: &mut Random) {
        if self.answered.is_empty() {
            return;
        }
        let (host, asked) = self.answered[random.below(self.answered.len() as u64) as usize];
        self.answer_one(host, asked, random);
    }

    /// What must reach nobody.
    pub(super) fn junk(&mut self, line: Nth, random: &mut Random) {
        let at = usize::from(line) % self.players.len();
        let key = self.players[at].key;
        if !self.players[at].can_send() {
            return;
        }
        self.last_id += 1;
        let id = self.last_id;
        let data = match (self.cast.members[key.0].header, random.below(3)) {
            (Header::None, _) => return,
            (Header::Tpdu | Header::Guarded | Header::Iso8583, 0) => vec![0x60, 0, 3],
            (Header::Guarded, _) if !self.asked[key.0].is_empty() => self.forged(key.0, id, random),
            // An answer that nobody asked for, a request that cannot be told from others.
            (Header::Iso8583, 1) => message::card(Header::Iso8583, (1, 2), About::Answer(id), id, 20),
            (Header::Iso8583, _) => tpdu(1, 2, &[b"0200".as_slice(), &[0; 8], &message::body(id, 9)].concat()),
            (Header::Tpdu | Header::Guarded, 1) => {
                message::card(Header::Tpdu, (NO_NII, NO_NII), About::Request(id), id, 20)
            }
            (Header::Tpdu | Header::Guarded, _) => tpdu(0xfff7, 0xfff8, &message::body(id, 9)),
            (Header::Station, 0) => vec![0x2e; 20],
            (Header::Station, 1) => message::station(&self.cast.members[key.0].stations[0], "12345678", id, 20),
            (Header::Station, _) => message::station(NO_STATION, &self.cast.members[key.0].stations[0], id, 20),
        };
        self.say(at, Kind::Junk, data.clone(), data, random);
    }

    /// An answer under the number of a request that waits, and about another.
    fn forged(&self, host: usize, id: Id, random: &mut Random) -> Vec<u8> {
        let asked = self.asked[host][random.below(self.asked[host].len() as u64) as usize];
        message::card(Header::Guarded, (asked.number, asked.nii), About::Answer(asked.id + 1), id, 20)
    }

    pub(super) fn probe(&mut self, line: Nth) {
        let now = self.now();
        let at = usize::from(line) % self.players.len();
        let (player, random) = (&mut self.players[at], &mut self.random);
        if let (true, Some(peer)) = (player.can_send(), &player.peer) {
            self.model.borrow_mut().probes(peer.id());
            player.send(&[], random, now);
        }
    }

    pub(super) fn bad_length(&mut self, line: Nth) {
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
}
