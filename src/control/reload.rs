//! A configuration taken into use: at the start, and whole or not at all at every reload.
//!
//! read and check -> difference -> bind what is new -> publish -> wait for every shard -> close
//! what is needed no more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::changes::Changes;
use super::descriptors;
use super::kept::Keeper;
use super::listeners::Bind;
use super::observed::Observed;
use super::publisher::Publisher;
use super::source::{Fault, PlanSource, Refused};
use crate::config::plan::Plan;
use crate::metrics::KnownLines;
use crate::ring::Wake;
use crate::shared::published::World;

/// A shard applies a plan at the top of its next turn; one that has not after this long is stuck,
/// and whoever asked for the reload is told so.
const APPLIED_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks at what the shards have applied.
const LOOK: Duration = Duration::from_millis(2);

/// How a reload ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every shard runs by it, but for those in `waiting_for`, which did not turn in time.
    Applied {
        epoch: u64,
        changes: Changes,
        warnings: Vec<Fault>,
        waiting_for: Vec<usize>,
    },
    /// The files say what is running already.
    Unchanged {
        epoch: u64,
        warnings: Vec<Fault>,
    },
    Refused {
        faults: Vec<Fault>,
    },
    /// What a reload would do; nothing was done.
    Planned {
        changes: Changes,
        warnings: Vec<Fault>,
    },
}

/// The first plan, published, and what the reloads to come need.
#[derive(Debug)]
pub struct Opening {
    pub world: Arc<World>,
    pub known: KnownLines,
    /// `None`: nothing outlives a restart.
    pub keeper: Option<Arc<Keeper>>,
    pub(super) publisher: Publisher,
}

/// Binds every listener of the first plan and builds what the threads share. The shards are
/// started afterwards: their commands wait for them.
///
/// # Errors
/// Every fault of this host: too few descriptors, addresses that cannot be bound, a disk that does
/// not keep what it is given.
pub fn publish_first(
    plan: Arc<Plan>,
    bind: &Bind,
    file: &str,
    keeper: Option<Arc<Keeper>>,
) -> Result<Opening, Refused> {
    enough_descriptors(&plan, file)?;
    let mut known = KnownLines::default();
    let publisher = Publisher::first(plan, &bind, file, &mut known, Box::new(keeper.clone()));
    let publisher = publisher.map_err(|faults| Refused { faults })?;
    let world = publisher.world().clone();
    if let Some(keeper) = &keeper {
        let begun = keeper.begin(&world.current());
        begun.map_err(|unusable| Refused { faults: vec![Fault::without_place(file, unusable.to_string())] })?;
    }
    Ok(Opening { world, known, keeper, publisher })
}

fn enough_descriptors(plan: &Plan, file: &str) -> Result<(), Refused> {
    let limit = descriptors::raise().map_err(|error| error.to_string());
    limit
        .and_then(|limit| descriptors::check(plan, limit))
        .map_err(|message| Refused { faults: vec![Fault::without_place(file, message)] })
}

/// Does the reloads, one after the other.
pub struct Reloader {
    publisher: Publisher,
    observed: Arc<Observed>,
    wakers: Vec<Arc<dyn Wake>>,
    source: Arc<dyn PlanSource>,
    bind: Arc<Bind>,
    keeper: Option<Arc<Keeper>>,
    applied_within: Duration,
}

impl Reloader {
    pub fn new(
        opening: Opening,
        observed: Arc<Observed>,
        wakers: Vec<Arc<dyn Wake>>,
        source: Arc<dyn PlanSource>,
        bind: Arc<Bind>,
    ) -> Self {
        let Opening { publisher, keeper, world: _, known: _ } = opening;
        Self { publisher, observed, wakers, source, bind, keeper, applied_within: APPLIED_WITHIN }
    }

    /// Reads the configuration again and applies it; counted, and logged in one line.
    pub async fn reload(&mut self) -> Verdict {
        let verdict = match self.checked().await {
            Err(refused) => Verdict::Refused { faults: refused.faults },
            Ok((epoch, changes, _, warnings)) if changes.is_empty() => Verdict::Unchanged { epoch, warnings },
            Ok((_, changes, plan, warnings)) => match self.apply(plan).await {
                Err(faults) => Verdict::Refused { faults },
                Ok((epoch, waiting_for)) => Verdict::Applied { epoch, changes, warnings, waiting_for },
            },
        };
        self.note(&verdict);
        verdict
    }

    /// What a reload would do. Nothing is bound, published or counted.
    pub async fn planned(&self) -> Verdict {
        match self.checked().await {
            Err(refused) => Verdict::Refused { faults: refused.faults },
            Ok((_, changes, _, warnings)) => Verdict::Planned { changes, warnings },
        }
    }

    async fn checked(&self) -> Result<(u64, Changes, Arc<Plan>, Vec<Fault>), Refused> {
        let previous = self.publisher.world().current();
        let (source, running) = (self.source.clone(), previous.plan.clone());
        // Files may lie on a disk that hangs; the admin API must answer meanwhile.
        let reading = tokio::task::spawn_blocking(move || source.load(Some(&running)));
        let loaded = reading.await.expect("reading a configuration does not panic")?;
        self.possible(&previous.plan, &loaded.plan)?;
        let changes = Changes::between(&previous.plan, &loaded.plan);
        Ok((previous.epoch, changes, loaded.plan, loaded.warnings))
    }

    /// Refuses what a running process cannot become.
    fn possible(&self, old: &Plan, new: &Plan) -> Result<(), Refused> {
        let file = self.file();
        Publisher::possible(old, new, &file).map_err(|faults| Refused { faults })?;
        enough_descriptors(new, &file)
    }

    async fn apply(&mut self, plan: Arc<Plan>) -> Result<(u64, Vec<usize>), Vec<Fault>> {
        let file = self.file();
        let staged = self.publisher.stage(plan, &*self.bind, &file, &mut self.observed.known.lock())?;
        if let Some(keeper) = &self.keeper {
            if staged.forgotten {
                keeper.note_change();
            }
            keeper.prepare(&staged.next).await;
        }
        let epoch = self.publisher.publish(staged);
        self.source.taken();
        self.wake();
        let waiting_for = self.wait(epoch).await;
        self.tidy();
        Ok((epoch, waiting_for))
    }

    /// Waits until every shard has applied `epoch`; returns those that have not in time.
    async fn wait(&self, epoch: u64) -> Vec<usize> {
        let mut left = self.applied_within.as_millis() / LOOK.as_millis();
        loop {
            let behind = self.publisher.world().behind(epoch);
            if behind.is_empty() || left == 0 {
                return behind;
            }
            left -= 1;
            sleep(LOOK).await;
        }
    }

    /// What has to be done again until it succeeds, each second: numbers to reserve, listeners to
    /// close that a late shard still needed.
    pub fn tidy(&mut self) {
        self.publisher.tidy();
    }

    fn wake(&self) {
        self.wakers.iter().for_each(|waker| waker.wake());
    }

    fn file(&self) -> String {
        self.source.file().display().to_string()
    }

    fn note(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Applied { epoch, changes, waiting_for, .. } => {
                let summary = changes.summary();
                tracing::info!(epoch, "configuration applied: {summary}");
                if !waiting_for.is_empty() {
                    tracing::error!(epoch, shards = ?waiting_for, "configuration published, but not applied in time");
                }
                self.observed.count_reload("applied", summary);
            }
            Verdict::Unchanged { epoch, .. } => {
                tracing::info!(epoch, "configuration unchanged");
                self.observed.count_reload("unchanged", String::new());
            }
            Verdict::Refused { faults } => {
                let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                tracing::error!(faults = faults.len(), "configuration refused, nothing changed: {text}");
                self.observed.count_reload("refused", faults.first().map_or_else(String::new, ToString::to_string));
            }
            Verdict::Planned { .. } => {}
        }
        for warning in verdict.warnings() {
            tracing::warn!("{warning}");
        }
    }
}

impl Verdict {
    pub fn warnings(&self) -> &[Fault] {
        match self {
            Self::Applied { warnings, .. } | Self::Unchanged { warnings, .. } | Self::Planned { warnings, .. } => {
                warnings
            }
            Self::Refused { .. } => &[],
        }
    }
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
