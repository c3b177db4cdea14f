//! The frame scanner: a stream says the same however it was cut, and what it says is what a reader
//! written another way says.
//!
//! Input: a byte that chooses the framing, then the stream.

use ringswitch::frame::{Framing, Prefix, Scan, scan};
use ringswitch::reason::Malformed;

const FRAMINGS: [Framing; 5] = [
    Framing { prefix: Prefix::Bin2, max: 2_048 },
    Framing { prefix: Prefix::Ascii4, max: 9_999 },
    Framing { prefix: Prefix::Ascii4, max: 2_044 },
    Framing { prefix: Prefix::Bin2, max: u16::MAX },
    Framing { prefix: Prefix::Ascii4, max: 1 },
];

/// Streams up to this long are cut everywhere, longer ones at so many places.
const CUTS_MAX: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Item {
    /// Where its data begins in the stream, and how long it is.
    Frame(usize, usize),
    Probe,
    Malformed(Malformed),
}

pub fn run(input: &[u8]) {
    let Some((choice, stream)) = input.split_first() else { return };
    let framing = FRAMINGS[usize::from(*choice) % FRAMINGS.len()];
    let whole = read(framing, [stream]);
    assert_eq!(whole, reread(framing, stream), "the scanner and the plain reader disagree");
    let step = stream.len() / CUTS_MAX + 1;
    for cut in (0..=stream.len()).step_by(step) {
        let (front, back) = stream.split_at(cut);
        assert_eq!(read(framing, [front, back]), whole, "{framing:?} cut at {cut}");
    }
    assert_eq!(read(framing, stream.chunks(1)), whole, "{framing:?} byte by byte");
}

/// The items of a stream that comes in these pieces, and how many bytes of it are no item yet.
fn read<'a>(framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Item>, usize) {
    let (mut stream, mut at, mut items) = (Vec::new(), 0, Vec::new());
    for piece in pieces {
        stream.extend_from_slice(piece);
        loop {
            let prefix = framing.prefix.bytes();
            match scan(framing, &stream[at..]) {
                Scan::Frame { data } => {
                    assert!((1..=usize::from(framing.max)).contains(&data), "{data} data bytes");
                    items.push(Item::Frame(at + prefix, data));
                    at += prefix + data;
                }
                Scan::Probe => {
                    items.push(Item::Probe);
                    at += prefix;
                }
                Scan::Part { needed } => {
                    assert!(needed > stream.len() - at, "a part that is whole");
                    assert!(needed <= framing.frame_bytes_max(), "a part that can never be whole");
                    break;
                }
                Scan::Malformed(reason) => {
                    items.push(Item::Malformed(reason));
                    return (items, 0); // the connection is closed
                }
            }
            assert!(at <= stream.len(), "a frame past the end of what is there");
        }
    }
    (items, stream.len() - at)
}

/// The standards' text once more, as slowly as can be.
fn reread(framing: Framing, stream: &[u8]) -> (Vec<Item>, usize) {
    let (mut at, mut items) = (0, Vec::new());
    loop {
        let rest = &stream[at..];
        let head = &rest[..rest.len().min(framing.prefix.bytes())];
        if framing.prefix == Prefix::Ascii4 && head.iter().any(|byte| !byte.is_ascii_digit()) {
            items.push(Item::Malformed(Malformed::LengthDigits));
            return (items, 0);
        }
        if head.len() < framing.prefix.bytes() {
            return (items, rest.len());
        }
        let data = match framing.prefix {
            Prefix::Bin2 => usize::from(head[0]) << 8 | usize::from(head[1]),
            Prefix::Ascii4 => head.iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0')),
        };
        if data > usize::from(framing.max) {
            items.push(Item::Malformed(Malformed::LengthLimit));
            return (items, 0);
        }
        if rest.len() < head.len() + data {
            return (items, rest.len());
        }
        items.push(if data == 0 { Item::Probe } else { Item::Frame(at + head.len(), data) });
        at += head.len() + data;
    }
}
