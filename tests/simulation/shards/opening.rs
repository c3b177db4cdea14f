//! From a configuration's text to what shards are started with, by the same code as the control thread's, but for where
//! numbers begin: that is chance, and a simulation must not have any of its own.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ringswitch::config::plan::{Group, Plan};
use ringswitch::config::{Built, Host, Source, build, read};
use ringswitch::control::publisher::Publisher;
use ringswitch::control::states::Beginnings;
use ringswitch::ids::LineId;
use ringswitch::metrics::KnownLines;
use ringswitch::ring::Listener;
use ringswitch::time::Instant;

/// What the configuration's file is called in faults.
pub const FILE: &str = "simulated.toml";

thread_local! {
    /// The number that the first request of a group gets.
    static FIRST_NUMBER: Cell<u16> = const { Cell::new(0x0100) };
}

pub fn begin_numbers_at(number: u16) {
    FIRST_NUMBER.set(number);
}

/// What new tables begin with, in place of chance.
#[derive(Clone, Copy, Debug)]
pub struct Fixed;

impl Beginnings for Fixed {
    fn first_number(&self, _: &Group, _: bool) -> u16 {
        FIRST_NUMBER.get()
    }

    fn key_seed(&self) -> u64 {
        5
    }
}

/// The plan of a configuration, after the one that runs.
///
/// # Errors
/// Every fault, in one text.
pub fn built(text: &str, running: Option<&Built>, now: Instant) -> Result<Built, String> {
    let source = Source { name: FILE.to_owned(), text: text.to_owned() };
    let reading = read(&[source], &Host { name: "sw1".to_owned(), cpus: 1 }, running.map(|built| &*built.plan));
    let Some(configuration) = &reading.configuration else {
        return Err(format!("{:#?} in\n{text}", reading.faults));
    };
    build(configuration, running, now).map_err(|none| none.to_string())
}

pub fn plan(text: &str) -> Arc<Plan> {
    built(text, None, Instant(0)).unwrap_or_else(|faults| panic!("{faults}")).plan
}

/// Publishes the first plan over listeners that are open already.
pub fn publisher(plan: Arc<Plan>, listeners: Vec<Listener>) -> Publisher {
    let open = RefCell::new(listeners);
    let bind = |address: SocketAddr| -> io::Result<Listener> {
        let place = open.borrow().iter().position(|listener| listener.local == address);
        Ok(open.borrow_mut().remove(place.expect("each listening line has its listener")))
    };
    Publisher::first(plan, &bind, FILE, &mut KnownLines::default(), Box::new(Fixed)).expect("all are open")
}

/// A line by its name.
pub fn line(plan: &Plan, name: &str) -> LineId {
    let named = plan.lines.iter().flatten().find(|line| *line.name == *name);
    named.unwrap_or_else(|| panic!("no line {name}")).id
}
