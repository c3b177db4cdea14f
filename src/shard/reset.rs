//! `on_line_loss = "reset_group"`: one line of a group broke, and all others are closed and come up
//! anew, for front ends that rebuild their lines together.
//!
//! Only a line that was up can be lost. What is closed on purpose (drained, disabled, removed,
//! reset itself) resets nothing; `shared::resets` keeps one loss from being taken for two.

use super::Shard;
use crate::config::plan::OnLineLoss;
use crate::ids::{GroupId, ShardId};
use crate::reason::Closed;
use crate::ring::{Operation, Ring};
use crate::shared::inbox::{Command, Event};
use crate::shared::resets::is_before;
use crate::switch::line::phase::{After, Phase};
use crate::switch::line::watch::FIN_WITHIN;

impl<R: Ring> Shard<R> {
    /// A line that was up broke for `reason`, or its peer has sent FIN.
    pub(super) fn line_lost(&mut self, slot: u32, reason: Closed) {
        let line = &self.switch.lines[slot as usize];
        let group = self.switch.group(line.plan.group);
        if group.plan.on_line_loss == OnLineLoss::Keep || !reason.is_loss() {
            return;
        }
        let Some(reset) = group.shared.resets.begin(line.resets_noted) else { return };
        let id = line.plan.group;
        let (member, group) = (line.plan.member_name.clone(), line.plan.group_name.clone());
        let event = Event::GroupReset { member, group, line: line.plan.name.clone(), reason };
        self.tell(event);
        self.reset_lines(id, reset);
        for shard in self.other_shards_of(id) {
            self.world.inbox.commands[shard.index()].push(Command::ResetGroup { group: id, reset });
            if self.world.beds[shard.index()].sleeper.must_wake() {
                self.ring.push(Operation::Wake { shard });
            }
        }
    }

    /// The other shards that have lines of the group.
    fn other_shards_of(&self, group: GroupId) -> Vec<ShardId> {
        let lines = self.switch.plan.group(group).into_iter().flat_map(|group| group.lines.iter().flatten());
        let mut shards: Vec<_> = lines.filter_map(|line| Some(self.switch.plan.line(*line)?.shard)).collect();
        shards.sort_unstable();
        shards.dedup();
        shards.retain(|shard| *shard != self.id);
        shards
    }

    /// Closes this shard's lines of the group that came up before the reset. What is queued on them
    /// still goes out, unless their peer does not take it; what they are owed waits for the group
    /// to come back (`hold_answer`).
    pub(super) fn reset_lines(&mut self, group: GroupId, reset: u32) {
        let until = self.switch.now + FIN_WITHIN;
        for slot in 0..self.switch.lines.len() as u32 {
            let line = &self.switch.lines[slot as usize];
            if line.plan.group != group || line.phase != Phase::Up || !is_before(line.resets_noted, reset) {
                continue;
            }
            // The line whose end began it keeps its own reason.
            let reason = if line.peer_finished { Closed::Peer } else { Closed::GroupReset };
            self.switch.drain(slot, until, After::Reset(reason));
            self.schedule(slot);
            self.tell_waiting(slot);
        }
    }
}
