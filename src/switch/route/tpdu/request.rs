//! Requests: each is given a number of the answering group's, and the line of that group that is
//! picked carries the run.

use super::Incoming;
use crate::ids::GroupId;
use crate::message::guard;
use crate::message::tpdu::{self, Tpdu};
use crate::reason::Drop;
use crate::switch::Switch;
use crate::switch::route::frames::Frames;
use crate::switch::route::requests::Asking;
use crate::switch::step::{Fate, Rewrite, Step};

impl Switch {
    pub(super) fn request_step(&mut self, incoming: Incoming, head: Tpdu, to: GroupId, bytes: &[u8]) -> Step {
        let asking = match self.ask(incoming, to) {
            Ok(asking) => asking,
            Err(fate) => return Step::one(incoming.len, fate),
        };
        let mut frames = asking.frames(bytes);
        let keeps_tags = self.group(to).shared.responses.as_ref().is_some_and(|table| table.keeps_tags());
        let claimed = if keeps_tags {
            self.claim::<true>(&asking, head, &mut frames)
        } else {
            self.claim::<false>(&asking, head, &mut frames)
        };
        if claimed == 0 {
            return Step::one(incoming.len, Fate::Drop(Drop::PendingFull));
        }
        self.asked(incoming, &asking, frames.len, claimed)
    }

    /// Gives numbers to the run of requests for the NII of its first; says to how many. A frame
    /// for which there is none ends the run: the next step says what becomes of it.
    /// `GUARDED`: each remembers what its answer must fit.
    fn claim<const GUARDED: bool>(&mut self, asking: &Asking, first: Tpdu, frames: &mut Frames<'_>) -> u32 {
        let Self { groups, cuts, now, .. } = self;
        let group = groups[asking.to.index()].as_mut().expect("a plan names only groups that it has");
        let table = group.shared.responses.as_ref().expect("a group that a TPDU route leads to has a table");
        let mut claims = table.claims(&mut group.hand, asking.line, asking.deadline, *now);
        while let Some((at, data)) = frames.next()
            && let Some(head) = Tpdu::read(data)
        {
            if head.destination != first.destination || head.id != first.id {
                break;
            }
            let number = if GUARDED {
                claims.next_guarded(head.source, head.destination, guard::hash(data))
            } else {
                claims.next(head.source, head.destination)
            };
            let Ok(number) = number else { break };
            if !frames.take(cuts, at, data.len(), Some(Rewrite { at: tpdu::SOURCE as u16, value: number })) {
                break;
            }
        }
        cuts.len() as u32
    }
}
