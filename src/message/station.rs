//! The 46-byte station header of institutions: where a frame goes and who sent it.

use std::fmt;

use crate::reason::Rejected;

/// Bytes of the header; its first byte says so too (`2e`).
pub const BYTES: usize = 46;

const VERSION: usize = 1;
const TOTAL: usize = 2;
const DESTINATION: usize = 6;
const SOURCE: usize = 17;
const REJECT: usize = 41;

/// The top bit of the version: a test message.
const TEST_FLAG: u8 = 0x80;

const NO_REJECT: [u8; 5] = *b"00000";

/// A station id: 11 ASCII bytes, left-aligned, blanks behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StationId(pub [u8; 11]);

impl StationId {
    /// The id as configured, without the blanks: 1 to 11 printable ASCII characters.
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let fits = (1..=11).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        if !fits {
            return None;
        }
        let mut id = [b' '; 11];
        id[..bytes.len()].copy_from_slice(bytes);
        Some(Self(id))
    }
}

/// Why the network did not deliver a message: five ASCII digits; `00000` stands for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RejectCode([u8; 5]);

impl RejectCode {
    /// The code as configured: five digits, not all of them `0`.
    pub fn from_text(text: &str) -> Option<Self> {
        let code: [u8; 5] = text.as_bytes().try_into().ok()?;
        (code.iter().all(u8::is_ascii_digit) && code != NO_REJECT).then_some(Self(code))
    }
}

impl fmt::Display for RejectCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(out, "{}", char::from(*digit)))
    }
}

/// What routing reads of a station header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StationHeader {
    pub destination: StationId,
    pub source: StationId,
}

impl StationHeader {
    /// Reads the header; `None` if the data is shorter than one or its first byte is not 46.
    /// The header's own total length is not checked: it is blank-padded, body-only or plainly
    /// wrong in real systems.
    #[inline]
    pub fn read(data: &[u8]) -> Option<Self> {
        let head = data.first_chunk::<BYTES>()?;
        if usize::from(head[0]) != BYTES {
            return None;
        }
        let id = |at: usize| StationId(*head[at..].first_chunk().expect("46 bytes hold both ids"));
        Some(Self { destination: id(DESTINATION), source: id(SOURCE) })
    }
}

/// A station header whose first byte or whose other fields may be wrong, looked at only when its
/// frame cannot be delivered, or by `station_strict`.
#[derive(Clone, Copy, Debug)]
pub struct Doubtful<'a> {
    head: &'a [u8; BYTES],
    /// Data bytes, header included.
    len: usize,
}

impl<'a> Doubtful<'a> {
    /// `None` if the data is shorter than a header.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        Some(Self { head: data.first_chunk()?, len: data.len() })
    }

    pub fn source(&self) -> StationId {
        StationId(*self.head[SOURCE..].first_chunk().expect("46 bytes hold the source"))
    }

    /// A message with a reject code is an answer and never rejected again.
    pub fn is_rejected(&self) -> bool {
        self.head[REJECT..] != NO_REJECT
    }

    /// What `station_strict` finds wrong.
    pub fn fault(&self) -> Option<Rejected> {
        if !self.has_known_version() {
            return Some(Rejected::Version);
        }
        (!self.has_its_total_length()).then_some(Rejected::TotalLength)
    }

    /// 1 or 2, whatever the test flag.
    pub fn has_known_version(&self) -> bool {
        matches!(self.head[VERSION] & !TEST_FLAG, 1 | 2)
    }

    /// Four digits that say how many bytes header and body have.
    pub fn has_its_total_length(&self) -> bool {
        total_length(self.len).is_some_and(|total| self.head[TOTAL..TOTAL + 4] == total)
    }
}

/// The header in front of a message that goes back to its sender: the addresses exchanged, the
/// code, and everything that the sender had in its own header echoed. `None` if the whole would be
/// longer than a total length can say, or the data is shorter than a header.
pub fn rejection(data: &[u8], code: RejectCode) -> Option<[u8; BYTES]> {
    let original: &[u8; BYTES] = data.first_chunk()?;
    let mut head = *original;
    head[0] = BYTES as u8;
    if !matches!(head[VERSION] & !TEST_FLAG, 1 | 2) {
        head[VERSION] = head[VERSION] & TEST_FLAG | 2;
    }
    head[TOTAL..TOTAL + 4].copy_from_slice(&total_length(BYTES + data.len())?);
    head[DESTINATION..SOURCE].copy_from_slice(&original[SOURCE..SOURCE + 11]);
    head[SOURCE..SOURCE + 11].copy_from_slice(&original[DESTINATION..SOURCE]);
    head[REJECT..].copy_from_slice(&code.0);
    Some(head)
}

fn total_length(bytes: usize) -> Option<[u8; 4]> {
    let mut digits = [0; 4];
    let mut rest = bytes;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    (rest == 0).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(destination: &str, source: &str) -> Vec<u8> {
        format!("\x2e\x020046{destination:<11}{source:<11}000\x00{:0>14}", "").into_bytes()
    }

    #[test]
    fn both_ids_are_read_with_their_blanks() {
        let data = header("00010344", "12345678901");
        assert_eq!(data.len(), BYTES);
        let header = StationHeader::read(&data).expect("a header");
        assert_eq!(header.destination, StationId(*b"00010344   "));
        assert_eq!(header.source, StationId(*b"12345678901"));
        assert_eq!(Some(header.destination), StationId::from_text("00010344"));
    }

    #[test]
    fn a_header_is_46_bytes_and_says_so() {
        let mut data = header("A", "B");
        for len in 0..BYTES {
            assert_eq!(StationHeader::read(&data[..len]), None, "{len} bytes");
        }
        data[0] = 45;
        assert_eq!(StationHeader::read(&data), None);
    }

    #[test]
    fn the_total_length_is_nobodys_business() {
        let mut data = header("A", "B");
        for total in [b"207 ", b"\0\0\0\0", b"9999"] {
            data[2..6].copy_from_slice(total);
            assert!(StationHeader::read(&data).is_some(), "{total:02x?}");
        }
    }

    #[test]
    fn a_configured_id_has_1_to_11_characters_and_no_blank() {
        assert_eq!(StationId::from_text("12345678901"), Some(StationId(*b"12345678901")));
        for text in ["", "123456789012", "1 2", " 12", "12 ", "1\t", "站"] {
            assert_eq!(StationId::from_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_reject_code_is_five_digits_and_says_something() {
        assert_eq!(RejectCode::from_text("00045").map(|code| code.to_string()).as_deref(), Some("00045"));
        for text in ["00000", "45", "000450", "0004x", "", "+0045"] {
            assert_eq!(RejectCode::from_text(text), None, "{text:?}");
        }
    }

    /// Vector R1 was made from C1, and by nobody's program but by hand.
    #[test]
    fn a_rejection_is_the_published_one() {
        let (original, rejected) = (vector("C1"), vector("R1"));
        let head = rejection(&original, RejectCode::from_text("00035").unwrap()).expect("it fits");
        assert_eq!([&head[..], &original].concat(), rejected);
        assert!(Doubtful::read(&rejected).unwrap().is_rejected());
        assert!(!Doubtful::read(&original).unwrap().is_rejected());
    }

    #[test]
    fn a_rejection_is_sound_where_the_original_was_not_and_echoes_the_rest() {
        let mut data = header("A", "B");
        data[..6].copy_from_slice(b"\x2d\x8312  ");
        data[28..41].copy_from_slice(b"rrrbtttttttti");
        let head = rejection(&data, RejectCode::from_text("00015").unwrap()).expect("it fits");
        assert_eq!(&head[..6], b"\x2e\x820092");
        assert_eq!(StationHeader::read(&head).map(|head| head.destination), StationId::from_text("B"));
        assert_eq!(&head[28..], b"rrrbtttttttti00015");
        let doubtful = Doubtful::read(&data).unwrap();
        assert!(!doubtful.has_known_version() && !doubtful.has_its_total_length());
    }

    #[test]
    fn the_total_length_has_four_digits() {
        let mut data = header("A", "B");
        for (len, digits) in [(46, Some(b"0046")), (9_999, Some(b"9999")), (10_000, None)] {
            data.resize(len, 0);
            if let Some(digits) = digits {
                data[2..6].copy_from_slice(digits);
            }
            assert_eq!(Doubtful::read(&data).unwrap().has_its_total_length(), digits.is_some(), "{len}");
        }
        data.truncate(9_954);
        assert!(rejection(&data, RejectCode(*b"00035")).is_none(), "10,000 bytes with its new header");
        data.truncate(9_953);
        assert!(rejection(&data, RejectCode(*b"00035")).is_some());
    }

    fn vector(name: &str) -> Vec<u8> {
        let text = include_str!("../../tests/data/vectors.txt");
        let line = text.lines().find(|line| line.starts_with(&format!("{name} |"))).expect("a vector");
        let digits = line.rsplit(" | ").next().expect("its bytes");
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hex")).collect()
    }
}
