//! Whole shards over scripted rings, on one thread.

use std::sync::Arc;

use ringswitch::config::plan::{Plan, Side};
use ringswitch::ids::ShardId;
use ringswitch::limits;
use ringswitch::ring::{Listener, Socket};
use ringswitch::shard::thread::posts;
use ringswitch::shard::{Shard, Turn};
use ringswitch::shared::inbox::Command;
use ringswitch::shared::published::World;
use ringswitch::time::Instant;

use crate::plans;
use crate::ring::ScriptedRing;

/// A line of the switch that is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    pub shard: usize,
    pub socket: Socket,
}

pub struct Stage {
    pub plan: Arc<Plan>,
    shards: Vec<Shard<ScriptedRing>>,
}

impl Stage {
    /// Shards with all those lines up that `is_up` names.
    pub fn new(text: &str, is_up: impl Fn(&str) -> bool) -> Self {
        let plan = plans::plan(text);
        let count = usize::from(plan.settings.shards);
        let world = Arc::new(World::new(plans::published(Arc::clone(&plan)), count));
        let shard = |(at, post)| {
            Shard::new(ShardId(at as u16), ScriptedRing::new(Instant(1)), Arc::clone(&world), post, at as u64)
        };
        let shards = posts(count).into_iter().enumerate().map(shard).collect();
        let mut stage = Self { plan: Arc::clone(&plan), shards };
        for line in plan.lines.iter().flatten() {
            let Side::Listen(local) = line.side else { panic!("every line listens") };
            let listener = Arc::new(Listener { socket: listener(line.id.0), local, owner: None });
            world.inbox.commands[line.shard.index()].push(Command::Listen { line: line.id, listener });
        }
        stage.turn_all();
        for line in plan.lines.iter().flatten().filter(|line| is_up(&line.name)) {
            let end = stage.line(&line.name);
            stage.ring(end.shard).connects(listener(line.id.0), end.socket);
        }
        // A shard lets in a few newcomers a turn.
        (0..3 + plan.lines.len() / limits::NEWCOMERS_PER_TURN).for_each(|_| stage.turn_all());
        stage
    }

    pub fn line(&self, name: &str) -> End {
        let line = self.plan.line(plans::line(&self.plan, name)).expect("a line of the plan");
        End { shard: line.shard.index(), socket: Socket(line.id.0 as i32) }
    }

    fn ring(&mut self, shard: usize) -> &mut ScriptedRing {
        self.shards[shard].ring_mut()
    }

    /// Bytes arrive; after one more turn of the shard, which takes them from its ring, they are at
    /// its hand.
    pub fn arrives(&mut self, end: End, bytes: &[u8]) {
        self.ring(end.shard).arrives(end.socket, bytes);
    }

    /// One turn, somewhat later than the one before.
    #[inline]
    pub fn turn(&mut self, shard: usize) {
        let ring = self.ring(shard);
        ring.now = ring.now + plans::STEP;
        assert!(self.shards[shard].turn() == Turn::Go);
    }

    pub fn turn_all(&mut self) {
        (0..self.shards.len()).for_each(|shard| self.turn(shard));
    }

    /// What the shard has sent, by line.
    pub fn take_sent(&mut self, shard: usize) -> Vec<(End, Vec<u8>)> {
        let sent = self.ring(shard).take_sent();
        sent.into_iter().map(|(socket, bytes)| (End { shard, socket }, bytes)).collect()
    }
}

fn listener(line: u32) -> Socket {
    Socket(1_000_000 + line as i32)
}
