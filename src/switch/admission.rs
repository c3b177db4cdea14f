//! Who may connect (`MC6-4.2`, `MC6-4.3`): one connection a port, registered addresses only.

use std::net::IpAddr;

use super::Switch;
use super::line::phase::{After, Phase};
use crate::config::plan::Second;
use crate::reason::Refusal;

/// What a newcomer gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    Admit,
    /// The port is occupied by a connection that may have ended without the switch knowing yet:
    /// ask the kernel. If its FIN or reset has arrived, or `always`, the newcomer is the line.
    AskWhetherOver {
        always: bool,
    },
    Refuse(Refusal),
}

impl Switch {
    pub fn admission(&self, slot: u32, remote: IpAddr) -> Admission {
        let line = &self.lines[slot as usize];
        if !line.plan.allow.contains(remote) {
            return Admission::Refuse(Refusal::NotAllowed);
        }
        if self.stopping {
            return Admission::Refuse(Refusal::Stopping);
        }
        match line.phase {
            Phase::Disabled | Phase::Closed => Admission::Refuse(Refusal::Disabled),
            Phase::Draining(drain) => Admission::Refuse(match drain.then {
                After::Open => Refusal::Occupied,
                After::Gone | After::Disabled => Refusal::Disabled,
                // Its owner rebuilds the group as the switch does, and is quicker.
                After::Reset(_) => return Admission::AskWhetherOver { always: true },
            }),
            Phase::Listening | Phase::Connecting | Phase::Waiting { .. } => Admission::Admit,
            Phase::Up if line.peer_finished => Admission::AskWhetherOver { always: true },
            Phase::Up => Admission::AskWhetherOver { always: self.outworn(slot) },
        }
    }

    /// `second = "replace"` and nothing was received for `replace_after`.
    fn outworn(&self, slot: u32) -> bool {
        let line = &self.lines[slot as usize];
        match line.plan.second {
            Second::Refuse => false,
            Second::Replace { after } => self.now.since(line.last_received) >= after,
        }
    }
}
