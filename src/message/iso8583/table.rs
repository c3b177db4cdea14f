//! The formats of fields 2 to 42, and the fields that make a key.

use super::{Align, Base, CLASS_NETWORK, Content, Extent, Format, TABLE_MAX};

const RIGHT: Content = Content::Digits(Align::Right);
const LEFT: Content = Content::Digits(Align::Left);

impl Base {
    /// The format that the standard gives a field; `None` above 42.
    pub const fn format(self, field: u8) -> Option<Format> {
        let (extent, content) = match field {
            2 | 32 | 33 => (Extent::Ll, LEFT),
            3 | 11 | 12 => (Extent::Fixed(6), RIGHT),
            4..=6 => (Extent::Fixed(12), RIGHT),
            7 => (Extent::Fixed(10), RIGHT),
            8..=10 => (Extent::Fixed(8), RIGHT),
            13..=18 => (Extent::Fixed(4), RIGHT),
            // Terminals write the entry mode `021` as `02 10`, the other codes of three digits as `0 021`.
            22 => (Extent::Fixed(3), LEFT),
            19..=24 => (Extent::Fixed(3), RIGHT),
            25 | 26 => (Extent::Fixed(2), RIGHT),
            27 => (Extent::Fixed(1), RIGHT),
            28..=31 => (Extent::Fixed(9), Content::Signed),
            34 => (Extent::Ll, Content::Bytes),
            35 => (Extent::Ll, LEFT),
            36 => (Extent::Lll, LEFT),
            37 => (Extent::Fixed(12), Content::Bytes),
            38 => (Extent::Fixed(6), Content::Bytes),
            39 => (Extent::Fixed(2), Content::Bytes),
            40 => (Extent::Fixed(3), Content::Bytes),
            41 => (Extent::Fixed(8), Content::Bytes),
            TABLE_MAX => (Extent::Fixed(15), Content::Bytes),
            _ => return None,
        };
        Some(Format { extent, content })
    }

    /// The key of messages of this class, unless another is configured.
    pub const fn key(self, class: u8) -> &'static [u8] {
        match (self, class) {
            (Self::Cups | Self::Hex, CLASS_NETWORK) => &[7, 11],
            (Self::Cups | Self::Hex, _) => &[7, 11, 32, 33],
            (Self::Pos, _) => &[11, 41, 42],
        }
    }
}
