//! A plan put before the shards: at the start, and at every reload. It waits for nobody and reads
//! neither files nor clocks, so that the simulator does with it what the control thread does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::kept;
use super::listeners::{Listeners, listening};
use super::reservations::Reservations;
use super::source::Fault;
use super::states::{self, Beginnings};
use crate::config::Difference;
use crate::config::plan::Plan;
use crate::metrics::KnownLines;
use crate::ring::Listener;
use crate::shared::inbox::Command;
use crate::shared::published::{Published, World};

/// Publishes plans, one after the other.
#[derive(Debug)]
pub struct Publisher {
    world: Arc<World>,
    listeners: Listeners,
    /// Of earlier plans, until every shard has applied a later one.
    retired: Vec<Listeners>,
    reservations: Reservations,
    beginnings: Box<dyn Beginnings>,
}

/// A plan for which everything is bound and made, and that no shard has seen yet.
#[derive(Debug)]
pub struct Staged {
    pub next: Arc<Published>,
    listeners: Listeners,
    /// A line that was out of service by hand is in it no more.
    pub forgotten: bool,
}

impl Publisher {
    /// The first plan: binds its listeners and builds what the threads share.
    ///
    /// # Errors
    /// Every address that cannot be bound.
    pub fn first(
        plan: Arc<Plan>,
        bind: &dyn Fn(SocketAddr) -> io::Result<Listener>,
        file: &str,
        known: &mut KnownLines,
        beginnings: Box<dyn Beginnings>,
    ) -> Result<Self, Vec<Fault>> {
        let listeners = Listeners::default().for_plan(&plan, &[], bind, file)?;
        let shards = usize::from(plan.settings.shards);
        let first = states::published(None, plan, known, &*beginnings);
        let mut reservations = Reservations::default();
        reservations.prepare(&first);
        let world = Arc::new(World::new(first, shards));
        hand_over(&world, None, &world.current(), &Listeners::default(), &listeners);
        Ok(Self { world, listeners, retired: Vec::new(), reservations, beginnings })
    }

    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// What the last plan's lines listen on.
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Whether a process that runs by `old` can come to run by `new`.
    ///
    /// # Errors
    /// Every setting that needs a restart.
    pub fn possible(old: &Plan, new: &Plan, file: &str) -> Result<(), Vec<Fault>> {
        let restart = Difference::new(old, new).restart;
        if !restart.is_empty() {
            let fault = |key: &&str| Fault::without_place(file, format!("{key}: a change needs a restart"));
            return Err(restart.iter().map(fault).collect());
        }
        let fixed = states::fixed(old, new);
        if fixed.is_empty() {
            return Ok(());
        }
        Err(fixed.iter().map(|message| Fault::without_place(file, message)).collect())
    }

    /// Binds what is new for `plan`. Whoever keeps what outlives a restart does so before it is
    /// published.
    ///
    /// # Errors
    /// Every address that cannot be bound; then nothing has changed.
    pub fn stage(
        &mut self,
        plan: Arc<Plan>,
        bind: &dyn Fn(SocketAddr) -> io::Result<Listener>,
        file: &str,
        known: &mut KnownLines,
    ) -> Result<Staged, Vec<Fault>> {
        let listeners = self.listeners.for_plan(&plan, &self.retired, bind, file)?;
        let previous = self.world.current();
        let next = Arc::new(states::published(Some(&previous), plan, known, &*self.beginnings));
        let forgotten = kept::forget_removed(&previous, &next.plan);
        Ok(Staged { next, listeners, forgotten })
    }

    /// Makes the plan the one that the shards take at their next turn. The caller wakes them, and
    /// calls [`Publisher::tidy`] once they have taken it.
    pub fn publish(&mut self, staged: Staged) -> u64 {
        let Staged { next, listeners, forgotten: _ } = staged;
        let epoch = next.epoch;
        self.reservations.prepare(&next);
        hand_over(&self.world, Some(&self.world.current()), &next, &self.listeners, &listeners);
        self.world.publish(next);
        self.retired.push(std::mem::replace(&mut self.listeners, listeners));
        epoch
    }

    /// What has to be done again until it succeeds: numbers to reserve, listeners to close that a
    /// late shard still needed.
    pub fn tidy(&mut self) {
        self.reservations.retry();
        if self.world.behind(self.world.epoch()).is_empty() {
            self.retired.clear();
            self.reservations.forget_outdated();
        }
    }
}

/// Gives the shards the listeners that their lines do not have yet.
fn hand_over(world: &World, old: Option<&Published>, new: &Published, had: &Listeners, have: &Listeners) {
    for (line, address) in listening(&new.plan) {
        let listener = have.get(address).expect("every listener of the plan was bound");
        let before = old.and_then(|old| old.plan.line(line.id));
        let same_line = before.is_some_and(|before| before.name == line.name && before.shard == line.shard);
        let same_address = before.is_some_and(|before| before.side == line.side);
        let same_socket = had.get(address).is_some_and(|old| Arc::ptr_eq(old, listener));
        if !(same_line && same_address && same_socket) {
            let command = Command::Listen { line: line.id, listener: listener.clone() };
            world.inbox.commands[line.shard.index()].push(command);
        }
    }
}
