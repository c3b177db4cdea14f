//! `ringswitch lines` as people read it.

use super::table::{Align, table};
use super::units::{bytes, count, or_dash};
use crate::control::admin::views::Line;

/// What matters most first: a narrow terminal shows the beginning.
const HEAD: &[(&str, Align)] = &[
    ("line", Align::Left),
    ("state", Align::Left),
    ("remote", Align::Left),
    ("in", Align::Right),
    ("out", Align::Right),
    ("queued", Align::Right),
    ("member", Align::Left),
    ("group", Align::Left),
    ("tier", Align::Left),
    ("flow", Align::Left),
    ("local", Align::Left),
    ("shard", Align::Right),
    ("connects", Align::Right),
    ("refused", Align::Right),
    ("since", Align::Left),
    ("last error", Align::Left),
];

pub fn render(lines: &[Line], width: usize) -> String {
    let rows: Vec<_> = lines.iter().map(row).collect();
    table(HEAD, &rows, width)
}

fn row(line: &Line) -> Vec<String> {
    vec![
        line.id.clone(),
        line.state.clone(),
        or_dash(line.remote.as_deref()),
        count(line.frames_in),
        count(line.frames_out),
        bytes(line.queued_bytes),
        line.member.clone(),
        line.group.clone(),
        line.tier.clone(),
        line.flow.clone(),
        or_dash(line.local.as_deref()),
        line.shard.to_string(),
        line.connects.to_string(),
        line.refused.to_string(),
        or_dash(line.since.as_deref()),
        or_dash(line.last_error.as_deref()),
    ]
}
