//! The log: one line an event, to standard error, as text or JSON. A reader that does not take it
//! stops a writer thread and nobody else; what does not fit meanwhile is dropped and counted.

#![allow(
    clippy::disallowed_methods,
    reason = "the writer thread is what keeps a blocked reader from the control thread"
)]

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::config::plan::LogFormat;

/// Lines between the switch and a slow reader.
const WAITING: usize = 4_096;

/// How long the end of the process waits for a reader to take the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The running log. Dropping it lets the last lines out.
pub struct Log {
    lines: Lines,
    format: Mutex<LogFormat>,
    layer: reload::Handle<BoxedLayer, Registry>,
    /// Disconnects when the writer thread has ended.
    ended: Mutex<Receiver<()>>,
}

impl Log {
    /// Makes this the log of the process. `RUST_LOG` sets what is logged; without it, `info`.
    ///
    /// # Panics
    /// If the process has a log already.
    pub fn start(format: LogFormat) -> io::Result<Self> {
        let (lines, ended) = Lines::to(io::stderr())?;
        let (layer, handle) = reload::Layer::new(layer(format, lines.clone()));
        tracing_subscriber::registry().with(layer).init();
        Ok(Self { lines, format: Mutex::new(format), layer: handle, ended: Mutex::new(ended) })
    }

    /// Goes on in another format.
    pub fn set_format(&self, format: LogFormat) {
        let mut current = self.format.lock();
        if *current != format && self.layer.reload(layer(format, self.lines.clone())).is_ok() {
            *current = format;
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.end();
        // Either way out is fine: disconnected when all was written, or the reader takes nothing.
        let _ = self.ended.lock().recv_timeout(LAST_LINES);
    }
}

fn layer<S>(format: LogFormat, lines: Lines) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let level = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    match format {
        LogFormat::Text => {
            fmt::layer().with_ansi(false).with_target(false).with_writer(lines).with_filter(level).boxed()
        }
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_target(false).with_writer(lines).with_filter(level).boxed()
        }
    }
}

/// The way to the writer thread.
#[derive(Clone)]
struct Lines {
    sender: Arc<Mutex<Option<SyncSender<Vec<u8>>>>>,
    dropped: Arc<Mutex<u64>>,
}

impl Lines {
    fn to(output: impl Write + Send + 'static) -> io::Result<(Self, Receiver<()>)> {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let (end, ended) = mpsc::channel();
        let dropped = Arc::<Mutex<u64>>::default();
        let lost = dropped.clone();
        let write = move || {
            write_all(&receiver, &lost, output);
            drop(end);
        };
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok((Self { sender: Arc::new(Mutex::new(Some(sender))), dropped }, ended))
    }

    fn end(&self) {
        *self.sender.lock() = None;
    }
}

/// Writes what comes until nobody can send any more. A reader that has gone is no reason to stop
/// a switch: what it would have read is discarded.
fn write_all(lines: &Receiver<Vec<u8>>, dropped: &Mutex<u64>, mut output: impl Write) {
    while let Ok(line) = lines.recv() {
        let lost = std::mem::take(&mut *dropped.lock());
        if lost > 0 {
            let _ = writeln!(output, "{lost} log lines dropped: standard error was not read");
        }
        let _ = output.write_all(&line);
    }
}

impl Write for Lines {
    /// Takes a whole line, always: the subscriber writes each with one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(sender) = &*self.sender.lock()
            && let Err(TrySendError::Full(_)) = sender.try_send(line.to_vec())
        {
            *self.dropped.lock() += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that takes nothing until the test lets it.
    struct Gate {
        open: Receiver<()>,
        taken: mpsc::Sender<String>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.open.recv();
            let _ = self.taken.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gate() -> (Lines, Receiver<()>, mpsc::Sender<()>, Receiver<String>) {
        let ((open, wait), (taken, took)) = (mpsc::channel(), mpsc::channel());
        let (lines, ended) = Lines::to(Gate { open: wait, taken }).expect("a thread");
        (lines, ended, open, took)
    }

    #[test]
    fn a_reader_that_takes_nothing_blocks_nobody_and_learns_how_much_it_missed() {
        let (mut lines, ended, open, took) = gate();
        let more = WAITING + 10;
        for number in 0..more {
            lines.write_all(format!("{number}\n").as_bytes()).expect("never fails");
        }
        drop(open); // from here on everything is taken
        lines.end();
        let _ = ended.recv();
        let text: String = took.iter().collect();
        let written = text.lines().filter(|line| line.parse::<usize>().is_ok()).count();
        let missed: usize = text
            .lines()
            .find_map(|line| line.strip_suffix(" log lines dropped: standard error was not read")?.parse().ok())
            .expect("a line that says so");
        assert!(missed > 0);
        assert_eq!(written + missed, more);
    }

    #[test]
    fn both_formats_write_one_line_an_event() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let (lines, ended, open, took) = gate();
            drop(open);
            let subscriber = tracing_subscriber::registry().with(layer(format, lines.clone()));
            tracing::subscriber::with_default(subscriber, || tracing::info!(line = "a", to = "up", "line"));
            lines.end();
            let _ = ended.recv();
            let text: String = took.iter().collect();
            assert_eq!(text.lines().count(), 1, "{text}");
            if format == LogFormat::Json {
                let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!((&json["line"], &json["to"]), (&"a".into(), &"up".into()));
            } else {
                assert!(text.contains("INFO line line=\"a\" to=\"up\""), "{text}");
            }
        }
    }
}
