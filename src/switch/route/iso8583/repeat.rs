//! A request whose key is held already: a repeat, somebody else's, or one whose time is over.
//!
//! A repeat that is handed on takes over the slot of the first copy: its line and its deadline, in
//! one exchange. So at no moment does nobody wait under the key, and one answer is taken, whichever
//! copy it answers. The slot counts the copies: one that gets lost on its way does not end the
//! waiting for the others.

use super::{Desk, requester};
use crate::config::plan::{Iso8583Ways, Repeat, Ways};
use crate::ids::GroupId;
use crate::reason::Drop;
use crate::shared::counters::Cold;
use crate::shared::response_table::{Held, Waiting};
use crate::switch::Switch;
use crate::switch::line::outbox::latest_of_a_run;
use crate::switch::route::Incoming;
use crate::switch::route::requests::Asking;
use crate::time::Instant;

/// Who holds the key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rival {
    pub key: u64,
    pub slot: u16,
}

/// What becomes of a request with a rival.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// The rival is no more, or is only about to be one.
    LookAgain,
    Drop(Drop),
    /// It waits in the place of the copy that came before.
    Repeated,
}

impl Switch {
    #[cold]
    pub(super) fn meet(&mut self, incoming: Incoming, asking: &Asking, rival: Rival) -> Verdict {
        let (now, own) = (self.now, requester(incoming.group));
        let drops = self.drops_repeats(incoming.group) || self.drops_repeats(asking.to);
        let group = self.groups[asking.to.index()].as_mut().expect("a plan names only groups that it has");
        let Some(desk) = Desk::of(group) else { return Verdict::LookAgain };
        let Some(held) = desk.responses.held(rival.slot, rival.key, now) else { return Verdict::LookAgain };
        let (waiting, seen) = match held {
            Held::Waits(waiting, _) if waiting.nii != own => return Verdict::Drop(Drop::KeyInUse),
            Held::Rests { nii, .. } if nii != own => return Verdict::Drop(Drop::KeyInUse),
            Held::Rests { seen, .. } => {
                desk.responses.end_rest(rival.slot, seen);
                return Verdict::LookAgain;
            }
            Held::Waits(waiting, seen) => (waiting, seen),
        };
        // Only who has entered the key for good stays: one that has not may still give way.
        if desk.keys.find(rival.key, |slot| (slot == rival.slot).then_some(())).is_none() {
            return Verdict::LookAgain;
        }
        if waiting.deadline <= now {
            if desk.responses.expire_seen(desk.hand, rival.slot, seen, now) {
                self.timed_out(&waiting);
            }
            return Verdict::LookAgain;
        }
        if drops {
            return Verdict::Drop(Drop::Repeat);
        }
        if !desk.responses.renew(rival.slot, seen, asking.line, asking.deadline, now) {
            return Verdict::LookAgain;
        }
        self.resolved(waiting.line, 1);
        self.lines[incoming.slot as usize].shared.counters.add_cold(Cold::RequestsRepeated, 1);
        Verdict::Repeated
    }

    /// Either end of a route may say so.
    fn drops_repeats(&self, group: GroupId) -> bool {
        let drops = |ways: &Iso8583Ways| ways.repeat == Repeat::Drop;
        matches!(&self.group(group).plan.ways, Ways::Iso8583(ways) if drops(ways))
    }

    /// A request's deadline passed without an answer, and no sweep has seen it yet.
    fn timed_out(&self, waiting: &Waiting) {
        self.resolved(waiting.line, 1);
        if let Some(line) = self.published.line(waiting.line) {
            line.counters.add_cold(Cold::RequestsTimedOut, 1);
        }
    }

    /// A copy of a request was dropped on its way. If it was the only one nobody waits any more;
    /// if the key is a later request's by now, that goes on waiting.
    pub(in crate::switch::route) fn give_up_key(
        &mut self,
        group: GroupId,
        data: &[u8],
        deadline: Instant,
        begun: bool,
    ) {
        let now = self.now;
        let Some(desk) = self.groups[group.index()].as_mut().and_then(Desk::of) else { return };
        let Ok(message) = desk.ways.dialect.read(data, desk.maker) else { return };
        let key = super::tag(message.key);
        let found = desk.keys.find(key, |slot| match desk.responses.held(slot, key, now) {
            Some(Held::Waits(..)) => Some(slot),
            _ => None,
        });
        let no_later = latest_of_a_run(deadline);
        let ended = found.and_then(|slot| desk.responses.give_up_copy(desk.hand, slot, key, no_later, begun, now));
        if let Some(waiting) = ended {
            self.resolved(waiting.line, 1);
        }
    }
}
