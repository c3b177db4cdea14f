//! A switch as small as it can be, to prove the simulator before and apart from the real one: one
//! thread, one table of numbers, answers over the request's line or a sibling, and faults on order.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use crate::config::plan::{Line, Plan, Side, Ways};
use crate::frame::{Scan, scan};
use crate::ids::GroupId;
use crate::message::station::StationHeader;
use crate::message::tpdu::{self, Tpdu};

/// What becomes of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Pass,
    /// The byte at this offset of the data is changed.
    Corrupt(usize),
    Swallow,
    Double,
}

/// Decides on the nth frame (from 0); `true` for answers, which are counted apart.
pub type Faults = Box<dyn FnMut(bool, u64) -> Fate + Send>;

pub fn no_faults() -> Faults {
    Box::new(|_, _| Fate::Pass)
}

/// Stops and joins its thread when dropped.
pub struct FakeSwitch {
    stop: Arc<OnceLock<()>>,
    up: Arc<Mutex<usize>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeSwitch {
    pub fn start(plan: &Plan, faults: Faults) -> Self {
        let stop = Arc::new(OnceLock::new());
        let mut relay = Relay::new(plan, faults);
        let up = Arc::new(Mutex::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&up));
        let thread = std::thread::spawn(move || {
            while stopped.get().is_none() {
                let busy = relay.turn();
                *counted.lock() = relay.ports.iter().filter(|port| port.stream.is_some()).count();
                if !busy {
                    std::thread::sleep(Duration::from_micros(100));
                }
            }
        });
        Self { stop, up, thread: Some(thread) }
    }

    pub fn lines_up(&self) -> usize {
        *self.up.lock()
    }
}

impl Drop for FakeSwitch {
    fn drop(&mut self) {
        self.stop.set(()).ok();
        let result = self.thread.take().expect("joined once").join();
        assert!(result.is_ok() || std::thread::panicking(), "the fake switch panicked");
    }
}

struct Port {
    line: Arc<Line>,
    listener: Option<TcpListener>,
    stream: Option<TcpStream>,
    input: Vec<u8>,
    output: Vec<u8>,
}

struct Relay {
    plan: Plan,
    ports: Vec<Port>,
    /// By answering group and number: the requester's port and the terminal's address.
    waiting: HashMap<(GroupId, u16), (usize, u16)>,
    number: u16,
    rotation: usize,
    /// Nothing is read before every line was up once: what comes for somebody who is not there yet
    /// would be lost, and no test is about that.
    open: bool,
    counts: [u64; 2],
    faults: Faults,
}

impl Relay {
    fn new(plan: &Plan, faults: Faults) -> Self {
        let ports = plan.lines.iter().flatten().map(Port::open).collect();
        let plan = plan.clone();
        Self { plan, ports, waiting: HashMap::new(), number: 0x5000, rotation: 0, open: false, counts: [0; 2], faults }
    }

    /// False: nothing happened.
    fn turn(&mut self) -> bool {
        let mut busy = false;
        for at in 0..self.ports.len() {
            self.ports[at].connect();
            if !self.open {
                continue;
            }
            busy |= self.ports[at].receive();
            while let Some(data) = self.ports[at].frame() {
                self.route(at, data);
            }
        }
        for port in &mut self.ports {
            port.flush();
        }
        self.open |= self.ports.iter().all(|port| port.stream.is_some());
        busy
    }

    fn route(&mut self, at: usize, data: Vec<u8>) {
        let group = self.plan.group(self.ports[at].line.group).unwrap().clone();
        match &group.ways {
            Ways::Nowhere => panic!("a frame of {} that leads nowhere", group.member_name),
            Ways::Pair { to } => self.pass(group.answers, *to, None, data),
            Ways::Station(_) => {
                let to = StationHeader::read(&data).unwrap().destination;
                self.pass(data[48] == b'1', self.plan.stations[&to], None, data);
            }
            Ways::Iso8583(_) => panic!("the real switch is asked about keys"),
            Ways::Tpdu(ways) => match ways.route(Tpdu::read(&data).unwrap().destination) {
                Some(route) => {
                    let to = route.to[0];
                    self.request(at, to, data);
                }
                None => self.answer(group.id, data),
            },
        }
    }

    fn request(&mut self, at: usize, to: GroupId, mut data: Vec<u8>) {
        const NII: u16 = 3;
        self.number = self.number.wrapping_add(1);
        while self.number == NII || self.waiting.contains_key(&(to, self.number)) {
            self.number = self.number.wrapping_add(1);
        }
        self.waiting.insert((to, self.number), (at, Tpdu::read(&data).unwrap().source));
        data[tpdu::SOURCE..tpdu::BYTES].copy_from_slice(&self.number.to_be_bytes());
        self.pass(false, to, None, data);
    }

    /// Finds the number where the host put it. A doubled answer finds it twice, for the test's sake.
    fn answer(&mut self, from: GroupId, mut data: Vec<u8>) {
        let head = Tpdu::read(&data).unwrap();
        let place = if self.waiting.contains_key(&(from, head.destination)) { tpdu::DESTINATION } else { tpdu::SOURCE };
        let number = u16::from_be_bytes([data[place], data[place + 1]]);
        let Some((at, terminal)) = self.waiting.remove(&(from, number)) else { return };
        data[place..place + 2].copy_from_slice(&terminal.to_be_bytes());
        self.pass(true, self.ports[at].line.group, Some(at), data);
    }

    fn pass(&mut self, answer: bool, to: GroupId, prefer: Option<usize>, mut data: Vec<u8>) {
        let nth = self.counts[usize::from(answer)];
        self.counts[usize::from(answer)] += 1;
        let copies = match (self.faults)(answer, nth) {
            Fate::Pass => 1,
            Fate::Swallow => 0,
            Fate::Double => 2,
            Fate::Corrupt(at) => {
                data[at] ^= 0x01;
                1
            }
        };
        for _ in 0..copies {
            self.send(to, prefer, &data);
        }
    }

    /// Over the preferred port, else over one of the group's live lines that can send, in turn.
    fn send(&mut self, to: GroupId, prefer: Option<usize>, data: &[u8]) {
        let can = |port: &Port| port.line.group == to && port.stream.is_some() && port.line.flow.sends();
        let able: Vec<usize> = (0..self.ports.len()).filter(|&at| can(&self.ports[at])).collect();
        self.rotation += 1;
        let preferred = prefer.filter(|at| able.contains(at));
        let Some(at) = preferred.or_else(|| able.get(self.rotation % able.len().max(1)).copied()) else { return };
        let port = &mut self.ports[at];
        let start = port.output.len();
        port.output.resize(start + port.line.framing.prefix.bytes(), 0);
        port.line.framing.prefix.write(data.len(), &mut port.output[start..]);
        port.output.extend_from_slice(data);
    }
}

impl Port {
    fn open(line: &Arc<Line>) -> Self {
        let listener = match line.side {
            Side::Listen(local) => {
                let listener = TcpListener::bind(local).unwrap();
                listener.set_nonblocking(true).unwrap();
                Some(listener)
            }
            Side::Connect { .. } => None,
        };
        Self { line: Arc::clone(line), listener, stream: None, input: Vec::new(), output: Vec::new() }
    }

    fn connect(&mut self) {
        if self.stream.is_some() {
            return;
        }
        let found = match (&self.listener, self.line.side) {
            (Some(listener), _) => listener.accept().map(|(stream, _)| stream).ok(),
            (None, Side::Connect { remote, .. }) => TcpStream::connect(remote).ok(),
            (None, Side::Listen(_)) => unreachable!("a listening line has a listener"),
        };
        if let Some(stream) = found {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            self.stream = Some(stream);
        }
    }

    fn receive(&mut self) -> bool {
        let mut room = [0; 16 * 1024];
        let Some(stream) = &mut self.stream else { return false };
        match stream.read(&mut room) {
            Ok(received) if received > 0 => {
                self.input.extend_from_slice(&room[..received]);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            _ => {
                self.lost();
                true
            }
        }
    }

    fn lost(&mut self) {
        self.stream = None;
        self.input.clear();
        self.output.clear();
    }

    fn frame(&mut self) -> Option<Vec<u8>> {
        let prefix = self.line.framing.prefix.bytes();
        loop {
            match scan(self.line.framing, &self.input) {
                Scan::Frame { data } => {
                    let rest = self.input.split_off(prefix + data);
                    let frame = std::mem::replace(&mut self.input, rest);
                    return Some(frame[prefix..].to_vec());
                }
                Scan::Probe => drop(self.input.drain(..prefix)),
                Scan::Part { .. } => return None,
                Scan::Malformed(reason) => panic!("{} sent {reason:?}", self.line.name),
            }
        }
    }

    fn flush(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        while !self.output.is_empty() {
            match stream.write(&self.output) {
                Ok(written) => drop(self.output.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.lost(),
            }
        }
    }
}
