//! What a plan holds, and that numbers stay with what they name over any sequence of reloads.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::Built;
use crate::config::plan::{Group, Header, Line, Plan, Side, Ways};
use crate::config::testing::{EXAMPLE, built, built_after};
use crate::ids::{LineId, ShardId};
use crate::message::station::{RejectCode, StationId};
use crate::reason::Rejected;
use crate::time::{Instant, Span};

fn line<'p>(plan: &'p Plan, name: &str) -> &'p Line {
    plan.lines.iter().flatten().find(|line| &*line.name == name).unwrap_or_else(|| panic!("no line {name}"))
}

fn group<'p>(plan: &'p Plan, member: &str, name: &str) -> &'p Group {
    let mut groups = plan.groups.iter().flatten();
    groups.find(|group| &*group.member_name == member && &*group.name == name).expect("a group")
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.lines.iter().flatten().map(|line| &*line.name).collect()
}

#[test]
fn the_example_becomes_the_plan_that_it_says() {
    let plan = built(EXAMPLE).plan;
    assert_eq!(names(&plan), ["nac-east-1", "nac-east-2", "issuer-in", "issuer-out", "issuer-bak"]);
    let (nac, issuer) = (group(&plan, "nac-east", "main"), group(&plan, "issuer", "main"));
    let Ways::Tpdu(ways) = &nac.ways else { panic!("{:?}", nac.ways) };
    assert_eq!(ways.ids, [0x60]);
    assert_eq!(ways.reserved, [3]);
    assert_eq!(ways.route(3).map(|route| &route.to[..]), Some(&[issuer.id][..]));
    assert!(ways.route(4).is_none());
    let Ways::Tpdu(ways) = &issuer.ways else { panic!("{:?}", issuer.ways) };
    assert_eq!((&ways.reserved[..], ways.routes.len()), (&[3][..], 0));
    assert!(issuer.answers && !nac.answers);
    assert_eq!(issuer.timers.answer_within, Span::from_secs(5));
    assert_eq!(nac.timers.answer_within, Span::from_secs(45));
    assert_eq!((nac.header, nac.limits.pending), (Header::Tpdu, 65_000));
}

#[test]
fn what_a_line_does_follows_from_profile_and_flow() {
    let plan = built(EXAMPLE).plan;
    let watch = |name: &str| (line(&plan, name).probe, line(&plan, name).expect);
    assert_eq!(watch("nac-east-1"), (false, true));
    assert_eq!(watch("issuer-in"), (false, true));
    assert_eq!(watch("issuer-out"), (true, false));
    assert_eq!(watch("issuer-bak"), (true, false));
    let overridden = EXAMPLE.replacen("\"institution\"", "\"institution\"\nprobe = false\nexpect = true\nmax = 100", 1);
    let plan = built(&overridden).plan;
    let watch = |name: &str| (line(&plan, name).probe, line(&plan, name).expect);
    assert_eq!(watch("issuer-out"), (false, false), "nothing can be expected where the member never sends");
    assert_eq!(watch("issuer-bak"), (false, true));
    assert_eq!(line(&plan, "issuer-out").framing.max, 100);
}

#[test]
fn the_nearest_level_sets_a_timer() {
    let text = EXAMPLE
        .replacen(
            "{ answer_within = \"5s\" }",
            "{ answer_within = \"5s\", probe_after = \"7s\" }\nlimits = { line_queue = \"2MiB\" }",
            1,
        )
        .replacen(
            "tier = \"backup\"",
            "tier = \"backup\", timers = { probe_after = \"9s\" }, limits = { line_queue = \"3MiB\" }",
            1,
        );
    let plan = built(&text).plan;
    let of = |name: &str| (line(&plan, name).timers.probe_after, line(&plan, name).limits.line_queue >> 20);
    assert_eq!(of("nac-east-1"), (Span::from_secs(120), 1));
    assert_eq!(of("issuer-in"), (Span::from_secs(7), 2));
    assert_eq!(of("issuer-bak"), (Span::from_secs(9), 3));
}

const GROUPS: &str = r#"
[switch]
shards = 2
[[member]]
id = "nac"
profile = "terminal"
header = "tpdu"
allow = ["10.0.0.1"]
line = [{ listen = "127.0.0.1:1", group = "a" }, { listen = "127.0.0.1:2", group = "b" }]
[[member]]
id = "host"
profile = "institution"
header = "tpdu"
line = [{ connect = "10.0.0.1:1" }, { connect = "10.0.0.1:2", group = "spare" }]
[[member]]
id = "other"
profile = "institution"
header = "tpdu"
line = [{ connect = "10.0.0.1:3", group = "only" }]
[[route]]
from = ["nac/b"]
to = ["other", "host/spare"]
match = { nii = ["0009", "0003", "0009"] }
[[route]]
from = ["nac"]
to = ["host"]
"#;

#[test]
fn routes_stand_in_the_order_written_and_mean_the_groups_named() {
    let plan = built(GROUPS).plan;
    let id = |member: &str, name: &str| group(&plan, member, name).id;
    let Ways::Tpdu(a) = &group(&plan, "nac", "a").ways else { panic!("tpdu") };
    let Ways::Tpdu(b) = &group(&plan, "nac", "b").ways else { panic!("tpdu") };
    assert_eq!(a.routes.len(), 1, "a bare member in `from` means all its groups");
    assert_eq!(b.routes[0].nii, [3, 9]);
    assert_eq!(b.routes[0].to, [id("other", "only"), id("host", "spare")]);
    assert_eq!(b.routes[1].to, [id("host", "main")]);
    assert_eq!(b.route(4).map(|route| route.to[0]), Some(id("host", "main")));
    assert_eq!(a.reserved, [3, 9], "what any route of the member matches");
    assert!(["main", "spare"].iter().all(|name| group(&plan, "host", name).answers));
}

#[test]
fn stations_lead_to_the_main_group() {
    let text = r#"
[[member]]
id = "one"
profile = "institution"
header = "station"
station = ["A1", "A2"]
station_strict = true
station_rejects = { unknown = "00045" }
line = [{ connect = "10.0.0.1:1", group = "x" }, { connect = "10.0.0.1:2" }]
[[member]]
id = "other"
profile = "institution"
header = "station"
station = ["B"]
line = [{ connect = "10.0.0.1:3", group = "only" }]
"#;
    let plan = built(text).plan;
    let station = |text| StationId::from_text(text).unwrap();
    assert_eq!(plan.stations[&station("A2")], group(&plan, "one", "main").id);
    assert_eq!(plan.stations[&station("B")], group(&plan, "other", "only").id);
    let own = vec![station("A1"), station("A2")];
    let Ways::Station(ways) = &group(&plan, "one", "x").ways else { panic!("stations") };
    assert_eq!((&ways.own, ways.strict), (&own, true));
    assert_eq!(ways.rejects.of(Rejected::Unknown), RejectCode::from_text("00045"));
    assert_eq!(ways.rejects.of(Rejected::Dead), None);
}

/// A pair of members with these many lines each, on four shards.
fn pair(first_port: u16, lines: u16) -> String {
    let line = |side: &str, ip: &str, port: u16| format!("{{ {side} = \"{ip}:{port}\" }}, ");
    let listen: String = (0..lines).map(|line_number| line("listen", "127.0.0.1", first_port + line_number)).collect();
    let connect: String = (0..lines).map(|line_number| line("connect", "10.0.0.1", first_port + line_number)).collect();
    format!(
        "[[member]]\nid = \"a{first_port}\"\nprofile = \"tv\"\nallow = [\"10.0.0.1\"]\nline = [{listen}]\n\
         [[member]]\nid = \"b{first_port}\"\nprofile = \"tv\"\nline = [{connect}]\n\
         [[route]]\nfrom = [\"a{first_port}\"]\nto = [\"b{first_port}\"]\n"
    )
}

#[test]
fn line_k_of_one_end_of_a_pair_and_line_k_of_the_other_share_a_shard() {
    let text = format!("[switch]\nshards = 4\n{}{}{}{}", pair(100, 6), pair(200, 1), pair(300, 1), pair(400, 3));
    let plan = built(&text).plan;
    let mut loads = [0; 4];
    for one in plan.lines.iter().flatten() {
        loads[one.shard.index()] += 1;
        if let Some(rest) = one.name.strip_prefix('a') {
            assert_eq!(one.shard, line(&plan, &format!("b{rest}")).shard, "{}", one.name);
        }
    }
    assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 2, "{loads:?}");
    let Ways::Pair { to } = group(&plan, "b200", "main").ways else { panic!("a pair") };
    assert_eq!(to, group(&plan, "a200", "main").id);
}

#[test]
fn lines_added_to_both_ends_of_a_pair_share_a_shard_too() {
    let before = built(&format!("[switch]\nshards = 4\n{}", pair(100, 2)));
    let text = format!("[switch]\nshards = 4\n{}", pair(100, 5));
    let after = built_after(&text, Some(&before), Instant(0)).plan;
    for k in 1..=5 {
        assert_eq!(line(&after, &format!("a100-{k}")).shard, line(&after, &format!("b100-{k}")).shard, "line {k}");
    }
    let shards: BTreeSet<ShardId> = (1..=4).map(|k| line(&after, &format!("a100-{k}")).shard).collect();
    assert_eq!(shards.len(), 4, "every shard has a line");
}

fn listening(member: &str, ports: &[(&str, u16)]) -> String {
    let lines: String =
        ports.iter().map(|(keys, port)| format!("{{ {keys} listen = \"127.0.0.1:{port}\" }}, ")).collect();
    format!("[[member]]\nid = \"{member}\"\nprofile = \"tv\"\nallow = [\"10.0.0.1\"]\nline = [{lines}]\n")
}

#[test]
fn lines_without_an_id_keep_their_name_by_their_address() {
    let first = built(&listening("m", &[("", 1), ("", 2), ("", 3)]));
    let second = built_after(&listening("m", &[("", 4), ("", 3), ("", 2)]), Some(&first), Instant(0));
    let at = |plan: &Plan, port: u16| {
        let here = |line: &&std::sync::Arc<Line>| matches!(line.side, Side::Listen(address) if address.port() == port);
        let line = plan.lines.iter().flatten().find(here).unwrap();
        (line.name.to_string(), line.id)
    };
    assert_eq!(at(&second.plan, 3), ("m-3".to_owned(), LineId(2)));
    assert_eq!(at(&second.plan, 2), ("m-2".to_owned(), LineId(1)));
    assert_eq!(
        at(&second.plan, 4),
        ("m-4".to_owned(), LineId(3)),
        "a name of the running plan is not given to another line"
    );
    let named = built_after(&listening("m", &[("id = \"m-1\",", 9), ("", 2)]), None, Instant(0));
    assert_eq!(at(&named.plan, 2).0, "m-2", "a name that is taken is passed over");
}

#[test]
fn a_line_that_comes_back_has_its_number_again_and_nobody_else_gets_it_before_it_has_rested() {
    let rest = Span::from_secs(2 * 45 + 2 + 50);
    let two = listening("m", &[("id = \"x\",", 1), ("id = \"y\",", 2)]);
    let one = listening("m", &[("id = \"x\",", 1)]);
    let other = listening("m", &[("id = \"x\",", 1), ("id = \"z\",", 3)]);
    let removed = built_after(&one, Some(&built(&two)), Instant(1_000));
    assert_eq!(removed.plan.lines.len(), 2, "the number is a hole");
    let back = built_after(&two, Some(&removed), Instant(2_000));
    assert_eq!(line(&back.plan, "y").id, LineId(1));
    let early = built_after(&other, Some(&removed), Instant(1_000) + Span(rest.0 - 1));
    assert_eq!((line(&early.plan, "z").id, line(&early.plan, "z").position), (LineId(2), 2));
    let late = built_after(&other, Some(&removed), Instant(1_000) + rest);
    assert_eq!((line(&late.plan, "z").id, line(&late.plan, "z").position), (LineId(1), 1));
}

#[test]
fn a_line_that_moves_to_another_group_has_another_number() {
    let before = built(&listening("m", &[("id = \"x\",", 1), ("id = \"y\",", 2)]));
    let moved = listening("m", &[("id = \"x\",", 1), ("id = \"y\", group = \"g\",", 2)]);
    let after = built_after(&moved, Some(&before), Instant(0)).plan;
    assert_eq!(line(&after, "x").id, LineId(0));
    assert_eq!(line(&after, "y").id, LineId(2));
}

#[test]
fn another_number_of_shards_is_built_though_it_needs_a_restart() {
    let before = built(&format!("[switch]\nshards = 4\n{}", pair(100, 4)));
    let after = built_after(&format!("[switch]\nshards = 1\n{}", pair(100, 4)), Some(&before), Instant(0)).plan;
    assert!(after.lines.iter().flatten().all(|line| line.shard == ShardId(0)));
}

/// One line of a random configuration: by its number, its address; some lines have an id.
#[derive(Clone, Debug)]
struct RandomLine {
    member: u8,
    group: u8,
    named: bool,
}

/// Which of twelve lines there are.
type RandomLines = [Option<RandomLine>; 12];

fn random_line() -> impl Strategy<Value = Option<RandomLine>> {
    let line = (0..3u8, 0..2u8, any::<bool>()).prop_map(|(member, group, named)| RandomLine { member, group, named });
    prop::option::of(line)
}

fn random_lines() -> impl Strategy<Value = RandomLines> {
    prop::array::uniform12(random_line())
}

fn text_of(lines: &RandomLines, answer_seconds: u64) -> String {
    let mut text = format!("[switch]\nshards = 3\n[timers]\nanswer_within = \"{answer_seconds}s\"\n");
    for member in 0..3 {
        let numbered = lines.iter().enumerate();
        let own = numbered
            .filter_map(|(number, line)| line.as_ref().filter(|line| line.member == member).map(|line| (number, line)));
        let own: Vec<(String, u16)> = own
            .map(|(number, line)| {
                let id = if line.named { format!("id = \"line{number}\", ") } else { String::new() };
                (format!("{id}group = \"g{}\",", line.group), number as u16 + 1)
            })
            .collect();
        if !own.is_empty() {
            let own: Vec<(&str, u16)> = own.iter().map(|(keys, port)| (&**keys, *port)).collect();
            text += &listening(&format!("m{member}"), &own);
        }
    }
    text
}

/// What is known of a number's or a position's last user, apart from how the builder knows it.
#[derive(Default)]
struct Users {
    /// Who has it, and since when it has been gone.
    last: BTreeMap<String, (String, Option<Instant>)>,
}

impl Users {
    fn see(&mut self, users: &BTreeMap<String, String>, now: Instant, rest: Span) {
        for (number, user) in users {
            if let Some((known, gone)) = self.last.get(number)
                && known != user
            {
                let gone = gone.unwrap_or_else(|| panic!("{number} went from {known} to {user} in one reload"));
                assert!(now.since(gone) >= rest, "{number} went from {known} to {user} without a rest");
            }
            self.last.insert(number.clone(), (user.clone(), None));
        }
        for (number, (_, gone)) in &mut self.last {
            if gone.is_none() && !users.contains_key(number) {
                *gone = Some(now);
            }
        }
    }
}

/// The number, and the position in its group, of every line and group.
fn users(plan: &Plan) -> BTreeMap<String, String> {
    let mut users = BTreeMap::new();
    for (number, group) in plan.groups.iter().enumerate().filter_map(|(number, group)| Some((number, group.as_ref()?)))
    {
        assert_eq!(group.id.index(), number);
        users.insert(format!("group {number}"), format!("{}/{}", group.member_name, group.name));
        for (position, line) in group.lines.iter().enumerate() {
            let Some(line) = line.map(|id| plan.line(id).expect("a line of the plan")) else { continue };
            assert_eq!((usize::from(line.position), line.group), (position, group.id));
        }
    }
    for (number, line) in plan.lines.iter().enumerate().filter_map(|(number, line)| Some((number, line.as_ref()?))) {
        assert_eq!(line.id.index(), number);
        let group = plan.group(line.group).expect("a group of the plan");
        assert_eq!(group.lines[usize::from(line.position)], Some(line.id));
        let identity = format!("{} of {}/{} on {:?}", line.name, group.member_name, group.name, line.shard);
        users.insert(format!("line {number}"), identity.clone());
        users.insert(format!("position {} of {}", line.position, line.group.0), identity);
    }
    users
}

fn names_by_address(plan: &Plan) -> BTreeMap<String, String> {
    let lines = plan.lines.iter().flatten();
    lines.map(|line| (format!("{} {:?}", line.member_name, line.side), line.name.to_string())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_number_is_shared_by_two_within_the_resting_time(
        steps in prop::collection::vec((random_lines(), 1..3u64, 0..12u64), 1..12)
    ) {
        let mut now = Instant(0);
        let mut running: Option<Built> = None;
        let mut seen = Users::default();
        for (lines, answer_seconds, pause) in steps {
            now = now + Span::from_secs(pause);
            // The longest that any plan of the sequence asks for would be 2 x 2 + 2; the least is this.
            let rest = Span::from_secs(2 + 2);
            let text = format!("{}\n", text_of(&lines, answer_seconds)).replace("[timers]\n", "[timers]\ndrain_within = \"1s\"\n");
            let next = built_after(&text, running.as_ref(), now);
            seen.see(&users(&next.plan), now, rest);
            if let Some(running) = &running {
                let before = names_by_address(&running.plan);
                let unnamed = |name: &str| name.starts_with('m');
                for (address, name) in names_by_address(&next.plan) {
                    if let Some(known) = before.get(&address) && unnamed(&name) {
                        prop_assert_eq!(known, &name);
                    }
                }
            }
            running = Some(next);
        }
    }
}
