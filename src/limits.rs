//! Capacities that are not configuration, each with the reason for its size.

/// Bytes of one receive buffer. 64 KiB lets one receive take what waits in a busy socket; 4 KiB
/// buffers cost half as much again per frame (measured in the prototype).
pub const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// Frames ahead of the one looked at whose lengths are brought near ([`crate::prefetch`]).
pub const FRAMES_AHEAD: usize = 6;

/// Receive buffers of one shard: 2 MiB, which they go round in. 64 fall out of a second-level
/// cache of 2 MiB (pairs of few busy lines: a quarter more per frame); 16 are too few for a turn
/// of 512 lines, which then ends receives for want of a buffer (a tenth more per frame).
pub const RECEIVE_BUFFERS: u16 = 32;

/// Bytes of a large send chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes of a small send chunk: what a line that has a frame or two to send needs.
pub const SMALL_CHUNK_BYTES: usize = 4 * 1024;

/// The largest frame on any line: four digits of length and 9,999 bytes, or two bytes and 65,535.
pub const FRAME_BYTES_MAX: usize = 2 + 65_535;

/// Bytes one destination line takes from the lines of a shard before the next line is picked.
/// Smaller quotas cost (16 KiB: a tenth to a quarter more per frame).
pub const PICK_QUOTA_BYTES: usize = 64 * 1024;

/// Segments of one vectored send. The kernel takes 1,024; past 16 the copy is cheaper.
pub const SEGMENTS_MAX: usize = 16;

/// Unchanged bytes from which sending from the receive buffer beats copying.
pub const RUN_BYTES_MIN: usize = 4 * 1024;

/// The same for a run that is one frame.
pub const RUN_ONE_FRAME_BYTES_MIN: usize = 2 * 1024;

/// Frames that are decided together at most: what one line sent for one other line.
pub const RUN_FRAMES_MAX: usize = 512;

/// Bytes given to the kernel in one send. What is in flight cannot be taken back, so a line that
/// stalls must not have handed over its whole queue; 256 KiB is past where size stops paying.
pub const SEND_BYTES_MAX: usize = 256 * 1024;

/// Bytes of answers that gather on a quiet line before it is asked what was acknowledged: nearly a
/// small chunk, so that a quiet line keeps one and no more.
pub const LOG_QUIET_BYTES: u64 = 3 * 1024;

/// The same on a line that carries much: the question is shared by many frames, and the chunks that
/// are kept on all lines still fit a second-level cache.
pub const LOG_BUSY_BYTES: u64 = 16 * 1024;

/// Bytes of one mailbox between two shards when there are few of them (DATAPLANE section 5).
pub const MAILBOX_BYTES_MAX: usize = 256 * 1024;

/// The least a mailbox may have: any one frame with its header fits into an empty one.
pub const MAILBOX_BYTES_MIN: usize = 128 * 1024;

/// What all mailboxes into one shard should take together.
pub const MAILBOX_BYTES_PER_SHARD: usize = 4 * 1024 * 1024;

/// Bytes of one mailbox in a process of `shards` shards; a power of two.
pub const fn mailbox_bytes(shards: usize) -> usize {
    let share = MAILBOX_BYTES_PER_SHARD / shards.next_power_of_two();
    if share > MAILBOX_BYTES_MAX {
        MAILBOX_BYTES_MAX
    } else if share < MAILBOX_BYTES_MIN {
        MAILBOX_BYTES_MIN
    } else {
        share
    }
}

const _: () = assert!((LOG_QUIET_BYTES as usize) < SMALL_CHUNK_BYTES && (LOG_BUSY_BYTES as usize) < CHUNK_BYTES);
const _: () = assert!(RECEIVE_BUFFERS.is_power_of_two());
const _: () = assert!(CHUNK_BYTES.is_power_of_two() && SMALL_CHUNK_BYTES < CHUNK_BYTES);
const _: () = assert!(RUN_ONE_FRAME_BYTES_MIN <= RUN_BYTES_MIN);
const _: () = assert!(SEND_BYTES_MAX >= CHUNK_BYTES);
const _: () = assert!(mailbox_bytes(2) == MAILBOX_BYTES_MAX);
const _: () = assert!(MAILBOX_BYTES_MIN > FRAME_BYTES_MAX + 64);
