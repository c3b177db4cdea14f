//! Frames and headers, on sample messages and on garbage: what stands where, whatever way the
//! network cuts the stream.

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::prelude::*;
use ringswitch::frame::{Framing, Prefix, Scan, scan};
use ringswitch::message::station::{self, StationHeader, StationId};
use ringswitch::message::tpdu::{self, DialMonitoring, LineBlock, Tpdu};
use ringswitch::reason::Malformed;

const TERMINAL: Framing = Framing { prefix: Prefix::Bin2, max: 2_048 };
const CHANNEL: Framing = Framing { prefix: Prefix::Ascii4, max: 9_999 };

/// One line of `data/vectors.txt`.
struct Vector {
    name: &'static str,
    /// What stands in front of the message, outermost first.
    layout: Vec<&'static str>,
    bytes: Vec<u8>,
}

impl Vector {
    fn prefix(&self) -> Option<Prefix> {
        [Prefix::Bin2, Prefix::Ascii4].into_iter().find(|prefix| self.has(prefix.name()))
    }

    fn has(&self, part: &str) -> bool {
        self.layout.contains(&part)
    }

    /// The data of the frame, without its prefix.
    fn data(&self) -> &[u8] {
        &self.bytes[self.prefix().map_or(0, Prefix::bytes)..]
    }

    /// The whole frame, behind this prefix.
    fn framed(&self, prefix: Prefix) -> Vec<u8> {
        frame(prefix, self.data())
    }
}

fn vectors() -> BTreeMap<&'static str, Vector> {
    let lines = include_str!("data/vectors.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(vector).map(|vector| (vector.name, vector)).collect()
}

fn vector(line: &'static str) -> Vector {
    let fields: Vec<&str> = line.split(" | ").collect();
    let [name, layout, _what, hex] = fields[..] else { panic!("four fields: {line}") };
    Vector { name, layout: layout.split('+').collect(), bytes: bytes(hex) }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).expect("a hex digit") as u8).collect();
    assert_eq!(digits.len() % 2, 0, "whole bytes");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn frame(prefix: Prefix, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; prefix.bytes()];
    prefix.write(data.len(), &mut frame);
    frame.extend_from_slice(data);
    frame
}

/// What a stream consists of.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Item {
    Frame(Vec<u8>),
    Probe,
    Malformed(Malformed),
}

/// The simplest reader of a stream: keeps what has come, takes off the front what is whole.
struct Reassembler {
    framing: Framing,
    unread: Vec<u8>,
    items: Vec<Item>,
}

impl Reassembler {
    fn new(framing: Framing) -> Self {
        Self { framing, unread: Vec::new(), items: Vec::new() }
    }

    fn feed(&mut self, piece: &[u8]) {
        if matches!(self.items.last(), Some(Item::Malformed(_))) {
            return; // the connection is closed
        }
        self.unread.extend_from_slice(piece);
        loop {
            let prefix = self.framing.prefix.bytes();
            let (item, end) = match scan(self.framing, &self.unread) {
                Scan::Frame { data } => (Item::Frame(self.unread[prefix..prefix + data].to_vec()), prefix + data),
                Scan::Probe => (Item::Probe, prefix),
                Scan::Part { needed } => {
                    assert!(needed > self.unread.len(), "a part that is whole");
                    assert!(needed <= self.framing.frame_bytes_max(), "a part that can never be whole");
                    return;
                }
                Scan::Malformed(reason) => {
                    self.items.push(Item::Malformed(reason));
                    return;
                }
            };
            self.items.push(item);
            self.unread.drain(..end);
        }
    }
}

/// The items of a stream that comes in these pieces.
fn read<'a>(framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Item>, usize) {
    let mut reader = Reassembler::new(framing);
    for piece in pieces {
        reader.feed(piece);
    }
    let unread = if matches!(reader.items.last(), Some(Item::Malformed(_))) { 0 } else { reader.unread.len() };
    (reader.items, unread)
}

/// Asserts that a stream says the same in one piece, cut in two anywhere, and byte by byte.
fn read_in_every_way(framing: Framing, stream: &[u8]) -> (Vec<Item>, usize) {
    let whole = read(framing, [stream]);
    for cut in 0..=stream.len() {
        let (front, back) = stream.split_at(cut);
        assert_eq!(read(framing, [front, back]), whole, "{framing:?} cut at {cut}");
    }
    assert_eq!(read(framing, stream.chunks(1)), whole, "{framing:?} byte by byte");
    whole
}

// The vectors, by layout.

#[test]
fn the_file_holds_what_these_tests_are_about() {
    let vectors = vectors();
    let names: Vec<&str> = vectors.keys().copied().collect();
    let expected = [
        "C1", "C11", "C2", "C3", "C4", "C8", "L1", "L2", "P1", "P12", "P13", "P15", "P16", "P2", "P6", "P7", "P8",
        "P9", "R1",
    ];
    assert_eq!(names, expected);
    for vector in vectors.values() {
        let known = ["ascii4", "bin2", "station", "tpdu", "lri"];
        assert!(vector.layout.iter().all(|part| known.contains(part)), "{}: {:?}", vector.name, vector.layout);
    }
}

#[test]
fn each_framed_vector_is_one_frame() {
    for vector in vectors().values().filter(|vector| vector.name != "P16") {
        let Some(prefix) = vector.prefix() else { continue };
        let framing = Framing { prefix, max: prefix.limit() as u16 };
        assert_eq!(scan(framing, &vector.bytes), Scan::Frame { data: vector.data().len() }, "{}", vector.name);
        assert_eq!(vector.framed(prefix), vector.bytes, "{}: the prefix is written as it was", vector.name);
    }
}

#[test]
fn every_vector_goes_through_both_prefixes_unchanged() {
    for vector in vectors().values() {
        for framing in [TERMINAL, CHANNEL] {
            let (items, unread) = read_in_every_way(framing, &vector.framed(framing.prefix));
            assert_eq!((items, unread), (vec![Item::Frame(vector.data().to_vec())], 0), "{}", vector.name);
        }
    }
}

#[test]
fn one_stream_of_all_vectors_and_probes_between_them() {
    for framing in [TERMINAL, CHANNEL] {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for (at, vector) in vectors().values().enumerate() {
            stream.extend(vector.framed(framing.prefix));
            expected.push(Item::Frame(vector.data().to_vec()));
            for _ in 0..at % 3 {
                stream.extend(framing.prefix.probe());
                expected.push(Item::Probe);
            }
        }
        assert_eq!(read_in_every_way(framing, &stream), (expected, 0));
    }
}

#[test]
fn station_headers() {
    let expected = [
        ("C1", "00010000", "48540000"),
        ("C2", "44190440", "00010344"),
        ("C3", "44190440", "00010344"),
        ("C4", "44190440", "00010344"),
        ("C8", "48410000", "00010000"),
        ("R1", "48540000", "00010000"),
    ];
    let vectors = vectors();
    let found: Vec<&str> = vectors.values().filter(|vector| vector.has("station")).map(|vector| vector.name).collect();
    assert_eq!(found, expected.map(|(name, ..)| name), "each station vector is listed");
    for (name, destination, source) in expected {
        let data = vectors[name].data();
        let header = StationHeader::read(data).unwrap_or_else(|| panic!("{name} has a header"));
        assert_eq!(Some(header.destination), StationId::from_text(destination), "{name}");
        assert_eq!(Some(header.source), StationId::from_text(source), "{name}");
    }
}

#[test]
fn a_rejected_message_carries_the_whole_original() {
    let vectors = vectors();
    let (rejected, original) = (vectors["R1"].data(), vectors["C1"].data());
    assert_eq!(&rejected[41..station::BYTES], b"00035");
    assert_eq!(&rejected[station::BYTES..], original);
    assert!(StationHeader::read(&rejected[station::BYTES..]).is_some());
}

#[test]
fn tpdus() {
    let expected = [
        ("L1", 0x60, 0x0003, 0x8009),
        ("L2", 0x60, 0x0003, 0x0000),
        ("P1", 0x60, 0x0003, 0x0000),
        ("P12", 0x60, 0x0003, 0x0000),
        ("P13", 0x60, 0x0003, 0x0000),
        ("P15", 0x60, 0x0301, 0x0000),
        ("P16", 0x60, 0x0010, 0x0000),
        ("P2", 0x60, 0x0003, 0x0000),
        ("P6", 0x60, 0x0003, 0x0000),
        ("P7", 0x60, 0x0000, 0x0003),
        ("P8", 0x60, 0x0525, 0x0000),
        ("P9", 0x60, 0x0006, 0x0000),
    ];
    let vectors = vectors();
    let found: Vec<&str> = vectors.values().filter(|vector| vector.has("tpdu")).map(|vector| vector.name).collect();
    assert_eq!(found, expected.map(|(name, ..)| name), "each TPDU vector is listed");
    for (name, id, destination, source) in expected {
        assert_eq!(Tpdu::read(vectors[name].data()), Some(Tpdu { id, destination, source }), "{name}");
    }
}

#[test]
fn a_new_address_and_back_leaves_every_message_as_it_was() {
    for vector in vectors().values().filter(|vector| vector.has("tpdu")) {
        let original = vector.data();
        let tpdu = Tpdu::read(original).expect("a TPDU");
        for (at, address) in [(tpdu::SOURCE, tpdu.source), (tpdu::DESTINATION, tpdu.destination)] {
            let mut data = original.to_vec();
            tpdu::write_address(&mut data, at, !address);
            assert_ne!(data, original, "{}", vector.name);
            assert_eq!(data[tpdu::BYTES..], original[tpdu::BYTES..], "{}: nothing behind the TPDU", vector.name);
            tpdu::write_address(&mut data, at, address);
            assert_eq!(data, original, "{}", vector.name);
        }
    }
}

#[test]
fn dial_monitoring() {
    for vector in vectors().values().filter(|vector| vector.has("tpdu")) {
        let found = DialMonitoring::read(vector.data());
        assert_eq!(found.is_some(), vector.has("lri"), "{}", vector.name);
        let Some(found) = found else { continue };
        let block = LineBlock { caller: 10..18, called: 18..26, tail: 26..38 };
        assert_eq!(found, DialMonitoring { lri: Some(block), lli: None, lui: None, end: 38 }, "{}", vector.name);
    }
}

/// The numbers that the text of `MC6-5.3` gives with its example.
#[test]
fn the_worked_example_of_dial_monitoring() {
    let vectors = vectors();
    let data = vectors["L2"].data();
    let block = DialMonitoring::read(data).and_then(|found| found.lri).expect("an LRI block");
    let digits = |range: Range<usize>| data[range].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(digits(block.caller), "0000000050582613");
    assert_eq!(digits(block.called), "0000000061651108");
    assert_eq!(digits(block.tail), "580009490006000000220030");
}

// Streams that lie or break the rules.

/// The prefix of P16 promises twice what follows. Alone it waits (and `partial_within` ends it);
/// with more behind it, it swallows most of the next frame, and what is left of that is read as a
/// frame. Nothing in the stream tells; hence a prefix is all there is to go by.
#[test]
fn a_prefix_that_lies_is_believed() {
    let vectors = vectors();
    let (liar, next) = (&vectors["P16"].bytes, &vectors["P9"].bytes);
    assert_eq!(scan(TERMINAL, liar), Scan::Part { needed: 2 + 114 });
    assert_eq!(read_in_every_way(TERMINAL, liar), (vec![], 2 + 57));

    let stream = [&liar[..], next].concat();
    let swallowed = Item::Frame(stream[2..116].to_vec());
    let left = Item::Frame(b"01".to_vec()); // P9 ends in 00 02 30 31
    assert_eq!(read_in_every_way(TERMINAL, &stream), (vec![swallowed, left], 0));
}

#[test]
fn four_digits_and_nothing_else() {
    let digits = Item::Malformed(Malformed::LengthDigits);
    for prefix in ["-001", "+001", "+188", " 188", " 12 ", "  12", "12  ", "0x10", "1e03", "\0\0\0\0", "012\0", "00:0"]
    {
        let stream = [prefix.as_bytes(), &[b'7'; 300]].concat();
        assert_eq!(read_in_every_way(CHANNEL, &stream).0, std::slice::from_ref(&digits), "{prefix:?}");
        let behind_a_frame = [b"0002ab".as_slice(), &stream].concat();
        let (items, _) = read_in_every_way(CHANNEL, &behind_a_frame);
        assert_eq!(items, [Item::Frame(b"ab".to_vec()), digits.clone()], "{prefix:?}");
    }
}

#[test]
fn the_limits_of_every_profile() {
    for (prefix, max) in [
        (Prefix::Bin2, 2_048),
        (Prefix::Ascii4, 2_044),
        (Prefix::Ascii4, 9_999),
        (Prefix::Ascii4, 1),
        (Prefix::Bin2, u16::MAX),
    ] {
        let framing = Framing { prefix, max };
        let largest = vec![0x60; usize::from(max)];
        let (items, unread) = read(framing, [&frame(prefix, &largest)[..]]);
        assert_eq!((items, unread), (vec![Item::Frame(largest)], 0), "{framing:?}");
        if usize::from(max) < prefix.limit() {
            let beyond = frame(prefix, &vec![0x60; usize::from(max) + 1]);
            assert_eq!(read(framing, [&beyond[..]]).0, [Item::Malformed(Malformed::LengthLimit)], "{framing:?}");
        }
    }
}

#[test]
fn a_member_that_frames_the_other_way_is_noticed_or_never_whole() {
    // Four digits read as two binary bytes are lengths past 12,000.
    assert_eq!(scan(TERMINAL, b"0200"), Scan::Malformed(Malformed::LengthLimit));
    // A binary length is no digit.
    assert_eq!(scan(CHANNEL, b"\x00\x5b\x60\x00"), Scan::Malformed(Malformed::LengthDigits));
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        (1..=u16::MAX).prop_map(|max| Framing { prefix: Prefix::Bin2, max }),
        (1..=9_999u16).prop_map(|max| Framing { prefix: Prefix::Ascii4, max }),
    ]
}

fn pieces(stream: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|ends| stream[ends[0]..ends[1]].to_vec()).collect()
}

/// A failure prints its smallest case; that becomes a test of its own, not a file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Frames and probes of any content, cut anywhere, come out as they went in.
    #[test]
    fn what_is_framed_is_read_back(
        framing in framing(),
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let fits = |data: &Vec<u8>| data.len() <= usize::from(framing.max);
        let frames: Vec<Vec<u8>> = frames.into_iter().filter(fits).collect();
        let stream = frames.iter().map(|data| frame(framing.prefix, data)).collect::<Vec<_>>().concat();
        let expected: Vec<Item> = frames
            .into_iter()
            .map(|data| if data.is_empty() { Item::Probe } else { Item::Frame(data) })
            .collect();
        let pieces = pieces(&stream, &cuts);
        prop_assert_eq!(read(framing, pieces.iter().map(Vec::as_slice)), (expected, 0));
    }

    /// Bytes of any kind: no panic, and the same verdict wherever they are cut.
    #[test]
    fn garbage_never_panics(
        framing in framing(),
        garbage in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(prop::sample::select(b"0001239-+ x\0".to_vec()), 0..300),
        ],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let pieces = pieces(&garbage, &cuts);
        let cut = read(framing, pieces.iter().map(Vec::as_slice));
        prop_assert_eq!(cut, read(framing, [&garbage[..]]));
    }

    #[test]
    fn headers_of_garbage_never_panic(mut data in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Tpdu::read(&data).is_some(), data.len() >= tpdu::BYTES);
        let whole = data.len() >= station::BYTES && data[0] == 46;
        prop_assert_eq!(StationHeader::read(&data).is_some(), whole);
        if data.len() > tpdu::BYTES {
            data[tpdu::BYTES..].iter_mut().zip(b"LRI\0\x1c").for_each(|(byte, head)| *byte = *head);
        }
        let monitored = DialMonitoring::read(&data);
        prop_assert_eq!(monitored.as_ref().is_some_and(|found| found.lri.is_some()), data.len() >= 38);
        prop_assert!(monitored.is_none_or(|found| found.end <= data.len()));
    }

    /// A four-digit prefix means what a plain parser that takes digits only says it means.
    #[test]
    fn digits_mean_what_they_say(head in prop_oneof![any::<[u8; 4]>(), prop::array::uniform4(b'0'..=b':')]) {
        let expected = std::str::from_utf8(&head)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .map(|text| text.parse::<usize>().expect("four digits"));
        prop_assert_eq!(Prefix::Ascii4.read(&head).ok(), expected);
    }
}
