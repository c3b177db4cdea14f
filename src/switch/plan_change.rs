//! A new plan, seen from one shard: which of its lines stay, change, open and go.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Switch;
use super::group::Group;
use super::line::Line;
use super::line::backoff::Backoff;
use super::line::phase::{After, Phase};
use super::step::Place;
use crate::config::plan;
use crate::frame::{Framing, Prefix};
use crate::ids::LineId;
use crate::shared::published::{GroupShared, Published};

/// What a new plan asks for on one line of this shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineChange {
    /// A line that was not there: open it.
    Open(u32),
    /// Other address, profile, framing, header, flow, group or tier: drain, then open anew.
    Reopen(u32),
    /// Left the plan: drain and close.
    Close(u32),
    /// The list of allowed addresses changed: look whether the peer still is on it.
    Recheck(u32),
}

impl plan::Line {
    pub fn listens(&self) -> bool {
        matches!(self.side, plan::Side::Listen(_))
    }

    /// Whether the line listens at the address that a socket is bound to; port 0 asked for any.
    pub fn listens_at(&self, local: SocketAddr) -> bool {
        match self.side {
            plan::Side::Listen(planned) if planned.port() == 0 => planned.ip() == local.ip(),
            plan::Side::Listen(planned) => planned == local,
            plan::Side::Connect { .. } => false,
        }
    }

    /// Whether a connection made under `self` can go on under `next`.
    fn carries_on_as(&self, next: &Self) -> bool {
        (self.side, self.profile, self.framing, self.flow, self.tier, self.group)
            == (next.side, next.profile, next.framing, next.flow, next.tier, next.group)
            && self.position == next.position
    }
}

impl Switch {
    /// Takes the plan of `next` and says what the shard has to do for it.
    pub fn apply(&mut self, next: Arc<Published>) -> Vec<LineChange> {
        let old = std::mem::replace(&mut self.published, Arc::clone(&next));
        self.plan = Arc::clone(&next.plan);
        let mut changes = Vec::new();
        for slot in 0..self.lines.len() as u32 {
            self.change_line(slot, &old, &next, &mut changes);
        }
        // By the slots and not by the places: those of the plan before do not name a line that was closed and gone by
        // then, and is opened in its old slot now.
        let known: BTreeSet<LineId> = self.lines.iter().map(|line| line.plan.id).collect();
        for line in next.plan.lines.iter().flatten() {
            if line.shard == self.shard && !known.contains(&line.id) {
                changes.push(LineChange::Open(self.add_line(Arc::clone(line), &next)));
            }
        }
        self.yield_names(&changes);
        self.refresh_places();
        self.refresh_groups();
        for slot in 0..self.lines.len() as u32 {
            if self.lines[slot as usize].phase != Phase::Closed {
                self.join(slot);
            }
        }
        changes
    }

    fn change_line(&mut self, slot: u32, old: &Published, next: &Published, changes: &mut Vec<LineChange>) {
        let line = &mut self.lines[slot as usize];
        if line.phase == Phase::Closed && next.plan.line(line.plan.id).is_none() {
            return;
        }
        let Some(planned) = next.plan.line(line.plan.id).filter(|planned| planned.shard == self.shard) else {
            changes.push(LineChange::Close(slot));
            return;
        };
        let same_header = headers_alike(&old.plan, &line.plan, &next.plan, planned);
        if line.phase == Phase::Closed {
            // The number may be another line's now: what this slot was known and counted by went with the line before.
            line.plan = Arc::clone(planned);
            line.shared = Arc::clone(next.line(planned.id).expect("a planned line has shared state"));
            line.backoff = Backoff::new(planned.timers.reconnect_first, planned.timers.reconnect_longest);
            line.owns_status = true;
            changes.push(LineChange::Open(slot));
        } else if line.is_going() && !self.stopping || !line.plan.carries_on_as(planned) || !same_header {
            // One that is going was removed by the plan before, and came back while it drained. Its name may have been
            // another line's meanwhile.
            line.owns_status = true;
            changes.push(LineChange::Reopen(slot));
        } else if line.plan != *planned {
            line.plan = Arc::clone(planned);
            line.backoff.retune(planned.timers.reconnect_first, planned.timers.reconnect_longest);
            changes.push(LineChange::Recheck(slot));
        }
    }

    fn add_line(&mut self, line: Arc<plan::Line>, published: &Published) -> u32 {
        let shared = Arc::clone(published.line(line.id).expect("a planned line has shared state"));
        let slot = self.lines.iter().position(|line| line.phase == Phase::Closed && line.vacant(published));
        let new = Line::new(line, shared, self.now);
        match slot {
            Some(slot) => {
                self.lines[slot] = new;
                slot as u32
            }
            None => {
                self.lines.push(new);
                self.lines.len() as u32 - 1
            }
        }
    }

    /// A closing line whose name another line has now leaves the status to that one.
    fn yield_names(&mut self, changes: &[LineChange]) {
        if !changes.iter().any(|change| matches!(change, LineChange::Close(_))) {
            return;
        }
        let names: BTreeSet<&str> = self.plan.lines.iter().flatten().map(|line| &*line.name).collect();
        for change in changes {
            if let LineChange::Close(slot) = change {
                let line = &mut self.lines[*slot as usize];
                line.owns_status = !names.contains(&*line.plan.name);
            }
        }
    }

    fn refresh_places(&mut self) {
        let count = self.plan.lines.len().max(self.places.len());
        self.places = vec![Place::Nowhere; count];
        self.line_groups.resize(count, None);
        for known in &mut self.line_groups {
            *known = known.filter(|group| self.plan.group(*group).is_some());
        }
        for line in self.plan.lines.iter().flatten() {
            self.places[line.id.index()] = Place::There(line.shard);
            self.line_groups[line.id.index()] = Some(line.group);
        }
        for (slot, line) in self.lines.iter().enumerate() {
            let planned_here = self.plan.line(line.plan.id).is_some_and(|planned| planned.shard == self.shard);
            if planned_here || line.phase != Phase::Closed {
                self.places[line.plan.id.index()] = Place::Here(slot as u32);
            }
        }
    }

    /// Groups that stay keep their place in the turn, their hand in the table and what they hold.
    pub(super) fn refresh_groups(&mut self) {
        let mut old = std::mem::take(&mut self.groups);
        let count = self.plan.groups.len().max(old.len());
        old.resize_with(count, || None);
        let groups = old.into_iter().enumerate().map(|(at, before)| self.refreshed(at, before)).collect();
        self.groups = groups;
    }

    fn refreshed(&mut self, at: usize, before: Option<Group>) -> Option<Group> {
        let Some(planned) = self.plan.groups.get(at).and_then(Option::as_ref).map(Arc::clone) else {
            return self.kept_for_its_lines(before?);
        };
        let shared = Arc::clone(self.published.group(planned.id).expect("a planned group has shared state"));
        let framing = framing_of(&self.plan, &planned);
        let same = |group: &Group| group.plan.name == planned.name && group.plan.member_name == planned.member_name;
        // Left the plan and came back while a line of it still drained: its table of numbers is another.
        let renumbered = |group: &Group| {
            let before = group.shared.responses.as_ref();
            before.is_some_and(|before| shared.responses.as_ref().is_none_or(|now| !Arc::ptr_eq(before, now)))
        };
        let mut group = match before {
            Some(group) if same(&group) && renumbered(&group) => {
                self.move_answer_bytes(&group, &shared);
                self.gone.push(group);
                Group::new(Arc::clone(&planned), shared, framing)
            }
            Some(group) if same(&group) && !Arc::ptr_eq(&group.shared.table, &shared.table) => {
                self.move_answer_bytes(&group, &shared);
                group.replanned(Arc::clone(&planned), shared, framing)
            }
            Some(group) if same(&group) => group.replanned(Arc::clone(&planned), shared, framing),
            other => {
                self.gone.extend(other);
                Group::new(Arc::clone(&planned), shared, framing)
            }
        };
        group.set_local(self.local_lines(&planned));
        Some(group)
    }

    /// A table that was outgrown: what this shard's lines had told the old one, they tell the new.
    fn move_answer_bytes(&self, group: &Group, next: &GroupShared) {
        let told = |&(_, slot): &(u16, u32)| self.lines[slot as usize].answer_bytes_told;
        let bytes: u64 = group.local.iter().map(told).sum();
        next.table.add_answer_bytes(bytes as i64);
    }

    /// A group that left the plan stays known to the shard until its last line has closed.
    fn kept_for_its_lines(&mut self, group: Group) -> Option<Group> {
        let needed = |line: &Line| line.phase != Phase::Closed && line.plan.group == group.plan.id;
        if self.lines.iter().any(needed) {
            return Some(group);
        }
        self.gone.push(group);
        None
    }

    fn local_lines(&self, group: &plan::Group) -> Vec<(u16, u32)> {
        let here = |(position, line): (usize, &Option<_>)| match self.place((*line)?) {
            Place::Here(slot) => Some((position as u16, slot)),
            Place::There(_) | Place::Nowhere => None,
        };
        group.lines.iter().enumerate().filter_map(here).collect()
    }
}

impl Line {
    /// It drains, and would be closed for good then.
    fn is_going(&self) -> bool {
        matches!(self.phase, Phase::Draining(drain) if drain.then == After::Gone)
    }

    /// Nothing names the slot any more.
    fn vacant(&self, published: &Published) -> bool {
        self.outbox.is_empty() && published.plan.line(self.plan.id).is_none()
    }
}

/// All lines of a member frame alike, so any line of the group tells.
fn framing_of(plan: &plan::Plan, group: &plan::Group) -> Framing {
    let line = group.lines.iter().flatten().find_map(|line| plan.line(*line));
    line.map_or(Framing { prefix: Prefix::Ascii4, max: 0 }, |line| line.framing)
}

fn headers_alike(old: &plan::Plan, line: &plan::Line, next: &plan::Plan, planned: &plan::Line) -> bool {
    let header = |plan: &plan::Plan, line: &plan::Line| plan.group(line.group).map(|group| group.header);
    header(old, line) == header(next, planned)
}
