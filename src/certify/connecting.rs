//! Who connects, who comes back, and how many connections a port carries.

use super::bench::{SLACK, back_within};
use super::framing::seconds;
use super::report::Verdict;
use super::wire::has_ended;
use super::{Aspect, Certification};
use crate::config::plan::{Line, Second};
use crate::time::Span;

impl Certification<'_> {
    /// Brings all lines up; a finding for each where that was asked for.
    pub(super) fn connect(&mut self) {
        let all = 0..self.bench.wires.len();
        let limit = all.clone().map(|at| back_within(self.line(at))).max().unwrap_or(Span::ZERO);
        if all.is_empty() {
            return;
        }
        self.tell(Aspect::Connect, 0, &format!("all lines, up to {}", seconds(limit)));
        let began = self.bench.now();
        self.bench.wait(limit, |bench| bench.wires.iter().all(super::wire::Wire::is_let_in));
        let took = self.bench.now().since(began);
        for at in all {
            let up = self.bench.wires[at].is_let_in();
            self.bench.wires[at].gone = !up;
            if !self.wants(Aspect::Connect, at) {
                continue;
            }
            let (expected, missing) = self.comes_up(self.line(at));
            let seen = if up { "up".to_owned() } else { self.why_down(at, missing, took) };
            self.found(Aspect::Connect, at, expected, Verdict::of(up), seen);
        }
    }

    /// What the peer has to do for the line to come up, and what it is when it does not.
    fn comes_up(&self, line: &Line) -> (String, &'static str) {
        let peer = self.bench.part.peer();
        if self.bench.part.listens(line) {
            (format!("{peer} connects by itself"), "it did not connect")
        } else {
            (format!("{peer} listens and takes the connection"), "no connection was taken")
        }
    }

    fn why_down(&self, at: usize, missing: &str, took: Span) -> String {
        let seen = &self.bench.wires[at].seen;
        match (seen.foreign, seen.connections) {
            (0, 0) => format!("{missing} in {}", seconds(took)),
            (0, connections) => closed_at_once(connections),
            _ => "it connects from an address that `allow` does not hold".to_owned(),
        }
    }

    pub(super) fn reconnect(&mut self, at: usize) {
        let limit = back_within(self.line(at));
        let (expected, missing) = self.comes_up(self.line(at));
        let expected = format!("after a break {expected} again in {}", seconds(limit));
        self.tell(Aspect::Reconnect, at, &format!("broken by a reset; up to {}", seconds(limit)));
        if !self.bench.wires[at].was_let_in {
            return self.found(Aspect::Reconnect, at, expected, Verdict::NotTestable, "the line was never up");
        }
        if !self.bench.bring_up(at) {
            let seen = format!("{missing} again after an earlier close");
            return self.found(Aspect::Reconnect, at, expected, Verdict::Failed, seen);
        }
        let before = self.bench.wires[at].seen.connections;
        self.bench.wires[at].reset();
        let began = self.bench.now();
        let back = self.bench.wait(limit, |bench| bench.wires[at].is_let_in());
        self.bench.wires[at].gone = !back;
        let took = self.bench.now().since(began);
        let seen = if back {
            format!("up again, and kept, after {}", seconds(took))
        } else if self.bench.wires[at].seen.connections > before {
            closed_at_once(self.bench.wires[at].seen.connections - before)
        } else {
            format!("{missing} in {}", seconds(took))
        };
        self.found(Aspect::Reconnect, at, expected, Verdict::of(back), seen);
    }

    pub(super) fn second(&mut self, at: usize) {
        let expected = match (self.bench.part, self.line(at).second) {
            (super::Part::Switch, _) => "of two connections one stays",
            (super::Part::Member, Second::Refuse) => "a second connection is refused, the first stays",
            (super::Part::Member, Second::Replace { .. }) => "of two connections one stays, as `second` says",
        };
        if self.bench.part.listens(self.line(at)) {
            let seen = format!("{} connects; the port is ours", self.bench.part.peer());
            return self.found(Aspect::Second, at, expected, Verdict::NotTestable, seen);
        }
        if !self.is_up(Aspect::Second, at, expected) {
            return;
        }
        self.tell(Aspect::Second, at, "a second connection to the same port");
        let ends = self.bench.wires[at].seen.ends;
        // A first one that is replaced must not come back and replace in its turn.
        self.bench.wires[at].left_down = true;
        let mut refused = false;
        match self.bench.wires[at].dial() {
            Err(_) => refused = true,
            Ok(mut second) => {
                let settled = |bench: &mut super::Bench<'_>| {
                    let connected = second.peer_addr().is_ok();
                    let failed = matches!(second.take_error(), Ok(Some(_)) | Err(_));
                    refused |= failed || (connected && has_ended(&mut second));
                    refused || bench.wires[at].seen.ends != ends
                };
                self.bench.wait(SLACK, settled);
            }
        }
        let first_stays = self.bench.wires[at].is_up() && self.bench.wires[at].seen.ends == ends;
        self.bench.wires[at].left_down = false;
        let may_replace = expected.starts_with("of two");
        let (verdict, seen) = match (first_stays, refused) {
            (true, true) => (Verdict::Passed, "the second was refused"),
            (false, false) => (Verdict::of(may_replace), "the second replaced the first"),
            (false, true) => (Verdict::Failed, "both were closed"),
            (true, false) => (Verdict::Failed, "both are open"),
        };
        self.found(Aspect::Second, at, expected, verdict, seen);
    }
}

/// What a peer does that lets nobody in, or not from this address.
fn closed_at_once(connections: u64) -> String {
    format!("closed at once, {connections} times")
}
