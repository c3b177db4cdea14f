//! From the data of a frame to its key. Nothing is copied or allocated, nothing panics, and no byte
//! is read that is not needed.

use std::hash::Hasher;

use super::{
    Align, Bitmap, CLASS_NETWORK, Dialect, Fields, Key, KeyMaker, Kind, Message, MessageType, Pad, Place, Step,
    Unreadable, bit,
};

/// The front of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub message_type: MessageType,
    pub present: Fields,
    /// Where the bitmap begins, and where the fields do.
    pub bitmap: usize,
    pub end: usize,
}

impl Dialect {
    /// Reads the key of a message, given the data of its frame without the length prefix.
    ///
    /// # Errors
    /// Why there is none; the message then goes nowhere.
    pub fn read(&self, data: &[u8], maker: &KeyMaker) -> Result<Message, Unreadable> {
        let head = self.head(data)?;
        let mut hasher = maker.begin();
        let mut has_key = false;
        self.walk(data, &head, |field, place, pad, is_key| {
            if is_key && !place.is_empty() {
                let content = data.get(place).ok_or(Unreadable::Short)?;
                hasher.write_u32(u32::from(field) << 16 | content.len() as u32);
                add(&mut hasher, content, pad);
                has_key = true;
            }
            Ok(())
        })?;
        if !has_key {
            return Err(Unreadable::KeyMissing);
        }
        hasher.write_u32(head.message_type.common());
        Ok(Message { kind: head.message_type.kind(), key: Key(hasher.finish()) })
    }

    /// Whether a message is a request or an answer.
    ///
    /// # Errors
    /// If no message type stands where one should.
    #[inline]
    pub fn kind(&self, data: &[u8]) -> Result<Kind, Unreadable> {
        let (message_type, _) = self.message_type(data, usize::from(self.skip))?;
        Ok(message_type.kind())
    }

    /// Whether the data begins with a message type and a bitmap: if it has no key all the same, a
    /// field is why.
    pub fn has_head(&self, data: &[u8]) -> bool {
        self.head(data).is_ok()
    }

    /// The key fields of messages of this class.
    pub(super) fn key_of(&self, class: u8) -> Fields {
        if class == CLASS_NETWORK { self.network_key } else { self.key }
    }

    pub(super) fn head(&self, data: &[u8]) -> Result<Head, Unreadable> {
        let start = usize::from(self.skip);
        let (message_type, bitmap) = self.message_type(data, start)?;
        let first = self.half_bitmap(data, bitmap)?;
        let bytes = self.bitmap.half_bytes();
        // The first bit says that a second bitmap follows.
        if first >> 63 == 0 {
            return Ok(Head { message_type, present: Fields::from(first) << 64, bitmap, end: bitmap + bytes });
        }
        // Only its length matters unless it says where key fields are.
        let reaches_second = self.steps.len() > 65;
        let second = if reaches_second { self.half_bitmap(data, bitmap + bytes)? } else { 0 };
        let present = (Fields::from(first) << 64 | Fields::from(second)) & !bit(1);
        Ok(Head { message_type, present, bitmap, end: bitmap + 2 * bytes })
    }

    fn message_type(&self, data: &[u8], at: usize) -> Result<(MessageType, usize), Unreadable> {
        let (digits, end) = if self.packs {
            let [high, low] = *chunk(data, at)?;
            ([high >> 4, high & 15, low >> 4, low & 15], at + 2)
        } else {
            (chunk::<4>(data, at)?.map(|byte| byte.wrapping_sub(b'0')), at + 4)
        };
        if digits.iter().any(|digit| *digit > 9) {
            return Err(Unreadable::MessageType);
        }
        let [version, class, function, origin] = digits;
        Ok((MessageType { version, class, function, origin }, end))
    }

    fn half_bitmap(&self, data: &[u8], at: usize) -> Result<u64, Unreadable> {
        match self.bitmap {
            Bitmap::Binary => Ok(u64::from_be_bytes(*chunk(data, at)?)),
            Bitmap::Hex => {
                let digits: &[u8; 16] = chunk(data, at)?;
                let mut bits = 0;
                for digit in digits {
                    let value = (*digit as char).to_digit(16).ok_or(Unreadable::Bitmap)?;
                    bits = bits << 4 | u64::from(value);
                }
                Ok(bits)
            }
        }
    }

    /// Goes over the fields up to the last key field that is there, and calls `visit` with the
    /// number, the place and the pad of each, and whether it is of the key. The place may lie
    /// behind the end of the data: only who wants the content must look.
    #[inline]
    pub(super) fn walk(
        &self,
        data: &[u8],
        head: &Head,
        mut visit: impl FnMut(u8, Place, Pad, bool) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let key = self.key_of(head.message_type.class);
        let mut at = head.end;
        // A field is a lower bit than those before it.
        let last = head.present & key;
        let mut left = if last == 0 { 0 } else { head.present & (Fields::MAX << last.trailing_zeros()) };
        while left != 0 {
            let place = left.leading_zeros();
            let field = place as u8 + 1;
            let bit = bit(field);
            left ^= bit;
            let (content, pad) = self.place(data, at, field)?;
            at = content.end;
            visit(field, content, pad, key & bit != 0)?;
        }
        Ok(())
    }

    /// Where the content of the field lies whose first byte, or length, is at `at`.
    #[inline]
    fn place(&self, data: &[u8], at: usize, field: u8) -> Result<(Place, Pad), Unreadable> {
        match self.steps.get(usize::from(field)).copied().unwrap_or(Step::Unknown) {
            Step::Fixed { bytes, pad } => Ok((at..at + usize::from(bytes), pad)),
            Step::Variable { length_digits, packed } => {
                let (length, start) = self.length(data, at, length_digits, field)?;
                match packed {
                    None => Ok((start..start + length, Pad::None)),
                    Some(align) => Ok((start..start + length.div_ceil(2), pad_of(length, align))),
                }
            }
            Step::Unknown => Err(Unreadable::Unknown { field }),
        }
    }

    /// The number that `digits` decimal digits at `at` write, and where they end.
    fn length(&self, data: &[u8], at: usize, digits: u8, field: u8) -> Result<(usize, usize), Unreadable> {
        let bad = Unreadable::Length { field };
        if !self.packs {
            let end = at + usize::from(digits);
            let written = data.get(at..end).ok_or(Unreadable::Short)?;
            let number = written.iter().try_fold(0, |number, byte| Some(number * 10 + digit(byte.wrapping_sub(b'0'))?));
            return Ok((number.ok_or(bad)?, end));
        }
        // Two packed digits a byte: `LL` is one byte, `LLL` two, of which the first digit is 0.
        let end = at + usize::from(digits.div_ceil(2));
        let written = data.get(at..end).ok_or(Unreadable::Short)?;
        let number =
            written.iter().try_fold(0, |number, byte| Some(number * 100 + digit(byte >> 4)? * 10 + digit(byte & 15)?));
        Ok((number.filter(|number| *number <= 999).ok_or(bad)?, end))
    }
}

impl Bitmap {
    /// Bytes of one of the two.
    const fn half_bytes(self) -> usize {
        match self {
            Self::Binary => 8,
            Self::Hex => 16,
        }
    }
}

fn pad_of(digits: usize, align: Align) -> Pad {
    Pad::of(digits, align)
}

fn digit(value: u8) -> Option<usize> {
    (value <= 9).then_some(usize::from(value))
}

fn chunk<const BYTES: usize>(data: &[u8], at: usize) -> Result<&[u8; BYTES], Unreadable> {
    data.get(at..).and_then(<[u8]>::first_chunk).ok_or(Unreadable::Short)
}

/// Adds a field's content, without the half byte that carries no digit.
#[inline]
fn add(hasher: &mut impl Hasher, content: &[u8], pad: Pad) {
    match (pad, content) {
        (Pad::First, [first, rest @ ..]) => {
            hasher.write_u8(first & 0x0f);
            hasher.write(rest);
        }
        (Pad::Last, [rest @ .., last]) => {
            hasher.write_u8(last & 0xf0);
            hasher.write(rest);
        }
        (_, content) => hasher.write(content),
    }
}
