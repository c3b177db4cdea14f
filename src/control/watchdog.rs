//! Watches that every shard turns: says so in the log, once each way, and tells the service
//! manager only while all do.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{clock, health, ready};
use crate::metrics::snapshot::ShardFacts;
use crate::shared::published::World;

const LOOK: Duration = Duration::from_secs(1);

/// Runs until the task is dropped.
pub async fn watch(world: Arc<World>) {
    let pulse = ready::pulse_every();
    let mut ticks = interval(pulse.map_or(LOOK, |pulse| pulse.min(LOOK)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = Vec::new();
    loop {
        ticks.tick().await;
        let stuck = health::stuck(&ShardFacts::of(&world, clock::now()));
        tell(before.is_empty(), &stuck);
        if stuck.is_empty() && pulse.is_some() {
            ready::pulse();
        }
        before = stuck;
    }
}

fn tell(well_before: bool, stuck: &[String]) {
    match (well_before, stuck.is_empty()) {
        (true, false) => tracing::error!("{}", stuck.join("; ")),
        (false, true) => tracing::info!("every shard turns again"),
        _ => {}
    }
}
