//! Rules on the keys that go with `header = "iso8583"`: that a key can be read, and that both ends
//! of a route read the same one.

use std::collections::BTreeMap;

use crate::config::effective::setting;
use crate::config::endpoint::Directory;
use crate::config::fault::{At, Findings};
use crate::config::model::{Endpoint, Given, Member, Model};
use crate::config::plan::Header;
use crate::message::iso8583::{KeyFault, Setting, TRACE_NUMBER};

pub fn check(model: &Model, findings: &mut Findings<'_>) {
    for member in model.members.iter().filter(|member| speaks(member)) {
        listed_twice(member, findings);
        skip(member, findings);
        if is_readable(member) {
            key(member, &setting(member), findings);
        }
    }
    ends_alike(model, findings);
}

fn speaks(member: &Member) -> bool {
    member.header.get() == Some(&Header::Iso8583)
}

/// Whether nothing that makes the dialect is refused already.
fn is_readable(member: &Member) -> bool {
    !(member.dialect.is_bad() || member.key.is_bad() || member.fields.is_bad() || member.skip.is_bad())
}

fn listed_twice(member: &Member, findings: &mut Findings<'_>) {
    let mut first = BTreeMap::new();
    for field in member.key.get().into_iter().flatten() {
        if first.insert(field.value, field.place).is_some() {
            findings.refuse(field.place, format!("`key`: field {} stands here twice: leave one out", field.value));
        }
    }
}

/// A type of two bytes and a bitmap of eight must fit behind what is skipped.
fn skip(member: &Member, findings: &mut Findings<'_>) {
    const LEAST: u64 = 2 + 8;
    let (Some(skip), Some(place)) = (member.skip.get(), member.skip.place()) else { return };
    let largest = member.max.get().copied().or(member.profile.get().map(|profile| profile.framing().max.into()));
    let Some(largest) = largest.filter(|max| u64::from(*skip) + LEAST > *max) else { return };
    findings.refuse(place, format!("`skip` of {skip} leaves no room for a message in the {largest} bytes of `max`"));
}

fn key(member: &Member, setting: &Setting, findings: &mut Findings<'_>) {
    let place = member.key.place().unwrap_or(member.id_place());
    match setting.compile() {
        Ok(_) => {}
        Err(KeyFault::Empty) => {
            let message = "`key` is empty: no answer would find its request; name the fields that request and answer \
                           have in common";
            findings.refuse(place, message);
            return;
        }
        Err(KeyFault::NoField(field)) => {
            findings.refuse(place, format!("`key`: {field} is no field that a key can have"));
            return;
        }
        Err(KeyFault::Unknown { fields, last }) => {
            let message = format!(
                "`key`: to come to field {last} the formats of fields {} must be known: add fields = {{ {} = \"…\" }}",
                ranges(&fields),
                fields[0],
            );
            findings.refuse(place, message);
            return;
        }
    }
    if !setting.key(0).contains(&TRACE_NUMBER) {
        let message = format!(
            "`key` of member `{}` is without field {TRACE_NUMBER}, the trace number: requests that differ in nothing \
             else would have one key",
            member.name()
        );
        findings.warn(place, message);
    }
}

/// `43-47, 49`.
fn ranges(fields: &[u8]) -> String {
    let runs = fields.chunk_by(|one, next| one + 1 == *next);
    let shown = runs.map(|run| match run {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A frame passes unchanged, so what its sender reads of it the receiver must read, too, or no
/// answer has its request's key.
fn ends_alike(model: &Model, findings: &mut Findings<'_>) {
    let directory = Directory::new(model);
    for route in &model.routes {
        let mut first: Option<(&str, Setting)> = None;
        for end in [&route.from, &route.to].into_iter().filter_map(Given::get).flatten() {
            let Some(member) = directory.member(&end.value.member) else { continue };
            if !speaks(member) || !is_readable(member) {
                continue;
            }
            let own = setting(member);
            match &first {
                None => first = Some((&end.value.member, own)),
                Some((name, known)) => differing(end, &own, name, known, findings),
            }
        }
    }
}

fn differing(end: &At<Endpoint>, own: &Setting, name: &str, known: &Setting, findings: &mut Findings<'_>) {
    if own.compile() == known.compile() {
        return;
    }
    let key = |setting: &Setting| format!("{:?}", setting.key(0));
    let fields = |setting: &Setting| {
        let formats = setting.fields.iter().map(|(field, format)| format!("{field} = \"{format}\""));
        format!("{{ {} }}", formats.collect::<Vec<_>>().join(", "))
    };
    let parts = [
        ("dialect", own.base.name().to_owned(), known.base.name().to_owned()),
        ("skip", own.skip.to_string(), known.skip.to_string()),
        ("key", key(own), key(known)),
        ("fields", fields(own), fields(known)),
    ];
    if let Some((what, own, known)) = parts.into_iter().find(|(_, own, known)| own != known) {
        let message = format!(
            "`{}` has `{what}` {own} and `{name}` has {known}: frames pass unchanged, so both ends of a route must \
             read them alike",
            end.value.member
        );
        findings.refuse(end.place, message);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::dump;
    use crate::config::plan::Ways;
    use crate::config::testing::{built, faults, read_text, warnings};

    const BANKS: &str = r#"[[member]]
id = "acquirer"
profile = "institution"
header = "iso8583"
allow = ["10.0.0.1"]
line = [{ listen = "127.0.0.1:7001" }]
[[member]]
id = "issuer"
profile = "institution"
header = "iso8583"
line = [{ connect = "10.0.0.2:7001" }]
[[route]]
from = ["acquirer"]
to = ["issuer"]
"#;

    /// What `check` says of the two banks with these keys of the one and the other.
    fn found(acquirer: &str, issuer: &str) -> Vec<String> {
        faults(&written(acquirer, issuer))
    }

    fn written(acquirer: &str, issuer: &str) -> String {
        let text = BANKS.replacen("\"iso8583\"\nallow", &format!("\"iso8583\"\n{acquirer}\nallow"), 1);
        text.replacen("\"iso8583\"\nline", &format!("\"iso8583\"\n{issuer}\nline"), 1)
    }

    #[test]
    fn what_cannot_be_read_is_refused_at_its_place() {
        assert_eq!(faults(BANKS), [""; 0]);
        for (keys, expected) in [
            (
                "dialect = \"cusp\"",
                "5:11: `dialect`: `cusp` is not known here: write `cups` or `pos` or `hex`; did you mean `cups`?",
            ),
            ("key = [11, 129]", "5:12: `key`: `129` is no field: write a number from 2 to 128"),
            ("key = [1]", "5:8: `key`: `1` is no field: write a number from 2 to 128"),
            ("key = [\"11\"]", "5:8: `key`: `11` is no field: write a number from 2 to 128"),
            (
                "key = []",
                "5:7: `key` is empty: no answer would find its request; name the fields that request and answer have in common",
            ),
            (
                "key = [11, 45, 49]\nfields = { 46 = \"LLLans\" }",
                "5:7: `key`: to come to field 49 the formats of fields 43-45, 47-49 must be known: add fields = { 43 = \"…\" }",
            ),
            ("fields = { 60 = \"llvar\" }", "5:12: `fields`: `llvar` is no format of field 60: write n (digits)"),
            ("fields = { 060 = \"n6\" }", "5:12: `fields`: `060` is no field: write a number from 2 to 128"),
            ("fields = { 60 = 6 }", "5:12: `fields`: `6` is no format of field 60: write n (digits)"),
            ("skip = -1", "5:8: `skip`: `-1` is no whole number from 0 to 999"),
            ("max = 20\nskip = 11", "6:8: `skip` of 11 leaves no room for a message in the 20 bytes of `max`"),
            (
                "repeat = \"forwrd\"",
                "5:10: `repeat`: `forwrd` is not known here: write `forward` or `drop`; did you mean `forward`?",
            ),
            ("tpdu = \"auto\"", "5:8: `tpdu` goes with header `tpdu`, and member `acquirer` has `iso8583`"),
        ] {
            let found = found(keys, "");
            assert!(found[0].starts_with(expected), "{found:#?}");
        }
        let twice = found("key = [11, 7, 11]", "key = [7, 11]");
        assert_eq!(twice, ["5:15: `key`: field 11 stands here twice: leave one out"]);
    }

    #[test]
    fn both_ends_read_alike() {
        for (one, other, differing) in [
            ("dialect = \"pos\"", "", "`issuer` has `dialect` cups and `acquirer` has pos"),
            ("skip = 46", "skip = 11", "`issuer` has `skip` 11 and `acquirer` has 46"),
            ("key = [11]", "key = [11, 37]", "`issuer` has `key` [11, 37] and `acquirer` has [11]"),
            ("fields = { 2 = \"LLLn\" }", "", "`issuer` has `fields` {  } and `acquirer` has { 2 = \"LLLn\" }"),
        ] {
            let found = found(one, other);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(&format!("{differing}: frames pass unchanged")), "{found:?}");
        }
        let alike = found("key = [11, 7]\nfields = { 60 = \"n6\" }", "key = [7, 11]\nrepeat = \"drop\"");
        assert_eq!(alike, [""; 0], "what is behind the key does not matter, nor the order");
    }

    #[test]
    fn requests_have_one_way_and_no_match() {
        let second = format!("{BANKS}[[route]]\nfrom = [\"acquirer\"]\nto = [\"issuer\"]\n");
        let found = faults(&second);
        assert!(found[0].contains("`acquirer/main` has a route already (a.toml:12:1)"), "{found:?}");
        assert_eq!(faults(&format!("{BANKS}match = {{ nii = [\"0003\"] }}\n")).len(), 1);
        let both = format!("{BANKS}[[route]]\nfrom = [\"issuer\"]\nto = [\"acquirer\"]\n");
        assert_eq!(faults(&both), [""; 0], "who is asked may ask: the message type tells");
    }

    #[test]
    fn a_key_without_the_trace_number_is_unwise() {
        let text = written("key = [37]", "key = [37]");
        let warned = warnings(&text);
        assert!(
            warned.iter().any(|warning| warning.starts_with("5:7: `key` of member `acquirer` is without field 11"))
        );
        assert!(!warnings(BANKS).iter().any(|warning| warning.contains("field 11")));
    }

    #[test]
    fn what_is_dumped_is_the_same_and_the_plan_holds_the_dialect() {
        let keys = "dialect = \"pos\"\nkey = [41, 11, 43]\nfields = { 43 = \"ans40\", 22 = \"n3\" }\nskip = 11";
        for text in [BANKS.to_owned(), written(keys, &format!("{keys}\nrepeat = \"drop\"")), written("", "skip = 0")] {
            let dumped = dump(&read_text(&text).configuration.expect("sound"));
            assert_eq!(built(&dumped), built(&text), "of\n{dumped}");
        }
        let dumped = dump(&read_text(&written(keys, keys)).configuration.expect("sound"));
        for line in
            ["key = [11, 41, 43]", "fields = { 22 = \"n3\", 43 = \"ans40\" }", "skip = 11", "repeat = \"forward\""]
        {
            assert!(dumped.contains(line), "{line} in\n{dumped}");
        }
        let plan = built(BANKS).plan;
        let groups: Vec<_> = plan.groups.iter().flatten().collect();
        let ways = |at: usize| match &groups[at].ways {
            Ways::Iso8583(ways) => ways,
            other => panic!("{other:?}"),
        };
        assert_eq!(ways(0).to, [groups[1].id]);
        assert!(ways(1).to.is_empty() && groups[1].answers);
        assert_eq!(ways(0).dialect, ways(1).dialect);
    }
}
