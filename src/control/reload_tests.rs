//! Shards are played: a test takes their commands and says what they applied.

#![allow(clippy::disallowed_types, reason = "tests ask over sockets")]

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Release;

use parking_lot::Mutex;

use super::super::source::Loaded;
use super::super::testing::{address, bind, bind_but, free_port, listening, plan};
use super::*;
use crate::ids::LineId;
use crate::ring::Listener;
use crate::shared::counters::Cold;
use crate::shared::inbox::Command;

/// Hands out what the test puts in.
#[derive(Default)]
struct Files {
    says: Mutex<Option<Result<Plan, Refused>>>,
    taken: Mutex<u32>,
}

impl Files {
    fn say(&self, plan: Plan) {
        *self.says.lock() = Some(Ok(plan));
    }
}

impl PlanSource for Files {
    fn load(&self, _: Option<&Plan>) -> Result<Loaded, Refused> {
        let plan = self.says.lock().clone().expect("the test said something")?;
        Ok(Loaded { plan: Arc::new(plan), warnings: Vec::new() })
    }

    fn taken(&self) {
        *self.taken.lock() += 1;
    }

    fn effective(&self) -> String {
        String::new()
    }

    fn file(&self) -> PathBuf {
        PathBuf::from("ringswitch.toml")
    }
}

#[derive(Debug, Default)]
struct Bell(Mutex<u32>);

impl Wake for Bell {
    fn wake(&self) {
        *self.0.lock() += 1;
    }
}

struct Bench {
    world: Arc<World>,
    observed: Arc<Observed>,
    files: Arc<Files>,
    bell: Arc<Bell>,
    reloader: Reloader,
}

fn bench(first: Plan, bind: Arc<Bind>) -> Bench {
    let opening = publish_first(Arc::new(first), &*bind, "ringswitch.toml", None).expect("can be opened");
    let observed = Arc::new(Observed::new(opening.known.clone()));
    let (world, files, bell) = (opening.world.clone(), Arc::new(Files::default()), Arc::new(Bell::default()));
    let reloader = Reloader::new(opening, observed.clone(), vec![bell.clone()], files.clone(), bind);
    Bench { world, observed, files, bell, reloader }
}

impl Bench {
    /// What the shard finds in its inbox.
    fn listens(&self) -> Vec<(LineId, Arc<Listener>)> {
        let take = || self.world.inbox.commands[0].pop();
        std::iter::from_fn(take)
            .map(|command| match command {
                Command::Listen { line, listener } => (line, listener),
                other => panic!("not asked for: {other:?}"),
            })
            .collect()
    }

    fn applies(&self, epoch: u64) {
        self.world.shards[0].applied.store(epoch, Release);
    }

    /// Reloads while the shard applies whatever comes.
    async fn reload(&mut self, plan: Plan) -> Verdict {
        self.files.say(plan);
        self.applies(u64::MAX);
        self.reloader.reload().await
    }
}

#[tokio::test]
async fn the_first_plan_gives_every_line_its_listener() {
    let (one, two) = (free_port(), free_port());
    let bench = bench(plan(&[listening("a", one), listening("b", two)]), bind());
    let listens = bench.listens();
    assert_eq!(listens.iter().map(|listen| listen.0.0).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(listens[1].1.local, address(two));
    assert_eq!((bench.world.epoch(), bench.world.current().lines.len()), (1, 2));
}

#[tokio::test]
async fn lines_that_exchange_ports_exchange_listeners() {
    let (one, two) = (free_port(), free_port());
    let mut bench = bench(plan(&[listening("a", one), listening("b", two)]), bind());
    let first = bench.listens();
    let verdict = bench.reload(plan(&[listening("a", two), listening("b", one)])).await;
    assert!(matches!(verdict, Verdict::Applied { epoch: 2, ref waiting_for, .. } if waiting_for.is_empty()));
    let second = bench.listens();
    assert!(Arc::ptr_eq(&first[0].1, &second[1].1) && Arc::ptr_eq(&first[1].1, &second[0].1));
}

#[tokio::test]
async fn a_line_that_stays_is_not_given_its_listener_again() {
    let (one, two) = (free_port(), free_port());
    let mut bench = bench(plan(&[listening("a", one)]), bind());
    bench.listens();
    bench.reload(plan(&[listening("a", one), listening("b", two)])).await;
    assert_eq!(bench.listens().iter().map(|listen| listen.0).collect::<Vec<_>>(), [LineId(1)]);
    assert!(*bench.bell.0.lock() > 0, "the shard was woken");
    assert_eq!(*bench.files.taken.lock(), 1);
}

#[tokio::test]
async fn a_port_that_cannot_be_bound_refuses_the_whole_reload() {
    let mut bench = bench(plan(&[listening("a", 7001)]), bind_but(7003));
    let current = bench.world.current();
    let verdict = bench.reload(plan(&[listening("b", 7002), listening("c", 7003)])).await;
    let Verdict::Refused { faults } = verdict else { panic!("{verdict:?}") };
    assert!(faults[0].message.starts_with("line c: cannot listen on 127.0.0.1:7003: Address already in use"));
    assert!(Arc::ptr_eq(&current, &bench.world.current()));
    assert_eq!((bench.observed.last_reload().result, *bench.files.taken.lock()), ("refused", 0));
}

#[tokio::test]
async fn faults_of_the_files_change_nothing() {
    let mut bench = bench(plan(&[listening("a", 7001)]), bind_but(0));
    let fault = Fault { file: "x.toml".into(), line: 3, column: 9, message: "no such key".into() };
    *bench.files.says.lock() = Some(Err(Refused { faults: vec![fault.clone()] }));
    assert_eq!(bench.reloader.reload().await, Verdict::Refused { faults: vec![fault] });
    assert_eq!(bench.world.epoch(), 1);
    assert_eq!(bench.observed.last_reload().summary, "x.toml:3:9: no such key");
}

#[tokio::test]
async fn the_same_configuration_is_unchanged_and_publishes_nothing() {
    let mut bench = bench(plan(&[listening("a", 7001)]), bind_but(0));
    let verdict = bench.reload(plan(&[listening("a", 7001)])).await;
    assert_eq!(verdict, Verdict::Unchanged { epoch: 1, warnings: Vec::new() });
    assert_eq!(bench.world.epoch(), 1);
}

#[tokio::test]
async fn what_needs_a_restart_is_refused_by_name() {
    let mut bench = bench(plan(&[]), bind_but(0));
    let mut larger = plan(&[]);
    larger.settings.memory *= 2;
    let Verdict::Refused { faults } = bench.reload(larger).await else { panic!("applied") };
    assert_eq!(faults[0].to_string(), "ringswitch.toml: memory: a change needs a restart");
}

#[tokio::test]
async fn counters_stay_with_a_lines_name_through_removal_and_return() {
    let mut bench = bench(plan(&[listening("a", 7001), listening("b", 7002)]), bind_but(0));
    let of_b = bench.world.current().line(LineId(1)).expect("b").clone();
    of_b.counters.add_cold(Cold::Connects, 7);
    bench.reload(plan(&[listening("a", 7001)])).await;
    let snapshot = bench.observed.snapshot(&bench.world);
    let b = &snapshot.lines[1];
    assert_eq!((&*b.labels.line, b.place, b.counts.cold(Cold::Connects)), ("b", None, 7));
    bench.reload(plan(&[listening("b", 7002)])).await;
    assert!(Arc::ptr_eq(bench.world.current().line(LineId(0)).expect("b"), &of_b));
}

#[tokio::test]
async fn a_shard_that_does_not_turn_is_reported_and_its_listeners_stay_open() {
    let (old, new) = (free_port(), free_port());
    let mut bench = bench(plan(&[listening("a", old)]), bind());
    drop(bench.listens());
    bench.files.say(plan(&[listening("a", new)]));
    bench.reloader.applied_within = Duration::ZERO;
    let verdict = bench.reloader.reload().await;
    let Verdict::Applied { waiting_for, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(waiting_for, [0]);
    bench.reloader.tidy();
    TcpStream::connect(address(old)).expect("the shard may still accept on it");
    bench.applies(2);
    bench.reloader.tidy();
    TcpStream::connect(address(old)).expect_err("nobody needs it");
    TcpStream::connect(address(new)).expect("in use");
}

#[tokio::test]
async fn a_dry_run_names_the_changes_and_does_nothing() {
    let bench = bench(plan(&[listening("a", 7001)]), bind_but(7002));
    bench.files.say(plan(&[listening("b", 7002)]));
    let Verdict::Planned { changes, .. } = bench.reloader.planned().await else { panic!("refused") };
    assert_eq!((changes.open[0].line.as_str(), changes.close[0].line.as_str()), ("b", "a"));
    assert_eq!((bench.world.epoch(), bench.observed.last_reload().result), (1, "started"));
}
