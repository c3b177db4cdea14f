//! ISO 8583 keys of published messages, of messages made by another encoder, and of garbage.

use proptest::prelude::*;
use ringswitch::message::iso8583::{
    Base, Dialect, Extent, Format, Key, KeyMaker, Kind, Message, Outline, Setting, Unreadable,
};
use ringswitch::message::{station, tpdu};

fn maker() -> KeyMaker {
    KeyMaker::new(0x5eed)
}

fn dialect(base: Base, skip: usize) -> Dialect {
    Setting { skip: skip as u16, ..Setting::new(base) }.compile().expect("a dialect")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).expect("a hex digit") as u8).collect();
    assert_eq!(digits.len() % 2, 0, "whole bytes");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The published message of this name without its length prefix, and what stands before its type.
fn vector(name: &str) -> (Vec<u8>, Vec<&'static str>) {
    let lines = include_str!("data/vectors.txt").lines().filter(|line| !line.starts_with('#'));
    let mut columns = lines.map(|line| line.split(" | ").collect::<Vec<_>>());
    let columns = columns.find(|columns| columns[0] == name).expect("a vector");
    let layout: Vec<&str> = columns[1].split('+').collect();
    let prefix = if layout.contains(&"ascii4") { 4 } else { 2 * usize::from(layout.contains(&"bin2")) };
    (bytes(columns[3])[prefix..].to_vec(), layout)
}

/// What stands before the message type: a TPDU and the 6-byte head, dial monitoring between them,
/// or the station header.
fn skip(layout: &[&str]) -> usize {
    let has = |part| layout.contains(&part);
    let dial = 33 * usize::from(has("lri"));
    if has("tpdu") { tpdu::BYTES + dial + 6 } else { station::BYTES * usize::from(has("station")) }
}

fn outlined(name: &str, base: Base) -> (Vec<u8>, Outline) {
    let (data, layout) = vector(name);
    let outline = dialect(base, skip(&layout)).outline(&data).expect("a message");
    (data, outline)
}

/// The key fields that a message has, packed digits in hexadecimal, text as it is.
fn key_fields(data: &[u8], outline: &Outline, base: Base) -> Vec<(u8, String)> {
    let shown = |field: u8, content: &[u8]| {
        let packed = base == Base::Pos && !(34..=42).contains(&field);
        if packed { content.iter().map(|byte| format!("{byte:02x}")).collect() } else { text(content) }
    };
    let key = outline.fields.iter().filter(|field| field.is_key);
    key.map(|field| (field.field, shown(field.field, &data[field.at.clone()]))).collect()
}

fn text(content: &[u8]) -> String {
    String::from_utf8(content.to_vec()).expect("text")
}

#[test]
fn published_messages_of_institutions() {
    let cases: [Case<'_>; 6] = [
        ("C1", Kind::Request, &[(7, "0725161400"), (11, "315242")]),
        ("C2", Kind::Request, &[(7, "0515111631"), (11, "106753")]),
        ("C3", Kind::Answer, &[(7, "0515193213"), (11, "106788")]),
        ("C4", Kind::Request, &[(7, "0517160726"), (11, "000535")]),
        // An answer without 7 and 33.
        ("C8", Kind::Answer, &[(11, "539986"), (32, "48415510")]),
        ("C11", Kind::Request, &[(7, "1123115333"), (11, "156710")]),
    ];
    check_vectors(Base::Cups, &cases);
}

#[test]
fn published_messages_of_terminals() {
    let cases: [Case<'_>; 10] = [
        ("P1", Kind::Request, &[(41, "10016919"), (42, "84329004582000B")]),
        ("P2", Kind::Answer, &[(41, "10016919"), (42, "84329004582000B")]),
        ("P6", Kind::Request, &[(11, "000001"), (41, "10000159"), (42, "880210010210160")]),
        ("P7", Kind::Answer, &[(11, "000001"), (41, "10000159"), (42, "880210010210160")]),
        ("P8", Kind::Request, &[(11, "000027"), (41, "88888888"), (42, "100000000000001")]),
        ("P9", Kind::Request, &[(11, "001247"), (41, "58D01115"), (42, "88758D048165555")]),
        ("P12", Kind::Request, &[(11, "000003"), (41, "10000161"), (42, "880210010210162")]),
        ("P13", Kind::Request, &[(11, "000084"), (41, "10400067"), (42, "000000000000004")]),
        ("P15", Kind::Request, &[(11, "008212"), (41, "70111821"), (42, "103290070111121")]),
        ("L1", Kind::Request, &[(41, "09999999")]),
    ];
    check_vectors(Base::Pos, &cases);
}

/// A message of the vectors, what it is, and the fields of its key.
type Case<'a> = (&'a str, Kind, &'a [(u8, &'a str)]);

fn check_vectors(base: Base, cases: &[Case<'_>]) {
    for (name, kind, fields) in cases {
        let (data, outline) = outlined(name, base);
        let found = key_fields(&data, &outline, base);
        let expected: Vec<(u8, String)> = fields.iter().map(|(field, text)| (*field, (*text).to_owned())).collect();
        assert_eq!((outline.message_type.kind(), found), (*kind, expected), "{name}");
        assert_eq!(outline.fault, None, "{name}");
    }
}

/// Two of the published messages are each the answer to another one.
#[test]
fn published_answers_have_the_key_of_their_requests() {
    let key = |name| {
        let (data, layout) = vector(name);
        dialect(Base::Pos, skip(&layout)).read(&data, &maker()).expect("a key").key
    };
    assert_eq!(key("P1"), key("P2"), "copied addresses");
    assert_eq!(key("P6"), key("P7"), "exchanged addresses");
    let keys: Vec<Key> = ["P1", "P6", "P8", "P9", "P12", "P13", "P15", "L1"].map(key).into();
    for (at, one) in keys.iter().enumerate() {
        assert!(!keys[at + 1..].contains(one));
    }
}

#[test]
fn published_bytes_that_are_no_message() {
    let read = |name: &str, base, skip| dialect(base, skip).read(&vector(name).0, &maker());
    // A second station header stands where the message should, and the message behind that.
    assert_eq!(read("R1", Base::Cups, 46), Err(Unreadable::MessageType));
    assert_eq!(read("R1", Base::Cups, 92), read("C1", Base::Cups, 46));
    assert_eq!(read("L2", Base::Pos, 44), Err(Unreadable::Short), "ends behind the dial monitoring");
    // Two bytes stand where the others have a head of six: another `skip` reads it.
    assert_eq!(read("P16", Base::Pos, 11), Err(Unreadable::KeyMissing));
    let (data, dialect) = (vector("P16").0, dialect(Base::Pos, 7));
    let outline = dialect.outline(&data).expect("a message");
    assert_eq!(key_fields(&data, &outline, Base::Pos), [(11, "000001".to_owned())]);
    assert!(dialect.read(&data, &maker()).is_ok());
}

/// One message of `data/iso8583_samples.txt`.
struct Sample {
    name: &'static str,
    base: Base,
    message_type: String,
    present: Vec<u8>,
    key: Vec<(u8, String)>,
    data: Vec<u8>,
}

fn samples() -> Vec<Sample> {
    let lines = include_str!("data/iso8583_samples.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(sample).collect()
}

fn sample(line: &'static str) -> Sample {
    let columns: Vec<&str> = line.split(" | ").collect();
    let [name, base, message_type, present, key, hex] = columns[..] else { panic!("six columns: {line}") };
    let base = Base::ALL.into_iter().find(|known| known.name() == base).expect("a dialect");
    let field = |text: &str| text.parse::<u8>().expect("a field");
    let part = |part: &'static str| part.split_once('=').map(|(name, value)| (field(name), value.to_owned()));
    Sample {
        name,
        base,
        message_type: message_type.to_owned(),
        present: present.split(' ').map(field).collect(),
        key: key.split(',').map(|one| part(one).expect("a key field")).collect(),
        data: bytes(hex),
    }
}

/// What pyiso8583 wrote is what is read: the type, the fields that are there, the key fields.
#[test]
fn another_encoders_messages_are_read_as_it_wrote_them() {
    let samples = samples();
    assert_eq!(samples.len(), 144);
    for sample in samples {
        let outline = dialect(sample.base, 0).outline(&sample.data).expect(sample.name);
        let digits = outline.message_type;
        let written = [digits.version, digits.class, digits.function, digits.origin].map(|digit| digit.to_string());
        assert_eq!(written.concat(), sample.message_type, "{}", sample.name);
        // The second bitmap is not read: no key field is in it.
        let first: Vec<u8> = sample.present.iter().copied().filter(|field| *field <= 64).collect();
        assert_eq!(outline.present, first, "{}", sample.name);
        assert_eq!(key_fields(&sample.data, &outline, sample.base), sample.key, "{}", sample.name);
        assert_eq!(outline.fault, None, "{}", sample.name);
    }
}

#[test]
fn another_encoders_answers_find_their_requests_and_nobody_elses() {
    let samples = samples();
    let mut keys = Vec::new();
    for three in samples.chunks_exact(3) {
        let read = |sample: &Sample| dialect(sample.base, 0).read(&sample.data, &maker()).expect(sample.name);
        let [request, answer, stranger] = [&three[0], &three[1], &three[2]].map(read);
        assert_eq!(
            [request, answer, stranger].map(|message| message.kind),
            [Kind::Request, Kind::Answer, Kind::Answer]
        );
        assert_eq!(request.key, answer.key, "{}", three[0].name);
        assert_ne!(request.key, stranger.key, "{}", three[2].name);
        keys.push(request.key);
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), samples.len() / 3);
}

/// The bytes that are needed, each of them and none behind them: with one less there is no key,
/// and whatever follows makes no difference.
#[test]
fn no_byte_is_read_that_is_not_needed() {
    let vectors = ["C1", "C2", "C3", "C4", "C8", "C11"].map(|name| (name, Base::Cups)).into_iter();
    let terminals = ["P1", "P2", "P6", "P7", "P8", "P9", "P12", "P13", "P15", "L1"].map(|name| (name, Base::Pos));
    let vectors = vectors.chain(terminals).map(|(name, base)| (name, base, skip(&vector(name).1), vector(name).0));
    let samples = samples().into_iter().map(|sample| (sample.name, sample.base, 0, sample.data));
    for (name, base, skip, data) in vectors.chain(samples) {
        let dialect = dialect(base, skip);
        let whole = dialect.read(&data, &maker()).expect(name);
        let outline = dialect.outline(&data).expect(name);
        let needed = outline.fields.last().expect("a key field").at.end;
        for length in 0..needed {
            assert_eq!(dialect.read(&data[..length], &maker()), Err(Unreadable::Short), "{name}: {length} bytes");
        }
        let mut other = data.clone();
        other[needed..].fill(0xa5);
        assert_eq!(dialect.read(&data[..needed], &maker()), Ok(whole), "{name}");
        assert_eq!(dialect.read(&other, &maker()), Ok(whole), "{name}");
    }
}

/// A field of a made message: its number and its content as digits or characters.
type Made = (u8, String);

/// The message that these fields make, written straight from the table of the standard.
fn written(base: Base, message_type: [u8; 4], fields: &[Made]) -> Vec<u8> {
    let packed = |text: &str| bytes(text);
    let mut bits = 0u64;
    let mut content = Vec::new();
    for (field, text) in fields {
        bits |= 1 << (64 - field);
        let Format { extent, .. } = base.format(*field).expect("in the table");
        let (digits, length) = (text.len() % 2, text.len());
        let is_number = !matches!(field, 34 | 37..=42);
        match (base, extent) {
            (_, Extent::Fixed(_)) => {}
            (Base::Pos, Extent::Ll) => content.extend(packed(&format!("{length:02}"))),
            (Base::Pos, _) => content.extend(packed(&format!("{length:04}"))),
            (_, Extent::Ll) => content.extend(format!("{length:02}").into_bytes()),
            _ => content.extend(format!("{length:03}").into_bytes()),
        }
        if base == Base::Pos && is_number {
            let right = matches!(field, 19..=21 | 23 | 24 | 27);
            content.extend(packed(&match (digits, right) {
                (0, _) => text.clone(),
                (_, true) => format!("0{text}"),
                (_, false) => format!("{text}0"),
            }));
        } else {
            content.extend(text.as_bytes());
        }
    }
    let text: String = message_type.iter().map(|digit| char::from(b'0' + digit)).collect();
    let mut data = if base == Base::Pos { packed(&text) } else { text.into_bytes() };
    match base {
        Base::Hex => data.extend(format!("{bits:016x}").into_bytes()),
        Base::Cups | Base::Pos => data.extend(bits.to_be_bytes()),
    }
    data.extend(content);
    data
}

/// Content of the right length for a field of the table (no signed amounts, which have no digits
/// alone).
fn content(field: u8) -> BoxedStrategy<Made> {
    let digits = |least: usize, most: usize| proptest::collection::vec(0..10u8, least..=most);
    let strategy = match field {
        2 => digits(1, 19),
        32 | 33 => digits(0, 11),
        34 => digits(0, 28),
        35 => digits(0, 37),
        36 => digits(0, 104),
        _ => {
            let length = match field {
                4..=6 | 37 => 12,
                7 => 10,
                8..=10 | 41 => 8,
                3 | 11 | 12 | 38 => 6,
                13..=18 => 4,
                19..=24 | 40 => 3,
                25 | 26 | 39 => 2,
                27 => 1,
                42 => 15,
                _ => unreachable!("not in the table"),
            };
            digits(length, length)
        }
    };
    strategy.prop_map(move |digits| (field, digits.iter().map(|digit| char::from(b'0' + digit)).collect())).boxed()
}

fn fields(which: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = Vec<Made>> {
    let unsigned: Vec<u8> = which.filter(|field| !(28..=31).contains(field)).collect();
    let some = proptest::sample::subsequence(unsigned.clone(), 0..=unsigned.len());
    some.prop_flat_map(|chosen| chosen.into_iter().map(content).collect::<Vec<_>>())
}

fn any_setting() -> impl Strategy<Value = Setting> {
    let base = proptest::sample::select(Base::ALL.to_vec());
    let key = proptest::option::of(proptest::collection::vec(2..=42u8, 1..6));
    (base, key, 0..60u16).prop_map(|(base, key, skip)| Setting { key, skip, ..Setting::new(base) })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_has_a_key_or_a_reason(setting in any_setting(), data in proptest::collection::vec(any::<u8>(), 0..200)) {
        let dialect = setting.compile().expect("within the table");
        agree(&dialect, &data)?;
    }

    /// Behind a sound type and bitmap more of the reader is reached.
    #[test]
    fn garbage_behind_a_sound_head_has_a_key_or_a_reason(
        setting in any_setting(), bits: u64, data in proptest::collection::vec(any::<u8>(), 0..200)
    ) {
        let mut message = vec![0; setting.skip.into()];
        message.extend(written(setting.base, [0, 2, 0, 0], &[]));
        let bitmap = message.len() - if setting.base == Base::Hex { 16 } else { 8 };
        message.truncate(bitmap);
        match setting.base {
            Base::Hex => message.extend(format!("{bits:016x}").into_bytes()),
            Base::Cups | Base::Pos => message.extend(bits.to_be_bytes()),
        }
        message.extend(data);
        agree(&setting.compile().expect("within the table"), &message)?;
    }

    /// Two messages have one key exactly if their key fields, version, class and function are alike.
    #[test]
    fn keys_are_equal_where_key_fields_are(
        base in proptest::sample::select(Base::ALL.to_vec()),
        key in proptest::collection::vec(proptest::sample::select(vec![2u8, 7, 11, 22, 23, 27, 32, 33, 36, 37, 41, 42]), 1..5),
        one in fields(2..=42), other in fields(2..=42), share: bool, answer: bool,
    ) {
        let dialect = Setting { key: Some(key.clone()), ..Setting::new(base) }.compile().expect("within the table");
        let of_key = |fields: &[Made]| -> Vec<Made> {
            fields.iter().filter(|(field, text)| key.contains(field) && !text.is_empty()).cloned().collect()
        };
        let mut other = other;
        if share {
            other.retain(|(field, _)| !key.contains(field));
            other.extend(one.iter().filter(|(field, _)| key.contains(field)).cloned());
            other.sort_unstable();
        }
        let function = u8::from(answer);
        let first = dialect.read(&written(base, [0, 2, 0, 0], &one), &maker());
        let second = dialect.read(&written(base, [0, 2, function, 1], &other), &maker());
        for (read, fields) in [(first, &one), (second, &other)] {
            prop_assert_eq!(read.is_err(), of_key(fields).is_empty(), "{:?}", read);
            prop_assert!(read.is_ok() || read == Err(Unreadable::KeyMissing));
        }
        if let (Ok(first), Ok(second)) = (first, second) {
            prop_assert_eq!(first.key == second.key, of_key(&one) == of_key(&other));
            prop_assert_eq!(second.kind, if answer { Kind::Answer } else { Kind::Request });
        }
    }
}

/// What is read fast and what is read for people say the same.
fn agree(dialect: &Dialect, data: &[u8]) -> Result<(), TestCaseError> {
    let read = dialect.read(data, &maker());
    match (dialect.outline(data), read) {
        (Err(fault), read) => prop_assert_eq!(read, Err(fault)),
        (Ok(Outline { fault: None, message_type, .. }), read) => {
            prop_assert_eq!(read.map(|Message { kind, .. }| kind), Ok(message_type.kind()));
        }
        // For people a field that is cut off is a fault even if it is no key field.
        (Ok(Outline { fault: Some(Unreadable::Short), .. }), read) => prop_assert!(read.is_err()),
        (Ok(Outline { fault: Some(fault), .. }), read) => prop_assert_eq!(read, Err(fault)),
    }
    Ok(())
}
