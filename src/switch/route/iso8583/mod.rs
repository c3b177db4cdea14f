//! ISO 8583: the message type tells requests from answers, and an answer finds its request by the
//! key that both have in common. Nothing in a frame changes.
//!
//! Who waits lies in the answering group's response table, as under the other headers, with the key
//! as the slot's tag; its key table leads from a key to the slot. A key is one requester's: another
//! request with it is a repeat if its own group sends it, and otherwise dropped (`key_in_use`),
//! for nobody could tell whose answer comes back.

mod answer;
mod repeat;
mod request;

use super::Incoming;
use crate::config::plan::{Iso8583Ways, Ways};
use crate::ids::GroupId;
use crate::message::iso8583::{Key, KeyMaker, Kind};
use crate::reason::Drop;
use crate::shared::histogram::Histogram;
use crate::shared::key_table::KeyTable;
use crate::shared::response_table::{Claimer, ResponseTable};
use crate::switch::Switch;
use crate::switch::group::Group;
use crate::switch::step::{Fate, Step};
use crate::time::Span;

impl Switch {
    /// The frame at the front of `bytes`, and those behind it that go the same way.
    #[inline]
    pub(super) fn iso8583_step(&mut self, incoming: Incoming, bytes: &[u8]) -> Step {
        let Ways::Iso8583(ways) = &self.group(incoming.group).plan.ways else {
            unreachable!("the caller matched the ways of this group");
        };
        match ways.dialect.kind(&bytes[incoming.len - incoming.data..incoming.len]) {
            Ok(Kind::Request) => match self.first_live(&ways.to) {
                Ok(to) => self.keyed_request_step(incoming, to, bytes),
                Err(reason) => Step::one(incoming.len, Fate::Drop(reason)),
            },
            Ok(Kind::Answer) => self.keyed_answer_step(incoming, bytes),
            Err(_) => Step::one(incoming.len, Fate::Drop(Drop::BadHeader)),
        }
    }

    /// The group that requests go to.
    fn first_live(&self, to: &[GroupId]) -> Result<GroupId, Drop> {
        let live = to.iter().copied().find(|to| self.is_live(*to));
        live.ok_or(if to.is_empty() { Drop::NoRoute } else { Drop::NoLine })
    }
}

/// An answering group's tables, borrowed apart from this shard's hand in them.
struct Desk<'a> {
    ways: &'a Iso8583Ways,
    responses: &'a ResponseTable,
    keys: &'a KeyTable,
    hand: &'a mut Claimer,
    maker: &'a KeyMaker,
    answer_seconds: &'a [Histogram],
    answer_within: Span,
}

impl<'a> Desk<'a> {
    /// `None` if nobody asks the group anything.
    #[inline]
    fn of(group: &'a mut Group) -> Option<Self> {
        let Group { plan, shared, hand, maker, .. } = group;
        let (Ways::Iso8583(ways), Some(responses), Some(keys)) = (&plan.ways, &shared.responses, &shared.keys) else {
            return None;
        };
        let (answer_seconds, answer_within) = (&*shared.answer_seconds, plan.timers.answer_within);
        Some(Self { ways, responses, keys: &keys.table, hand, maker, answer_seconds, answer_within })
    }
}

/// Why a message has no key. Without a type and a bitmap it is none at all.
#[cold]
fn refusal(ways: &Iso8583Ways, data: &[u8]) -> Drop {
    if ways.dialect.has_head(data) { Drop::KeyMissing } else { Drop::BadHeader }
}

/// What tells requesters apart in a slot. Of 65,536 groups and more, two share it: where one asks
/// with the other's key, it is taken for a repeat.
fn requester(group: GroupId) -> u16 {
    group.0 as u16
}

/// A key as the tables have it.
fn tag(key: Key) -> u64 {
    key.0
}
