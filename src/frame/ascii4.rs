//! Four ASCII digits, padded with `0` on the left (`MP1-4.5.4`, `MC6-5.2b`).
//!
//! Digits and nothing else: `+188` and ` 188` parse as numbers in sloppy readers, and a reader
//! that accepts them has lost the frame boundary without noticing.

use crate::reason::Malformed;

pub(super) const BYTES: usize = 4;
pub(super) const LIMIT: usize = 9_999;

#[inline]
pub(super) fn read(head: &[u8]) -> Result<usize, Malformed> {
    let mut length = 0;
    let mut bad = false;
    for &byte in &head[..BYTES] {
        let digit = byte.wrapping_sub(b'0');
        bad |= digit > 9;
        length = length * 10 + usize::from(digit);
    }
    if bad { Err(Malformed::LengthDigits) } else { Ok(length) }
}

#[inline]
pub(super) fn write(length: usize, head: &mut [u8]) {
    assert!(length <= LIMIT, "a length past four digits was checked against max");
    let mut rest = length;
    for byte in head[..BYTES].iter_mut().rev() {
        *byte = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}
