//! The commands' client against a whole control thread; the shard is played.

#![allow(clippy::disallowed_methods, reason = "the switch under test runs on threads of its own")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::super::address::Address;
use super::*;
use crate::config::plan::{Admin, Line as PlanLine, Plan};
use crate::control::admin::socket;
use crate::control::admin::views::{Health, Line, LineAnswer, ReloadAnswer};
use crate::control::reload::publish_first;
use crate::control::source::{Loaded, PlanSource, Refused};
use crate::control::testing::{bind_but, listening, plan};
use crate::control::{Control, End, Manner, clock};
use crate::shared::inbox::Command;
use crate::shared::published::World;
use crate::shared::status::LineState;

/// A configuration that a test changes.
struct Files(Mutex<Plan>);

impl PlanSource for Files {
    fn load(&self, _: Option<&Plan>) -> Result<Loaded, Refused> {
        Ok(Loaded { plan: Arc::new(self.0.lock().clone()), warnings: Vec::new() })
    }

    fn taken(&self) {}

    fn effective(&self) -> String {
        String::new()
    }

    fn file(&self) -> PathBuf {
        "ringswitch.toml".into()
    }
}

struct Switch {
    address: Address,
    files: Arc<Files>,
    stop: Arc<Notify>,
    control: JoinHandle<End>,
    shard: JoinHandle<()>,
}

fn at(path: &Path, lines: &[PlanLine]) -> Plan {
    let mut plan = plan(lines);
    plan.settings.admin = Admin::Unix(path.to_owned());
    plan
}

fn start(plan: Plan) -> Switch {
    let Admin::Unix(path) = plan.settings.admin.clone() else { panic!("these tests ask over a unix socket") };
    let files = Arc::new(Files(Mutex::new(plan.clone())));
    let admin = socket::bind(&plan.settings.admin).expect("free");
    let bind = bind_but(0);
    let opening = publish_first(Arc::new(plan), &*bind, "ringswitch.toml", None).expect("opens");
    let (world, stop) = (opening.world.clone(), Arc::new(Notify::new()));
    let manner = Manner::Embedded { stop: stop.clone() };
    let control = Control { opening, wakers: Vec::new(), source: files.clone(), bind, admin, log: None, manner };
    let shard = thread::spawn(move || play_shard(&world));
    let control = thread::spawn(|| control.run().expect("a runtime"));
    Switch { address: Address::Unix(path), files, stop, control, shard }
}

/// Turns, applies what is published, does what it is told to lines, until it is told to stop.
fn play_shard(world: &World) {
    let shard = &world.shards[0];
    loop {
        while let Some(command) = world.inbox.commands[0].pop() {
            let state = |line, state| {
                world.current().line(line).expect("configured").status.set_state(state, clock::now());
            };
            match command {
                Command::Listen { line: _, listener: _ } => {}
                Command::Disable { line } => state(line, LineState::Disabled),
                Command::Enable { line } => state(line, LineState::Listening),
                Command::ResetGroup { .. } => unreachable!("no line breaks here"),
                Command::Stop { .. } => return shard.stopped.store(1, Release),
            }
        }
        shard.last_turn.store(clock::now().0, Relaxed);
        shard.applied.store(world.epoch(), Release);
        thread::yield_now();
    }
}

impl Switch {
    fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        ask(&self.address, Method::GET, path).and_then(Answer::success).expect("answers").read().expect("as agreed")
    }

    fn post<T: DeserializeOwned>(&self, path: &str) -> (u16, T) {
        let answer = ask(&self.address, Method::POST, path).expect("answers");
        (answer.status.as_u16(), answer.read().expect("as agreed"))
    }

    fn stop(self) -> End {
        self.stop.notify_one();
        self.shard.join().expect("stops");
        self.control.join().expect("stops")
    }
}

#[test]
fn a_switch_is_asked_reloaded_steered_and_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("admin.sock");
    let switch = start(at(&path, &[listening("a", 7001)]));
    assert_eq!(switch.get::<Vec<Line>>("/v1/lines").len(), 1);
    assert_eq!(switch.post::<ReloadAnswer>("/v1/reload").1.result, "unchanged");
    *switch.files.0.lock() = at(&path, &[listening("a", 7001), listening("b", 7002)]);
    let (_, planned) = switch.post::<ReloadAnswer>("/v1/reload?plan=1");
    assert_eq!(planned.changes.expect("changes").open[0].line, "b");
    let (status, applied) = switch.post::<ReloadAnswer>("/v1/reload");
    assert_eq!((status, applied.result.as_str(), applied.epoch), (200, "applied", Some(2)));
    assert_eq!(switch.get::<Vec<Line>>("/v1/lines")[1].id, "b");
    assert_eq!(switch.post::<LineAnswer>("/v1/lines/b/enable").1.state, "listening");
    assert_eq!(switch.post::<LineAnswer>("/v1/lines/b/disable").1.state, "disabled");
    assert_eq!(switch.get::<Health>("/healthz").status, "ok");
    assert_eq!(switch.stop(), End::Stopped);
    assert!(!path.exists(), "the socket's name goes with the switch");
}

#[test]
fn a_refused_reload_leaves_the_switch_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("admin.sock");
    let switch = start(at(&path, &[listening("a", 7001)]));
    switch.files.0.lock().settings.memory += 1;
    let (status, refused) = switch.post::<ReloadAnswer>("/v1/reload");
    assert_eq!((status, refused.result.as_str(), refused.faults.len()), (422, "refused", 1));
    assert_eq!(switch.stop(), End::Stopped);
}

#[test]
fn errors_say_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("admin.sock");
    let nobody = ask(&Address::Unix(path.clone()), Method::GET, "/").expect_err("nobody");
    assert!(nobody.starts_with("no switch answers at unix:") && nobody.ends_with("is it running? give --admin or -c"));
    let switch = start(at(&path, &[]));
    let unknown = ask(&switch.address, Method::POST, "/v1/lines/x/drain").expect("answers").success();
    assert_eq!(unknown.expect_err("404"), "there is no line x: GET /v1/lines lists them");
    switch.stop();
}
