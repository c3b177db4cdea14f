//! Plans from the operator's files, or from a text that is part of the program.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::source::{Fault, Loaded, PlanSource, Refused};
use super::{clock, files};
use crate::config::plan::Plan;
use crate::config::{self, Built, Configuration, Host, Reading, Source};

/// A configuration and what its next reading needs of this one.
#[derive(Debug)]
pub struct Configured {
    origin: Origin,
    host: Host,
    state: Mutex<State>,
}

#[derive(Debug)]
enum Origin {
    File(PathBuf),
    /// Of the demo.
    Text(Source),
}

#[derive(Debug, Default)]
struct State {
    running: Option<Read>,
    /// Loaded last; it runs once it is `taken`.
    loaded: Option<Read>,
}

#[derive(Clone, Debug)]
struct Read {
    built: Built,
    configuration: Configuration,
    /// Include patterns that matched something.
    matched: Vec<String>,
}

impl Configured {
    pub fn file(path: &Path, host: Host) -> Self {
        Self { origin: Origin::File(path.to_owned()), host, state: Mutex::default() }
    }

    pub fn text(name: &str, text: &str, host: Host) -> Self {
        let source = Source { name: name.to_owned(), text: text.to_owned() };
        Self { origin: Origin::Text(source), host, state: Mutex::default() }
    }

    fn read(&self, running: Option<&Plan>, matched_before: &[String]) -> (Reading, Vec<String>) {
        match &self.origin {
            Origin::File(path) => files::read(path, &self.host, running, matched_before),
            Origin::Text(source) => {
                (config::read(std::slice::from_ref(source), &self.host, running), matched_before.to_vec())
            }
        }
    }

    fn name(&self) -> String {
        match &self.origin {
            Origin::File(path) => path.display().to_string(),
            Origin::Text(source) => source.name.clone(),
        }
    }
}

impl PlanSource for Configured {
    fn load(&self, previous: Option<&Plan>) -> Result<Loaded, Refused> {
        let mut state = self.state.lock();
        let matched_before = state.running.as_ref().map_or(&[][..], |read| &read.matched);
        let (reading, matched) = self.read(previous, matched_before);
        let Some(configuration) = reading.configuration.filter(|_| reading.faults.is_empty()) else {
            return Err(Refused { faults: reading.faults.into_iter().map(fault).collect() });
        };
        let before = state.running.as_ref().map(|read| &read.built);
        let built = config::build(&configuration, before, clock::now())
            .map_err(|full| Refused { faults: vec![Fault::without_place(self.name(), full.to_string())] })?;
        let plan = Arc::clone(&built.plan);
        state.loaded = Some(Read { built, configuration, matched });
        Ok(Loaded { plan, warnings: reading.warnings.into_iter().map(fault).collect() })
    }

    fn taken(&self) {
        let mut state = self.state.lock();
        if let Some(loaded) = state.loaded.take() {
            state.running = Some(loaded);
        }
    }

    fn effective(&self) -> String {
        let state = self.state.lock();
        state.running.as_ref().map_or_else(String::new, |read| config::dump(&read.configuration))
    }

    fn file(&self) -> PathBuf {
        self.name().into()
    }
}

fn fault(fault: config::Fault) -> Fault {
    let config::Fault { file, line, column, message } = fault;
    Fault { file, line, column, message }
}
