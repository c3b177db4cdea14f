//! Configurations of the switch for a load, with ports that are free now.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use ringswitch::frame::Prefix;

use super::frames::Style;

/// Who talks to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A NAC's lines with terminals behind them (two-byte prefix, TPDU); a host with eight lines
    /// (four digits).
    Terminals,
    /// Each line is a channel of its own, paired with a merchant that has one line.
    Pairs,
}

/// Lines of the one host of [`Shape::Terminals`].
const HOST_LINES: usize = 8;

/// A configuration and where its lines listen.
#[derive(Debug)]
pub struct LoadPlan {
    pub text: String,
    pub terminals: Vec<SocketAddr>,
    pub hosts: Vec<SocketAddr>,
}

impl Shape {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminals => "terminals",
            Self::Pairs => "pairs",
        }
    }

    /// How its two ends frame.
    pub const fn style(self) -> Style {
        match self {
            Self::Terminals => Style { terminal: Prefix::Bin2, host: Prefix::Ascii4, tpdu: true },
            Self::Pairs => Style { terminal: Prefix::Ascii4, host: Prefix::Ascii4, tpdu: false },
        }
    }

    /// How they would frame with nothing in between that translates.
    pub const fn style_untranslated(self) -> Style {
        let style = self.style();
        Style { host: style.terminal, ..style }
    }

    /// A switch of one shard with `lines` lines of terminals or channels.
    pub fn plan(self, lines: usize) -> LoadPlan {
        let hosts = if self == Self::Terminals { HOST_LINES } else { lines };
        let mut ports = free_ports(lines + hosts);
        let hosts = ports.split_off(lines);
        let mut text = String::from("[switch]\nname = \"bench\"\nshards = 1\nadmin = \"off\"\n");
        match self {
            Self::Terminals => {
                member(&mut text, "nac", "terminal", "tpdu", &ports);
                member(&mut text, "host", "institution", "tpdu", &hosts);
                text.push_str("[[route]]\nfrom = [\"nac\"]\nto = [\"host\"]\nmatch = { nii = [\"0003\"] }\n");
            }
            Self::Pairs => {
                for (at, (channel, merchant)) in ports.iter().zip(&hosts).enumerate() {
                    member(&mut text, &format!("channel-{at}"), "channel", "none", &[*channel]);
                    member(&mut text, &format!("merchant-{at}"), "merchant", "none", &[*merchant]);
                    let route = format!("[[route]]\nfrom = [\"channel-{at}\"]\nto = [\"merchant-{at}\"]\n");
                    text.push_str(&route);
                }
            }
        }
        LoadPlan { text, terminals: ports, hosts }
    }
}

/// A member that listens on these addresses, the last table of `text`: more keys may follow.
pub fn member(text: &mut String, id: &str, profile: &str, header: &str, lines: &[SocketAddr]) {
    let lines: Vec<String> = lines.iter().map(|address| format!("{{ listen = \"{address}\" }}")).collect();
    let lines = lines.join(", ");
    let _ = writeln!(text, "[[member]]\nid = \"{id}\"\nprofile = \"{profile}\"\nheader = \"{header}\"");
    let _ = writeln!(text, "allow = [\"127.0.0.1\"]\nline = [{lines}]");
}

/// Ports that nobody had a moment ago, for others to listen at.
///
/// They are of a loopback address that is this process's own: connections to any `127.…` come from
/// `127.0.0.1`, so that no port of an outgoing connection can be one of these meanwhile.
pub fn free_ports(count: usize) -> Vec<SocketAddr> {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 64 | (std::process::id() >> 16 & 63) as u8, high, low);
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind((own, 0)).expect("a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("bound")).collect()
}
