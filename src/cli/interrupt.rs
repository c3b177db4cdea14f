//! Ctrl-C and SIGTERM for the commands that run for a while: the first one asks to finish in
//! order, the second one ends the process.

#![expect(clippy::disallowed_methods, reason = "signals are waited for on a thread of their own")]

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

/// What a shell reports for a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Whether the operator has asked to finish.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    asked: Arc<OnceLock<()>>,
}

impl Interrupt {
    /// Takes over both signals for the rest of the process.
    ///
    /// # Errors
    /// No thread or no signal handler to be had.
    pub fn catch() -> io::Result<Self> {
        let interrupt = Self::default();
        let asked = Arc::clone(&interrupt.asked);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let wait = move || {
            runtime.block_on(async {
                let both = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
                let (Ok(mut interrupt), Ok(mut terminate)) = both else { return };
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    if asked.set(()).is_err() {
                        std::process::exit(INTERRUPTED);
                    }
                }
            });
        };
        thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
        Ok(interrupt)
    }

    pub fn asked(&self) -> bool {
        self.asked.get().is_some()
    }
}
