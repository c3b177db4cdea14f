//! The admin API: shapes, verdicts, and who may ask.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::harness::{
    AnsweringHost, Member, NII, Peer, Prefix, World, ask, eventually, http, payments, round_trip, tpdu,
};

/// What `GET /v1/lines` gives for each line, no more and no less.
const LINE_FIELDS: [&str; 20] = [
    "id",
    "member",
    "group",
    "tier",
    "flow",
    "state",
    "shard",
    "local",
    "remote",
    "since",
    "frames_in",
    "frames_out",
    "bytes_in",
    "bytes_out",
    "probes_in",
    "probes_out",
    "queued_bytes",
    "connects",
    "refused",
    "last_error",
];

fn field_names(line: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn expected_fields() -> Vec<&'static str> {
    let mut names = LINE_FIELDS.to_vec();
    names.sort_unstable();
    names
}

#[test]
fn lines_have_exactly_their_fields() {
    let nac = Member::nac("nac").listen().listen_with(r#"tier = "backup""#);
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let lines = switch.get("/v1/lines").json();
    let lines = lines.as_array().expect("lists are arrays");
    let ids: Vec<&str> = lines.iter().map(|line| line["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, ["nac-1", "nac-2", "host-1"], "every line, in the order of the file");
    for line in lines {
        assert_eq!(field_names(line), expected_fields());
        assert_eq!(field_names(&switch.line(line["id"].as_str().expect("an id"))), expected_fields());
    }
}

#[test]
fn a_line_tells_what_it_is_and_what_it_does() {
    let nac = Member::nac("nac").listen().listen_with(r#"tier = "backup", group = "rest""#);
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let backup = switch.line("nac-2");
    assert_eq!(
        (&backup["tier"], &backup["group"], &backup["flow"]),
        (&"backup".into(), &"rest".into(), &"duplex".into())
    );
    assert_eq!(backup["state"], "listening");
    let mut terminal = switch.join(&nac, 1);
    let mut issuer = switch.join(&host, 1);
    let up = switch.line("nac-1");
    assert_eq!((&up["id"], &up["member"], &up["group"]), (&"nac-1".into(), &"nac".into(), &"main".into()));
    assert_eq!((&up["tier"], &up["state"]), (&"trunk".into(), &"up".into()));
    assert_eq!(up["local"], nac.address(1).to_string());
    assert_eq!(up["remote"], terminal.local().to_string());
    assert!(up["shard"].as_u64().expect("a number") < 2);
    assert_eq!((&up["frames_in"], &up["bytes_in"], &up["connects"]), (&0.into(), &0.into(), &1.into()));
    round_trip(&mut terminal, &mut [&mut issuer], 1, "12345");
    terminal.send_probe();
    eventually("the counts of the line", || {
        let line = switch.line("nac-1");
        // In: 2 + 5 + 5 bytes and a probe of 2. Out: the same with `answer to ` in front.
        let seen = ["frames_in", "bytes_in", "probes_in", "frames_out", "bytes_out", "queued_bytes"]
            .map(|field| line[field].as_u64().expect("a count"));
        (seen == [2, 14, 1, 1, 22, 0]).then_some(())
    });
}

#[test]
fn lists_are_arrays_and_the_rest_objects() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    for path in ["/v1/lines", "/v1/groups", "/v1/events"] {
        let response = switch.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert!(response.json().is_array(), "{path}: {}", response.body);
        assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("application/json")), "{path}");
    }
    for path in ["/v1/status", "/v1/config"] {
        let response = switch.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert!(response.json().is_object(), "{path}: {}", response.body);
    }
    let status = switch.get("/v1/status").body;
    assert!(status.contains("sw-test"), "the status names the switch: {status}");
    let groups = switch.get("/v1/groups").json();
    assert_eq!(groups.as_array().map(Vec::len), Some(2), "one group a member: {groups}");
    for member in ["nac", "host"] {
        assert!(groups.to_string().contains(member), "{member}: {groups}");
    }
}

#[test]
fn the_effective_configuration_has_every_default() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let config = switch.get("/v1/config").body;
    for key in [
        "probe_after",
        "silent_after",
        "answer_within",
        "connect_within",
        "reconnect",
        "partial_within",
        "unread_within",
        "pause_within",
        "hold_answer",
        "trunk_steady",
        "drain_within",
        "line_queue",
        "answer_queue",
        "pending",
        "memory",
        "connections",
        "events",
        "second",
        "resend",
        "on_line_loss",
        "nac-1",
        "host-1",
    ] {
        assert!(config.contains(key), "{key} is missing in {config}");
    }
}

#[test]
fn events_come_newest_first() {
    let nac = Member::nac("nac").listen().listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let first = switch.join(&nac, 1);
    let _second = switch.join(&nac, 2);
    let newest = |line: &str| {
        let events = switch.get("/v1/events").json();
        events.as_array().and_then(|events| events.first()).is_some_and(|event| event.to_string().contains(line))
    };
    eventually("the newest event is the second line's", || newest("nac-2").then_some(()));
    drop(first);
    eventually("the newest event is the first line's", || newest("nac-1").then_some(()));
}

/// Ready means that every route has a live group in its `to`.
#[test]
fn readyz_follows_the_hosts() {
    let nac = Member::nac("nac").listen();
    let [one, other] = ["one", "other"].map(|id| Member::host(id).listen());
    let world = World::new(2).member(&nac).member(&one).member(&other);
    let switch = world.route_nii("nac", "one", "0003").route_nii("nac", "other", "0006").start();
    let ready = || switch.get("/readyz").status;
    assert_eq!(ready(), 503);
    let first = switch.join(&one, 1);
    assert_eq!(ready(), 503, "the other route has nobody");
    let second = switch.join(&other, 1);
    eventually("ready", || (ready() == 200).then_some(()));
    drop(second);
    eventually("no longer ready", || (ready() == 503).then_some(()));
    assert_eq!(switch.get("/healthz").status, 200, "healthy all the time");
    drop(first);
}

#[test]
fn the_status_page_is_html() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let page = switch.get("/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{}", page.head);
    assert!(page.body.to_lowercase().contains("<html"), "{}", page.body);
}

#[test]
fn what_is_not_there_is_404_with_error_and_hint() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    for (method, path) in [
        ("GET", "/v1/lines/nac-9"),
        ("POST", "/v1/lines/nac-9/disable"),
        ("POST", "/v1/lines/nac-9/drain"),
        ("GET", "/v1/lines/..%2f"),
        ("GET", "/nowhere"),
    ] {
        let response = http::request(switch.admin(), method, path, &[]);
        assert_eq!(response.status, 404, "{method} {path}: {}", response.body);
        let error = response.json();
        assert!(error["error"].is_string() && error["hint"].is_string(), "{method} {path}: {error}");
    }
}

/// No web page may steer the switch: a foreign `Host` or `Origin` is turned away.
#[test]
fn foreign_hosts_and_origins_are_forbidden() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let status = |method, headers: &[(&str, &str)]| {
        let path = if method == "POST" { "/v1/lines/nac-1/disable" } else { "/v1/lines" };
        http::request(switch.admin(), method, path, headers).status
    };
    for host in ["evil.example", "evil.example:9600", "127.0.0.1.evil.example", "localhost.evil.example"] {
        assert_eq!(status("GET", &[("Host", host)]), 403, "{host}");
        assert_eq!(status("POST", &[("Host", host)]), 403, "{host}");
    }
    for host in ["localhost", "localhost:9600", "127.0.0.1", "10.1.2.3:80", "[::1]:9600", "sw-test"] {
        assert_eq!(status("GET", &[("Host", host)]), 200, "{host}");
    }
    assert_eq!(status("POST", &[("Origin", "http://evil.example")]), 403);
    assert_eq!(status("POST", &[("Origin", "null")]), 403);
    assert_eq!(switch.line_state("nac-1"), "listening", "nothing of that disabled the line");
    let own = format!("http://{}", switch.admin());
    assert_eq!(status("POST", &[("Origin", &own)]), 200);
    assert_eq!(switch.line_state("nac-1"), "disabled");
}

#[test]
fn a_reload_over_the_api_says_what_changed() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let switch = world.start();
    let response = switch.reload(&world.member(&Member::nac("extra").listen()));
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(response.json().is_object() && response.body.contains("extra-1"), "{}", response.body);
}

#[test]
fn a_unix_socket_serves_the_same_api_to_owner_and_group() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("admin.sock");
    // A stale one, left by a process that was killed, is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a unix socket"));
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let world = payments(2, &nac, &host);
    let text =
        world.text().replace(&format!("admin = \"{}\"", world.admin), &format!("admin = \"unix:{}\"", path.display()));
    let _switch = crate::harness::Switch::start(&text, world.admin);
    let mode = std::fs::metadata(&path).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut stream = UnixStream::connect(&path).expect("it accepts");
    let response = http::exchange(&mut stream, "localhost", "GET", "/v1/lines", &[]);
    assert_eq!((response.status, response.json().as_array().map(Vec::len)), (200, Some(2)));
}

/// A slow client of the admin API costs the lines nothing.
#[test]
fn many_slow_admin_clients_disturb_nobody() {
    let nac = Member::nac("nac").listen();
    let host = Member::host("host").listen();
    let switch = payments(2, &nac, &host).start();
    let mut terminal = switch.join(&nac, 1);
    let issuer = AnsweringHost::on(switch.join(&host, 1));
    let slow: Vec<Peer> = (0..100)
        .map(|_| {
            let mut client = Peer::connect(switch.admin(), Prefix::Bin2);
            client.send_raw_while_open(b"GET /v1/lines HTTP/1.1\r\nHost: ");
            client
        })
        .collect();
    for turn in 0..200 {
        ask(&mut terminal, 1, "undisturbed");
        assert_eq!(terminal.receive(), tpdu(1, NII, b"undisturbed"), "turn {turn}");
    }
    drop(slow);
    assert_eq!(issuer.answered(), 200);
    assert_eq!(switch.get("/healthz").status, 200);
}
