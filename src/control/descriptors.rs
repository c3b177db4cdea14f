//! The descriptor limit: reaching it in the middle of a day would refuse members, so a
//! configuration that could reach it is refused at the start.

use std::io;

use crate::config::plan::{Plan, Side};

/// Descriptors beside lines and connections: the admin API's connections, standard streams, the
/// control thread's own, a connection in the moment between accept and refusal.
const OTHERS: u64 = 256;

/// Of each shard: its ring, wake-ups, what a rebuild holds twice.
const PER_SHARD: u64 = 8;

/// Descriptors that a plan can come to need at once.
pub fn needed(plan: &Plan) -> u64 {
    let listening = plan.lines.iter().flatten().filter(|line| matches!(line.side, Side::Listen(_))).count() as u64;
    u64::from(plan.settings.connections) + listening + u64::from(plan.settings.shards) * PER_SHARD + OTHERS
}

/// Whether `limit` descriptors do for the plan; otherwise a sentence with both numbers.
pub fn check(plan: &Plan, limit: u64) -> Result<(), String> {
    let needed = needed(plan);
    if needed <= limit {
        return Ok(());
    }
    Err(format!(
        "[limits] connections = {} and the configured lines need {needed} descriptors, but this host allows {limit} \
         (hard limit RLIMIT_NOFILE): lower connections, or raise the limit (ulimit -Hn, LimitNOFILE= of the service)",
        plan.settings.connections
    ))
}

/// Raises the soft limit of this process to the hard one, and says what it is now.
pub fn raise() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is an rlimit that lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: as above; raising to the hard limit needs no privilege.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::testing;

    #[test]
    fn the_refusal_names_both_numbers() {
        let mut plan = testing::plan(&[testing::listening("a", 7001), testing::connecting("b", 7002)]);
        plan.settings.connections = 9_000;
        let enough = 9_000 + 1 + u64::from(plan.settings.shards) * PER_SHARD + OTHERS;
        assert_eq!(needed(&plan), enough);
        assert_eq!(check(&plan, enough), Ok(()));
        let refusal = check(&plan, 4_096).expect_err("too many");
        assert!(refusal.contains("4096") && refusal.contains(&enough.to_string()), "{refusal}");
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let first = raise().expect("may be read");
        assert_eq!(raise().expect("may be read"), first);
        assert!(first > 0);
    }
}
