//! Values as the operator writes them: for messages and for the effective configuration.

use crate::time::Span;

/// A duration in the largest unit up to seconds that loses nothing.
pub fn duration(span: Span) -> String {
    if span.0.is_multiple_of(1_000_000_000) {
        format!("{}s", span.0 / 1_000_000_000)
    } else if span.0.is_multiple_of(1_000_000) {
        format!("{}ms", span.as_millis())
    } else {
        format!("{}us", span.as_micros())
    }
}

/// A size in the largest unit that loses nothing; bytes without a unit.
pub fn size(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes != 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

/// A size to read, not to write back: whole GiB, or rounded up to MiB.
pub fn readable(bytes: u64) -> String {
    if bytes != 0 && bytes.is_multiple_of(1 << 30) {
        format!("{} GiB", bytes >> 30)
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_that_loses_nothing() {
        assert_eq!(duration(Span::from_secs(120)), "120s");
        assert_eq!(duration(Span::from_millis(1_500)), "1500ms");
        assert_eq!(duration(Span::from_micros(50)), "50us");
        assert_eq!(duration(Span::ZERO), "0s");
        assert_eq!(size(1 << 30), "1GiB");
        assert_eq!(size(1536), "1536");
        assert_eq!(size(3 << 10), "3KiB");
        assert_eq!(size(0), "0");
        assert_eq!(readable((1 << 20) + 1), "2 MiB");
        assert_eq!(readable(2 << 30), "2 GiB");
    }
}
