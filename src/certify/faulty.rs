//! A member that connects, answers, probes and closes as it should, but for one fault.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::config::plan::{Line, Plan, Side};
use crate::frame::{Scan, scan};
use crate::simulate::message::{self, Addresses, Header, Seen};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    None,
    AnswersProbes,
    /// Takes what one receive brings for one frame.
    MixesFrames,
    /// Writes `+188` where `0188` belongs.
    PlusPrefix,
    NeverReconnects,
    StaysOpenAfterFin,
    TakesBadLengths,
    NeverProbes,
    EnduresSilence,
    ResetsAtItsEnd,
    EndsInAFrame,
}

/// Stops and joins its threads when dropped.
pub struct FaultyPeer {
    stop: Arc<OnceLock<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl FaultyPeer {
    /// Plays `member`, whose lines the switch listens at and whose content is never looked at.
    pub fn start(plan: &Plan, member: &str, fault: Fault) -> Self {
        let stop = Arc::new(OnceLock::new());
        let lines = plan.lines.iter().flatten().filter(|line| &*line.member_name == member);
        let threads = lines.map(|line| {
            let peer = Peer { line: Arc::clone(line), fault, stop: Arc::clone(&stop) };
            std::thread::spawn(move || peer.run())
        });
        Self { threads: threads.collect(), stop }
    }
}

impl FaultyPeer {
    /// Its operator stops it: it closes its lines, in its way.
    pub fn stop(&self) {
        self.stop.set(()).ok();
    }
}

impl Drop for FaultyPeer {
    fn drop(&mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

struct Peer {
    line: Arc<Line>,
    fault: Fault,
    stop: Arc<OnceLock<()>>,
}

impl Peer {
    fn stopped(&self) -> bool {
        self.stop.get().is_some()
    }

    fn run(&self) {
        let Side::Listen(address) = self.line.side else { panic!("the switch listens") };
        while !self.stopped() {
            if let Ok(stream) = connect(address) {
                let _ = self.serve(stream); // however it ends, it ends
                if self.fault == Fault::NeverReconnects {
                    return;
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let timers = &self.line.timers;
        let (mut input, mut piece) = (Vec::new(), [0; 4096]);
        let (mut sent, mut received) = (Instant::now(), Instant::now());
        while !self.stopped() {
            match stream.read(&mut piece) {
                Ok(0) if self.fault == Fault::StaysOpenAfterFin => return self.stay(stream),
                Ok(0) => return Ok(()),
                Ok(count) => {
                    received = Instant::now();
                    input.extend_from_slice(&piece[..count]);
                    let (output, sound) = self.take(&mut input);
                    if !output.is_empty() {
                        stream.write_all(&output)?;
                        sent = Instant::now();
                    }
                    if !sound {
                        return Ok(());
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            if sent.elapsed() >= timers.probe_after.as_duration() && self.fault != Fault::NeverProbes {
                stream.write_all(self.line.framing.prefix.probe())?;
                sent = Instant::now();
            }
            if received.elapsed() >= timers.silent_after.as_duration() && self.fault != Fault::EnduresSilence {
                return Ok(());
            }
        }
        match self.fault {
            Fault::EndsInAFrame => stream.write_all(&self.line.framing.prefix.probe()[..1]),
            Fault::ResetsAtItsEnd => {
                crate::simulate::sockets::reset(mio::net::TcpStream::from_std(stream));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Holds on to a connection whose other side has requested the disconnect.
    fn stay(&self, mut stream: TcpStream) -> std::io::Result<()> {
        while !self.stopped() {
            stream.write_all(self.line.framing.prefix.probe())?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// What is to be sent for what came, and whether the connection goes on.
    fn take(&self, input: &mut Vec<u8>) -> (Vec<u8>, bool) {
        let framing = self.line.framing;
        let (prefix, mut output) = (framing.prefix.bytes(), Vec::new());
        if self.fault == Fault::MixesFrames {
            let whole = std::mem::take(input);
            self.answer(whole.get(prefix..).unwrap_or(&[]), &mut output);
            return (output, true);
        }
        loop {
            let used = match scan(framing, input) {
                Scan::Frame { data } => {
                    self.answer(&input[prefix..prefix + data], &mut output);
                    prefix + data
                }
                Scan::Probe => {
                    if self.fault == Fault::AnswersProbes {
                        output.extend_from_slice(framing.prefix.probe());
                    }
                    prefix
                }
                Scan::Part { .. } => return (output, true),
                Scan::Malformed(_) if self.fault == Fault::TakesBadLengths => input.len(),
                Scan::Malformed(_) => return (output, false),
            };
            input.drain(..used);
        }
    }

    fn answer(&self, data: &[u8], output: &mut Vec<u8>) {
        if !matches!(message::read(Header::Raw, data), Some(Seen::Request { .. })) {
            return;
        }
        let mut answer = Vec::new();
        message::answer(Header::Raw, data, Addresses::Exchanged, &mut answer);
        let mut frame = super::bench::framed(&self.line, &answer);
        if self.fault == Fault::PlusPrefix {
            frame[0] = b'+';
        }
        output.extend_from_slice(&frame);
    }
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_millis(5)))?;
    Ok(stream)
}
