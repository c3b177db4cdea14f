//! What tells an answer from one to an earlier request under the same number: trace number and
//! terminal of an ISO 8583 message (fields 11 and 41), hashed. Read only where `guard = true`.
//!
//! Behind the TPDU and the dial-monitoring blocks stands a 6-byte head (it begins with `60` to
//! `68`, which no message type does) or the message at once: type, bitmap, fields; BCD. Reading
//! stops at field 41.

use super::tpdu::{self, DialMonitoring};

/// First bytes of the head that stands in front of most messages.
const HEAD_CLASSES: std::ops::RangeInclusive<u8> = 0x60..=0x68;
const HEAD_BYTES: usize = 6;
const TYPE_BYTES: usize = 2;
const BITMAP_BYTES: usize = 8;

const TRACE: u32 = 11;
const TERMINAL: u32 = 41;

/// How a field's length is known.
#[derive(Clone, Copy)]
enum Length {
    /// So many bytes.
    Fixed(u8),
    /// Two BCD digits, then as many digits, two a byte.
    Digits2,
    /// Three BCD digits in two bytes, then as many characters.
    Bytes3,
}

use Length::{Bytes3, Digits2, Fixed};

/// Fields 2 to 41 in BCD; an odd number of digits takes the next whole byte.
#[rustfmt::skip]
const FIELDS: [Length; 40] = [
    Digits2, Fixed(3), Fixed(6), Fixed(6), Fixed(6), Fixed(5), Fixed(4), Fixed(4), Fixed(4), Fixed(3), // 2-11
    Fixed(3), Fixed(2), Fixed(2), Fixed(2), Fixed(2), Fixed(2), Fixed(2), Fixed(2), Fixed(2), Fixed(2), // 12-21
    Fixed(2), Fixed(2), Fixed(2), Fixed(1), Fixed(1), Fixed(1), Fixed(5), Fixed(5), Fixed(5), Fixed(5), // 22-31
    Digits2, Digits2, Digits2, Digits2, Bytes3, Fixed(12), Fixed(6), Fixed(2), Fixed(3), Fixed(8), // 32-41
];

/// The hash of the trace number and the terminal in a frame's data, TPDU included; 0 if the message
/// has not both, or cannot be read: then it is not checked. Never 0 otherwise.
pub fn hash(data: &[u8]) -> u32 {
    read(data).map_or(0, |(trace, terminal)| hash_of(trace, terminal))
}

fn read(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = DialMonitoring::read(data).map_or(tpdu::BYTES, |blocks| blocks.end);
    let mut rest = data.get(start..)?;
    if HEAD_CLASSES.contains(rest.first()?) {
        rest = rest.get(HEAD_BYTES..)?;
    }
    let mut rest = rest.get(TYPE_BYTES..)?;
    let bits = u64::from_be_bytes(*rest.first_chunk::<BITMAP_BYTES>()?);
    let has = |field: u32| bits >> (64 - field) & 1 == 1;
    if !has(TRACE) || !has(TERMINAL) {
        return None;
    }
    let bitmaps = if has(1) { 2 * BITMAP_BYTES } else { BITMAP_BYTES };
    rest = rest.get(bitmaps..)?;
    let mut trace = None;
    for (field, length) in (2..).zip(FIELDS) {
        if !has(field) {
            continue;
        }
        let value = take(&mut rest, length)?;
        match field {
            TRACE => trace = Some(value),
            TERMINAL => return Some((trace?, value)),
            _ => {}
        }
    }
    None
}

/// The field at the front of `rest`, and `rest` behind it.
fn take<'a>(rest: &mut &'a [u8], length: Length) -> Option<&'a [u8]> {
    let (head, bytes) = match length {
        Fixed(bytes) => (0, usize::from(bytes)),
        Digits2 => (1, decimal(*rest.first()?)?.div_ceil(2)),
        Bytes3 => (2, decimal(*rest.first()?)? * 100 + decimal(*rest.get(1)?)?),
    };
    let value = rest.get(head..head + bytes)?;
    *rest = &rest[head + bytes..];
    Some(value)
}

/// Two BCD digits.
fn decimal(byte: u8) -> Option<usize> {
    let (tens, ones) = (usize::from(byte >> 4), usize::from(byte & 15));
    (tens < 10 && ones < 10).then_some(tens * 10 + ones)
}

/// FNV-1a over eleven bytes, folded: cheap, and two transactions of one terminal never agree by
/// their trace numbers alone, which differ in their last digits.
fn hash_of(trace: &[u8], terminal: &[u8]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in trace.iter().chain(terminal) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    ((hash >> 32) as u32 ^ hash as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(name: &str) -> Vec<u8> {
        let text = include_str!("../../tests/data/vectors.txt");
        let line = text.lines().find(|line| line.starts_with(&format!("{name} |"))).expect("a vector");
        let digits = line.rsplit(" | ").next().expect("its bytes");
        let prefix = if line.contains("bin2") { 2 } else { 0 };
        (prefix..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hex")).collect()
    }

    /// Fields 3, 11 and 41 behind a TPDU.
    fn message(between: &[u8], trace: u8, terminal: &[u8; 8]) -> Vec<u8> {
        let mut data = b"\x60\x00\x03\x00\x00".to_vec();
        data.extend_from_slice(between);
        data.extend_from_slice(b"\x02\x00\x20\x20\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00");
        data.push(trace);
        data.extend_from_slice(terminal);
        data
    }

    #[test]
    fn a_published_request_and_its_answer_agree() {
        let (request, answer) = (vector("P6"), vector("P7"));
        assert_eq!(read(&request), Some((&b"\x00\x00\x01"[..], &b"10000159"[..])));
        assert_eq!(read(&answer), read(&request), "behind a field of variable length, too");
        assert_ne!(hash(&request), 0);
        assert_ne!(hash(&request), hash(&vector("P8")));
    }

    #[test]
    fn a_message_without_both_is_not_checked() {
        for name in ["P1", "P2", "L1", "L2", "P16"] {
            assert_eq!(hash(&vector(name)[if name == "L1" { 4 } else { 0 }..]), 0, "{name}");
        }
        assert_eq!(hash(b""), 0);
    }

    #[test]
    fn the_message_is_found_behind_head_and_dial_monitoring() {
        let plain = hash(&message(b"", 7, b"TERM0001"));
        let head = b"\x60\x31\x00\x31\x01\x00";
        let mut blocks = b"LRI\x00\x1c".to_vec();
        blocks.extend_from_slice(&[0x60; 28]);
        assert_eq!(hash(&message(head, 7, b"TERM0001")), plain);
        assert_eq!(hash(&message(&blocks, 7, b"TERM0001")), plain);
        assert_eq!(hash(&message(&[&blocks[..], head].concat(), 7, b"TERM0001")), plain);
        assert_ne!(hash(&message(b"", 8, b"TERM0001")), plain);
        assert_ne!(hash(&message(b"", 7, b"TERM0002")), plain);
    }

    #[test]
    fn a_message_that_is_cut_short_is_not_checked() {
        let whole = message(b"\x60\x31\x00\x31\x01\x00", 7, b"TERM0001");
        assert_ne!(hash(&whole), 0);
        for len in 0..whole.len() {
            assert_eq!(hash(&whole[..len]), 0, "{len} bytes");
        }
    }
}
