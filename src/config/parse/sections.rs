//! `[switch]`, `[timers]`, `[limits]`, and the overrides of the latter two.

use toml::de::DeTable;

use super::reader::Reader;
use super::scalar;
use crate::config::model::{GeneralLimits, Given, Switch, WrittenLimits};
use crate::config::plan::LogFormat;
use crate::config::timers::{RECONNECT, TIMERS, WrittenTimers};
use crate::config::unbuilt::Section;

/// The most shards: the shared tables keep sets of 256.
pub const SHARDS_MAX: u16 = 256;

pub fn switch<'a>(reader: &mut Reader<'a, '_, '_>) -> Switch {
    let Given::Here(table) = reader.table("switch") else { return Switch::default() };
    let mut reader = reader.inner(Section::Switch, table.value);
    let switch = Switch {
        name: reader.read("name", scalar::name),
        shards: reader.read("shards", shards),
        admin: reader.read("admin", scalar::admin),
        include: reader.list("include", scalar::pattern),
        log: reader.word("log", &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
        spin: reader.read("spin", scalar::duration),
        state: reader.read("state", scalar::folder),
    };
    reader.finish();
    switch
}

/// The `timers` of any level.
pub fn timers<'a>(reader: &mut Reader<'a, '_, '_>) -> WrittenTimers {
    let table: &'a DeTable<'a> = match reader.table("timers") {
        Given::Here(table) => table.value,
        Given::Absent => return WrittenTimers::default(),
        Given::Bad(place) => return all_bad(place),
    };
    let mut reader = reader.inner(Section::Timers, table);
    let mut timers = WrittenTimers::default();
    for (written, timer) in timers.spans.iter_mut().zip(&TIMERS) {
        let convert = if timer.may_be_zero { scalar::duration } else { scalar::positive_duration };
        *written = reader.read(timer.name, convert);
    }
    timers.reconnect = reader.read(RECONNECT, scalar::two_durations);
    reader.finish();
    timers
}

fn all_bad(place: crate::config::fault::Place) -> WrittenTimers {
    WrittenTimers { spans: std::array::from_fn(|_| Given::Bad(place)), reconnect: Given::Bad(place) }
}

/// `[limits]`.
pub fn general_limits<'a>(reader: &mut Reader<'a, '_, '_>) -> GeneralLimits {
    let Given::Here(table) = reader.table("limits") else { return GeneralLimits::default() };
    let mut reader = reader.inner(Section::Limits, table.value);
    let limits = GeneralLimits {
        starred: starred(&mut reader),
        memory: reader.read("memory", scalar::size),
        connections: reader.read("connections", |value| count(value, 1)),
        events: reader.read("events", |value| count(value, 0)),
    };
    reader.finish();
    limits
}

/// The `limits` of a member.
pub fn limits<'a>(reader: &mut Reader<'a, '_, '_>) -> WrittenLimits {
    let Given::Here(table) = reader.table("limits") else { return WrittenLimits::default() };
    let mut reader = reader.inner(Section::Limits, table.value);
    let limits = starred(&mut reader);
    reader.finish();
    limits
}

/// The `limits` of a line: its own queue; the other starred ones are a group's.
pub fn line_queue<'a>(reader: &mut Reader<'a, '_, '_>) -> Given<u64> {
    let Given::Here(table) = reader.table("limits") else { return Given::Absent };
    let mut reader = reader.inner(Section::LineLimits, table.value);
    let line_queue = reader.read("line_queue", scalar::size);
    reader.finish();
    line_queue
}

fn shards(value: &toml::de::DeValue<'_>) -> scalar::Converted<u16> {
    scalar::integer(value, 1, u64::from(SHARDS_MAX)).map(|shards| shards as u16)
}

fn starred(reader: &mut Reader<'_, '_, '_>) -> WrittenLimits {
    WrittenLimits {
        line_queue: reader.read("line_queue", scalar::size),
        answer_queue: reader.read("answer_queue", scalar::size),
        pending: reader.read("pending", |value| count(value, 1)),
    }
}

fn count(value: &toml::de::DeValue<'_>, least: u64) -> scalar::Converted<u32> {
    scalar::integer(value, least, 100_000_000).map(|count| count as u32)
}
