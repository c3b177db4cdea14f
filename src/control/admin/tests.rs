//! Over real sockets, with shards that the tests play.

#![allow(clippy::disallowed_types, reason = "tests ask over sockets")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering::{Relaxed, Release};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::changes::Changes;
use super::super::clock;
use super::super::observed::LineEvent;
use super::super::reload::{Verdict, publish_first};
use super::super::source::{Fault, Loaded, Refused};
use super::super::testing::{bind_but, connecting, listening, plan};
use super::*;
use crate::config;
use crate::ids::LineId;
use crate::reason::{Closed, Drop as Dropped, Refusal};
use crate::shared::counters::{Cold, Hot, ShardCounters};
use crate::shared::status::{Cause, LineState};
use crate::time::{Instant, Span};

/// An effective configuration and nothing else.
struct Toml;

impl PlanSource for Toml {
    fn load(&self, _: Option<&config::plan::Plan>) -> Result<Loaded, Refused> {
        unreachable!("these tests answer reloads themselves")
    }

    fn taken(&self) {}

    fn effective(&self) -> String {
        "[switch]\nname = \"sw1\"\n[[member]]\nid = \"nac-east\"\n".to_owned()
    }

    fn file(&self) -> std::path::PathBuf {
        "ringswitch.toml".into()
    }
}

struct Served {
    world: Arc<World>,
    observed: Arc<Observed>,
    orders: mpsc::Receiver<Order>,
    address: SocketAddr,
    _task: JoinSet<()>,
}

/// A switch with a listening and a connecting line, and a shard that has just turned.
async fn served() -> Served {
    let plan = plan(&[connecting("b-out", 7002), listening("a-in", 7001)]);
    let opening = publish_first(Arc::new(plan), &*bind_but(0), "f", None).expect("opens");
    let world = opening.world.clone();
    let observed = Arc::new(Observed::new(opening.known.clone()));
    world.shards[0].last_turn.store(clock::now().0, Relaxed);
    world.shards[0].applied.store(1, Release);
    while world.inbox.commands[0].pop().is_some() {}
    let any = config::plan::Admin::Tcp("127.0.0.1:0".parse().expect("an address"));
    let socket = socket::bind(&any).expect("free").expect("not off");
    let address = socket.name().strip_prefix("http://").expect("TCP").parse().expect("an address");
    let (sender, orders) = mpsc::channel(4);
    let admin = Admin {
        world: world.clone(),
        observed: observed.clone(),
        wakers: Vec::new(),
        source: Arc::new(Toml),
        pump: Arc::new(Mutex::new(Pump::new(world.clone(), observed.clone()))),
        orders: sender,
        keeper: None,
    };
    let mut task = JoinSet::new();
    task.spawn(async move { serve(socket, Arc::new(admin)).await.expect("the socket is good") });
    Served { world, observed, orders, address, _task: task }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

async fn send(address: SocketAddr, request: String) -> Answer {
    // On a thread of its own: the server runs on the test's.
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("listens");
        // A request that is refused half-way may be cut off; the answer counts.
        let _ = stream.write_all(request.as_bytes());
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    })
    .await
    .expect("answered")
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> Answer {
    ask_with(address, method, path, "host: 127.0.0.1\r\n").await
}

async fn ask_with(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    send(address, format!("{method} {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n")).await
}

#[tokio::test]
async fn lines_have_every_field_of_the_contract() {
    let served = served().await;
    let shared = served.world.current().line(LineId(0)).expect("b-out").clone();
    let up_since = clock::now();
    shared.status.set_state(LineState::Up, up_since);
    shared.status.set_queued_bytes(99);
    shared.status.update(|details| {
        details.local = Some("127.0.0.1:40001".parse().expect("an address"));
        details.remote = Some("[::ffff:127.0.0.1]:7002".parse().expect("an address"));
        details.last_error = Some("the peer closed".to_owned());
    });
    for (at, cell) in Hot::ALL.iter().enumerate() {
        shared.counters.add_here(*cell, 10 + at as u64);
    }
    shared.counters.add_cold(Cold::Connects, 3);
    shared.counters.add_refused(Refusal::Occupied);
    shared.counters.add_refused(Refusal::NotAllowed);
    let lines = ask(served.address, "GET", "/v1/lines").await.json();
    assert_eq!(lines.as_array().expect("an array").len(), 2);
    assert_eq!(lines[0]["id"], "b-out", "in the order of the configuration");
    assert_eq!(
        (&lines[1]["local"], &lines[1]["since"], &lines[1]["state"]),
        (&Value::Null, &Value::Null, &"disabled".into())
    );
    let expected = json!({
        "id": "b-out", "member": "member", "group": "main", "tier": "trunk", "flow": "duplex", "state": "up",
        "shard": 0, "local": "127.0.0.1:40001", "remote": "127.0.0.1:7002", "since": served.observed.wall.text(up_since),
        "frames_in": 10, "frames_out": 15, "bytes_in": 11, "bytes_out": 16, "probes_in": 12, "probes_out": 17,
        "queued_bytes": 99, "connects": 3, "refused": 2, "last_error": "the peer closed",
    });
    assert_eq!(lines[0], expected);
    assert_eq!(ask(served.address, "GET", "/v1/lines/b-out").await.json(), expected);
}

#[tokio::test]
async fn status_sums_over_lines_and_shards() {
    let served = served().await;
    let published = served.world.current();
    for id in [0, 1] {
        let shared = published.line(LineId(id)).expect("configured");
        shared.counters.add_here(Hot::FramesReceived, 5);
        shared.counters.add_elsewhere(Hot::Claimed, 4);
        shared.counters.add_here(Hot::Resolved, 1);
        shared.counters.add_dropped(Dropped::NoRoute, 2);
    }
    published.line(LineId(0)).expect("b-out").status.set_state(LineState::Up, Instant(1));
    ShardCounters::add(&served.world.shards[0].held_in, 9);
    ShardCounters::add(&served.world.shards[0].held_out, 2);
    ShardCounters::add(&served.world.shards[0].connections, 1);
    let status = ask(served.address, "GET", "/v1/status").await.json();
    assert_eq!((&status["name"], &status["epoch"], &status["stopping"]), (&json!("sw1"), &json!(1), &json!(false)));
    assert_eq!((&status["pid"], &status["version"]), (&json!(std::process::id()), &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!(status["shards"][0]["connections"], 1);
    let totals = &status["totals"];
    let sums = ["lines", "lines_up", "frames_in", "pending", "held"].map(|key| totals[key].as_u64().expect("a number"));
    assert_eq!(sums, [2, 1, 10, 6, 7]);
    assert_eq!((&totals["dropped"]["no_route"], &totals["dropped"]["late"]), (&json!(4), &json!(0)));
    assert_eq!(status["last_reload"]["result"], "started");
}

#[tokio::test]
async fn health_names_the_shard_that_does_not_turn() {
    let served = served().await;
    let well = ask(served.address, "GET", "/healthz").await;
    assert_eq!((well.status, &well.json()["status"]), (200, &json!("ok")));
    let long_ago = clock::now() - Span::from_secs(60);
    served.world.shards[0].last_turn.store(long_ago.0.max(1), Relaxed);
    let ill = ask(served.address, "GET", "/healthz").await;
    assert_eq!(ill.status, 503);
    assert!(ill.json()["failing"][0].as_str().is_some_and(|text| text.starts_with("shard 0 has not turned for")));
}

#[tokio::test]
async fn a_stopping_switch_is_not_ready() {
    let served = served().await;
    assert_eq!(ask(served.address, "GET", "/readyz").await.status, 200);
    served.observed.set_stopping();
    assert_eq!(ask(served.address, "GET", "/readyz").await.status, 503);
}

#[tokio::test]
async fn metrics_are_openmetrics_of_every_line() {
    let served = served().await;
    let answer = ask(served.address, "GET", "/metrics").await;
    assert!(answer.head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(answer.body.contains(r#"ringswitch_line_up{member="member",group="main",line="a-in"} 0"#));
    assert!(answer.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_effective_configuration_comes_as_json() {
    let served = served().await;
    let config = ask(served.address, "GET", "/v1/config").await.json();
    assert_eq!(config, json!({"switch": {"name": "sw1"}, "member": [{"id": "nac-east"}]}));
}

#[tokio::test]
async fn events_come_newest_first() {
    let served = served().await;
    for (at, to) in [(1, LineState::Connecting), (2, LineState::Waiting)] {
        let cause = Cause::Closed(Closed::ConnectRefused);
        let (line, from) = ("b-out".into(), LineState::Waiting);
        let remote = Some("127.0.0.1:7002".parse().expect("an address"));
        served.observed.keep_event(LineEvent { at: Instant(at), line, from, to, cause, remote }, 10);
    }
    let events = ask(served.address, "GET", "/v1/events").await.json();
    assert_eq!((&events[0]["to"], &events[1]["to"]), (&json!("waiting"), &json!("connecting")));
    assert_eq!((&events[0]["cause"], &events[0]["remote"]), (&json!("connect_refused"), &json!("127.0.0.1:7002")));
}

#[tokio::test]
async fn disable_and_enable_command_the_lines_shard_and_tell_its_state() {
    let served = served().await;
    let shared = served.world.current().line(LineId(1)).expect("a-in").clone();
    shared.status.set_state(LineState::Draining, Instant(1));
    let answer = ask(served.address, "POST", "/v1/lines/a-in/drain").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"id": "a-in", "state": "draining"})));
    assert!(matches!(served.world.inbox.commands[0].pop(), Some(Command::Disable { line: LineId(1) })));
    shared.status.set_state(LineState::Disabled, Instant(2));
    let answer = ask(served.address, "POST", "/v1/lines/a-in/disable").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"id": "a-in", "state": "disabled"})));
    shared.status.set_state(LineState::Listening, Instant(3));
    served.world.inbox.commands[0].pop();
    let answer = ask(served.address, "POST", "/v1/lines/a-in/enable").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"id": "a-in", "state": "listening"})));
    assert!(matches!(served.world.inbox.commands[0].pop(), Some(Command::Enable { line: LineId(1) })));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json_with_a_hint() {
    let served = served().await;
    for (method, path, status) in [
        ("GET", "/v1/lines/nobody", 404),
        ("GET", "/v1/lines/%ff", 404),
        ("POST", "/v1/lines/nobody/drain", 404),
        ("POST", "/v1/lines/a-in/explode", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/v1/lines", 405),
        ("GET", "/v1/reload", 405),
        ("POST", "/v1/reload?plan=maybe", 400),
    ] {
        let answer = ask(served.address, method, path).await;
        assert_eq!(answer.status, status, "{method} {path}");
        let body = answer.json();
        assert!(body["error"].is_string() && body["hint"].is_string(), "{method} {path}: {body}");
    }
    assert!(served.world.inbox.commands[0].is_empty(), "no line was touched");
}

#[tokio::test]
async fn a_verdict_becomes_its_status_and_its_reasons() {
    let mut served = served().await;
    let fault = Fault { file: "f.toml".into(), line: 3, column: 7, message: "no such key".into() };
    let applied =
        |waiting_for| Verdict::Applied { epoch: 2, changes: Changes::default(), warnings: vec![], waiting_for };
    for (path, verdict, status, key, value) in [
        ("/v1/reload", applied(vec![]), 200, "/result", json!("applied")),
        ("/v1/reload", applied(vec![0]), 504, "/waiting_for/0", json!(0)),
        ("/v1/reload", Verdict::Unchanged { epoch: 1, warnings: vec![] }, 200, "/result", json!("unchanged")),
        ("/v1/reload", Verdict::Refused { faults: vec![fault.clone()] }, 422, "/faults/0/line", json!(3)),
        ("/v1/reload?plan=1", Verdict::Refused { faults: vec![fault] }, 422, "/faults/0/file", json!("f.toml")),
        (
            "/v1/reload?plan=1",
            Verdict::Planned { changes: Changes::default(), warnings: vec![] },
            200,
            "/changes/open",
            json!([]),
        ),
    ] {
        let answer = ask(served.address, "POST", path);
        let reply = async {
            match served.orders.recv().await.expect("an order") {
                Order::Reload { reply } => assert!(reply.expect("somebody waits").send(verdict).is_ok()),
                Order::Plan { reply } => assert!(path.ends_with("plan=1") && reply.send(verdict).is_ok()),
            }
        };
        let (answer, ()) = tokio::join!(answer, reply);
        assert_eq!((answer.status, answer.json().pointer(key)), (status, Some(&value)), "{path} {}", answer.body);
    }
}

#[tokio::test]
async fn no_web_page_reads_or_steers_the_switch() {
    let served = served().await;
    let port = served.address.port();
    for (method, path, headers, status) in [
        ("GET", "/v1/lines", "host: evil.example\r\n".to_owned(), 403),
        ("GET", "/v1/lines", format!("host: SW1:{port}\r\n"), 200),
        ("GET", "/v1/lines", format!("host: localhost:{port}\r\n"), 200),
        ("GET", "/v1/lines", format!("host: 127.0.0.1:{port}\r\norigin: http://evil.example\r\n"), 200),
        ("GET", "http://evil.example/v1/lines", "host: 127.0.0.1\r\n".to_owned(), 403),
        ("POST", "/v1/lines/a-in/drain", "host: 127.0.0.1\r\norigin: http://evil.example\r\n".to_owned(), 403),
        ("POST", "/v1/lines/a-in/drain", "host: 127.0.0.1\r\norigin: null\r\n".to_owned(), 403),
        ("POST", "/v1/lines/a-in/drain", "host: 127.0.0.1\r\ncontent-length: 100000\r\n".to_owned(), 413),
    ] {
        let answer = ask_with(served.address, method, path, &headers).await;
        assert_eq!(answer.status, status, "{method} {path} {headers}");
    }
    assert!(served.world.inbox.commands[0].is_empty(), "no line was touched");
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let served = served().await;
    let long = format!("host: 127.0.0.1\r\nx: {}\r\n", "x".repeat(2 * HEADER_BYTES_MAX));
    assert_eq!(ask_with(served.address, "GET", "/", &long).await.status, 431);
}

#[tokio::test]
async fn clients_that_say_nothing_hold_no_more_than_their_places() {
    let served = served().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        silent.push(TcpStream::connect(served.address).expect("listens"));
    }
    // Answered once the first of the silent ones has been closed for its silence.
    assert_eq!(ask(served.address, "GET", "/v1/status").await.status, 200);
}

#[tokio::test]
async fn the_page_has_links_and_no_script() {
    let served = served().await;
    let page = ask(served.address, "GET", "/").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html") && page.head.contains("default-src 'none'"));
    for link in ["/v1/status", "/v1/lines", "/metrics"] {
        assert!(page.body.contains(&format!("href=\"{link}\"")), "{link}");
    }
    assert!(!page.body.contains("<script"));
}
