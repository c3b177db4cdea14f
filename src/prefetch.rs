//! A word ahead to the memory: these bytes are looked at soon.
//!
//! Frames lie behind each other in received bytes, and where the next one begins is known only
//! once the length of this one has been read. The kernel has just written them, so each length
//! comes out of a cache further away, one after the other. Frames of one line are mostly of one
//! size: a guess some frames ahead lets those waits overlap, and a wrong guess costs nothing.

/// Has the cache line of `bytes[at]` brought near, if there is such a byte.
#[inline(always)]
pub fn prefetch(bytes: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(byte) = bytes.get(at) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and changes nothing that a program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) }
    }
    // No such hint is stable for other processors: the lengths are waited for.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, at);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_past_the_end_is_none() {
        prefetch(&[], 0);
        prefetch(&[1, 2, 3], 2);
        prefetch(&[1, 2, 3], usize::MAX);
    }
}
