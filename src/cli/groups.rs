//! `ringswitch groups` as people read it.

use super::table::{Align, table};
use super::units::{bytes, or_dash};
use crate::control::admin::views::Group;

const HEAD: &[(&str, Align)] = &[
    ("group", Align::Left),
    ("live", Align::Left),
    ("working", Align::Left),
    ("up", Align::Right),
    ("pending", Align::Right),
    ("answers", Align::Right),
    ("lines", Align::Left),
];

pub fn render(groups: &[Group], width: usize) -> String {
    let rows: Vec<_> = groups.iter().map(row).collect();
    table(HEAD, &rows, width)
}

fn row(group: &Group) -> Vec<String> {
    let up = group.lines.iter().filter(|line| line.state == "up").count();
    let lines: Vec<_> = group.lines.iter().map(|line| format!("{} {} ({})", line.id, line.state, line.tier)).collect();
    vec![
        format!("{}/{}", group.member, group.group),
        if group.live { "yes" } else { "no" }.to_owned(),
        or_dash(group.working_tier.as_deref()),
        format!("{up} of {}", group.lines.len()),
        pending(group),
        bytes(group.answer_bytes),
        lines.join(", "),
    ]
}

/// Requests that wait, of how many may: the limit, or the numbers there are if those are fewer.
fn pending(group: &Group) -> String {
    let most = [group.pending_limit, group.numbers].into_iter().flatten().min();
    match (group.pending, most) {
        (Some(pending), Some(most)) => format!("{pending} of {most}"),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::admin::views::GroupLine;

    #[test]
    fn a_group_tells_whether_it_lives_and_by_which_lines() {
        let line =
            |id: &str, state: &str| GroupLine { id: id.to_owned(), state: state.to_owned(), tier: "trunk".to_owned() };
        let group = Group {
            member: "issuer".to_owned(),
            group: "main".to_owned(),
            live: true,
            working_tier: Some("trunk".to_owned()),
            lines: vec![line("in", "up"), line("out", "waiting")],
            pending: Some(12),
            pending_limit: Some(65_000),
            answer_bytes: 0,
            numbers: Some(9_998),
        };
        let text = render(&[group], 200);
        let expected = "group        live  working      up     pending  answers  lines\n\
                        issuer/main  yes   trunk    1 of 2  12 of 9998      0 B  in up (trunk), out waiting (trunk)\n";
        assert_eq!(text, expected);
    }
}
