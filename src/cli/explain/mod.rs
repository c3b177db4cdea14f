//! `ringswitch explain`: who may connect where, and which way a frame would take.
//!
//! It asks the same plan and the same readers as the switch, but no running one: which group is
//! live it cannot know, so it names them in their order. Of a frame it shows what the switch reads
//! (and the phone numbers of dial monitoring, which nothing else shows); what the switch does not
//! look at is named by its place alone.

mod access;
mod parts;
mod way;

use std::net::{IpAddr, SocketAddr};

use crate::config::plan::{Group, Line, Plan};
use parts::Parts;

/// What was asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Question {
    pub from: Option<IpAddr>,
    pub to: Option<SocketAddr>,
    pub frame: Option<Vec<u8>>,
}

/// The explanation; without a plan that of the frame alone.
pub fn explain(plan: Option<&Plan>, question: &Question) -> String {
    let mut text = String::new();
    let Some(plan) = plan else {
        text.extend(question.frame.as_deref().map(|frame| Parts::read(frame, None).describe()));
        return text;
    };
    let asked = question.from.is_some() || question.to.is_some();
    if asked || question.frame.is_none() {
        text.push_str(&access::describe(plan, question.from, question.to));
    }
    if let Some(frame) = &question.frame {
        let lines = if asked { access::lines(plan, question.from, question.to) } else { Vec::new() };
        explain_frame(plan, frame, &lines, asked, &mut text);
    }
    text
}

/// The frame as it would come in over these lines, or, where nobody said which, over any.
fn explain_frame(plan: &Plan, frame: &[u8], lines: &[&Line], asked: bool, text: &mut String) {
    if !text.is_empty() {
        text.push('\n');
    }
    let groups = groups_of(plan, lines, asked);
    let parts = Parts::read(frame, groups.first().filter(|_| asked).copied());
    text.push_str(&parts.describe());
    for (group, line) in groups {
        text.push('\n');
        text.push_str(&way::describe(plan, group, line, &parts.on((group, line))));
    }
}

/// Each group once, with the line that was meant or the first that it receives on.
fn groups_of<'p>(plan: &'p Plan, lines: &[&'p Line], asked: bool) -> Vec<(&'p Group, &'p Line)> {
    let all: Vec<&Line> = plan.lines.iter().flatten().map(|line| &**line).collect();
    let lines = if asked { lines } else { &all };
    let mut groups: Vec<(&Group, &Line)> = Vec::new();
    // Of a group that was not asked for by line, one over which frames come in at all.
    for line in lines.iter().filter(|line| asked || line.flow.receives()) {
        if let Some(group) = plan.group(line.group)
            && !groups.iter().any(|(known, _)| known.id == group.id)
        {
            groups.push((group, line));
        }
    }
    groups
}

/// `member/group`.
fn name(group: &Group) -> String {
    format!("{}/{}", group.member_name, group.name)
}

/// Hexadecimal digits as they are pasted: blanks, line ends, colons and dashes between them do not
/// matter.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let between = |c: &char| !c.is_whitespace() && ![':', '-'].contains(c);
    let digits: Option<Vec<u8>> =
        text.chars().filter(between).map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    let digits = digits.ok_or("a frame is written in hexadecimal digits, two for each byte")?;
    if !digits.len().is_multiple_of(2) {
        return Err(format!("{} hexadecimal digits are no whole number of bytes", digits.len()));
    }
    Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
