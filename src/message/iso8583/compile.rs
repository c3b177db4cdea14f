//! From what the operator wrote to a dialect.

use std::collections::BTreeMap;

use super::{
    Align, Base, CLASS_NETWORK, Content, Dialect, Extent, FIELD_MAX, FIELD_MIN, Fields, Format, Pad, Step, bit,
};

/// A dialect as configured, every default still open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    pub base: Base,
    /// Key fields for every class; `None`: the dialect's own.
    pub key: Option<Vec<u8>>,
    /// Formats that differ from the dialect's, or that it does not know.
    pub fields: BTreeMap<u8, Format>,
    /// Bytes before the message type.
    pub skip: u16,
}

/// Why a setting makes no dialect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyFault {
    /// No field at all is key.
    Empty,
    /// No message has such a field, or it holds a bitmap.
    NoField(u8),
    /// The formats of these fields must be known to come to the last key field.
    Unknown { fields: Vec<u8>, last: u8 },
}

impl Setting {
    pub fn new(base: Base) -> Self {
        Self { base, key: None, fields: BTreeMap::new(), skip: 0 }
    }

    /// The key fields of messages of this class, ascending.
    pub fn key(&self, class: u8) -> Vec<u8> {
        let mut key = self.key.clone().unwrap_or_else(|| self.base.key(class).to_vec());
        key.sort_unstable();
        key.dedup();
        key
    }

    /// The format of a field, where one is known.
    pub fn format(&self, field: u8) -> Option<Format> {
        self.fields.get(&field).copied().or(self.base.format(field))
    }

    /// Makes the dialect.
    ///
    /// # Errors
    /// Why the key cannot be read.
    pub fn compile(&self) -> Result<Dialect, KeyFault> {
        let (key, network_key) = (self.key(0), self.key(CLASS_NETWORK));
        let last = *key.last().max(network_key.last()).ok_or(KeyFault::Empty)?;
        if let Some(field) = key.iter().find(|field| !(FIELD_MIN..=FIELD_MAX).contains(field)) {
            return Err(KeyFault::NoField(*field));
        }
        let unknown: Vec<u8> = (FIELD_MIN..=last).filter(|field| self.format(*field).is_none()).collect();
        if !unknown.is_empty() {
            return Err(KeyFault::Unknown { fields: unknown, last });
        }
        let packs = self.base.packs();
        let step = |field| self.format(field).map_or(Step::Unknown, |format| step(format, packs));
        Ok(Dialect {
            skip: self.skip,
            packs,
            bitmap: self.base.bitmap(),
            key: fields(&key),
            network_key: fields(&network_key),
            steps: (0..=last).map(step).collect(),
        })
    }
}

fn fields(list: &[u8]) -> Fields {
    list.iter().fold(0, |set, field| set | bit(*field))
}

fn step(format: Format, packs: bool) -> Step {
    let length_digits = match format.extent {
        Extent::Fixed(number) => return fixed(number, format.content, packs),
        Extent::Ll => 2,
        Extent::Lll => 3,
    };
    let packed = match format.content {
        Content::Digits(align) if packs => Some(align),
        // A signed amount is never of variable length; if it were, its length would count bytes.
        _ => None,
    };
    Step::Variable { length_digits, packed }
}

fn fixed(number: u16, content: Content, packs: bool) -> Step {
    match content {
        Content::Digits(align) if packs => {
            Step::Fixed { bytes: number.div_ceil(2), pad: Pad::of(number.into(), align) }
        }
        // The sign, then the digits by themselves.
        Content::Signed if packs => Step::Fixed { bytes: 1 + (number - 1).div_ceil(2), pad: Pad::None },
        _ => Step::Fixed { bytes: number, pad: Pad::None },
    }
}

impl Pad {
    /// Where `digits` packed digits leave half a byte over.
    pub(super) const fn of(digits: usize, align: Align) -> Self {
        match align {
            _ if digits.is_multiple_of(2) => Self::None,
            Align::Right => Self::First,
            Align::Left => Self::Last,
        }
    }
}
