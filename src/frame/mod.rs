//! Where a message begins and ends: the two length prefixes of the standards.

#![forbid(unsafe_code)]

mod ascii4;
mod bin2;
mod scan;

pub use scan::{Scan, scan};

use crate::reason::Malformed;

/// How the length of a frame is written in front of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Prefix {
    /// Two bytes, binary, big-endian (`MC6-5.2`).
    Bin2,
    /// Four ASCII digits, padded with `0` on the left (`MP1-4.5.4`, `MC6-5.2b`).
    Ascii4,
}

impl Prefix {
    /// Bytes of the prefix itself; the length never counts them.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bin2 => bin2::BYTES,
            Self::Ascii4 => ascii4::BYTES,
        }
    }

    /// The largest length the prefix can express.
    pub const fn limit(self) -> usize {
        match self {
            Self::Bin2 => bin2::LIMIT,
            Self::Ascii4 => ascii4::LIMIT,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Bin2 => "bin2",
            Self::Ascii4 => "ascii4",
        }
    }

    /// Reads a length from the first [`Prefix::bytes`] of `head`.
    ///
    /// # Errors
    /// [`Malformed::LengthDigits`] if a four-digit prefix holds anything but `0`-`9`.
    ///
    /// # Panics
    /// If `head` is shorter than the prefix.
    #[inline]
    pub fn read(self, head: &[u8]) -> Result<usize, Malformed> {
        match self {
            Self::Bin2 => Ok(bin2::read(*head.first_chunk().expect("a whole prefix"))),
            Self::Ascii4 => ascii4::read(*head.first_chunk().expect("a whole prefix")),
        }
    }

    /// Writes `length` into the first [`Prefix::bytes`] of `head`.
    ///
    /// # Panics
    /// If `length` is above [`Prefix::limit`] (whoever forwards checks the receiving side's `max`),
    /// or `head` is shorter than the prefix.
    #[inline]
    pub fn write(self, length: usize, head: &mut [u8]) {
        match self {
            Self::Bin2 => bin2::write(length, head),
            Self::Ascii4 => ascii4::write(length, head),
        }
    }

    /// A probe: a frame of length zero (`MP1-4.5.5`, `MC6-5.4`).
    pub const fn probe(self) -> &'static [u8] {
        match self {
            Self::Bin2 => &[0, 0],
            Self::Ascii4 => b"0000",
        }
    }
}

/// The framing of one line: its prefix and the most data bytes a frame may carry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Framing {
    pub prefix: Prefix,
    /// Data bytes, without the prefix; at most [`Prefix::limit`].
    pub max: u16,
}

impl Framing {
    /// Bytes of the largest frame, prefix included.
    pub const fn frame_bytes_max(self) -> usize {
        self.prefix.bytes() + self.max as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_a_length_of_zero() {
        for prefix in [Prefix::Bin2, Prefix::Ascii4] {
            assert_eq!(prefix.probe().len(), prefix.bytes());
            assert_eq!(prefix.read(prefix.probe()), Ok(0));
        }
    }

    #[test]
    fn the_limits_are_the_largest_lengths_that_can_be_written() {
        for prefix in [Prefix::Bin2, Prefix::Ascii4] {
            let mut head = [0; 4];
            prefix.write(prefix.limit(), &mut head);
            assert_eq!(prefix.read(&head), Ok(prefix.limit()));
        }
        let largest = Framing { prefix: Prefix::Bin2, max: u16::MAX };
        assert_eq!(largest.frame_bytes_max(), crate::limits::FRAME_BYTES_MAX);
    }

    #[test]
    fn writing_a_prefix_leaves_what_follows_alone() {
        let mut head = *b"........";
        Prefix::Bin2.write(0x0102, &mut head);
        assert_eq!(&head, b"\x01\x02......");
        Prefix::Ascii4.write(200, &mut head);
        assert_eq!(&head, b"0200....");
    }
}
