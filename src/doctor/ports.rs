//! Listening ports that the kernel may give away to an outgoing connection: then the next start
//! finds its port in use.

use super::facts::Facts;
use super::host::{Host, Unread};
use super::probe::NONE;
use super::reading::{Found, Reading};

const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/// Ports of the configuration inside of the range for outgoing connections that are not reserved.
/// The remedy is what to reserve: what is reserved already, and these.
pub fn taken(host: &Host, facts: &Facts) -> Reading {
    let range = match host.read(RANGE) {
        Ok(range) => range,
        Err(Unread::Absent) => return Reading::of(Found::Absent),
        Err(Unread::Refused(reason)) => return Reading::of(Found::Unknown(reason)),
    };
    let bounds: Vec<u16> = range.split_whitespace().filter_map(|bound| bound.parse().ok()).collect();
    let [first, last] = bounds[..] else {
        return Reading::of(Found::Unknown(format!("{RANGE} holds no range: {range}")));
    };
    let reserved = host.read(RESERVED).unwrap_or_default();
    let is_reserved = |port: &u16| spans(&reserved).any(|(from, to)| (from..=to).contains(port));
    let taken: Vec<u16> = facts.ports_in(&(first..=last)).into_iter().filter(|port| !is_reserved(port)).collect();
    if taken.is_empty() {
        return Reading::value(NONE);
    }
    let written = as_spans(&taken);
    let all = if reserved.is_empty() { written.clone() } else { format!("{reserved},{written}") };
    Reading::value(written).with_remedy(all)
}

/// `8080,9000-9010`
fn spans(text: &str) -> impl Iterator<Item = (u16, u16)> {
    text.split(',').filter_map(|span| {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    })
}

/// Neighbours together: a thousand lines on consecutive ports are one span.
fn as_spans(ports: &[u16]) -> String {
    let runs = ports.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    let written: Vec<String> = runs
        .map(|run| match run {
            [one] => one.to_string(),
            run => format!("{}-{}", run[0], run[run.len() - 1]),
        })
        .collect();
    written.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::testing::{self, Fake};

    fn looked(range: &str, reserved: &str) -> Reading {
        let file = |path: &str| path.trim_start_matches('/').to_owned();
        let fake = Fake::with(&[(&file(RANGE), range), (&file(RESERVED), reserved)]);
        let facts = Facts::new(&testing::plan(testing::CONFIGURATION), &[0]);
        taken(&fake.host, &facts)
    }

    #[test]
    fn ports_outside_of_the_range_or_reserved_are_safe() {
        assert_eq!(looked("41000\t60999\n", ""), Reading::value(NONE));
        assert_eq!(looked("32768\t60999\n", "40000-40010,50000\n"), Reading::value(NONE));
    }

    #[test]
    fn what_is_to_be_reserved_keeps_what_is() {
        let reading = looked("32768\t60999\n", "50000\n");
        assert_eq!(reading, Reading::value("40001").with_remedy("50000,40001".to_owned()));
        let reading = looked("1024\t60999\n", "\n");
        assert_eq!(reading, Reading::value("7001-7002,9600,40001").with_remedy("7001-7002,9600,40001".to_owned()));
    }

    #[test]
    fn a_range_that_is_none_cannot_be_judged() {
        assert!(matches!(looked("", "").found, Found::Unknown(_)));
    }
}
