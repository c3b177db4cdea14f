//! The admin API as a stranger on its socket meets it: whatever is asked gets an answer that HTTP
//! knows, refusals say why, and nothing is held afterwards.
//!
//! Input: `METHOD TARGET` and header fields, each on a line; it is made a whole request of its own
//! connection. Behind a byte 255: the bytes themselves, as somebody would send who knows no HTTP.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ringswitch::config::plan::{self, Plan};
use ringswitch::config::{self, Host, Source};
use ringswitch::control::Order;
use ringswitch::control::admin::socket::{self, Socket};
use ringswitch::control::admin::{self, Admin};
use ringswitch::control::events::Pump;
use ringswitch::control::observed::Observed;
use ringswitch::control::reload::{Verdict, publish_first};
use ringswitch::control::source::{Fault, Loaded, PlanSource, Refused};
use ringswitch::ring;
use ringswitch::shared::published::World;
use ringswitch::shared::status::LineState;
use ringswitch::time::Instant;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::timeout;

const CONFIGURATION: &str = r#"
[switch]
name = "sw1"
shards = 1
admin = "off"
[[member]]
id = "nac"
allow = ["127.0.0.1"]
profile = "terminal"
line = [ { listen = "127.0.0.1:7001" }, { listen = "127.0.0.1:7002" } ]
[[member]]
id = "host"
profile = "merchant"
line = [ { connect = "127.0.0.1:7101" } ]
[[route]]
from = ["nac"]
to = ["host"]
"#;

const BYTES_MAX: usize = 64 * 1024;

/// An answer about two members is far smaller than this.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Nothing that is asked here takes long; this is a request that was never answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

thread_local! {
    // One switch for all inputs: what an input leaves behind, the next ones would meet.
    static SERVED: RefCell<Option<Served>> = const { RefCell::new(None) };
}

pub fn run(input: &[u8]) {
    let input = &input[..input.len().min(BYTES_MAX)];
    SERVED.with_borrow_mut(|served| served.get_or_insert_with(Served::start).ask(input));
}

/// A configuration and nothing else.
struct Text;

impl PlanSource for Text {
    fn load(&self, _: Option<&Plan>) -> Result<Loaded, Refused> {
        unreachable!("reloads are answered here")
    }

    fn taken(&self) {}

    fn effective(&self) -> String {
        CONFIGURATION.to_owned()
    }

    fn file(&self) -> PathBuf {
        "sw1.toml".into()
    }
}

struct Served {
    runtime: Runtime,
    world: Arc<World>,
    path: PathBuf,
    _folder: TempDir,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin.sock");
        let socket = socket::bind(&plan::Admin::Unix(path.clone())).expect("a path that is free").expect("not off");
        let unbound = |local| Ok(ring::Listener { socket: ring::Socket(-1), local, owner: None });
        let opening = publish_first(plan(), &unbound, "sw1.toml", None).unwrap_or_else(|refused| panic!("{refused}"));
        let world = opening.world;
        for line in world.current().lines.iter().flatten() {
            // Then a command to a line is answered at once.
            line.status.set_state(LineState::Draining, Instant(1));
        }
        let observed = Arc::new(Observed::new(opening.known));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (orders, taken) = mpsc::channel(1);
        let pump = Arc::new(Mutex::new(Pump::new(world.clone(), observed.clone())));
        let source = Arc::new(Text);
        let admin = Admin { world: world.clone(), observed, wakers: Vec::new(), source, pump, orders, keeper: None };
        runtime.spawn(serve(socket, Arc::new(admin)));
        runtime.spawn(refuse(taken));
        Self { runtime, world, path, _folder: folder }
    }

    fn ask(&self, input: &[u8]) {
        let raw = input.strip_prefix(&[255]);
        let sent = raw.map_or_else(|| request(input), <[u8]>::to_vec);
        let asked = async { timeout(ANSWERED_WITHIN, exchange(&self.path, &sent, raw.is_some())).await };
        let exchanged = self.runtime.block_on(asked);
        let answer = exchanged.expect("never answered").expect("the socket takes a connection");
        assert!((answer.len() as u64) < ANSWER_BYTES_MAX, "{} bytes", answer.len());
        if raw.is_none() {
            judge(&sent, &answer);
        }
        for commands in &self.world.inbox.commands {
            while commands.pop().is_some() {}
        }
    }
}

async fn serve(socket: Socket, admin: Arc<Admin>) {
    admin::serve(socket, admin).await.expect("the socket is good");
}

/// Plays whoever reloads, and finds a fault in everything.
async fn refuse(mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        let verdict = Verdict::Refused { faults: vec![Fault::without_place("sw1.toml", "no")] };
        match order {
            // Whoever asked may have gone.
            Order::Reload { reply } => {
                if let Some(reply) = reply {
                    drop(reply.send(verdict));
                }
            }
            Order::Plan { reply } => drop(reply.send(verdict)),
        }
    }
}

fn plan() -> Arc<Plan> {
    let sources = [Source { name: "sw1.toml".to_owned(), text: CONFIGURATION.to_owned() }];
    let reading = config::read(&sources, &Host { name: "sw1".to_owned(), cpus: 1 }, None);
    assert_eq!(reading.faults, []);
    config::build(&reading.configuration.expect("no fault"), None, Instant(0)).expect("few lines").plan
}

/// The input as one request that ends its connection.
fn request(input: &[u8]) -> Vec<u8> {
    let mut lines = input.split(|byte| *byte == b'\n').map(|line| {
        let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\r').collect();
        line
    });
    let mut request = lines.next().unwrap_or_default();
    request.extend_from_slice(b" HTTP/1.1\r\nconnection: close\r\n");
    // An empty line would end the header, and what follows be another request; a connection that is
    // kept is closed for its silence, seconds later.
    let keeps = |line: &[u8]| line.len() >= 10 && line[..10].eq_ignore_ascii_case(b"connection");
    for line in lines.filter(|line| !line.is_empty() && !keeps(line)) {
        request.extend_from_slice(&line);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

async fn exchange(path: &PathBuf, sent: &[u8], finish: bool) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path).await?;
    // One who is refused half-way finds the way shut; the answer counts.
    let written = stream.write_all(sent).await;
    if finish || written.is_err() {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await;
    Ok(answer)
}

/// A whole answer: a status that HTTP knows, and in a refusal of ours the reason and a hint.
fn judge(sent: &[u8], answer: &[u8]) {
    let shown = || format!("{} -> {}", sent.escape_ascii(), answer.escape_ascii());
    assert!(answer.starts_with(b"HTTP/1."), "{}", shown());
    let status = std::str::from_utf8(&answer[9..12]).ok().and_then(|status| status.parse::<u16>().ok());
    let status = status.unwrap_or_else(|| panic!("{}", shown()));
    assert!([200, 400, 403, 404, 405, 413, 414, 422, 431, 503].contains(&status), "{}", shown());
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_else(|| panic!("{}", shown()));
    let (head, body) = (answer[..end].to_ascii_lowercase(), &answer[end + 4..]);
    let is_json = head.windows(16).any(|window| window == b"application/json");
    if is_json && !body.is_empty() && body != b"\r\n" {
        let json: serde_json::Value =
            serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", shown()));
        let told = json["error"].is_string() && json["hint"].is_string();
        // A refused reload and an ill health have their own reasons.
        assert!(status == 200 || told || json["faults"].is_array() || json["failing"].is_array(), "{}", shown());
    }
}
