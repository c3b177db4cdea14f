//! Which way a frame would take that comes in on a line.

use std::fmt::Write;

use super::name;
use super::parts::{Found, Length, Parts};
use crate::config::plan::{Group, Iso8583Ways, Line, Plan, TpduAnswers, TpduWays, Ways};
use crate::frame::Scan;
use crate::ids::GroupId;
use crate::message::iso8583::Kind;
use crate::message::station::StationId;
use crate::message::tpdu::Tpdu;

pub fn describe(plan: &Plan, group: &Group, line: &Line, parts: &Parts<'_>) -> String {
    let mut text = format!("coming in on line {} of {} (header {}):\n", line.name, name(group), group.header.name());
    let mut say = |sentence: String| {
        let _ = writeln!(text, "  {sentence}");
    };
    if let Some(sentence) = before_routing(line, parts) {
        say(sentence);
        return text;
    }
    match &group.ways {
        Ways::Iso8583(ways) => iso8583(plan, group, ways, parts, &mut say),
        Ways::Nowhere => say("dropped (no_route): no route names this group".to_owned()),
        Ways::Pair { to } => {
            say(format!("goes unread to {}, its one counterpart", known(plan, *to)));
            too_large(plan, *to, parts, &mut say);
        }
        Ways::Tpdu(ways) => tpdu(plan, group, ways, parts, &mut say),
        Ways::Station(ways) => station(plan, &ways.own, parts, &mut say),
    }
    text
}

/// What happens to the bytes before anybody asks where they go.
fn before_routing(line: &Line, parts: &Parts<'_>) -> Option<String> {
    let partial = line.timers.partial_within.as_millis();
    match parts.length {
        _ if !line.flow.receives() => Some("closes the line (wrong_direction): the switch only sends on it".to_owned()),
        _ if parts.is_probe() => Some("a probe: taken off and never answered".to_owned()),
        Length::Wrong(_, Scan::Malformed(reason)) => Some(format!("closes the line ({})", reason.name())),
        Length::Wrong(_, Scan::Part { needed }) => Some(format!(
            "{} more bytes are waited for; without them the line is closed after {partial} ms (partial)",
            needed.saturating_sub(parts.bytes.len())
        )),
        Length::Wrong(..) => Some("more than one frame: give one at a time".to_owned()),
        _ if parts.data().len() > usize::from(line.framing.max) => {
            Some(format!("closes the line (length_limit): its `max` is {}", line.framing.max))
        }
        _ => None,
    }
}

fn tpdu(plan: &Plan, group: &Group, ways: &TpduWays, parts: &Parts<'_>, say: &mut impl FnMut(String)) {
    let head = match parts.header {
        Found::Tpdu(head) if ways.ids.contains(&head.id) => head,
        Found::Tpdu(head) => {
            say(format!("dropped (bad_header): TPDU id {:02x} is not in `tpdu_ids`", head.id));
            return;
        }
        _ => {
            say("dropped (bad_header): shorter than a TPDU".to_owned());
            return;
        }
    };
    match ways.routes.iter().position(|route| route.takes(head.destination)) {
        Some(at) => tpdu_request(plan, ways, at, head, parts, say),
        None if group.answers => tpdu_answer(plan, ways, group, head, say),
        None => say(format!("dropped (no_route): no route from here takes NII {:04x}", head.destination)),
    }
}

fn tpdu_request(plan: &Plan, ways: &TpduWays, at: usize, head: Tpdu, parts: &Parts<'_>, say: &mut impl FnMut(String)) {
    let route = &ways.routes[at];
    let matches = if route.nii.is_empty() {
        "takes the rest".to_owned()
    } else {
        let niis: Vec<String> = route.nii.iter().map(|nii| format!("{nii:04x}")).collect();
        format!("nii {}", niis.join(", "))
    };
    say(format!(
        "a request: route {} of {} from here takes NII {:04x} ({matches})",
        at + 1,
        ways.routes.len(),
        head.destination
    ));
    destinations(plan, &route.to, parts, say);
    say(format!(
        "the switch puts a number of its own in place of the TPDU's source {:04x}, and that back into the answer",
        head.source
    ));
}

/// The groups that a request may go to, in their order.
fn destinations(plan: &Plan, to: &[GroupId], parts: &Parts<'_>, say: &mut impl FnMut(String)) {
    let mut word = "goes to";
    for group in to {
        let within = plan.group(*group).map_or(0, |group| group.timers.answer_within.as_millis());
        say(format!("{word} {}, which has {within} ms to answer", known(plan, *group)));
        too_large(plan, *group, parts, say);
        word = "while that is not live, to";
    }
    say("if none is live, dropped (no_line)".to_owned());
}

fn tpdu_answer(plan: &Plan, ways: &TpduWays, group: &Group, head: Tpdu, say: &mut impl FnMut(String)) {
    say(format!("an answer: no route from here takes NII {:04x}", head.destination));
    let (destination, source) = (head.destination, head.source);
    let swapped = format!("the request with number {destination:04x}, the TPDU's destination");
    let copied = format!("the request with number {source:04x}, the TPDU's source");
    match ways.answers {
        TpduAnswers::Swapped => say(format!("answers {swapped} (tpdu = \"swapped\")")),
        TpduAnswers::Copied => say(format!("answers {copied} (tpdu = \"copied\")")),
        TpduAnswers::Auto => {
            say(format!("answers {swapped}, if that request was for NII {source:04x} (addresses exchanged)"));
            say(format!("or {copied}, if that request was for NII {destination:04x} (copied)"));
        }
    }
    say(format!("among those that wait for {}; the requester's address is put back there", name(group)));
    say("goes to the line of that request, or over any other live line of its group".to_owned());
    say("if nobody waits under the number, dropped (unmatched, or late)".to_owned());
    let asking: Vec<String> = requesters(plan, group.id);
    say(format!("requests come from {}", if asking.is_empty() { "nobody".to_owned() } else { asking.join(", ") }));
}

/// The groups with a route to this one.
fn requesters(plan: &Plan, to: GroupId) -> Vec<String> {
    let asks = |group: &Group| match &group.ways {
        Ways::Tpdu(ways) => ways.routes.iter().any(|route| route.to.contains(&to)),
        Ways::Iso8583(ways) => ways.to.contains(&to),
        Ways::Nowhere | Ways::Pair { .. } | Ways::Station(_) => false,
    };
    plan.groups.iter().flatten().filter(|group| asks(group)).map(|group| name(group)).collect()
}

fn station(plan: &Plan, own: &[StationId], parts: &Parts<'_>, say: &mut impl FnMut(String)) {
    let Found::Station(head) = parts.header else {
        say("dropped (bad_header): no station header of 46 bytes".to_owned());
        return;
    };
    let shown = |id: StationId| String::from_utf8_lossy(&id.0).trim_end().to_owned();
    if !own.contains(&head.source) {
        say(format!("dropped (foreign_source): {} is none of its stations", shown(head.source)));
        return;
    }
    match plan.stations.get(&head.destination) {
        Some(to) => {
            say(format!("goes to {}, which has station {}", known(plan, *to), shown(head.destination)));
            too_large(plan, *to, parts, say);
        }
        None => say(format!("dropped (no_route): nobody has station {}", shown(head.destination))),
    }
}

fn iso8583(plan: &Plan, group: &Group, ways: &Iso8583Ways, parts: &Parts<'_>, say: &mut impl FnMut(String)) {
    let Some((outline, _)) = &parts.message else {
        say("dropped (bad_header): no message type and bitmap".to_owned());
        return;
    };
    if let Some(fault) = outline.fault {
        say(format!("dropped (key_missing): {fault}"));
        return;
    }
    match outline.message_type.kind() {
        Kind::Request if ways.to.is_empty() => say("a request: dropped (no_route)".to_owned()),
        Kind::Request => {
            say("a request".to_owned());
            destinations(plan, &ways.to, parts, say);
        }
        Kind::Answer => say(format!("answers the request to {} with the same key, if one waits", name(group))),
    }
}

fn too_large(plan: &Plan, to: GroupId, parts: &Parts<'_>, say: &mut impl FnMut(String)) {
    let framing = plan.group(to).and_then(|group| {
        let line = group.lines.iter().flatten().find_map(|line| plan.line(*line))?;
        Some(line.framing)
    });
    if let Some(framing) = framing
        && parts.data().len() > usize::from(framing.max)
    {
        say(format!("  but is dropped (too_large): {} takes {} bytes", known(plan, to), framing.max));
    }
}

fn known(plan: &Plan, group: GroupId) -> String {
    plan.group(group).map_or_else(|| "?".to_owned(), |group| name(group))
}
