//! Who takes part in a run and how it is configured: written as text for the switch, read as it is by the judge.

use std::fmt::Write;

use crate::shards::wire::Lengths;

/// What the switch may read of a member's frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Header {
    None,
    Tpdu,
    /// `tpdu`, and answers must fit their request (`guard`).
    Guarded,
    Iso8583,
    Station,
}

impl Header {
    /// Requests that are answered.
    pub const fn is_cards(self) -> bool {
        matches!(self, Self::Tpdu | Self::Guarded | Self::Iso8583)
    }

    /// The switch puts a number of its own in place of the requester's address.
    pub const fn has_numbers(self) -> bool {
        matches!(self, Self::Tpdu | Self::Guarded)
    }
}

/// Which way frames go on a line, seen from the switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    Duplex,
    Receive,
    Send,
}

impl Flow {
    pub const fn receives(self) -> bool {
        !matches!(self, Self::Send)
    }

    pub const fn sends(self) -> bool {
        !matches!(self, Self::Receive)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub name: String,
    pub port: u16,
    pub connects: bool,
    pub flow: Flow,
    pub backup: bool,
    /// The configuration has it.
    pub present: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub name: String,
    pub profile: &'static str,
    pub header: Header,
    pub lengths: Lengths,
    pub lines: Vec<Line>,
    /// Station ids.
    pub stations: Vec<String>,
    /// What cannot be delivered comes back.
    pub rejects: bool,
    /// Answers that were not acknowledged go again.
    pub resends: bool,
    /// When a line breaks all are closed.
    pub resets_group: bool,
    /// The second address may connect, too.
    pub second_address: bool,
    pub present: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    pub from: Vec<usize>,
    pub to: Vec<usize>,
    pub nii: Option<u16>,
}

/// Times in milliseconds, sizes in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    pub shards: u16,
    pub line_queue: u64,
    pub answer_queue: u64,
    pub pending: u64,
    pub memory: u64,
    pub answer_within: u64,
    pub hold_answer: u64,
    pub pause_within: u64,
    pub drain_within: u64,
    pub probe_after: u64,
    pub silent_after: u64,
    pub unread_within: u64,
    pub partial_within: u64,
    pub trunk_steady: u64,
}

/// A configuration. Members keep their places from one to the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cast {
    pub settings: Settings,
    pub members: Vec<Member>,
    pub routes: Vec<Route>,
}

/// Where members connect from: the first is always allowed.
pub const HOME: [u8; 4] = [127, 0, 0, 1];
pub const SECOND: [u8; 4] = [127, 0, 0, 2];
pub const STRANGER: [u8; 4] = [127, 0, 0, 66];

impl Cast {
    pub fn member_present(&self, member: usize) -> bool {
        let of = &self.members[member];
        of.present && of.lines.iter().any(|line| line.present)
    }

    pub fn line_present(&self, member: usize, line: usize) -> bool {
        self.members[member].present && self.members[member].lines[line].present
    }

    /// The members to which an NII leads from a member, in order of preference.
    pub fn route(&self, from: usize, nii: u16) -> Vec<usize> {
        let fits = |route: &&Route| route.from.contains(&from) && route.nii.is_none_or(|of| of == nii);
        self.routes.iter().find(fits).map_or(Vec::new(), |route| route.to.clone())
    }

    /// The other half of a pair.
    pub fn counterpart(&self, member: usize) -> Option<usize> {
        let pairs = self.routes.iter().filter(|route| route.nii.is_none());
        pairs.into_iter().find_map(|route| match (route.from[0], route.to[0]) {
            (one, other) if one == member => Some(other),
            (one, other) if other == member => Some(one),
            _ => None,
        })
    }

    pub fn holder(&self, station: &str) -> Option<usize> {
        self.members.iter().position(|member| member.present && member.stations.iter().any(|id| id == station))
    }

    /// Everybody to whom frames of a member may go, answers excepted.
    pub fn fed_by(&self, member: usize) -> Vec<usize> {
        match self.members[member].header {
            Header::None => self.counterpart(member).into_iter().collect(),
            Header::Tpdu | Header::Guarded | Header::Iso8583 => {
                let routes = self.routes.iter().filter(|route| route.from.contains(&member));
                routes.flat_map(|route| route.to.iter().copied()).collect()
            }
            Header::Station => {
                let stations = |at: &usize| self.members[*at].header == Header::Station;
                (0..self.members.len()).filter(stations).collect()
            }
        }
    }

    /// Whether frames of a member, answers excepted, may go to several: then none of them waits longer than
    /// `pause_within` for one that is full.
    pub fn has_several_destinations(&self, member: usize) -> bool {
        let present = self.fed_by(member).into_iter().filter(|at| self.member_present(*at));
        self.members[member].header == Header::Station || present.count() > 1
    }

    /// Whether what was said of a line holds no more, so that it is drained and opened anew, or closed.
    pub fn line_differs(&self, other: &Self, member: usize, line: usize) -> bool {
        if self.line_present(member, line) != other.line_present(member, line) {
            return true;
        }
        let (one, two) = (&self.members[member], &other.members[member]);
        one.lines[line] != two.lines[line]
            || (one.header, one.profile, one.lengths) != (two.header, two.profile, two.lengths)
    }

    pub fn text(&self) -> String {
        let of = &self.settings;
        let mut text = format!(
            "[switch]\nshards = {}\nadmin = \"off\"\n[timers]\nprobe_after = \"{}ms\"\nsilent_after = \"{}ms\"\n\
             answer_within = \"{}ms\"\nhold_answer = \"{}ms\"\npause_within = \"{}ms\"\ndrain_within = \"{}ms\"\n\
             unread_within = \"{}ms\"\npartial_within = \"{}ms\"\ntrunk_steady = \"{}ms\"\nconnect_within = \"3s\"\n\
             reconnect = [\"50ms\", \"1s\"]\n\
             [limits]\nline_queue = {}\nanswer_queue = {}\npending = {}\nmemory = {}\n",
            of.shards,
            of.probe_after,
            of.silent_after,
            of.answer_within,
            of.hold_answer,
            of.pause_within,
            of.drain_within,
            of.unread_within,
            of.partial_within,
            of.trunk_steady,
            of.line_queue,
            of.answer_queue,
            of.pending,
            of.memory
        );
        for at in (0..self.members.len()).filter(|at| self.member_present(*at)) {
            self.members[at].write(&mut text);
        }
        let quoted = |members: &[usize]| {
            let present = members.iter().filter(|at| self.member_present(**at));
            present.map(|at| format!("\"{}\"", self.members[*at].name)).collect::<Vec<_>>().join(", ")
        };
        for route in &self.routes {
            let (from, to) = (quoted(&route.from), quoted(&route.to));
            if from.is_empty() || to.is_empty() {
                continue;
            }
            let _ = write!(text, "[[route]]\nfrom = [{from}]\nto = [{to}]\n");
            if let Some(nii) = route.nii {
                let _ = writeln!(text, "match = {{ nii = [\"{nii:04X}\"] }}");
            }
        }
        text
    }
}

impl Member {
    fn write(&self, text: &mut String) {
        let _ = write!(text, "[[member]]\nid = \"{}\"\nprofile = \"{}\"\n", self.name, self.profile);
        match self.header {
            Header::None => {}
            Header::Tpdu => text.push_str("header = \"tpdu\"\n"),
            Header::Guarded => text.push_str("header = \"tpdu\"\nguard = true\n"),
            Header::Iso8583 => text.push_str("header = \"iso8583\"\nskip = 5\n"),
            Header::Station => {
                let ids: Vec<_> = self.stations.iter().map(|id| format!("\"{id}\"")).collect();
                let _ = write!(text, "header = \"station\"\nstation = [{}]\n", ids.join(", "));
                if self.rejects {
                    text.push_str("station_rejects = { unknown = \"00045\", dead = \"00046\" }\n");
                }
            }
        }
        if self.header.is_cards() && !self.resends {
            text.push_str("resend = \"never\"\n");
        }
        if self.resets_group {
            text.push_str("on_line_loss = \"reset_group\"\n");
        }
        let second = if self.second_address { ", \"127.0.0.2\"" } else { "" };
        if self.lines.iter().any(|line| line.present && !line.connects) {
            let _ = writeln!(text, "allow = [\"127.0.0.1\"{second}]");
        }
        text.push_str("line = [\n");
        for line in self.lines.iter().filter(|line| line.present) {
            let way = if line.connects { "connect" } else { "listen" };
            let flow = match line.flow {
                Flow::Duplex => "",
                Flow::Receive => ", flow = \"receive\"",
                Flow::Send => ", flow = \"send\"",
            };
            let tier = if line.backup { ", tier = \"backup\"" } else { "" };
            let _ = writeln!(text, "  {{ id = \"{}\", {way} = \"127.0.0.1:{}\"{flow}{tier} }},", line.name, line.port);
        }
        text.push_str("]\n");
    }
}
