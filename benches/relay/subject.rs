//! What is measured between terminals and hosts: the switch, and what it is compared with.

use std::net::TcpListener;

use super::play::{Played, programs::Program};
use super::rounds::Scenario;
use crate::load::plan::free_ports;
use crate::load::{Generator, Hub, Processes, peers};

/// Each has one core, in processes of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    Switch,
    Haproxy,
    Nginx,
    /// A copier of bytes as one writes it with tokio.
    Tokio,
    /// A pipe of bytes on the ring code of the switch.
    Pipe,
}

/// In the order of the tables.
pub const ALL: [Subject; 5] = [Subject::Switch, Subject::Haproxy, Subject::Nginx, Subject::Tokio, Subject::Pipe];

impl Subject {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Tokio => "tokio",
            Self::Pipe => "pipe",
        }
    }

    /// The program that it is, if it is not one of ours.
    pub const fn program(self) -> Option<Program> {
        match self {
            Self::Haproxy => Some(Program::Haproxy),
            Self::Nginx => Some(Program::Nginx),
            Self::Switch | Self::Tokio | Self::Pipe => None,
        }
    }

    /// Starts it on the CPU that the caller is on, with all lines up and a load connected.
    pub fn start(self, scenario: Scenario) -> (Load, Played, Processes) {
        let style = scenario.shape.style();
        if self == Self::Switch {
            let plan = scenario.shape.plan(scenario.lines);
            let mut played = Played::switch(&plan.text, plan.terminals.len() + plan.hosts.len());
            let load = Load::new(scenario, style, peers::through_switch(&plan));
            let processes = played.up();
            return (load, played, processes);
        }
        let host = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = host.local_addr().expect("bound");
        let (mut played, listens) = Played::relay(self.name(), scenario.lines, free_ports(1)[0], address);
        let streams = peers::through_relay(listens, &host, scenario.lines);
        let load = Load::new(scenario, scenario.shape.style_untranslated(), streams);
        let processes = played.up();
        (load, played, processes)
    }
}

/// Terminals and hosts, connected.
pub struct Load {
    pub hub: Hub,
    pub generator: Generator,
}

impl Load {
    fn new(scenario: Scenario, style: crate::load::frames::Style, streams: Vec<std::net::TcpStream>) -> Self {
        let generator = Generator::new(style, scenario.size, scenario.lines, scenario.window);
        Self { hub: Hub::new(streams), generator }
    }

    /// With nothing in between.
    pub fn direct(scenario: Scenario) -> Self {
        Self::new(scenario, scenario.shape.style_untranslated(), peers::direct(scenario.lines))
    }
}
