//! The sum of INTERFACE: every frame received has exactly one fate.

use std::time::Instant;

use super::metrics::Metrics;
use super::{LOOK_AGAIN, PATIENCE, Switch};

/// Waits for a quiet moment, and fails if there is none at which the fates of all frames add up.
pub fn fates_add_up(switch: &Switch) {
    let deadline = Instant::now() + PATIENCE;
    let mut before = Account::read(&switch.metrics());
    loop {
        std::thread::sleep(LOOK_AGAIN);
        let account = Account::read(&switch.metrics());
        // Counters of several shards are not read at one instant: a sum counts when nothing moved.
        if account == before && account.balances() {
            return;
        }
        assert!(Instant::now() < deadline, "the fates do not add up: {account:?}");
        before = account;
    }
}

#[derive(PartialEq, Eq, Debug)]
struct Account {
    received: u64,
    probes: u64,
    requests: u64,
    answers: u64,
    dropped: u64,
    held: u64,
}

impl Account {
    fn read(metrics: &Metrics) -> Self {
        let sum = |name| metrics.sum(name, &[]);
        Self {
            received: sum("frames_received_total"),
            probes: sum("probes_received_total"),
            requests: sum("requests_forwarded_total"),
            answers: sum("answers_forwarded_total"),
            dropped: sum("frames_dropped_total"),
            held: sum("frames_held"),
        }
    }

    fn balances(&self) -> bool {
        self.received == self.probes + self.requests + self.answers + self.dropped + self.held
    }
}
