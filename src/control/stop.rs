//! The orderly stop: no new connection, pending requests answered, every line closed in order.

use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

use tokio::time::sleep;

use super::clock;
use crate::ring::Wake;
use crate::shared::inbox::Command;
use crate::shared::published::World;
use crate::time::Span;
use std::sync::Arc;

/// Past `drain_within`: for the FINs and the peers' answers to them.
const CLOSING: Span = Span::from_secs(5);

const LOOK: Duration = Duration::from_millis(5);

/// Asks every shard to stop and waits until all have; false if one has not in time.
pub async fn stop(world: &World, wakers: &[Arc<dyn Wake>]) -> bool {
    let until = clock::now() + world.current().plan.settings.drain_within;
    for commands in &world.inbox.commands {
        commands.push(Command::Stop { until });
    }
    wakers.iter().for_each(|waker| waker.wake());
    while clock::now() < until + CLOSING {
        // Acquire, partner: the shard's store of `stopped`, after which it counts nothing more.
        if world.shards.iter().all(|shard| shard.stopped.load(Acquire) != 0) {
            return true;
        }
        sleep(LOOK).await;
    }
    false
}
