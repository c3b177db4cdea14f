//! Does the kernel know the byte limit of a multishot receive? There is no feature bit for it; an older kernel
//! refuses the entry before it looks at the descriptor.

use std::io;

use io_uring::{IoUring, opcode, types};

use super::{lent, operations};

/// Any error of the trial itself counts as one of the ring.
pub fn knows_receive_limit() -> io::Result<bool> {
    let mut ring = IoUring::new(1)?;
    let receive = opcode::RecvMulti::new(types::Fd(-1), lent::GROUP).build();
    // SAFETY: the entry points to no memory.
    unsafe { ring.submission().push(&operations::limited(receive, 1)) }.expect("room for one");
    ring.submit_and_wait(1)?;
    let result = ring.completion().next().map(|entry| -entry.result());
    Ok(result == Some(libc::EBADF))
}
