//! ISO 8583: version, class and key fields of a message, read as far as needed and no further.
//!
//! A message is a type of four digits `vcfo` (version, class, function, origin), a bitmap that says
//! which fields follow, and these fields in their order, without names. To come to a key field, the
//! lengths of those before it must be known, and nothing else of them: [`Format`] says so, for each
//! [`Base`] and as configured. Reading ends with the last key field that the message has.
//!
//! An answer has an odd function; its request has the same type with the function one lower. Both
//! yield the same [`Key`]: version, class, that function, and the key fields that they carry. The
//! origin is left out, since 0401 repeats 0400; version and class are always in, since a reversal
//! carries its original's trace number. jPOS' `QMUX` and its kin match in the same way, by the type
//! and fields 11 and 41.

mod compile;
mod format;
mod outline;
mod read;
mod table;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::quality::FixedState;

pub use compile::{KeyFault, Setting};
pub use format::{Align, Content, Extent, Format, NoFormat};
pub use outline::{Outline, OutlinedField};

/// The highest field that a message can have.
pub const FIELD_MAX: u8 = 128;

/// The first field that can be a key or have a format: 1 is the second bitmap.
pub const FIELD_MIN: u8 = 2;

/// The field up to which every dialect knows the formats.
pub const TABLE_MAX: u8 = 42;

/// The field that most keys rest on: the system trace audit number.
pub const TRACE_NUMBER: u8 = 11;

/// How a family of members writes its messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Base {
    /// Between institutions: type and fields in ASCII, the bitmap binary. Key 7, 11, 32, 33; of
    /// network messages (class 8) 7, 11.
    Cups,
    /// From terminals: digits packed two a byte. Key 11, 41, 42.
    Pos,
    /// As `Cups`, but the bitmap is written in hexadecimal digits.
    Hex,
}

impl Base {
    pub const ALL: [Self; 3] = [Self::Cups, Self::Pos, Self::Hex];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cups => "cups",
            Self::Pos => "pos",
            Self::Hex => "hex",
        }
    }

    /// Whether digits are packed two a byte, lengths too.
    const fn packs(self) -> bool {
        matches!(self, Self::Pos)
    }

    const fn bitmap(self) -> Bitmap {
        match self {
            Self::Cups | Self::Pos => Bitmap::Binary,
            Self::Hex => Bitmap::Hex,
        }
    }
}

/// How a bitmap is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bitmap {
    /// 8 bytes, or 16.
    Binary,
    /// 16 hexadecimal digits, or 32.
    Hex,
}

/// What one member's messages look like, made once for each plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dialect {
    /// Bytes before the message type.
    skip: u16,
    packs: bool,
    bitmap: Bitmap,
    /// The key fields, one bit a field.
    key: Fields,
    /// The same for network messages.
    network_key: Fields,
    /// By field, as far as the last key field.
    steps: Box<[Step]>,
}

impl Dialect {
    /// The family that it is of.
    pub const fn base(&self) -> Base {
        match (self.packs, self.bitmap) {
            (true, _) => Base::Pos,
            (false, Bitmap::Binary) => Base::Cups,
            (false, Bitmap::Hex) => Base::Hex,
        }
    }

    /// Bytes before the message type.
    pub const fn skip(&self) -> u16 {
        self.skip
    }
}

/// A set of fields, laid out as two bitmaps: field 1 is the highest bit, 128 the lowest.
type Fields = u128;

/// The place of a field in [`Fields`].
const fn bit(field: u8) -> Fields {
    1 << (FIELD_MAX - field)
}

/// How to come over a field: its [`Format`] without what only people want to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Unknown,
    /// Always so many bytes.
    Fixed {
        bytes: u16,
        pad: Pad,
    },
    /// A length first, of so many decimal digits.
    Variable {
        length_digits: u8,
        packed: Option<Align>,
    },
}

/// The half byte of a packed field that carries no digit. Encoders fill it as they like, so it
/// must not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pad {
    None,
    First,
    Last,
}

/// What matching needs to know of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    pub kind: Kind,
    pub key: Key,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    Request,
    Answer,
}

/// The hash of version, class, function and key fields: equal for a request and its answer.
/// Holds within one run of the process only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(pub u64);

/// A message type as its four digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageType {
    pub version: u8,
    pub class: u8,
    pub function: u8,
    pub origin: u8,
}

/// The class of network messages: sign-on, line test, key exchange.
pub const CLASS_NETWORK: u8 = 8;

impl MessageType {
    pub const fn kind(self) -> Kind {
        if self.function % 2 == 1 { Kind::Answer } else { Kind::Request }
    }

    /// What a request and its answer have in common.
    const fn common(self) -> u32 {
        self.version as u32 | (self.class as u32) << 8 | (self.function as u32 / 2) << 16
    }
}

/// Makes keys. All shards of a process share one seed, which nobody outside knows: whoever could
/// predict keys could make two messages with the same one.
#[derive(Clone, Debug)]
pub struct KeyMaker(FixedState);

impl KeyMaker {
    pub fn new(seed: u64) -> Self {
        Self(FixedState::with_seed(seed))
    }

    fn begin(&self) -> <FixedState as BuildHasher>::Hasher {
        self.0.build_hasher()
    }
}

/// Why a message has no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// The data ends before what is needed of it.
    Short,
    /// No four digits stand where the message type should.
    MessageType,
    /// No hexadecimal digits where the bitmap should stand.
    Bitmap,
    /// A field's length is not written in digits.
    Length { field: u8 },
    /// A field stands before a key field, and nobody said how long it is.
    Unknown { field: u8 },
    /// The message has none of the key fields, or has them empty.
    KeyMissing,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short => out.write_str("the message ends before its last key field"),
            Self::MessageType => out.write_str("there are no four digits where the message type should stand"),
            Self::Bitmap => out.write_str("there are no hexadecimal digits where the bitmap should stand"),
            Self::Length { field } => write!(out, "the length of field {field} is not written in digits"),
            Self::Unknown { field } => write!(out, "field {field} stands before a key field and its length is unknown"),
            Self::KeyMissing => out.write_str("the message has none of the key fields"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Where a field's content lies in the data.
type Place = Range<usize>;
