//! One shard over a pressed ring, with pairs of members on loopback, turned by the test.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use ringswitch::config::plan::Plan;
use ringswitch::ids::ShardId;
use ringswitch::ring::Ring;
use ringswitch::ring::uring::{Config, Uring};
use ringswitch::shard::Shard;
use ringswitch::shard::thread::posts;
use ringswitch::shared::counters::Cold;
use ringswitch::shared::published::World;
use ringswitch::shared::status::LineState;

use super::opening;
use super::pressed::Pressed;
use crate::kernels::{Kernel, Loopback, PATIENCE, Program};

pub struct Bed {
    kernel: Loopback,
    world: Arc<World>,
    plan: Arc<Plan>,
    pub shard: Shard<Pressed>,
    /// By pair: the two members' addresses.
    pub doors: Vec<[SocketAddr; 2]>,
}

/// Frames of one direction of a pair: what was sent, and what has come of it.
#[derive(Default)]
pub struct Stream {
    pub sent: usize,
    pub came: usize,
    rest: Vec<u8>,
}

impl Bed {
    /// `pairs` pairs of channels, each member with one line.
    pub fn new(pairs: usize, receive_buffers: u16) -> Self {
        let mut kernel = Loopback::new();
        let listeners: Vec<_> = (0..2 * pairs).map(|_| kernel.bind()).collect();
        let doors = listeners.chunks(2).map(|two| [two[0].local, two[1].local]).collect();
        let mut text = "[switch]\nshards = 1\nadmin = \"off\"\n".to_owned();
        for (at, listener) in listeners.iter().enumerate() {
            text += &format!(
                "[[member]]\nid = \"m{at}\"\nprofile = \"channel\"\nallow = [\"127.0.0.1\"]\nline = [{{ listen = \"{}\" }}]\n",
                listener.local
            );
        }
        for pair in 0..pairs {
            text += &format!("[[route]]\nfrom = [\"m{}\"]\nto = [\"m{}\"]\n", 2 * pair, 2 * pair + 1);
        }
        let plan = opening::plan(&text);
        let world = opening::publisher(plan.clone(), listeners).world().clone();
        let mut dormant = Uring::new(Config { receive_buffers, ..Config::new(100, 16 << 20) }).expect("a ring");
        let peers = [dormant.descriptor()];
        dormant.set_peers(&peers);
        let ring = Pressed::new(dormant.enable().expect("on this thread"));
        let post = posts(1).pop().expect("one shard");
        let shard = Shard::new(ShardId(0), ring, world.clone(), post, 1);
        let mut bed = Self { kernel, world, plan, shard, doors };
        bed.turns(4);
        bed
    }

    pub fn turns(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.shard.ring().waker().wake();
            self.shard.turn();
        }
    }

    pub fn until(&mut self, what: &str, mut is: impl FnMut(&mut Self) -> bool) {
        for round in 0..PATIENCE * 4 {
            if is(self) {
                return;
            }
            self.turns(1);
            if round % 50 == 49 {
                self.kernel.pass();
            }
        }
        panic!("in vain: {what}; seen {:?}", self.shard.ring().seen);
    }

    fn state(&self, pair: usize, side: usize) -> LineState {
        let line = opening::line(&self.plan, &format!("m{}-1", 2 * pair + side));
        self.world.current().line(line).expect("a line").status.state()
    }

    /// Connects one side of a pair; it is in when this returns.
    pub fn join(&mut self, pair: usize, side: usize) -> TcpStream {
        let program = self.kernel.connect(self.doors[pair][side]);
        self.until("the line is up", |bed| bed.state(pair, side) == LineState::Up);
        program
    }

    pub fn until_listening(&mut self, pair: usize, side: usize) {
        self.until("the line listens again", |bed| bed.state(pair, side) == LineState::Listening);
    }

    /// The sum over all lines.
    pub fn cold(&self, cell: Cold) -> u64 {
        let current = self.world.current();
        self.plan.lines.iter().flatten().map(|line| current.line(line.id).expect("a line").counters.cold(cell)).sum()
    }

    /// Bytes that have come and were not read, on whichever side.
    pub fn take(&mut self, program: &mut TcpStream, stream: &mut Stream, pair: usize) {
        stream.rest.extend(program.receive());
        while stream.rest.len() >= 4 {
            let len = std::str::from_utf8(&stream.rest[..4]).expect("digits").parse::<usize>().expect("digits");
            if stream.rest.len() < 4 + len {
                return;
            }
            let data: Vec<u8> = stream.rest.drain(..4 + len).skip(4).collect();
            assert!(
                data == frame_data(pair, stream.came),
                "frame {} of pair {pair} is whole, its own and in order",
                stream.came
            );
            stream.came += 1;
        }
    }
}

/// What the `number`th frame of a pair holds: its pair, its number, and a filling of its own.
fn frame_data(pair: usize, number: usize) -> Vec<u8> {
    let mut data = format!("{pair:03}{number:08}").into_bytes();
    data.resize(11 + (number * 37 + pair * 11) % 900, (number % 251) as u8 ^ pair as u8);
    data
}

/// Frames `from..to` of a pair with their lengths in front.
pub fn frames(pair: usize, numbers: std::ops::Range<usize>) -> Vec<u8> {
    let framed = |data: Vec<u8>| [format!("{:04}", data.len()).into_bytes(), data].concat();
    numbers.flat_map(|number| framed(frame_data(pair, number))).collect()
}
