//! One step of cutting a stream into frames.

use super::{Framing, Prefix, ascii4, bin2};
use crate::reason::Malformed;

/// What stands at the front of some received bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scan {
    /// A whole frame of `data` data bytes (never zero) behind its prefix.
    Frame { data: usize },
    /// A whole probe.
    Probe,
    /// The beginning of a frame, or nothing. `needed` is the length of the whole frame, prefix
    /// included, once the prefix can be read, else the length of the prefix.
    Part { needed: usize },
    /// No frame can begin with these bytes; the stream cannot be followed further.
    Malformed(Malformed),
}

/// Looks at the front of `bytes` and says what stands there.
///
/// Bytes behind the frame are not looked at, and the verdict about a stream does not depend on
/// where the network cut it: more bytes turn a `Part` into something else, and nothing else changes.
#[inline]
pub fn scan(framing: Framing, bytes: &[u8]) -> Scan {
    match framing.prefix {
        Prefix::Bin2 => match bytes.first_chunk() {
            Some(head) => judge(bin2::BYTES, bin2::read(*head), framing.max, bytes.len()),
            None => Scan::Part { needed: bin2::BYTES },
        },
        Prefix::Ascii4 => match bytes.first_chunk() {
            Some(head) => match ascii4::read(*head) {
                Ok(data) => judge(ascii4::BYTES, data, framing.max, bytes.len()),
                Err(reason) => Scan::Malformed(reason),
            },
            None => begun_digits(bytes),
        },
    }
}

/// What a frame of `data` bytes is, of which `there` bytes have come, prefix included.
#[inline(always)]
fn judge(prefix: usize, data: usize, max: u16, there: usize) -> Scan {
    // Before the question whether it is whole: a length past the limit is never waited for.
    if data > usize::from(max) {
        return Scan::Malformed(Malformed::LengthLimit);
    }
    let needed = prefix + data;
    if there < needed {
        return Scan::Part { needed };
    }
    if data == 0 { Scan::Probe } else { Scan::Frame { data } }
}

/// A wrong first digit is refused before the rest of the prefix has come.
#[cold]
fn begun_digits(bytes: &[u8]) -> Scan {
    if ascii4::may_begin(bytes) {
        Scan::Part { needed: ascii4::BYTES }
    } else {
        Scan::Malformed(Malformed::LengthDigits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: Framing = Framing { prefix: Prefix::Bin2, max: 2_048 };
    const CHANNEL: Framing = Framing { prefix: Prefix::Ascii4, max: 9_999 };
    const INSTITUTION: Framing = Framing { prefix: Prefix::Ascii4, max: 2_044 };

    #[test]
    fn nothing_is_the_beginning_of_a_prefix() {
        assert_eq!(scan(TERMINAL, b""), Scan::Part { needed: 2 });
        assert_eq!(scan(CHANNEL, b""), Scan::Part { needed: 4 });
    }

    #[test]
    fn what_follows_a_frame_is_not_looked_at() {
        assert_eq!(scan(TERMINAL, b"\x00\x02ab\xff\xff"), Scan::Frame { data: 2 });
        assert_eq!(scan(CHANNEL, b"0002ab-001"), Scan::Frame { data: 2 });
        assert_eq!(scan(TERMINAL, b"\x00\x00\xff"), Scan::Probe);
        assert_eq!(scan(CHANNEL, b"0000-"), Scan::Probe);
    }

    #[test]
    fn a_part_says_how_long_the_whole_will_be() {
        assert_eq!(scan(TERMINAL, b"\x01"), Scan::Part { needed: 2 });
        assert_eq!(scan(TERMINAL, b"\x01\x00abc"), Scan::Part { needed: 258 });
        assert_eq!(scan(CHANNEL, b"020"), Scan::Part { needed: 4 });
        assert_eq!(scan(CHANNEL, b"0200"), Scan::Part { needed: 204 });
    }

    #[test]
    fn a_length_past_the_limit_is_refused_at_once() {
        assert_eq!(scan(TERMINAL, &2_048u16.to_be_bytes()), Scan::Part { needed: 2_050 });
        assert_eq!(scan(TERMINAL, &2_049u16.to_be_bytes()), Scan::Malformed(Malformed::LengthLimit));
        assert_eq!(scan(INSTITUTION, b"2044"), Scan::Part { needed: 2_048 });
        assert_eq!(scan(INSTITUTION, b"2045"), Scan::Malformed(Malformed::LengthLimit));
        assert_eq!(scan(CHANNEL, b"9999"), Scan::Part { needed: 10_003 });
    }

    #[test]
    fn a_wrong_digit_is_refused_before_the_prefix_is_whole() {
        for begun in [&b"-"[..], b"+0", b" 1", b"0x", b"\0", b"12 "] {
            assert_eq!(scan(CHANNEL, begun), Scan::Malformed(Malformed::LengthDigits), "{begun:02x?}");
        }
    }
}
