//! What the outside is told of the start, the stop and the pulse: one line on standard output,
//! and the service manager if there is one.

use std::io::{self, Write};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::config::plan::Plan;
use crate::config::written::readable;

/// The line with `ready`: printed when every listener is bound and every shard runs.
pub fn line(plan: &Plan, admin: &str) -> String {
    let lines = plan.lines.iter().flatten().count();
    let shards = plan.settings.shards;
    format!(
        "ringswitch {} ready: {lines} line{} on {shards} shard{}, memory at most {}, admin {admin}",
        plan.settings.name,
        plural(lines),
        plural(usize::from(shards)),
        readable(plan.settings.memory),
    )
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Prints the line and tells the service manager. Nobody has to listen.
pub fn announce(line: &str) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
    notify(NotifyState::Ready);
}

pub fn stopping() {
    notify(NotifyState::Stopping);
}

/// Half the interval in which the service manager wants to hear of us (`WatchdogSec=`).
pub fn pulse_every() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|interval| interval / 2)
}

pub fn pulse() {
    notify(NotifyState::Watchdog);
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::testing::{listening, plan};

    #[test]
    fn the_line_says_who_is_ready_with_what_and_where_to_ask() {
        let mut plan = plan(&[listening("a", 1), listening("b", 2)]);
        plan.settings.memory = 64 << 20;
        assert_eq!(
            line(&plan, "http://127.0.0.1:9600"),
            "ringswitch sw1 ready: 2 lines on 1 shard, memory at most 64 MiB, admin http://127.0.0.1:9600"
        );
        plan.settings.shards = 2;
        plan.lines.truncate(1);
        assert_eq!(line(&plan, "off"), "ringswitch sw1 ready: 1 line on 2 shards, memory at most 64 MiB, admin off");
    }
}
