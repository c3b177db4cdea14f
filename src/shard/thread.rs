//! The threads of the shards: rings made together, each enabled on a pinned thread of its own.
#![expect(clippy::disallowed_methods, reason = "the one place where shard threads are made")]

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::post::Post;
use super::{Shard, Turn, cpu};
use crate::config::plan::Settings;
use crate::ids::ShardId;
use crate::limits::mailbox_bytes;
use crate::ring::Wake;
use crate::ring::uring::{Config, Dormant, RingRefused, Uring};
use crate::shared::mailbox::{Consumer, Producer, mailbox};
use crate::shared::published::World;

/// Rings that are made and belong to no thread yet: whatever the kernel refuses, it refuses here,
/// before a port is bound.
#[derive(Debug)]
pub struct Prepared {
    rings: Vec<Dormant>,
}

impl Prepared {
    /// One ring for each shard of `settings`.
    ///
    /// # Errors
    /// What the kernel lacks or forbids, with what mends it.
    pub fn new(settings: &Settings) -> Result<Self, RingRefused> {
        let shards = usize::from(settings.shards);
        let chunk_bytes = (settings.memory as usize / shards).max(4 * crate::limits::CHUNK_BYTES);
        let config = Config::new(settings.connections as usize, chunk_bytes);
        let mut rings = (0..shards).map(|_| Uring::new(config)).collect::<Result<Vec<_>, _>>()?;
        let descriptors: Vec<_> = rings.iter().map(Dormant::descriptor).collect();
        rings.iter_mut().for_each(|ring| ring.set_peers(&descriptors));
        Ok(Self { rings })
    }

    /// What ends the sleep of each shard.
    pub fn wakers(&self) -> Vec<Arc<dyn Wake>> {
        self.rings.iter().map(Dormant::waker).collect()
    }

    /// Starts the shards. Each runs until a stop is complete.
    ///
    /// # Errors
    /// The operating system makes no more threads.
    pub fn start(self, world: &Arc<World>, seed: u64) -> io::Result<Vec<JoinHandle<()>>> {
        let cpus = cpu::allowed()?;
        let posts = posts(self.rings.len());
        let shards = self.rings.into_iter().zip(posts).enumerate();
        shards
            .map(|(at, (ring, post))| {
                let (id, world) = (ShardId(at as u16), Arc::clone(world));
                let cpu = cpus[at % cpus.len()];
                let jitter = seed.wrapping_add(at as u64);
                Builder::new().name(format!("shard-{at}")).spawn(move || run(id, ring, world, post, cpu, jitter))
            })
            .collect()
    }
}

fn run(id: ShardId, ring: Dormant, world: Arc<World>, post: Post, cpu: usize, seed: u64) {
    // A cpuset that shrank meanwhile leaves the thread unpinned: slower, not wrong.
    let _ = cpu::pin(cpu);
    let _guard = WholeOrNothing;
    let ring = ring.enable().unwrap_or_else(|refused| panic!("shard {}: {refused}", id.0));
    let mut shard = Shard::new(id, ring, world, post, seed);
    while shard.turn() == Turn::Go {}
}

/// A shard that fails an assertion takes the process down: members would wait for a shard that is
/// not there, and whoever supervises the process would not know.
struct WholeOrNothing;

impl Drop for WholeOrNothing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// A mailbox for each ordered pair of shards, and each shard's ends of them.
pub fn posts(shards: usize) -> Vec<Post> {
    let none = || (0..shards).map(|_| None).collect();
    let mut out: Vec<Vec<Option<Producer>>> = (0..shards).map(|_| none()).collect();
    let mut incoming: Vec<Vec<Option<Consumer>>> = (0..shards).map(|_| (0..shards).map(|_| None).collect()).collect();
    for from in 0..shards {
        for to in (0..shards).filter(|to| *to != from) {
            let (producer, consumer) = mailbox(mailbox_bytes(shards));
            out[from][to] = Some(producer);
            incoming[to][from] = Some(consumer);
        }
    }
    out.into_iter().zip(incoming).map(|(out, incoming)| Post::new(out, incoming)).collect()
}
