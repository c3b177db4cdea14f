//! The same reading for people: where the parts of a message lie.

use std::ops::Range;

use super::{Dialect, FIELD_MAX, MessageType, Unreadable, bit};

/// The parts of a message as far as they are read for its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outline {
    pub message_type: MessageType,
    /// Offsets into the data.
    pub type_at: Range<usize>,
    pub bitmap_at: Range<usize>,
    /// Fields that the bitmap names; of a second bitmap only if the key reaches into it.
    pub present: Vec<u8>,
    /// Up to the last key field that is there.
    pub fields: Vec<OutlinedField>,
    /// Why reading ended before that.
    pub fault: Option<Unreadable>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutlinedField {
    pub field: u8,
    /// The content, without the length in front of it.
    pub at: Range<usize>,
    pub is_key: bool,
}

impl Dialect {
    /// Reads what [`Dialect::read`] reads and says where it stands.
    ///
    /// # Errors
    /// If not even type and bitmap can be read.
    pub fn outline(&self, data: &[u8]) -> Result<Outline, Unreadable> {
        let head = self.head(data)?;
        let mut fields = Vec::new();
        let walked = self.walk(data, &head, |field, at, _, is_key| {
            if at.end > data.len() {
                return Err(Unreadable::Short);
            }
            fields.push(OutlinedField { field, at, is_key });
            Ok(())
        });
        let keyless = !fields.iter().any(|field| field.is_key && !field.at.is_empty());
        Ok(Outline {
            message_type: head.message_type,
            type_at: usize::from(self.skip)..head.bitmap,
            // A second bitmap that is not needed may be cut off.
            bitmap_at: head.bitmap..head.end.min(data.len()),
            present: (1..=FIELD_MAX).filter(|field| head.present & bit(*field) != 0).collect(),
            fields,
            fault: walked.err().or(keyless.then_some(Unreadable::KeyMissing)),
        })
    }
}
