//! Which shard owns a line. It never moves; a new one goes where its group has fewest of its kind,
//! so that every shard finds a line of the group at home and most frames cross no border.

use std::collections::BTreeMap;

use crate::config::plan::{Flow, Tier};
use crate::ids::ShardId;

/// The shards and how many lines each has.
#[derive(Debug)]
pub(super) struct Shards {
    loads: Vec<u32>,
}

/// One group's lines by kind and shard.
#[derive(Debug)]
pub(super) struct GroupShards {
    start: ShardId,
    counts: BTreeMap<(bool, u8), Vec<u32>>,
}

/// Lines of one tier and one flow can stand in for each other; those of another cannot.
fn kind(tier: Tier, flow: Flow) -> (bool, u8) {
    let flow = match flow {
        Flow::Duplex => 0,
        Flow::Receive => 1,
        Flow::Send => 2,
    };
    (tier == Tier::Backup, flow)
}

impl Shards {
    pub fn new(shards: u16) -> Self {
        assert!(shards > 0, "a switch has a shard");
        Self { loads: vec![0; usize::from(shards)] }
    }

    /// A line that stays where it is.
    pub fn occupy(&mut self, shard: ShardId) {
        self.loads[shard.index()] += 1;
    }

    /// Where the lines of a new group begin.
    pub fn least_loaded(&self) -> ShardId {
        let least = self.loads.iter().enumerate().min_by_key(|(_, load)| **load);
        ShardId(least.expect("a switch has a shard").0 as u16)
    }

    /// The shard of a new line: of those where the group has fewest of the kind, the first from
    /// the group's start on. Two groups with the same lines and start are thus laid out alike.
    pub fn place(&mut self, group: &mut GroupShards, tier: Tier, flow: Flow) -> ShardId {
        let shards = self.loads.len();
        let counts = group.counts.entry(kind(tier, flow)).or_insert_with(|| vec![0; shards]);
        let from_start = (0..shards).map(|step| (group.start.index() + step) % shards);
        let shard = from_start.min_by_key(|shard| counts[*shard]).expect("a switch has a shard");
        counts[shard] += 1;
        self.loads[shard] += 1;
        ShardId(shard as u16)
    }
}

impl GroupShards {
    pub fn new(start: ShardId) -> Self {
        Self { start, counts: BTreeMap::new() }
    }

    /// A line that the group has already, in a switch of `shards`.
    pub fn has(&mut self, shard: ShardId, tier: Tier, flow: Flow, shards: u16) {
        let counts = self.counts.entry(kind(tier, flow)).or_insert_with(|| vec![0; usize::from(shards)]);
        counts[shard.index()] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lay_out(shards: &mut Shards, start: ShardId, lines: &[(Tier, Flow)]) -> Vec<u16> {
        let mut group = GroupShards::new(start);
        lines.iter().map(|(tier, flow)| shards.place(&mut group, *tier, *flow).0).collect()
    }

    #[test]
    fn senders_of_simplex_pairs_do_not_share_one_shard() {
        let mut shards = Shards::new(2);
        let pairs = [(Tier::Trunk, Flow::Receive), (Tier::Trunk, Flow::Send)].repeat(2);
        assert_eq!(lay_out(&mut shards, ShardId(0), &pairs), [0, 0, 1, 1]);
    }

    #[test]
    fn round_robin_from_the_start() {
        let mut shards = Shards::new(4);
        let lines = [(Tier::Trunk, Flow::Duplex); 6];
        assert_eq!(lay_out(&mut shards, ShardId(2), &lines), [2, 3, 0, 1, 2, 3]);
        assert_eq!(shards.least_loaded(), ShardId(0));
    }
}
