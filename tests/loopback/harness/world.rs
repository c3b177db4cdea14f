//! The configuration of a test, put together from members and routes, and written as TOML.

use std::fmt::Write;
use std::net::SocketAddr;
use std::process::Command;

use super::door::Door;
use super::peer::Prefix;
use super::{Switch, ports};

/// One `[[member]]`.
#[derive(Clone)]
pub struct Member {
    pub id: String,
    profile: &'static str,
    allow: Vec<String>,
    keys: Vec<String>,
    lines: Vec<Line>,
}

#[derive(Clone)]
struct Line {
    side: &'static str,
    address: SocketAddr,
    keys: String,
}

impl Member {
    pub fn new(id: &str, profile: &'static str) -> Self {
        Self { id: id.to_owned(), profile, allow: vec!["127.0.0.1".to_owned()], keys: Vec::new(), lines: Vec::new() }
    }

    /// A NAC: `bin2` and TPDU.
    pub fn nac(id: &str) -> Self {
        Self::new(id, "terminal").key(r#"header = "tpdu""#)
    }

    /// A host that answers TPDU requests over `ascii4`.
    pub fn host(id: &str) -> Self {
        Self::new(id, "channel").key(r#"header = "tpdu""#)
    }

    /// One end of a pair: content is never looked at.
    pub fn plain(id: &str) -> Self {
        Self::new(id, "channel")
    }

    /// Another line of the member's table, as TOML.
    pub fn key(mut self, text: &str) -> Self {
        self.keys.push(text.to_owned());
        self
    }

    pub fn allow(mut self, entries: &[&str]) -> Self {
        self.allow = entries.iter().map(|&entry| entry.to_owned()).collect();
        self
    }

    /// A listening line on a free port.
    pub fn listen(self) -> Self {
        self.listen_with("")
    }

    /// The same with more keys of the line, such as `tier = "backup"`.
    pub fn listen_with(self, keys: &str) -> Self {
        self.listen_at(ports::free(), keys)
    }

    pub fn listen_at(self, address: SocketAddr, keys: &str) -> Self {
        self.line_at("listen", address, keys)
    }

    /// A line on which the switch connects to that door.
    pub fn connect(self, door: &Door) -> Self {
        self.connect_with(door.address(), "")
    }

    pub fn connect_with(self, address: SocketAddr, keys: &str) -> Self {
        self.line_at("connect", address, keys)
    }

    fn line_at(mut self, side: &'static str, address: SocketAddr, keys: &str) -> Self {
        self.lines.push(Line { side, address, keys: keys.to_owned() });
        self
    }

    /// The name of the `number`th line, counted from 1 as the switch counts.
    pub fn line(&self, number: usize) -> String {
        assert!((1..=self.lines.len()).contains(&number), "{} has no line {number}", self.id);
        format!("{}-{number}", self.id)
    }

    pub fn address(&self, number: usize) -> SocketAddr {
        self.lines[number - 1].address
    }

    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Puts the `number`th line elsewhere.
    pub fn moved(mut self, number: usize, address: SocketAddr) -> Self {
        self.lines[number - 1].address = address;
        self
    }

    /// Takes the last line away.
    pub fn without_last_line(mut self) -> Self {
        self.lines.pop().expect("a line to take away");
        self
    }

    pub fn prefix(&self) -> Prefix {
        let overridden = |text| self.keys.iter().any(|key| key.starts_with("prefix") && key.contains(text));
        if overridden("bin2") || (self.profile == "terminal" && !overridden("ascii4")) {
            Prefix::Bin2
        } else {
            Prefix::Ascii4
        }
    }

    fn write(&self, text: &mut String) {
        let allow: Vec<String> = self.allow.iter().map(|entry| format!("\"{entry}\"")).collect();
        writeln!(text, "\n[[member]]\nid = \"{}\"\nprofile = \"{}\"", self.id, self.profile).expect("a string");
        if self.lines.iter().any(|line| line.side == "listen") {
            writeln!(text, "allow = [{}]", allow.join(", ")).expect("a string");
        }
        for key in &self.keys {
            writeln!(text, "{key}").expect("a string");
        }
        writeln!(text, "line = [").expect("a string");
        for line in &self.lines {
            let more = if line.keys.is_empty() { String::new() } else { format!(", {}", line.keys) };
            writeln!(text, "  {{ {} = \"{}\"{more} }},", line.side, line.address).expect("a string");
        }
        writeln!(text, "]").expect("a string");
    }
}

/// A whole configuration file.
#[derive(Clone)]
pub struct World {
    pub shards: u16,
    pub admin: SocketAddr,
    settings: Vec<String>,
    timers: Vec<String>,
    limits: Vec<String>,
    pub members: Vec<Member>,
    routes: Vec<String>,
}

impl World {
    pub fn new(shards: u16) -> Self {
        Self {
            shards,
            admin: ports::free(),
            settings: Vec::new(),
            timers: Vec::new(),
            limits: Vec::new(),
            members: Vec::new(),
            routes: Vec::new(),
        }
    }

    pub fn with_shards(mut self, shards: u16) -> Self {
        self.shards = shards;
        self
    }

    pub fn with_admin(mut self, admin: SocketAddr) -> Self {
        self.admin = admin;
        self
    }

    /// Another line of `[switch]`.
    pub fn setting(mut self, text: &str) -> Self {
        self.settings.push(text.to_owned());
        self
    }

    /// Another line of `[timers]`, such as `answer_within = "1s"`.
    pub fn timer(mut self, text: &str) -> Self {
        self.timers.push(text.to_owned());
        self
    }

    /// Another line of `[limits]`.
    pub fn limit(mut self, text: &str) -> Self {
        self.limits.push(text.to_owned());
        self
    }

    pub fn member(mut self, member: &Member) -> Self {
        self.members.push(member.clone());
        self
    }

    pub fn route(self, from: &str, to: &str) -> Self {
        self.route_text(&format!("from = [\"{from}\"]\nto = [\"{to}\"]"))
    }

    pub fn route_nii(self, from: &str, to: &str, nii: &str) -> Self {
        self.route_text(&format!("from = [\"{from}\"]\nto = [\"{to}\"]\nmatch = {{ nii = [\"{nii}\"] }}"))
    }

    /// The body of a `[[route]]`.
    pub fn route_text(mut self, text: &str) -> Self {
        self.routes.push(text.to_owned());
        self
    }

    /// The same world with another member of that id.
    pub fn with(mut self, member: &Member) -> Self {
        match self.members.iter_mut().find(|known| known.id == member.id) {
            Some(known) => *known = member.clone(),
            None => self.members.push(member.clone()),
        }
        self
    }

    pub fn text(&self) -> String {
        let mut text = format!("[switch]\nname = \"sw-test\"\nshards = {}\n", self.shards);
        writeln!(text, "admin = \"{}\"", self.admin).expect("a string");
        self.settings.iter().for_each(|line| writeln!(text, "{line}").expect("a string"));
        text.push_str("\n[timers]\n");
        self.timers.iter().for_each(|line| writeln!(text, "{line}").expect("a string"));
        text.push_str("\n[limits]\n");
        self.limits.iter().for_each(|line| writeln!(text, "{line}").expect("a string"));
        self.members.iter().for_each(|member| member.write(&mut text));
        self.routes.iter().for_each(|route| writeln!(text, "\n[[route]]\n{route}").expect("a string"));
        text
    }

    pub fn start(&self) -> Switch {
        Switch::start(&self.text(), self.admin)
    }

    /// With everything in the log that the program can say, libraries included.
    pub fn start_talkative(&self) -> Switch {
        let talkative = |mut run: Command| {
            run.env("RUST_LOG", "trace");
            run
        };
        Switch::start_by(&self.text(), self.admin, talkative)
    }
}
