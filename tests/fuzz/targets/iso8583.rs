//! ISO 8583: the key of a message, read beside its outline, and formats as operators write them.
//!
//! Input: a byte that chooses the dialect, then the data of a frame.

use std::sync::LazyLock;

use ringswitch::message::iso8583::{Base, Dialect, Format, KeyMaker, Kind, Message, Outline, Setting};

struct Spoken {
    base: Base,
    dialect: Dialect,
}

/// Every base from the front, behind a TPDU and its head, and behind a station header; then keys
/// and formats of one's own, one of them past the first bitmap.
static SPOKEN: LazyLock<Vec<Spoken>> = LazyLock::new(|| {
    let mut settings = Vec::new();
    for base in Base::ALL {
        settings.extend([0, 11, 46].map(|skip| Setting { skip, ..Setting::new(base) }));
        let mut far = Setting { key: Some(vec![3, 11, 70]), ..Setting::new(base) };
        let texts = ["n3", "LLn", "LLLans", "b8", "x9", "LLz right"];
        let formats = texts.iter().filter_map(|text| text.parse::<Format>().ok()).cycle();
        far.fields.extend((43..=70).zip(formats));
        settings.push(far);
    }
    let compiled = |setting: Setting| Spoken { base: setting.base, dialect: setting.compile().expect("a dialect") };
    settings.into_iter().map(compiled).collect()
});

pub fn run(input: &[u8]) {
    let Some((choice, data)) = input.split_first() else { return };
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = text.parse::<Format>();
    }
    let spoken = &SPOKEN[usize::from(*choice) % SPOKEN.len()];
    let maker = KeyMaker::new(u64::from(*choice));
    let read = spoken.dialect.read(data, &maker);
    match (read, spoken.dialect.outline(data)) {
        (Err(fault), Err(outlined)) => assert_eq!(fault, outlined),
        (read, Ok(outline)) => {
            lies_inside(data, &outline);
            assert_eq!(read.err(), outline.fault, "reading and its outline disagree");
            if let Ok(message) = read {
                depends_on_what_it_should(spoken, data, &maker, &message, &outline);
            }
        }
        (Ok(message), Err(fault)) => panic!("{message:?}, but no outline: {fault}"),
    }
}

/// The parts stand behind each other and end with the data.
fn lies_inside(data: &[u8], outline: &Outline) {
    assert_eq!(outline.type_at.end, outline.bitmap_at.start);
    let mut at = outline.bitmap_at.end;
    let mut before = 0;
    for field in &outline.fields {
        assert!(field.at.start >= at && field.at.end >= field.at.start, "fields overlap: {outline:?}");
        assert!(field.field > before && outline.present.contains(&field.field), "{outline:?}");
        (at, before) = (field.at.end, field.field);
    }
    assert!(at <= data.len(), "past the end: {outline:?}");
}

/// The answer has the request's key; what follows the last key field is never looked at.
fn depends_on_what_it_should(spoken: &Spoken, data: &[u8], maker: &KeyMaker, message: &Message, outline: &Outline) {
    let read = |data: &[u8]| spoken.dialect.read(data, maker);
    let end = outline.fields.last().map_or(outline.bitmap_at.end, |field| field.at.end);
    assert_eq!(read(&data[..end]), Ok(*message), "it looks behind its last key field");
    let mut other = data.to_vec();
    let (place, lowest) = match spoken.base {
        Base::Pos => (outline.type_at.start + 1, 0x10),
        Base::Cups | Base::Hex => (outline.type_at.start + 2, 1),
    };
    other[place] ^= lowest;
    let kind = if message.kind == Kind::Request { Kind::Answer } else { Kind::Request };
    assert_eq!(read(&other), Ok(Message { kind, ..*message }), "an answer is not its request's");
    let key = outline.fields.iter().find(|field| field.is_key && !field.at.is_empty()).expect("there is a key");
    if spoken.base != Base::Pos {
        let mut other = data.to_vec();
        other[key.at.start] ^= 0x80;
        assert_ne!(read(&other).map(|message| message.key), Ok(message.key), "a key field that does not count");
    }
}
