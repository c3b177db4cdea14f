//! A member that answers everything, in a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use super::frames::{answer_swapped, message};
use super::peer::{Arrival, Peer};

/// Answers each request on the line it came in on, with the request's own message, until stopped.
pub struct AnsweringHost {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    thread: Option<JoinHandle<Peer>>,
}

impl AnsweringHost {
    pub fn on(mut line: Peer) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&answered));
        let thread = std::thread::spawn(move || {
            while !stopped.load(SeqCst) {
                match line.arrival(Duration::from_millis(20)) {
                    Arrival::Frame(request) if !request.is_empty() => {
                        let answer = answer_swapped(&request, message(&request));
                        let frame = line.prefix().frame(&answer);
                        if !line.send_raw_while_open(&frame) {
                            break;
                        }
                        count.fetch_add(1, SeqCst);
                    }
                    Arrival::Frame(_) | Arrival::Nothing => {}
                    Arrival::Fin | Arrival::Reset => break,
                }
            }
            line
        });
        Self { stop, answered, thread: Some(thread) }
    }

    pub fn answered(&self) -> u64 {
        self.answered.load(SeqCst)
    }

    /// Stops answering and gives the line back.
    pub fn stop(mut self) -> Peer {
        self.stop.store(true, SeqCst);
        self.thread.take().expect("stopped once").join().expect("the host does not panic")
    }
}

impl Drop for AnsweringHost {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
