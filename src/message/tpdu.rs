//! TPDU: the five bytes in front of a terminal's message, and the dial-monitoring blocks that may
//! stand behind it.
//!
//! | offset | bytes | content |
//! |---|---|---|
//! | 0 | 1 | id, usually `60` |
//! | 1 | 2 | destination: the host's NII in a request |
//! | 3 | 2 | source: the terminal's address, or a number of a NAC or switch on the way |

use std::ops::Range;

/// Bytes of a TPDU.
pub const BYTES: usize = 5;

/// Offset of the destination address within the data of a frame.
pub const DESTINATION: usize = 1;

/// Offset of the source address within the data of a frame.
pub const SOURCE: usize = 3;

/// The TPDU at the front of a frame's data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tpdu {
    pub id: u8,
    pub destination: u16,
    pub source: u16,
}

impl Tpdu {
    /// Reads the TPDU; `None` if the data is shorter than one.
    #[inline]
    pub fn read(data: &[u8]) -> Option<Self> {
        let head = data.first_chunk::<BYTES>()?;
        Some(Self {
            id: head[0],
            destination: u16::from_be_bytes([head[1], head[2]]),
            source: u16::from_be_bytes([head[3], head[4]]),
        })
    }
}

/// Puts `address` at [`DESTINATION`] or [`SOURCE`] of a frame's data; no other byte changes.
///
/// # Panics
/// If `at` is neither, or the data is shorter than a TPDU.
#[inline]
pub fn write_address(data: &mut [u8], at: usize, address: u16) {
    assert!(at == DESTINATION || at == SOURCE, "an address stands at 1 or at 3");
    let head = data.first_chunk_mut::<BYTES>().expect("a TPDU was read from this data");
    head[at..at + 2].copy_from_slice(&address.to_be_bytes());
}

/// Where the dial-monitoring blocks of a request lie in the data of its frame (`MC6-5.3`). Each
/// may be absent; they come in this order and pass untouched, and hosts strip them.
///
/// The phone numbers are personal data: `explain` may show them, nothing else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialMonitoring {
    pub lri: Option<LineBlock>,
    /// The whole block, its head included.
    pub lli: Option<Range<usize>>,
    /// The whole block, its head included.
    pub lui: Option<Range<usize>>,
    /// Where the message goes on.
    pub end: usize,
}

/// The parts of an LRI block: who called, which number, over which node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineBlock {
    /// ANI: 8 bytes of BCD digits, right-aligned, zeros on the left.
    pub caller: Range<usize>,
    /// DNIS, in the same form.
    pub called: Range<usize>,
    /// 12 bytes: `58 0009` { `49 0006` node }.
    pub tail: Range<usize>,
}

/// Three letters and the number of bytes that follow, two bytes.
const BLOCK_HEAD: usize = 5;
const LRI: [u8; BLOCK_HEAD] = *b"LRI\x00\x1c";
const LLI: [u8; BLOCK_HEAD] = *b"LLI\x00\x1c";
const LUI: [u8; BLOCK_HEAD] = *b"LUI\x00\x23";

impl DialMonitoring {
    /// Finds the blocks behind the TPDU; `None` if there is none. A block that the data cannot
    /// hold whole is none.
    pub fn read(data: &[u8]) -> Option<Self> {
        let mut end = BYTES;
        let mut take = |head: [u8; BLOCK_HEAD]| {
            let block = block(data, end, head)?;
            end = block.end;
            Some(block)
        };
        let (lri, lli, lui) = (take(LRI), take(LLI), take(LUI));
        let lri = lri.map(|block| {
            let at = block.start + BLOCK_HEAD;
            LineBlock { caller: at..at + 8, called: at + 8..at + 16, tail: at + 16..block.end }
        });
        (end > BYTES).then_some(Self { lri, lli, lui, end })
    }
}

/// The block with this head at `at`, if one stands there.
fn block(data: &[u8], at: usize, head: [u8; BLOCK_HEAD]) -> Option<Range<usize>> {
    let end = at + BLOCK_HEAD + usize::from(u16::from_be_bytes([head[3], head[4]]));
    (data.len() >= end && data[at..].starts_with(&head)).then_some(at..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TPDU, blocks with this many bytes behind each head, and `more` bytes.
    fn request(blocks: &[([u8; BLOCK_HEAD], usize)], more: usize) -> Vec<u8> {
        let mut data = vec![0x60, 0, 3, 0, 0];
        for (head, bytes) in blocks {
            data.extend_from_slice(head);
            data.resize(data.len() + bytes, 0xd0);
        }
        data.resize(data.len() + more, 0x02);
        data
    }

    #[test]
    fn a_tpdu_is_read_from_five_bytes_and_no_fewer() {
        let tpdu = Tpdu { id: 0x60, destination: 0x01f1, source: 0x8003 };
        assert_eq!(Tpdu::read(&[0x60, 0x01, 0xf1, 0x80, 0x03]), Some(tpdu));
        for len in 0..BYTES {
            assert_eq!(Tpdu::read(&[0x60; BYTES][..len]), None);
        }
    }

    #[test]
    fn an_address_changes_two_bytes() {
        let mut data = *b"\x60\x00\x03\x00\x00\x02\x00";
        write_address(&mut data, SOURCE, 0xfffe);
        assert_eq!(&data, b"\x60\x00\x03\xff\xfe\x02\x00");
        write_address(&mut data, DESTINATION, 0x0525);
        assert_eq!(&data, b"\x60\x05\x25\xff\xfe\x02\x00");
    }

    #[test]
    #[should_panic(expected = "at 1 or at 3")]
    fn an_address_has_two_places_only() {
        write_address(&mut [0; BYTES], 2, 7);
    }

    #[test]
    fn a_message_at_once_behind_the_tpdu_has_no_blocks() {
        assert_eq!(DialMonitoring::read(&request(&[], 40)), None);
        assert_eq!(DialMonitoring::read(&[]), None);
        assert_eq!(DialMonitoring::read(&[0x60]), None);
    }

    #[test]
    fn the_parts_of_an_lri_block() {
        let found = DialMonitoring::read(&request(&[(LRI, 28)], 6)).expect("a block");
        assert_eq!(found.lri, Some(LineBlock { caller: 10..18, called: 18..26, tail: 26..38 }));
        assert_eq!((found.lli, found.lui, found.end), (None, None, 38));
    }

    #[test]
    fn all_three_blocks_or_any_of_them_in_their_order() {
        let all = DialMonitoring::read(&request(&[(LRI, 28), (LLI, 28), (LUI, 35)], 6)).expect("blocks");
        assert_eq!((all.lli, all.lui, all.end), (Some(38..71), Some(71..111), 111));
        let last = DialMonitoring::read(&request(&[(LUI, 35)], 0)).expect("a block");
        assert_eq!((last.lri, last.lui, last.end), (None, Some(5..45), 45));
        // Out of order: what follows the second of the order is the message's.
        let turned = DialMonitoring::read(&request(&[(LLI, 28), (LRI, 28)], 0)).expect("a block");
        assert_eq!((turned.lri, turned.end), (None, 38));
    }

    #[test]
    fn a_block_that_is_cut_short_or_of_another_length_is_none() {
        let whole = request(&[(LRI, 28)], 0);
        for len in 0..whole.len() {
            assert_eq!(DialMonitoring::read(&whole[..len]), None, "{len} bytes");
        }
        assert_eq!(DialMonitoring::read(&request(&[(*b"LRI\x00\x1d", 29)], 0)), None);
    }
}
