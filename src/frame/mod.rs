//! Where a message begins and ends: the two length prefixes of the standards.

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
    pub fn read(self, head: &[u8]) -> Result<usize, Malformed> {
        match self {
            Self::Bin2 => Ok(bin2::read(head)),
            Self::Ascii4 => ascii4::read(head),
        }
    }

    /// Writes `length` into the first [`Prefix::bytes`] of `head`.
    ///
    /// # Panics
    /// If `length` is above [`Prefix::limit`]: whoever forwards checks the receiving side's `max`.
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
