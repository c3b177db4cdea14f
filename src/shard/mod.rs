//! One thread: one ring, one switch. The switch decides; the shard owns sockets, buffers and
//! timers, does what was decided, and joins with the kernel before it lets go of anything.

pub mod clocks;
pub mod connection;
pub mod cpu;
pub mod deliver;
pub mod expire;
pub mod log;
pub mod open;
pub mod orders;
pub mod post;
pub mod queue;
pub mod receive;
pub mod resend;
pub mod reset;
pub mod send;
pub mod sever;
pub mod thread;
pub mod turn;
pub mod width;
mod wire;

use std::sync::Arc;

use crate::ids::{GroupId, LineId, ShardId};
use crate::ring::{BufferId, Completion, Listener, Memory, Received, Ring, Segment, Socket};
use crate::shared::published::World;
use crate::switch::Switch;
use crate::switch::line::outbox::Run;
use crate::switch::timers::Wheel;
use crate::time::Instant;
use connection::Connection;
use deliver::Delivery;
use post::Post;
use width::Width;
use wire::Wire;

/// A shard over a ring, real or fake.
#[derive(Debug)]
pub struct Shard<R: Ring> {
    id: ShardId,
    ring: R,
    world: Arc<World>,
    switch: Switch,
    /// By line slot, beside `switch.lines`.
    wires: Vec<Wire>,
    connections: Vec<Connection>,
    /// Indices of connections that are closed and may be used again.
    free: Vec<u32>,
    post: Post,
    wheel: Wheel,
    /// What the kernel said at the last enter.
    completions: Vec<Completion>,
    /// Lines with something to send at the end of the turn.
    dirty: Vec<u32>,
    /// Lines that are not read because what they feed is full.
    paused: Vec<u32>,
    /// Connections that found no receive buffer.
    starved: Vec<u32>,
    /// Newcomers on occupied ports whose old connection has ended but still holds unread bytes.
    doorstep: Vec<open::Newcomer>,
    /// Listeners of lines that the next plan will name.
    early: Vec<(LineId, Arc<Listener>)>,
    /// Groups with answers that wait for a line.
    holding: Vec<GroupId>,
    /// Receive buffers that the kernel has passed; given back once no lent run refers to them.
    passed: Vec<BufferId>,
    /// Sends of lent runs that have not completed.
    lent_in_flight: u32,
    /// A way has opened for a paused line or a held answer.
    nudged: bool,
    /// The next look at the `used` bits.
    used_at: Instant,
    stop_by: Option<Instant>,
    memory_bytes: u64,
    /// When resend logs were last let go of because memory ran short.
    relieved_at: Instant,
    /// A letter in one piece.
    mail_scratch: Vec<u8>,
    /// Where frames for another shard are put together.
    wire_scratch: Vec<u8>,
    width: Width,
    scratch: Scratch,
}

/// Lists that are used again and again, so that a turn allocates nothing.
#[derive(Default, Debug)]
struct Scratch {
    segments: Vec<Segment>,
    runs: Vec<Run>,
    completions: Vec<Completion>,
    due: Vec<u32>,
    accepted: Vec<(u32, u32, Socket)>,
}

/// Whether the shard has more to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    Go,
    /// Every line is closed after a stop.
    Stopped,
}

impl<R: Ring> Shard<R> {
    /// A shard with no line yet: the first turn takes the plan. `seed` jitters its reconnects.
    pub fn new(id: ShardId, ring: R, world: Arc<World>, post: Post, seed: u64) -> Self {
        let now = ring.now();
        let switch = Switch::new(id, world.current(), now, seed);
        Self {
            id,
            ring,
            world,
            switch,
            wires: Vec::new(),
            connections: Vec::new(),
            free: Vec::new(),
            post,
            wheel: Wheel::new(now),
            completions: Vec::new(),
            dirty: Vec::new(),
            paused: Vec::new(),
            starved: Vec::new(),
            doorstep: Vec::new(),
            early: Vec::new(),
            holding: Vec::new(),
            passed: Vec::new(),
            lent_in_flight: 0,
            nudged: false,
            used_at: Instant(0),
            stop_by: None,
            memory_bytes: 0,
            relieved_at: Instant(0),
            mail_scratch: Vec::new(),
            wire_scratch: Vec::new(),
            width: Width::default(),
            scratch: Scratch::default(),
        }
    }

    pub fn ring(&self) -> &R {
        &self.ring
    }

    pub fn ring_mut(&mut self) -> &mut R {
        &mut self.ring
    }

    pub fn switch(&self) -> &Switch {
        &self.switch
    }

    /// Whether letters of other shards lie unread. A shard that sleeps by them was not woken: what a
    /// driver that decides when a wait ends must be able to see.
    pub fn has_mail(&self) -> bool {
        self.post.has_mail()
    }

    /// Everything that moving frames touches.
    fn delivery(&mut self) -> Delivery<'_> {
        self.delivery_of_received().0
    }

    /// The same, and apart from it the bytes that the ring has received.
    fn delivery_of_received(&mut self) -> (Delivery<'_>, &Received) {
        let Memory { received, chunks } = self.ring.memory();
        let delivery = Delivery {
            switch: &mut self.switch,
            world: &self.world,
            chunks,
            connections: &mut self.connections,
            wires: &mut self.wires,
            post: &mut self.post,
            dirty: &mut self.dirty,
            holding: &mut self.holding,
            memory_bytes: &mut self.memory_bytes,
            wire: &mut self.wire_scratch,
            width: &mut self.width,
        };
        (delivery, received)
    }

    /// The connection behind a token, if it is still the one that the token was made for.
    fn connection_at(&self, index: u32, generation: u32) -> Option<&Connection> {
        self.connections.get(index as usize).filter(|connection| connection.generation == generation)
    }
}
