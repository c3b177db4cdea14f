//! Who may connect where.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use crate::config::plan::{Line, Plan, Second, Side};

/// The lines that a connection from and to these addresses can be, and those that the switch
/// itself connects there.
pub fn lines(plan: &Plan, from: Option<IpAddr>, to: Option<SocketAddr>) -> Vec<&Line> {
    let at = |line: &&Line| to.is_none_or(|to| leads_to(line, to));
    let allowed = |line: &&Line| match line.side {
        Side::Listen(_) => from.is_none_or(|from| line.allow.contains(from)),
        // With `to` it is named by its address; without, a connection to it comes from nobody.
        Side::Connect { remote, .. } => to.is_some() || from.is_some_and(|from| from == remote.ip()),
    };
    plan.lines.iter().flatten().map(|line| &**line).filter(at).filter(allowed).collect()
}

fn leads_to(line: &Line, to: SocketAddr) -> bool {
    match line.side {
        Side::Listen(local) => {
            let any = local.ip().is_unspecified() && local.is_ipv4() == to.is_ipv4();
            local.port() == to.port() && (any || local.ip() == to.ip())
        }
        Side::Connect { remote, .. } => remote == to,
    }
}

pub fn describe(plan: &Plan, from: Option<IpAddr>, to: Option<SocketAddr>) -> String {
    let mut text = String::new();
    match (from, to) {
        (from, Some(to)) => one_address(plan, from, to, &mut text),
        (Some(from), None) => everywhere(plan, from, &mut text),
        (None, None) => everybody(plan, &mut text),
    }
    text
}

fn one_address(plan: &Plan, from: Option<IpAddr>, to: SocketAddr, text: &mut String) {
    let there: Vec<&Line> = plan.lines.iter().flatten().map(|line| &**line).filter(|line| leads_to(line, to)).collect();
    if there.is_empty() {
        let _ = writeln!(text, "{to}: the switch neither listens nor connects there");
        for line in plan.lines.iter().flatten().filter(|line| address(line).ip() == to.ip()) {
            let _ = writeln!(text, "  on that address: {}", short(line));
        }
        return;
    }
    for line in there {
        let _ = writeln!(text, "{to}: {}", long(line));
        match (line.side, from) {
            (Side::Connect { .. }, _) => {
                let _ = writeln!(text, "  the switch connects there itself: nobody is let in");
            }
            (Side::Listen(_), None) => {
                let _ = writeln!(text, "  may connect: {}; anybody else is reset", allowed(line));
            }
            (Side::Listen(_), Some(from)) => verdict(line, from, text),
        }
    }
}

fn verdict(line: &Line, from: IpAddr, text: &mut String) {
    let member = &line.member_name;
    if !line.allow.contains(from) {
        let _ = writeln!(
            text,
            "  {from} may not connect: it is not in `allow` of {member} ({}); it is reset (not_allowed)",
            allowed(line)
        );
        return;
    }
    let _ = writeln!(text, "  {from} may connect: it is in `allow` of {member} ({})", allowed(line));
    let second = match line.second {
        Second::Refuse => "is refused (occupied)".to_owned(),
        Second::Replace { after } => {
            format!("takes its place if nothing was received on it for {} ms, else is refused", after.as_millis())
        }
    };
    let _ = writeln!(text, "  while it is connected, a second connection {second}");
}

fn everywhere(plan: &Plan, from: IpAddr, text: &mut String) {
    let listening = || plan.lines.iter().flatten().filter(|line| matches!(line.side, Side::Listen(_)));
    let _ = writeln!(text, "{from}:");
    for line in listening().filter(|line| line.allow.contains(from)) {
        let _ = writeln!(text, "  may connect to {}", short(line));
    }
    for line in plan.lines.iter().flatten() {
        if let Side::Connect { remote, .. } = line.side
            && remote.ip() == from
        {
            let _ = writeln!(text, "  the switch connects to it at {}", short(line));
        }
    }
    let refused = listening().filter(|line| !line.allow.contains(from)).count();
    let _ = writeln!(text, "  is reset (not_allowed) at {refused} of {} listening lines", listening().count());
}

fn everybody(plan: &Plan, text: &mut String) {
    for line in plan.lines.iter().flatten() {
        let who = match line.side {
            Side::Listen(_) => format!("connections are taken from {}", allowed(line)),
            Side::Connect { .. } => "the switch connects there itself".to_owned(),
        };
        let _ = writeln!(text, "{}: {who}", short(line));
    }
}

fn allowed(line: &Line) -> String {
    let prefixes: Vec<String> = line.allow.prefixes().iter().map(ToString::to_string).collect();
    prefixes.join(", ")
}

fn address(line: &Line) -> SocketAddr {
    match line.side {
        Side::Listen(local) => local,
        Side::Connect { remote, .. } => remote,
    }
}

fn short(line: &Line) -> String {
    let (name, member, group) = (&line.name, &line.member_name, &line.group_name);
    format!("{} (line {name} of {member}/{group})", address(line))
}

fn long(line: &Line) -> String {
    let flow = match line.flow.name() {
        "duplex" => "duplex".to_owned(),
        one => format!("the switch only {one}s"),
    };
    format!(
        "line {} of {}/{}, profile {}, prefix {}, {}, {flow}",
        line.name,
        line.member_name,
        line.group_name,
        line.profile.name(),
        line.framing.prefix.name(),
        line.tier.name(),
    )
}
