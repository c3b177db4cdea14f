//! What goes wrong, and what operators do: breaks, cuts, strangers, lines taken out, reloads, a process that stands still.

use ringswitch::shared::inbox::Command;
use ringswitch::time::Span;

use super::Run;
use crate::fake::{self, Conditions, Peer};
use crate::runs::player::Key;
use crate::runs::schedule::{Cut, Event, Nth, Refusal};
use crate::shards::stage::address;

impl Run {
    /// The member's socket of a line that is connected.
    pub(super) fn socket(&mut self, line: Nth) -> Option<fake::Id> {
        let player = self.player(line);
        player.peer.as_ref().filter(|_| player.is_up()).map(Peer::id)
    }

    pub(super) fn slow(&mut self, line: Nth) {
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

    pub(super) fn break_off(&mut self, line: Nth, how: Event) {
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

    pub(super) fn cut(&mut self, line: Nth, way: Cut) {
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

    pub(super) fn heal(&mut self, line: Nth) {
        let player = self.player(line);
        let Some(peer) = player.peer.clone() else { return };
        let slow = player.slow;
        if std::mem::replace(&mut player.cut, false) {
            peer.heal();
            self.model.borrow_mut().is_unwell(peer.id(), slow);
        }
    }

    /// Half open: the member's end is gone, and the switch has not been told.
    pub(super) fn vanish(&mut self, line: Nth) {
        let Some(by) = self.socket(line) else { return };
        let player = self.player(line);
        let peer = player.peer.clone().expect("it is up");
        player.half_closed = true;
        self.model.borrow_mut().ends(by, "its end has vanished");
        peer.cut_outward();
        peer.reset();
        self.has_cut = true;
    }

    pub(super) fn intrude(&mut self, line: Nth, event: Event) {
        let stranger = matches!(event, Event::Stranger { .. });
        let (kernel, cast) = (self.stage.kernel.clone(), self.cast.clone());
        if let Some(peer) = self.player(line).intrude(&kernel, &cast, stranger) {
            if stranger {
                peer.send(b"0004who?");
            } else {
                // Should the port be free after all, it is the line.
                let key = self.player(line).key;
                self.model.borrow_mut().speaks(peer.id(), key);
            }
            self.intruders.push_back(peer);
        }
        if self.intruders.len() > 3 {
            self.turn_away();
        }
    }

    pub(super) fn turn_away(&mut self) {
        if let Some(peer) = self.intruders.pop_front() {
            self.model.borrow_mut().ends(peer.id(), "a reset");
            peer.reset();
        }
    }

    pub(super) fn line_of(&mut self, line: Nth) -> Option<(Key, String)> {
        let key = self.player(line).key;
        let name = self.cast.members[key.0].lines[key.1].name.clone();
        self.cast.line_present(key.0, key.1).then_some((key, name))
    }

    pub(super) fn out_of_service(&mut self, line: Nth) {
        let Some((key, name)) = self.line_of(line) else { return };
        self.model.borrow_mut().takes_out(key);
        self.stage.line(&name).status.set_disabled_by_hand(true);
        self.order(&name, |line| Command::Disable { line });
    }

    pub(super) fn in_service(&mut self, line: Nth) {
        let Some((key, name)) = self.line_of(line) else { return };
        self.model.borrow_mut().puts_back(key);
        self.stage.line(&name).status.set_disabled_by_hand(false);
        self.order(&name, |line| Command::Enable { line });
    }

    pub(super) fn order(&mut self, name: &str, command: impl Fn(ringswitch::ids::LineId) -> Command) {
        let id = self.stage.line_id(name);
        let shard = self.stage.plan.line(id).expect("a line of the plan").shard;
        self.stage.command(shard.index(), command(id));
    }

    pub(super) fn reload(&mut self, to: usize) {
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
    pub(super) fn refused_reload(&mut self, how: Refusal) {
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

    pub(super) fn freeze(&mut self, millis: u16) {
        let (silence, since) = (self.cast.settings.silent_after * 250_000, self.stage.now());
        for _ in 0..=millis / 100 {
            self.stage.kernel.advance(Span::from_millis(100));
            let now = self.now();
            for player in &mut self.players {
                player.keep_alive(now, silence, &mut self.model.borrow_mut());
            }
        }
        self.model.borrow_mut().froze(since);
    }

    pub(super) fn no_descriptors(&mut self, millis: u16) {
        self.stage.kernel.set_descriptors(0);
        self.pass(u64::from(millis) * 1_000);
        self.stage.kernel.set_descriptors(Conditions::default().descriptors);
    }
}
