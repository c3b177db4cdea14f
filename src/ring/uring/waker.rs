//! Ending a ring's wait from other threads: an eventfd of which the ring always has a read under way.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use io_uring::squeue::Entry;

use super::operations;
use crate::ring::Wake;
use crate::ring::mapping::Mapping;

#[derive(Debug)]
struct Waker(File);

impl Wake for Waker {
    fn wake(&self) {
        // It fails only at 2^64 - 2 unread wakes; then the ring has one to read.
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }
}

/// The ring's end of the waker.
#[derive(Debug)]
pub struct Alarm {
    waker: Arc<Waker>,
    /// Where the kernel writes the number of wakes, which nobody reads.
    count: Mapping,
}

impl Alarm {
    pub fn new() -> io::Result<Self> {
        // Blocking: of a descriptor that is not, the ring would read EAGAIN instead of waiting.
        // SAFETY: a plain call without pointers.
        let eventfd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        if eventfd == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and nobody else's.
        let eventfd = unsafe { OwnedFd::from_raw_fd(eventfd) };
        Ok(Self { waker: Arc::new(Waker(File::from(eventfd))), count: Mapping::new(8)? })
    }

    /// The read that a wake completes.
    pub fn read(&self) -> Entry {
        operations::alarm(self.waker.0.as_raw_fd(), self.count.address(0, 8))
    }

    pub fn waker(&self) -> Arc<dyn Wake> {
        self.waker.clone()
    }
}
