//! The effective configuration as TOML: every default filled in, every line named. Read again it
//! is the same configuration.

use std::fmt::Write;
use std::net::SocketAddr;

use super::effective::{
    Configuration, HeaderConfiguration, LineConfiguration, MemberConfiguration, RouteConfiguration,
};
use super::plan::{Admin, Limits, LogFormat, Profile, Repeat, Second, Side, Timers, TpduAnswers};
use super::timers::TIMERS;
use super::written::{duration, size};
use crate::message::iso8583::{CLASS_NETWORK, Setting};
use crate::reason::Rejected;

/// Writes the whole of it.
pub fn dump(configuration: &Configuration) -> String {
    let mut out = String::new();
    switch(configuration, &mut out);
    out.push_str("\n[timers]\n");
    for (name, value) in timers(configuration.timers) {
        let _ = writeln!(out, "{name} = {value}");
    }
    out.push_str("\n[limits]\n");
    let settings = &configuration.settings;
    let memory = [
        ("memory", text(&size(settings.memory))),
        ("connections", settings.connections.to_string()),
        ("events", settings.events.to_string()),
    ];
    for (name, value) in limits(configuration.limits).into_iter().chain(memory) {
        let _ = writeln!(out, "{name} = {value}");
    }
    for one in &configuration.members {
        member(one, &mut out);
    }
    for one in &configuration.routes {
        route(one, &mut out);
    }
    out
}

/// A TOML string.
fn text(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

fn list<T>(items: impl IntoIterator<Item = T>, write: impl Fn(T) -> String) -> String {
    let items: Vec<String> = items.into_iter().map(write).collect();
    format!("[{}]", items.join(", "))
}

fn table(items: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let items: Vec<String> = items.into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if items.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", items.join(", ")) }
}

fn switch(configuration: &Configuration, out: &mut String) {
    let settings = &configuration.settings;
    let admin = match &settings.admin {
        Admin::Tcp(address) => address.to_string(),
        Admin::Unix(path) => format!("unix:{}", path.display()),
        Admin::Off => "off".to_owned(),
    };
    let log = match settings.log {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    out.push_str("[switch]\n");
    let _ = writeln!(out, "name = {}", text(&settings.name));
    let _ = writeln!(out, "shards = {}", settings.shards);
    let _ = writeln!(out, "admin = {}", text(&admin));
    let _ = writeln!(out, "log = {}", text(log));
    let _ = writeln!(out, "spin = {}", text(&duration(settings.spin)));
    if let Some(state) = &settings.state {
        let _ = writeln!(out, "state = {}", text(&state.display().to_string()));
    }
}

fn timers(mut timers: Timers) -> Vec<(&'static str, String)> {
    let reconnect = list([timers.reconnect_first, timers.reconnect_longest], |span| text(&duration(span)));
    let spans = TIMERS.iter().map(|timer| (timer.name, text(&duration(*(timer.field)(&mut timers)))));
    spans.chain([("reconnect", reconnect)]).collect()
}

fn limits(limits: Limits) -> [(&'static str, String); 3] {
    [
        ("line_queue", text(&size(limits.line_queue))),
        ("answer_queue", text(&size(limits.answer_queue))),
        ("pending", limits.pending.to_string()),
    ]
}

fn member(member: &MemberConfiguration, out: &mut String) {
    out.push_str("\n[[member]]\n");
    let mut key = |name: &str, value: String| {
        let _ = writeln!(out, "{name} = {value}");
    };
    key("id", text(&member.id));
    key("profile", text(member.profile.name()));
    key("allow", list(member.allow.prefixes(), |prefix| text(&prefix.to_string())));
    key("prefix", text(member.framing.prefix.name()));
    key("max", member.framing.max.to_string());
    key("probe", member.probe.unwrap_or(member.profile != Profile::Terminal).to_string());
    match (member.expect, member.profile) {
        (Some(expect), _) => key("expect", expect.to_string()),
        (None, Profile::Institution) => key("# expect", "on the lines that only receive".to_owned()),
        (None, _) => key("expect", "true".to_owned()),
    }
    header(&member.header, &mut key);
    key("resend", text(member.resend.name()));
    key("on_line_loss", text(member.on_line_loss.name()));
    key("timers", table(timers(member.timers)));
    key("limits", table(limits(member.limits)));
    out.push_str("line = [\n");
    for one in &member.lines {
        let _ = writeln!(out, "  {},", table(line(one, member)));
    }
    out.push_str("]\n");
}

fn header(header: &HeaderConfiguration, key: &mut impl FnMut(&str, String)) {
    key("header", text(header.kind().name()));
    match header {
        HeaderConfiguration::None => {}
        HeaderConfiguration::Tpdu { ids, answers, digits, guard } => {
            let answers = match answers {
                TpduAnswers::Auto => "auto",
                TpduAnswers::Swapped => "swapped",
                TpduAnswers::Copied => "copied",
            };
            key("tpdu", text(answers));
            key("tpdu_ids", list(ids, |id| text(&format!("{id:02x}"))));
            key("tpdu_digits", digits.to_string());
            key("guard", guard.to_string());
        }
        HeaderConfiguration::Station(ways) => {
            key("station", list(&ways.own, |station| text(String::from_utf8_lossy(&station.0).trim_end())));
            key("station_strict", ways.strict.to_string());
            let codes = Rejected::ALL.iter().filter_map(|reason| Some((reason.name(), ways.rejects.of(*reason)?)));
            key("station_rejects", table(codes.map(|(reason, code)| (reason, text(&code.to_string())))));
        }
        HeaderConfiguration::Iso8583 { setting, repeat } => iso8583(setting, *repeat, key),
    }
}

fn iso8583(setting: &Setting, repeat: Repeat, key: &mut impl FnMut(&str, String)) {
    key("dialect", text(setting.base.name()));
    let fields = |class| list(setting.key(class), |field| field.to_string());
    if fields(0) == fields(CLASS_NETWORK) {
        key("key", fields(0));
    } else {
        // A key that is written holds for every class.
        key("# key", format!("{}, of network messages {}", fields(0), fields(CLASS_NETWORK)));
    }
    let formats = setting.fields.iter().map(|(field, format)| format!("{field} = {}", text(&format.to_string())));
    key("fields", format!("{{ {} }}", formats.collect::<Vec<_>>().join(", ")));
    key("skip", setting.skip.to_string());
    key("repeat", text(repeat.name()));
}

fn line(line: &LineConfiguration, member: &MemberConfiguration) -> Vec<(&'static str, String)> {
    let mut keys = vec![("id", text(&line.name))];
    match line.side {
        Side::Listen(local) => keys.push(("listen", text(&local.to_string()))),
        Side::Connect { remote, bind } => {
            keys.push(("connect", text(&remote.to_string())));
            keys.extend(bind.map(|bind| ("bind", text(&bound(bind)))));
        }
    }
    keys.push(("group", text(&line.group)));
    keys.push(("tier", text(line.tier.name())));
    keys.push(("flow", text(line.flow.name())));
    if matches!(line.side, Side::Listen(_)) {
        match line.second {
            Second::Refuse => keys.push(("second", text("refuse"))),
            Second::Replace { after } => {
                keys.extend([("second", text("replace")), ("replace_after", text(&duration(after)))]);
            }
        }
    }
    if line.timers != member.timers {
        keys.push(("timers", table(timers(line.timers))));
    }
    if line.limits != member.limits {
        keys.push(("limits", table([("line_queue", text(&size(line.limits.line_queue)))])));
    }
    keys
}

fn bound(bind: SocketAddr) -> String {
    if bind.port() == 0 { bind.ip().to_string() } else { bind.to_string() }
}

fn route(route: &RouteConfiguration, out: &mut String) {
    out.push_str("\n[[route]]\n");
    let _ = writeln!(out, "from = {}", list(&route.from, |group| text(&group.to_string())));
    let _ = writeln!(out, "to = {}", list(&route.to, |group| text(&group.to_string())));
    if !route.nii.is_empty() {
        let _ = writeln!(out, "match = {{ nii = {} }}", list(&route.nii, |nii| text(&format!("{nii:04x}"))));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::testing::{EXAMPLE, built, read_text};

    /// Every kind of key with another value than its default.
    const EVERYTHING: &str = r#"
[switch]
name = "sw\u0022"
shards = 3
admin = "unix:/run/a \\ b.sock"
log = "json"
spin = "50us"
state = "/var/lib/ring \u0022switch\u0022"
[timers]
reconnect = ["1500us", "1m"]
[limits]
line_queue = 1000
[[member]]
id = "nac"
profile = "terminal"
prefix = "ascii4"
max = 77
allow = ["10.0.0.1/24", "::/0"]
header = "tpdu"
tpdu_ids = ["60", "0a"]
tpdu = "copied"
tpdu_digits = true
guard = true
on_line_loss = "reset_group"
line = [
  { listen = "[::1]:7001", second = "replace", replace_after = "3s", timers = { silent_after = "121s" } },
  { listen = "127.0.0.1:0", group = "b", limits = { line_queue = "3KiB" } },
]
[[member]]
id = "host"
profile = "institution"
expect = true
probe = false
header = "tpdu"
limits = { pending = 7, answer_queue = "1GiB" }
line = [
  { id = "out", connect = "[2001:db8::1]:1", bind = "::1", flow = "send" },
  { id = "in", connect = "10.0.0.1:1", bind = "10.0.0.9:5", flow = "receive", tier = "backup" },
]
[[member]]
id = "station"
profile = "institution"
header = "station"
station = ["A\"B", "00010344"]
station_strict = true
station_rejects = { total_length = "00035", unknown = "00045" }
line = [{ connect = "10.0.0.1:2" }]
[[member]]
id = "one"
profile = "tv"
line = [{ connect = "10.0.0.1:3" }]
[[member]]
id = "other"
profile = "channel"
line = [{ connect = "10.0.0.1:4" }]
[[route]]
from = ["nac"]
to = ["host"]
match = { nii = ["ffff", "0000", "01F1"] }
[[route]]
from = ["other"]
to = ["one"]
"#;

    #[test]
    fn what_is_dumped_is_the_same_configuration() {
        for text in [EXAMPLE, "", EVERYTHING] {
            let dumped = dump(&read_text(text).configuration.unwrap());
            assert_eq!(built(&dumped), built(text), "of\n{dumped}");
            assert_eq!(dump(&read_text(&dumped).configuration.unwrap()), dumped, "a dump is its own dump");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_panics_the_reader(text in "\\PC{0,200}") {
            let _ = read_text(&text);
        }

        /// Pieces of configurations in any order find more than characters do.
        #[test]
        fn no_order_of_sensible_pieces_panics_the_reader(
            pieces in prop::collection::vec(prop::sample::select(pieces()), 0..40)
        ) {
            let text: String = pieces.concat();
            let reading = read_text(&text);
            prop_assert_eq!(reading.configuration.is_some(), reading.faults.is_empty());
            if let Some(configuration) = reading.configuration {
                let dumped = dump(&configuration);
                prop_assert_eq!(built(&dumped), built(&text));
            }
        }

        #[test]
        fn no_damaged_configuration_panics_the_reader(at in 0..EVERYTHING.len(), length in 0..40usize, with in "\\PC{0,3}") {
            let end = (at + length).min(EVERYTHING.len());
            let text = format!("{}{with}{}", &EVERYTHING[..at], &EVERYTHING[end..]);
            let reading = read_text(&text);
            if let Some(configuration) = reading.configuration {
                prop_assert_eq!(built(&dump(&configuration)), built(&text));
            }
        }
    }

    fn pieces() -> Vec<&'static str> {
        vec![
            "[switch]\n",
            "[timers]\n",
            "[limits]\n",
            "[[member]]\n",
            "[[route]]\n",
            "[member]\n",
            "[[member.line]]\n",
            "id = \"a\"\n",
            "id = \"b\"\n",
            "profile = \"tv\"\n",
            "profile = \"terminal\"\n",
            "header = \"tpdu\"\n",
            "header = \"station\"\n",
            "station = [\"1\"]\n",
            "station_rejects = { dead = \"00046\" }\n",
            "allow = [\"10.0.0.1\"]\n",
            "listen = \"127.0.0.1:1\"\n",
            "connect = \"10.0.0.1:1\"\n",
            "group = \"g\"\n",
            "flow = \"send\"\n",
            "from = [\"a\"]\n",
            "to = [\"b\"]\n",
            "line = [{ listen = \"127.0.0.1:2\" }]\n",
            "line = [{ connect = \"10.0.0.1:2\" }]\n",
            "line = []\n",
            "match = { nii = [\"0003\"] }\n",
            "timers = { silent_after = \"5m\" }\n",
            "shards = 2\n",
            "x = [[{\n",
            "}]\n",
            "\"\n",
        ]
    }
}
