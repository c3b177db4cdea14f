//! Members that ask and members that answer, in threads of their own, while something breaks.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::books::Books;
use crate::harness::frames::{answer_swapped, message, number_of, numbered};
use crate::harness::{Arrival, NII, Peer, eventually, tpdu};

/// The size of a message on its way there and back.
pub const MESSAGE: usize = 200;

/// Lines that ask and wait for the answer, all of them again and again, in one thread. An answer that
/// does not come fails the test: these are the members that nothing may happen to.
pub struct Askers {
    stop: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<(Instant, Duration)>>>,
    books: Books,
    thread: Option<JoinHandle<Vec<Peer>>>,
}

impl Askers {
    /// Each round sends on every line, then waits for every answer, then rests for `pace`.
    pub fn on(lines: Vec<Peer>, pace: Duration) -> Self {
        Self::to(NII, lines, pace)
    }

    pub fn to(nii: u16, mut lines: Vec<Peer>, pace: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let books = Books::default();
        let (stopped, samples, noted) = (stop.clone(), taken.clone(), books.clone());
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            while !stopped.load(SeqCst) {
                round(nii, &mut lines, &mut number, &samples, &noted);
                std::thread::sleep(pace);
            }
            lines
        });
        Self { stop, taken, books, thread: Some(thread) }
    }

    /// How many were answered so far.
    pub fn answered(&self) -> usize {
        self.taken.lock().expect("the asker does not panic with it").len()
    }

    /// The round trip that 99 of 100 stay below, of those that were answered between two moments.
    pub fn p99(&self, from: Instant, to: Instant) -> Duration {
        let taken = self.taken.lock().expect("the asker does not panic with it");
        let within = taken.iter().filter(|(at, _)| (from..to).contains(at));
        let mut times: Vec<Duration> = within.map(|(_, took)| *took).collect();
        times.sort_unstable();
        times.get(times.len() * 99 / 100).copied().unwrap_or_default()
    }

    /// The same over what is measured while `act` runs, at least `least` long.
    pub fn p99_while<T>(&self, least: Duration, act: impl FnOnce() -> T) -> (Duration, T) {
        let from = Instant::now();
        let value = act();
        std::thread::sleep(least.saturating_sub(from.elapsed()));
        (self.p99(from, Instant::now()), value)
    }

    /// Ends and gives the lines back; everything asked was answered.
    pub fn stop(mut self) -> Vec<Peer> {
        self.stop.store(true, SeqCst);
        let lines = self.thread.take().expect("stopped once").join().expect("every request was answered");
        let account = self.books.sound();
        assert_eq!(account.asked, account.delivered, "{account:?}");
        lines
    }
}

fn round(nii: u16, lines: &mut [Peer], number: &mut u32, samples: &Mutex<Vec<(Instant, Duration)>>, books: &Books) {
    let mut sent = Vec::with_capacity(lines.len());
    for (line, peer) in lines.iter_mut().enumerate() {
        *number += 1;
        books.ask(line, *number);
        sent.push(Instant::now());
        peer.send_frame(&tpdu(nii, line as u16 + 1, &numbered(*number, MESSAGE)));
    }
    for (line, peer) in lines.iter_mut().enumerate() {
        let got = number_of(message(&peer.receive_message()));
        books.answer(got);
        books.deliver(line, got);
        let now = Instant::now();
        samples.lock().expect("nobody panics with it").push((now, now - sent[line]));
    }
}

impl Drop for Askers {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// `during` against `calm`, for the table.
pub fn ratio(calm: Duration, during: Duration) -> String {
    let ratio = during.as_secs_f64() / calm.as_secs_f64().max(1e-9);
    format!("{ratio:.1} ({:.2} ms → {:.2} ms)", calm.as_secs_f64() * 1e3, during.as_secs_f64() * 1e3)
}

/// A host that answers everything that comes on one line and notes it, until the line ends or it is stopped.
pub struct NotingHost {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Peer>>,
}

impl NotingHost {
    pub fn on(line: Peer, books: &Books) -> Self {
        Self::slowly(line, books, Duration::ZERO)
    }

    /// Waits before each answer.
    pub fn slowly(mut line: Peer, books: &Books, wait: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, books) = (stop.clone(), books.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(SeqCst) {
                match line.arrival(Duration::from_millis(20)) {
                    Arrival::Frame(request) if !request.is_empty() => {
                        let number = number_of(message(&request));
                        books.see(number);
                        std::thread::sleep(wait);
                        books.answer(number);
                        let frame = line.prefix().frame(&answer_swapped(&request, message(&request)));
                        if !line.send_raw_while_open(&frame) {
                            break;
                        }
                    }
                    Arrival::Frame(_) | Arrival::Nothing => {}
                    Arrival::Fin | Arrival::Reset => break,
                }
            }
            line
        });
        Self { stop, thread: Some(thread) }
    }

    pub fn stop(mut self) -> Peer {
        self.stop.store(true, SeqCst);
        self.thread.take().expect("stopped once").join().expect("the host does not panic")
    }
}

impl Drop for NotingHost {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Asks for `numbers` on the line, each noted; nobody waits for answers.
pub fn ask_all(line: &mut Peer, asker: usize, numbers: std::ops::Range<u32>, books: &Books) {
    let mut bytes = Vec::new();
    for number in numbers {
        books.ask(asker, number);
        bytes.extend(line.prefix().frame(&tpdu(NII, asker as u16 + 1, &numbered(number, MESSAGE))));
    }
    line.send_raw(&bytes);
}

/// Takes what comes on the line until nothing has for `quiet`, each answer noted; true if the line is still open.
pub fn take_all(line: &mut Peer, asker: usize, books: &Books, quiet: Duration) -> bool {
    loop {
        match line.arrival(quiet) {
            Arrival::Frame(answer) if answer.is_empty() => {}
            Arrival::Frame(answer) => books.deliver(asker, number_of(message(&answer))),
            Arrival::Nothing => return true,
            Arrival::Fin | Arrival::Reset => return false,
        }
    }
}

/// Takes what comes on any of the lines until `delivered` answers have come in all, and a moment longer.
pub fn take_until(lines: &mut [&mut Peer], asker: usize, books: &Books, delivered: u64) {
    eventually(&format!("{delivered} answers"), || {
        lines.iter_mut().for_each(|line| {
            take_all(line, asker, books, Duration::from_millis(1));
        });
        (books.account().delivered >= delivered).then_some(())
    });
    lines.iter_mut().for_each(|line| {
        take_all(line, asker, books, Duration::from_millis(50));
    });
    assert_eq!(books.sound().delivered, delivered);
}

/// Takes requests until `count` have come on the line, each noted.
pub fn see_all(line: &mut Peer, count: usize, books: &Books) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    while requests.len() < count {
        let request = line.receive_message();
        books.see(number_of(message(&request)));
        requests.push(request);
    }
    requests
}

/// Answers them on the line, each noted.
pub fn answer_all(line: &mut Peer, requests: &[Vec<u8>], books: &Books) {
    let mut bytes = Vec::new();
    for request in requests {
        books.answer(number_of(message(request)));
        bytes.extend(line.prefix().frame(&answer_swapped(request, message(request))));
    }
    line.send_raw(&bytes);
}
