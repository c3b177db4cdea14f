//! One step of cutting a stream into frames.

use super::Framing;
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
#[inline]
pub fn scan(framing: Framing, bytes: &[u8]) -> Scan {
    let prefix = framing.prefix.bytes();
    if bytes.len() < prefix {
        return partial_prefix(framing, bytes);
    }
    let data = match framing.prefix.read(bytes) {
        Ok(data) => data,
        Err(reason) => return Scan::Malformed(reason),
    };
    if data > usize::from(framing.max) {
        return Scan::Malformed(Malformed::LengthLimit);
    }
    if bytes.len() < prefix + data {
        return Scan::Part { needed: prefix + data };
    }
    if data == 0 { Scan::Probe } else { Scan::Frame { data } }
}

/// A wrong first digit is refused before the rest of the prefix has come.
#[cold]
fn partial_prefix(framing: Framing, bytes: &[u8]) -> Scan {
    let digits = framing.prefix == super::Prefix::Ascii4;
    if digits && bytes.iter().any(|byte| !byte.is_ascii_digit()) {
        return Scan::Malformed(Malformed::LengthDigits);
    }
    Scan::Part { needed: framing.prefix.bytes() }
}
