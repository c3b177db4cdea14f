//! A ring with what a script does to it over and over.

use ringswitch::ring::token::Kind;
use ringswitch::ring::{
    Chunk, Completion, Health, Listener, Operation, Region, Ring, Segment, Socket, Token, buffers::Size,
};

use crate::kernels::{BUFFERS, Kernel, PATIENCE, Program};

/// What a script has seen, in words that are the same on both kernels.
pub type Report = Vec<String>;

pub struct Bench<K: Kernel> {
    pub kernel: K,
    pub ring: K::Ring,
    pub others: Vec<K::Ring>,
    waiting: Vec<Completion>,
    /// Chunks of sends under way, by slot.
    sending: Vec<(u32, Chunk)>,
}

/// What a receive brought before it ended or fell silent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stream {
    pub bytes: Vec<u8>,
    /// The result without bytes with which it ended, or the last count if it ended on a success.
    pub end: Option<i32>,
    pub regions: Vec<Region>,
}

impl<K: Kernel> Bench<K> {
    pub fn new() -> Self {
        Self::with(1, BUFFERS)
    }

    pub fn with(rings: u16, receive_buffers: u16) -> Self {
        let mut kernel = K::new();
        let mut others = kernel.rings(rings, receive_buffers);
        let ring = others.remove(0);
        Self { kernel, ring, others, waiting: Vec::new(), sending: Vec::new() }
    }

    pub fn token(kind: Kind, slot: u32) -> Token {
        Token::new(kind, slot, 1)
    }

    pub fn enter(&mut self) {
        self.kernel.enter(&mut self.ring, &mut self.waiting);
    }

    /// Enters some times: what is to come has come, or does not.
    pub fn linger(&mut self) {
        for _ in 0..10 {
            self.enter();
        }
    }

    /// A completion that is already there.
    pub fn poll(&mut self, kind: Kind, slot: u32) -> Option<Completion> {
        let token = Self::token(kind, slot);
        let place = self.waiting.iter().position(|completion| completion.token == token)?;
        if kind == Kind::Send {
            for (_, chunk) in self.sending.extract_if(.., |(of, _)| *of == slot) {
                self.ring.memory().chunks.give(chunk);
            }
        }
        Some(self.waiting.remove(place))
    }

    pub fn next(&mut self, kind: Kind, slot: u32) -> Completion {
        for _ in 0..PATIENCE {
            if let Some(completion) = self.poll(kind, slot) {
                return completion;
            }
            self.enter();
        }
        panic!("{kind:?} {slot} does not complete; there are {:?}", self.waiting);
    }

    /// The result of an operation that ends with its first completion.
    pub fn result(&mut self, kind: Kind, slot: u32) -> i32 {
        let completion = self.next(kind, slot);
        assert!(!completion.more);
        completion.result
    }

    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        for _ in 0..PATIENCE {
            if is_so(self) {
                return;
            }
            self.enter();
        }
        panic!("never: {what}");
    }

    pub fn listen(&mut self) -> Listener {
        let listener = self.kernel.bind();
        let token = Self::token(Kind::Accept, 0);
        self.ring.push(Operation::Accept { token, listener: listener.socket });
        listener
    }

    pub fn accept(&mut self) -> Socket {
        let completion = self.next(Kind::Accept, 0);
        assert!(completion.more && completion.result >= 0, "{completion:?}");
        Socket(completion.result)
    }

    /// A connection that a program made to a ring's listener, which is gone again.
    pub fn connection(&mut self) -> (Socket, K::Program) {
        let listener = self.listen();
        let program = self.kernel.connect(listener.local);
        let socket = self.accept();
        self.ring.admitted(socket).expect("a connection");
        let target = Self::token(Kind::Accept, 0);
        assert_eq!(self.cancel(target), (0, -libc::ECANCELED));
        (socket, program)
    }

    /// The results of the cancel and of its target.
    pub fn cancel(&mut self, target: Token) -> (i32, i32) {
        self.ring.push(Operation::Cancel { token: Self::token(Kind::Cancel, target.slot()), target });
        let cancel = self.result(Kind::Cancel, target.slot());
        (cancel, self.result(target.kind(), target.slot()))
    }

    /// The result of a cancel without a target.
    pub fn cancelled_nobody(&mut self) -> i32 {
        let (token, target) = (Self::token(Kind::Cancel, 0), Self::token(Kind::Receive, 77));
        self.ring.push(Operation::Cancel { token, target });
        self.result(Kind::Cancel, 0)
    }

    pub fn receive(&mut self, slot: u32, socket: Socket, limit: u32) {
        self.ring.push(Operation::Receive { token: Self::token(Kind::Receive, slot), socket, limit });
    }

    /// Takes in what a receive brings, until it ends or `bytes` have come. Full buffers go back, if `return_full`.
    pub fn stream(&mut self, slot: u32, bytes: usize, return_full: bool) -> Stream {
        let mut stream = Stream::default();
        while stream.end.is_none() && stream.bytes.len() < bytes {
            let completion = self.next(Kind::Receive, slot);
            if let Some(region) = completion.region {
                assert_eq!(completion.result, region.len as i32);
                let memory = self.ring.memory();
                stream.bytes.extend_from_slice(memory.received.bytes(region.buffer, region.offset, region.len));
                stream.regions.push(region);
                if region.last && return_full {
                    self.ring.give_back(region.buffer);
                }
            }
            stream.end = (!completion.more).then_some(completion.result);
        }
        stream
    }

    pub fn chunk(&mut self, size: Size, bytes: &[u8]) -> Chunk {
        let chunks = self.ring.memory().chunks;
        let chunk = chunks.take(size).expect("within the bound");
        chunks.tail(chunk, 0)[..bytes.len()].copy_from_slice(bytes);
        chunk
    }

    /// Sends bytes in as many large chunks as they need.
    pub fn send(&mut self, slot: u32, socket: Socket, bytes: &[u8], wait: bool) {
        let mut segments = Vec::new();
        for part in bytes.chunks(ringswitch::limits::CHUNK_BYTES) {
            let chunk = self.chunk(Size::Large, part);
            self.sending.push((slot, chunk));
            segments.push(Segment::Chunk { chunk, offset: 0, len: part.len() as u32 });
        }
        self.ring.send(Self::token(Kind::Send, slot), socket, &segments, wait);
    }

    /// What the program reads, until as many bytes have come.
    pub fn read(&mut self, program: &mut K::Program, bytes: usize) -> Vec<u8> {
        let mut read = Vec::new();
        self.until("the program has read all", |bench| {
            read.extend(program.receive());
            read.len() >= bytes || {
                bench.enter();
                false
            }
        });
        read
    }

    pub fn health(&mut self, socket: Socket, is_so: impl Fn(&Health) -> bool) -> Health {
        self.until("healthy as expected", |bench| is_so(&bench.ring.health(socket).expect("a connection")));
        self.ring.health(socket).expect("a connection")
    }
}

/// Bytes of which every position is told from its neighbours.
pub fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|place| ((place * 31) ^ (place >> 8) ^ (seed * 131)) as u8).collect()
}
