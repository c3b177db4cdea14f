//! The judge's own count of frames, held against the switch's counters: every frame has one fate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use ringswitch::reason::Drop;
use ringswitch::shared::counters::{Cold, Hot, LineCounters, ShardCounters};
use ringswitch::shared::published::{LineShared, World};

use super::super::message::Id;
use super::super::player::Key;
use super::Message;
use super::full::FULL;
use super::wires::Wire;
use crate::fake::Id as Socket;
use crate::shards::stage::drops;

/// Bytes that may come on top of `memory`, for each shard: what was under way when it was full.
const MEMORY_SLACK: u64 = 1 << 20;

pub struct Books {
    shared: Arc<World>,
    /// Every line that a configuration ever has.
    accounts: Vec<Account>,
}

/// What is known of a line.
struct Account {
    key: Key,
    name: String,
    /// The switch's own books, once it has the line.
    line: Option<Arc<LineShared>>,
    /// Frames handed to the switch; probes are among them.
    received: u64,
    /// Frames wholly given to the kernel that came in on the line.
    forwarded: u64,
    /// Answers that came in on it and were given whole once more.
    resent: u64,
}

impl Account {
    fn counted_received(&self) -> u64 {
        self.line.as_ref().map_or(0, |line| line.counters.hot(Hot::FramesReceived))
    }

    fn counted_forwarded(&self) -> u64 {
        let of = |cell| self.line.as_ref().map_or(0, |line| line.counters.hot(cell));
        of(Hot::RequestsForwarded) + of(Hot::AnswersForwarded)
    }

    fn counted_resent(&self) -> u64 {
        self.line.as_ref().map_or(0, |line| line.counters.cold(Cold::AnswersResent))
    }

    fn counted_full(&self) -> u64 {
        self.line.as_ref().map_or(0, |line| line.counters.dropped(Drop::LineFull))
    }

    fn fates(&self) -> u64 {
        self.line.as_ref().map_or(0, |line| fates(&line.counters))
    }
}

impl Books {
    pub fn new(shared: Arc<World>) -> Self {
        Self { shared, accounts: Vec::new() }
    }

    /// Learns the lines of the configuration in force.
    pub fn learn(&mut self) {
        let published = self.shared.current();
        for line in published.plan.lines.iter().flatten() {
            let shared = published.line(line.id).expect("a planned line has shared state").clone();
            let account = self.accounts.iter_mut().find(|account| *account.name == *line.name);
            account.expect("every line was named").line = Some(shared);
        }
    }

    pub fn names(&mut self, key: Key, name: &str) {
        if self.accounts.iter().all(|account| account.key != key) {
            self.accounts.push(Account {
                key,
                name: name.to_owned(),
                line: None,
                received: 0,
                forwarded: 0,
                resent: 0,
            });
        }
    }

    fn of(&mut self, key: Key) -> &mut Account {
        self.accounts.iter_mut().find(|account| account.key == key).expect("every line was named")
    }

    pub fn received(&mut self, key: Key) {
        self.of(key).received += 1;
    }

    pub fn forwarded(&mut self, key: Key) {
        self.of(key).forwarded += 1;
    }

    pub fn resent(&mut self, key: Key) {
        self.of(key).resent += 1;
    }

    pub fn fullest_shard(&self) -> u64 {
        self.shared.shards.iter().map(|shard| shard.memory.load(Relaxed)).max().unwrap_or(0)
    }

    /// What the switch says it dropped and still has queued, by line.
    pub fn dropped(&self) -> String {
        let of = |account: &Account| {
            let line = account.line.as_ref()?;
            let (dropped, queued) = (drops(&line.counters), line.status.queued_bytes());
            let told = !dropped.is_empty() || queued > 0;
            let (received, forwarded) = (account.counted_received(), account.counted_forwarded());
            told.then(|| {
                format!(
                    "  {}: {received} received, {forwarded} forwarded, dropped {dropped:?}, {queued} bytes queued\n",
                    account.name
                )
            })
        };
        self.accounts.iter().filter_map(of).collect()
    }

    /// What is wrong between two turns.
    pub fn fault(&self) -> Option<String> {
        let shards = &self.shared.shards;
        let of = |shard: &ShardCounters| shard.held_in.load(Relaxed) as i64 - shard.held_out.load(Relaxed) as i64;
        let held: i64 = shards.iter().map(of).sum();
        let received: u64 = self.accounts.iter().map(Account::counted_received).sum();
        let met: u64 = self.accounts.iter().map(Account::fates).sum::<u64>() + fates(&self.shared.strays);
        if held < 0 || received as i64 != met as i64 + held {
            return Some(format!("{received} frames received, {met} fates and {held} held"));
        }
        for account in &self.accounts {
            let (counted, passed) = (account.counted_forwarded(), account.forwarded);
            if counted > passed {
                return Some(format!("{}: {counted} frames counted as forwarded, {passed} were", account.name));
            }
            let (counted, again) = (account.counted_resent(), account.resent);
            if counted > again {
                return Some(format!("{}: {counted} answers counted as resent, {again} were", account.name));
            }
            let (counted, came) = (account.counted_received(), account.received);
            if counted > came {
                return Some(format!("{}: {counted} frames counted as received, {came} were", account.name));
            }
        }
        let memory: u64 = shards.iter().map(|shard| shard.memory.load(Relaxed)).sum();
        let most = self.shared.current().plan.settings.memory + shards.len() as u64 * MEMORY_SLACK;
        (memory > most).then(|| format!("{memory} bytes are kept, {most} at most"))
    }

    /// What is wrong once nothing is under way any more.
    pub fn faults_at_rest(
        &self,
        messages: &BTreeMap<Id, Message>,
        wires: &BTreeMap<Socket, Wire>,
        stayed: impl Fn(Key) -> bool,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let name = |key: Key| self.accounts.iter().find(|account| account.key == key).map_or("", |of| &*of.name);
        for (id, message) in messages {
            if message.whole_at.is_some() && !message.done && message.excused.is_none() {
                faults.push(format!("{:?} {id} came in on {} and is lost", message.kind, name(message.from)));
            }
        }
        for account in &self.accounts {
            let lost = |of: &&Message| of.from == account.key && !of.done && of.excused == Some(FULL);
            let (full, lost) = (account.counted_full(), messages.values().filter(lost).count() as u64);
            if full < lost && stayed(account.key) {
                faults.push(format!("{}: {lost} frames are lost, {full} counted as line_full", account.name));
            }
            let (name, counted, passed) = (&account.name, account.counted_forwarded(), account.forwarded);
            // What is settled while its line is in no configuration counts apart.
            if counted != passed && stayed(account.key) {
                faults.push(format!("{name}: {counted} frames counted as forwarded, {passed} were"));
            }
            let (counted, again) = (account.counted_resent(), account.resent);
            if counted != again && stayed(account.key) {
                faults.push(format!("{name}: {counted} answers counted as resent, {again} were"));
            }
            let ended = wires.values().any(|wire| wire.key == account.key && wire.abandoned.is_some());
            let (counted, came) = (account.counted_received(), account.received);
            if counted != came && !ended {
                let drops = account.line.as_ref().map(|line| drops(&line.counters));
                faults.push(format!("{name}: {counted} frames counted as received, {came} were; {drops:?}"));
            }
        }
        faults
    }
}

/// Frames that met their fate, by the switch's counters.
fn fates(counters: &LineCounters) -> u64 {
    let sent = [Hot::ProbesReceived, Hot::RequestsForwarded, Hot::AnswersForwarded];
    let sent: u64 = sent.iter().map(|cell| counters.hot(*cell)).sum();
    sent + Drop::ALL.iter().map(|reason| counters.dropped(*reason)).sum::<u64>()
}
