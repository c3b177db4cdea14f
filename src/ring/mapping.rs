//! Anonymous memory straight from the kernel: page-aligned, zeroed, at a fixed place until dropped.

use std::io;
use std::ptr::NonNull;
use std::slice;

/// Bytes of a huge page, and what memory begins at that shall have them: x86-64, and arm64 with pages of 4 KiB. Where
/// they are larger the advice comes to nothing.
const HUGE_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// A private anonymous mapping. Pages cost memory only once they are touched.
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is plain memory with one owner; nothing in it is tied to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps `bytes` (at least 1) bytes of zeroes.
    pub fn new(bytes: usize) -> io::Result<Self> {
        assert!(bytes > 0, "an empty mapping");
        Ok(Self { base: map(bytes)?, bytes })
    }

    /// The same in huge pages, if the host lets those have them who ask (`tuning/memory.toml`, `vm.thp`). For memory
    /// that every frame passes: with pages of 4 KiB the processor looks up one for every twenty frames, on their way in
    /// and out. Rounded up to whole huge pages.
    pub fn huge(bytes: usize) -> io::Result<Self> {
        assert!(bytes > 0, "an empty mapping");
        let bytes = bytes.next_multiple_of(HUGE_PAGE_BYTES);
        let base = map(bytes + HUGE_PAGE_BYTES)?;
        let before = base.align_offset(HUGE_PAGE_BYTES);
        let (first, behind) = (base.as_ptr(), HUGE_PAGE_BYTES - before);
        // SAFETY: `before + bytes + behind` bytes were mapped, whole pages all three.
        let base = unsafe { NonNull::new_unchecked(first.add(before)) };
        // SAFETY: what lies around the aligned part was mapped just now, and nothing refers to it.
        unsafe {
            unmap(first, before);
            unmap(first.add(before + bytes), behind);
        }
        // Advice: a kernel without huge pages refuses it, and nothing is lost.
        // SAFETY: changes of our own mapping how it is backed, not what it holds.
        unsafe { libc::madvise(base.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
        Ok(Self { base, bytes })
    }

    pub const fn len(&self) -> usize {
        self.bytes
    }

    /// The address of byte `offset`, for the kernel. Panics past the end.
    #[inline]
    pub fn address(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset <= self.bytes && len <= self.bytes - offset, "outside of the mapping");
        // SAFETY: just checked to lie inside the mapping.
        unsafe { self.base.as_ptr().add(offset) }
    }

    /// Panics past the end. The kernel must not be writing there.
    #[inline]
    pub fn slice(&self, offset: usize, len: usize) -> &[u8] {
        // SAFETY: `address` checks the bounds, the memory is initialised (zeroes), and the caller sees to it that
        // nobody writes there: a `&mut` would need `&mut self`, the kernel writes behind what it has reported.
        unsafe { slice::from_raw_parts(self.address(offset, len), len) }
    }

    /// Panics past the end. The kernel must not be using that part.
    #[inline]
    pub fn slice_mut(&mut self, offset: usize, len: usize) -> &mut [u8] {
        // SAFETY: `address` checks the bounds, and `&mut self` excludes every other slice of ours.
        unsafe { slice::from_raw_parts_mut(self.address(offset, len), len) }
    }

    /// Brings the first `bytes` bytes into memory now, on the calling thread's node, so that the first frames do not
    /// pay for page faults. A kernel that cannot (before 5.14) faults them in later.
    pub fn populate(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        // SAFETY: faulting pages of our own mapping in changes none of their contents.
        unsafe { libc::madvise(self.base.as_ptr().cast(), bytes, libc::MADV_POPULATE_WRITE) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone and no slice of it outlives `self`.
        unsafe { unmap(self.base.as_ptr(), self.bytes) };
    }
}

fn map(bytes: usize) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory that exists.
    let base = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(base.cast()).expect("mmap gives no address 0"))
}

/// # Safety
/// Nothing refers to these bytes, which `map` gave.
unsafe fn unmap(base: *mut u8, bytes: usize) {
    if bytes > 0 {
        // SAFETY: the caller's promise.
        unsafe { libc::munmap(base.cast(), bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_the_end_is_the_end() {
        let mut mapping = Mapping::new(10_000).expect("memory");
        mapping.populate(10_000);
        mapping.slice_mut(9_998, 2).copy_from_slice(b"ok");
        assert_eq!(mapping.slice(9_997, 3), b"\0ok");
        assert_eq!(mapping.slice(10_000, 0), b"");
        assert!(std::panic::catch_unwind(|| mapping.slice(9_999, 2).len()).is_err());
    }

    #[test]
    fn huge_pages_begin_where_the_processor_wants_them() {
        for bytes in [1, HUGE_PAGE_BYTES, HUGE_PAGE_BYTES + 1] {
            let mut mapping = Mapping::huge(bytes).expect("memory");
            assert_eq!(mapping.len(), bytes.next_multiple_of(HUGE_PAGE_BYTES));
            assert_eq!(mapping.address(0, 1).align_offset(HUGE_PAGE_BYTES), 0);
            let end = mapping.len();
            mapping.slice_mut(end - 2, 2).copy_from_slice(b"ok");
            assert_eq!(mapping.slice(end - 3, 3), b"\0ok");
        }
    }
}
