//! `ringswitch status` as people read it.

use super::table::{Align, table};
use super::units::{bytes, count, span};
use crate::control::admin::views::Status;

pub fn render(status: &Status, width: usize) -> String {
    let totals = &status.totals;
    let stopping = if status.stopping { ", stopping" } else { "" };
    let mut text = format!(
        "{} (ringswitch {}, pid {}) up for {}{stopping}\n",
        status.name,
        status.version,
        status.pid,
        span(status.uptime_seconds)
    );
    text += &format!("lines    {} of {} up\n", totals.lines_up, totals.lines);
    text +=
        &format!("frames   {} in, {} out, {} held\n", count(totals.frames_in), count(totals.frames_out), totals.held);
    text += &format!("pending  {} requests\n", totals.pending);
    text += &format!("dropped  {}\n", dropped(status));
    text += &format!("config   epoch {}, {} {}", status.epoch, status.last_reload.result, status.last_reload.at);
    text += &if status.last_reload.summary.is_empty() {
        "\n".to_owned()
    } else {
        format!(": {}\n", status.last_reload.summary)
    };
    text.push('\n');
    text + &shards(status, width)
}

fn dropped(status: &Status) -> String {
    let reasons: Vec<String> = status
        .totals
        .dropped
        .iter()
        .filter(|(_, frames)| **frames > 0)
        .map(|(reason, frames)| format!("{reason} {frames}"))
        .collect();
    if reasons.is_empty() { "nothing".to_owned() } else { reasons.join(", ") }
}

fn shards(status: &Status, width: usize) -> String {
    let head = [
        ("shard", Align::Right),
        ("connections", Align::Right),
        ("memory", Align::Right),
        ("turns", Align::Right),
        ("epoch", Align::Right),
    ];
    let row = |shard: &crate::control::admin::views::Shard| {
        vec![
            shard.shard.to_string(),
            shard.connections.to_string(),
            bytes(shard.memory_bytes),
            count(shard.turns),
            shard.applied.to_string(),
        ]
    };
    table(&head, &status.shards.iter().map(row).collect::<Vec<_>>(), width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::admin::views::{Reload, Shard, Totals};

    #[test]
    fn the_sums_come_first_and_only_drops_that_happened() {
        let status = Status {
            name: "sw1".to_owned(),
            version: "0.1.0".to_owned(),
            pid: 7,
            uptime_seconds: 200.0,
            epoch: 2,
            stopping: false,
            shards: vec![Shard { shard: 0, turns: 12_345, applied: 2, connections: 4, memory_bytes: 1 << 20 }],
            totals: Totals {
                lines: 5,
                lines_up: 4,
                pending: 3,
                frames_in: 1_200_000,
                frames_out: 999,
                held: 1,
                dropped: [("late".to_owned(), 0), ("no_route".to_owned(), 6)].into(),
            },
            last_reload: Reload {
                result: "applied".to_owned(),
                at: "2026-01-31T23:59:59.123Z".to_owned(),
                summary: String::new(),
            },
        };
        let expected = "sw1 (ringswitch 0.1.0, pid 7) up for 3 m 20 s\n\
                        lines    4 of 5 up\n\
                        frames   1.2M in, 999 out, 1 held\n\
                        pending  3 requests\n\
                        dropped  no_route 6\n\
                        config   epoch 2, applied 2026-01-31T23:59:59.123Z\n\n\
                        shard  connections   memory  turns  epoch\n    \
                            0            4  1.0 MiB  12.3k      2\n";
        assert_eq!(render(&status, 80), expected);
    }
}
