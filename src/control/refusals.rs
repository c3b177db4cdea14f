//! Log lines about refused connections, few enough to read: for each line the first at once, then
//! at most one a second that says how many more there were.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::reason::Refusal;
use crate::time::{Instant, Span};

const EVERY: Span = Span::from_secs(1);

/// One log line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    pub line: Arc<str>,
    /// Refusals since the last notice of the line; 1 for the first.
    pub count: u64,
    /// Of the latest of them.
    pub remote: IpAddr,
    pub reason: Refusal,
}

/// What was refused and not told yet, by line.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Since the last notice; at most as many entries as there are lines.
    untold: BTreeMap<Arc<str>, (Instant, Option<Notice>)>,
}

impl Refusals {
    /// Takes a refusal; returns it if it is to be logged at once.
    pub fn take(&mut self, now: Instant, line: Arc<str>, remote: IpAddr, reason: Refusal) -> Option<Notice> {
        let notice = Notice { line: line.clone(), count: 1, remote, reason };
        let Some((_, untold)) = self.untold.get_mut(&line) else {
            self.untold.insert(line, (now, None));
            return Some(notice);
        };
        let count = 1 + untold.as_ref().map_or(0, |untold| untold.count);
        *untold = Some(Notice { count, ..notice });
        None
    }

    /// What is due to be told at `now`.
    pub fn due(&mut self, now: Instant) -> Vec<Notice> {
        let mut due = Vec::new();
        self.untold.retain(|_, (told, untold)| {
            if now.since(*told) < EVERY {
                return true;
            }
            *told = now;
            let notice = untold.take();
            let more = notice.is_some();
            due.extend(notice);
            more // a quiet second: the next one is told at once again
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn refuse(refusals: &mut Refusals, millis: u64, line: &str) -> Option<u64> {
        let now = Instant::default() + Span::from_millis(millis);
        refusals.take(now, Arc::from(line), PEER, Refusal::NotAllowed).map(|notice| notice.count)
    }

    fn due(refusals: &mut Refusals, millis: u64) -> Vec<(String, u64)> {
        let now = Instant::default() + Span::from_millis(millis);
        refusals.due(now).into_iter().map(|notice| (notice.line.to_string(), notice.count)).collect()
    }

    #[test]
    fn the_first_is_told_at_once_and_the_rest_once_a_second() {
        let mut refusals = Refusals::default();
        assert_eq!(refuse(&mut refusals, 0, "a"), Some(1));
        assert_eq!(refuse(&mut refusals, 1, "b"), Some(1), "each line for itself");
        assert!((2..500).all(|millis| refuse(&mut refusals, millis, "a").is_none()));
        assert_eq!(due(&mut refusals, 999), []);
        assert_eq!(due(&mut refusals, 1_001), [("a".to_owned(), 498)]);
        assert_eq!(refuse(&mut refusals, 1_002, "a"), None);
        assert_eq!(refuse(&mut refusals, 1_003, "b"), Some(1), "a second had passed for b");
        assert_eq!(due(&mut refusals, 2_001), [("a".to_owned(), 1)]);
        assert_eq!(due(&mut refusals, 3_003), []);
        assert_eq!(refuse(&mut refusals, 3_004, "a"), Some(1));
    }
}
