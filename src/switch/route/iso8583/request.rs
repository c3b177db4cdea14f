//! Requests: each claims a slot of the answering group's and enters its key; the line of that group
//! that is picked carries the run.

use super::{Desk, requester, tag};
use crate::ids::GroupId;
use crate::message::iso8583::Kind;
use crate::reason::Drop;
use crate::shared::key_table::Refused;
use crate::switch::Switch;
use crate::switch::route::Incoming;
use crate::switch::route::frames::Frames;
use crate::switch::route::requests::Asking;
use crate::switch::step::{Fate, Step};

use super::repeat::{Rival, Verdict};

/// How often a request whose key is being entered elsewhere looks again before it gives way.
const LOOKS_MAX: usize = 1_000;

/// Why a run of requests ended.
enum End {
    /// The next step says what becomes of the next frame.
    Run,
    Drop(Drop),
    Rival(Rival),
}

impl Switch {
    pub(super) fn keyed_request_step(&mut self, incoming: Incoming, to: GroupId, bytes: &[u8]) -> Step {
        let asking = match self.ask(incoming, to) {
            Ok(asking) => asking,
            Err(fate) => return Step::one(incoming.len, fate),
        };
        for _ in 0..LOOKS_MAX {
            let mut frames = asking.frames(bytes);
            let end = self.claim_keys(incoming, &asking, &mut frames);
            let claimed = self.cuts.len() as u32;
            if claimed > 0 {
                return self.asked(incoming, &asking, frames.len, claimed);
            }
            let verdict = match end {
                End::Rival(rival) => self.meet(incoming, &asking, rival),
                End::Drop(reason) => Verdict::Drop(reason),
                End::Run => unreachable!("the first frame is a request that fits"),
            };
            match verdict {
                Verdict::LookAgain => {}
                Verdict::Drop(reason) => return Step::one(incoming.len, Fate::Drop(reason)),
                Verdict::Repeated => {
                    let mut frames = asking.frames(bytes);
                    frames.take(&mut self.cuts, incoming.len - incoming.data, incoming.data, None);
                    return self.asked(incoming, &asking, incoming.len, 1);
                }
            }
        }
        Step::one(incoming.len, Fate::Drop(Drop::KeyInUse))
    }

    /// Lets the requests of the run wait under their keys, one after the other; one that cannot ends
    /// it. The cuts say how many do.
    fn claim_keys(&mut self, incoming: Incoming, asking: &Asking, frames: &mut Frames<'_>) -> End {
        let Self { groups, cuts, now, .. } = self;
        let (now, requester) = (*now, requester(incoming.group));
        let group = groups[asking.to.index()].as_mut().expect("a plan names only groups that it has");
        let desk = Desk::of(group).expect("both ends of a route speak alike, and one that is asked has tables");
        let mut claims = desk.responses.claims(desk.hand, asking.line, asking.deadline, now);
        while let Some((at, data)) = frames.next() {
            // Both ends of a route read alike.
            let key = match desk.ways.dialect.read(data, desk.maker) {
                Ok(message) if message.kind == Kind::Request => tag(message.key),
                Ok(_) => return End::Run,
                Err(_) => return End::Drop(super::refusal(desk.ways, data)),
            };
            let Ok(slot) = claims.next_keyed(requester, key) else { return End::Drop(Drop::PendingFull) };
            let entered = desk.keys.insert(key, slot, |slot| desk.responses.key_of(slot, now));
            if let Err(refused) = entered {
                claims.take_back(slot);
                return match refused {
                    Refused::InUse(slot) => End::Rival(Rival { key, slot }),
                    Refused::Full => End::Drop(Drop::PendingFull),
                };
            }
            if !frames.take(cuts, at, data.len(), None) {
                return End::Run;
            }
        }
        End::Run
    }
}
