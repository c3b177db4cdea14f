//! Bytes that follow from a number, and a checksum: how a message proves that it made the journey.

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
const MIX: u64 = 0xbf58_476d_1ce4_e5b9;

/// Appends `len` bytes that follow from `seed`.
#[inline]
pub(super) fn append(seed: u64, len: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + len, 0);
    let mut state = seed;
    for piece in out[start..].chunks_mut(8) {
        state = state.wrapping_add(STEP);
        let word = mix(state).to_le_bytes();
        piece.copy_from_slice(&word[..piece.len()]);
    }
}

/// Whether `bytes` are what [`append`] makes of `seed`.
#[inline]
pub(super) fn matches(seed: u64, bytes: &[u8]) -> bool {
    let mut state = seed;
    bytes.chunks(8).all(|piece| {
        state = state.wrapping_add(STEP);
        piece == &mix(state).to_le_bytes()[..piece.len()]
    })
}

/// A 64-bit checksum; `state` is what an earlier piece came to, or any start. Every changed bit
/// changes it, and so does a moved byte.
#[inline]
pub(super) fn checksum(state: u64, bytes: &[u8]) -> u64 {
    let mut sum = state ^ (bytes.len() as u64).wrapping_mul(STEP);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(*word.first_chunk().expect("eight bytes each"));
        sum = (sum ^ word).wrapping_mul(MIX).rotate_left(29);
    }
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    mix((sum ^ u64::from_le_bytes(last)).wrapping_mul(MIX))
}

/// Scrambles a word one to one.
#[inline]
pub(super) fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(MIX);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_its_own_seed_alone() {
        for len in [0usize, 1, 7, 8, 9, 200] {
            let mut bytes = Vec::new();
            append(5, len, &mut bytes);
            assert_eq!(bytes.len(), len);
            assert!(matches(5, &bytes));
            assert_eq!(matches(6, &bytes), len == 0);
        }
    }

    #[test]
    fn every_changed_bit_changes_the_checksum() {
        let mut bytes = Vec::new();
        append(1, 61, &mut bytes);
        let sum = checksum(0, &bytes);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(checksum(0, &bytes), sum, "bit {bit}");
            assert!(!matches(1, &bytes), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        bytes.push(0);
        assert_ne!(checksum(0, &bytes), sum, "a zero behind it is a change");
    }
}
