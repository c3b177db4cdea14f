//! Every metric family: its name, its help, and where its values come from.

use std::fmt::Error;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::snapshot::{GroupFacts, LineFacts};
use super::{Distribution, Labels, Snapshot};
use crate::reason::{Closed, Drop, Malformed, Refusal, Rejected, ResendFailed};
use crate::shared::counters::{Cold, Hot};
use crate::shared::status::LineState;

type Label<'a> = (&'static str, &'a str);

/// A time in the switch: 2^10 ns (1 us) to 2^30 ns (1.1 s).
const TRANSIT_POWERS: (u32, u32) = (10, 30);

/// A time until an answer: 2^17 ns (131 us) to 2^36 ns (69 s).
const ANSWER_POWERS: (u32, u32) = (17, 36);

const HOT: &[(&str, &str, Hot)] = &[
    ("frames_received", "Frames received on the line, probes included", Hot::FramesReceived),
    ("frames_sent", "Frames sent on the line, probes included", Hot::FramesSent),
    ("bytes_received", "Bytes received on the line", Hot::BytesReceived),
    ("bytes_sent", "Bytes sent on the line", Hot::BytesSent),
    ("probes_received", "Probes received on the line", Hot::ProbesReceived),
    ("probes_sent", "Probes sent on the line", Hot::ProbesSent),
    (
        "requests_forwarded",
        "Requests (and frames of pairs and stations) received on the line and given to the kernel whole",
        Hot::RequestsForwarded,
    ),
    ("answers_forwarded", "Answers received on the line and given to the kernel whole", Hot::AnswersForwarded),
];

const COLD: &[(&str, &str, Cold)] = &[
    ("connections_accepted", "Connections admitted on the line", Cold::ConnectionsAccepted),
    ("answers_rerouted", "Answers sent on another line than their request's, which was down", Cold::AnswersRerouted),
    (
        "answers_resent",
        "Answers sent again, because a line broke that had taken them and its peer's TCP had not acknowledged them",
        Cold::AnswersResent,
    ),
    ("answers_late", "Answers that came after their request's deadline", Cold::AnswersLate),
    (
        "answers_unmatched",
        "Answers for which nobody waited; under ISO 8583 also those that lack a field of their request's `key`",
        Cold::AnswersUnmatched,
    ),
    ("requests_timed_out", "Requests of the line that were not answered in time", Cold::RequestsTimedOut),
    (
        "requests_repeated",
        "Requests received again while their first copy waited for its answer, and handed on (ISO 8583)",
        Cold::RequestsRepeated,
    ),
];

/// Writes the families of one snapshot.
pub struct Families<'e, 's> {
    encoder: DescriptorEncoder<'e>,
    snapshot: &'s Snapshot,
}

impl<'e, 's> Families<'e, 's> {
    pub fn new(encoder: DescriptorEncoder<'e>, snapshot: &'s Snapshot) -> Self {
        Self { encoder, snapshot }
    }

    pub fn of_lines(&mut self) -> Result<(), Error> {
        self.line_up()?;
        for (name, help, cell) in HOT {
            self.by_line(name, help, |line| line.counts.hot(*cell))?;
        }
        for (name, help, cell) in COLD {
            self.by_line(name, help, |line| line.counts.cold(*cell))?;
        }
        let refusals = Refusal::ALL.iter().map(|reason| reason.name());
        self.by_reason("connections_refused", "Connections reset before a byte was read", refusals, |line| {
            &line.counts.refused
        })?;
        let ends = Closed::ALL.iter().map(|reason| reason.name());
        self.by_reason("connections_closed", "Connections that ended", ends, |line| &line.counts.closed)?;
        let drops = Drop::ALL.iter().map(|reason| reason.name());
        self.by_reason("frames_dropped", "Whole frames received that went nowhere", drops, |line| {
            &line.counts.dropped
        })?;
        let rejects = Rejected::ALL.iter().map(|reason| reason.name());
        self.by_reason("rejects_made", "Rejected messages made for frames of the line", rejects, |line| {
            &line.counts.rejected
        })?;
        let failed = ResendFailed::ALL.iter().map(|reason| reason.name());
        self.by_reason(
            "answers_resend_failed",
            "Answers received on the line, taken by one that broke, and not sent again",
            failed,
            |line| &line.counts.resend_failed,
        )?;
        let malformed = Malformed::ALL.iter().map(|reason| reason.name());
        self.by_reason("frames_malformed", "Bytes that never became a frame", malformed, |line| {
            &line.counts.malformed
        })?;
        self.line_state_changes()
    }

    pub fn of_groups(&mut self) -> Result<(), Error> {
        let groups = &self.snapshot.groups;
        let mut pending = self.gauge("pending_requests", "Requests that wait for an answer of the group")?;
        for (group, numbers) in groups.iter().filter_map(|group| Some((group, group.numbers?))) {
            pending.encode_family(&[("group", group.full_name())])?.encode_gauge(&numbers.pending)?;
        }
        self.number_rest(groups)?;
        self.answer_seconds(groups)
    }

    pub fn of_the_switch(&mut self) -> Result<(), Error> {
        let Snapshot { switch, transit, frames_held, .. } = self.snapshot;
        let mut seconds = self.histogram("transit", "Time that forwarded frames spent inside the switch")?;
        encode(&mut seconds, transit, TRANSIT_POWERS)?;
        self.gauge("frames_held", "Frames in queues, mailboxes and holds")?.encode_gauge(frames_held)?;
        let reloads = &switch.reloads;
        let mut results = self.counter("config_reloads", "Reloads of the configuration by result")?;
        for (result, count) in
            [("applied", reloads.applied), ("unchanged", reloads.unchanged), ("refused", reloads.refused)]
        {
            count_one(&mut results, &[("result", result)], count)?;
        }
        self.gauge("config_last_reload_successful", "1 if the last reload (or the start) was not refused")?
            .encode_gauge(&u32::from(reloads.last_successful))?;
        self.encoder
            .encode_descriptor(
                "config_last_reload_success_timestamp",
                "When the configuration was last taken, in seconds since 1970",
                Some(&Unit::Seconds),
                MetricType::Gauge,
            )?
            .encode_gauge(&reloads.last_success_timestamp)?;
        // A gauge, not an info: parsers of the older text format know no info.
        self.gauge("build_info", "1, labelled with what is running")?
            .encode_family(&[("version", switch.version), ("name", &switch.name)])?
            .encode_gauge(&1u32)
    }

    fn line_up(&mut self) -> Result<(), Error> {
        let lines = &self.snapshot.lines;
        let mut up = self.gauge("line_up", "1 while the line has a connection that carries")?;
        for line in lines {
            up.encode_family(&of(&line.labels))?.encode_gauge(&u32::from(line.state == LineState::Up))?;
        }
        Ok(())
    }

    fn by_line(&mut self, name: &str, help: &str, value: impl Fn(&LineFacts) -> u64) -> Result<(), Error> {
        let lines = &self.snapshot.lines;
        let mut family = self.counter(name, help)?;
        for line in lines {
            count_one(&mut family, &of(&line.labels), value(line))?;
        }
        Ok(())
    }

    /// Every reason of every line, at zero too: a counter that appears with its first event hides
    /// that event from `increase()`.
    fn by_reason(
        &mut self,
        name: &str,
        help: &str,
        reasons: impl Iterator<Item = &'static str> + Clone,
        values: impl Fn(&LineFacts) -> &[u64],
    ) -> Result<(), Error> {
        let lines = &self.snapshot.lines;
        let mut family = self.counter(name, help)?;
        for line in lines {
            let [member, group, name] = of(&line.labels);
            for (reason, count) in reasons.clone().zip(values(line)) {
                count_one(&mut family, &[member, group, name, ("reason", reason)], *count)?;
            }
        }
        Ok(())
    }

    fn line_state_changes(&mut self) -> Result<(), Error> {
        let lines = &self.snapshot.lines;
        let mut family = self.counter("line_state_changes", "Changes of the line's state, by the state that began")?;
        for line in lines {
            let [member, group, name] = of(&line.labels);
            for (to, cause, count) in &line.changes {
                let labels = [member, group, name, ("to", to.name()), ("cause", cause.name())];
                count_one(&mut family, &labels, *count)?;
            }
        }
        Ok(())
    }

    fn number_rest(&mut self, groups: &[GroupFacts]) -> Result<(), Error> {
        let help = "The shortest rest of a number between two uses since the start";
        let mut family =
            self.encoder.encode_descriptor("number_rest", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for group in groups {
            if let Some(rest) = group.numbers.and_then(|numbers| numbers.shortest_rest) {
                family.encode_family(&[("group", group.full_name())])?.encode_gauge(&rest.as_secs_f64())?;
            }
        }
        Ok(())
    }

    fn answer_seconds(&mut self, groups: &[GroupFacts]) -> Result<(), Error> {
        let mut family = self.histogram("answer", "Time from a request's arrival to its answer's")?;
        for group in groups {
            if let Some(distribution) = &group.answer_seconds {
                let labels = [("group", group.full_name())];
                encode(&mut family.encode_family(&labels)?, distribution, ANSWER_POWERS)?;
            }
        }
        Ok(())
    }

    fn counter<'m>(&'m mut self, name: &'m str, help: &str) -> Result<MetricEncoder<'m>, Error> {
        self.encoder.encode_descriptor(name, help, None, MetricType::Counter)
    }

    fn gauge<'m>(&'m mut self, name: &'m str, help: &str) -> Result<MetricEncoder<'m>, Error> {
        self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)
    }

    /// A histogram of seconds; the unit is appended to the name.
    fn histogram<'m>(&'m mut self, name: &'m str, help: &str) -> Result<MetricEncoder<'m>, Error> {
        self.encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)
    }
}

fn of(labels: &Labels) -> [Label<'_>; 3] {
    [("member", &labels.member), ("group", &labels.group), ("line", &labels.line)]
}

fn count_one(family: &mut MetricEncoder, labels: &impl EncodeLabelSet, count: u64) -> Result<(), Error> {
    family.encode_family(labels)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)
}

fn encode(encoder: &mut MetricEncoder, distribution: &Distribution, powers: (u32, u32)) -> Result<(), Error> {
    let buckets = distribution.by_powers_of_two(powers.0, powers.1);
    encoder.encode_histogram::<NoLabelSet>(distribution.sum_seconds(), distribution.count(), &buckets, None)
}
