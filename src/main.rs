//! Parse, run, exit code.

use std::process::ExitCode;

/// Shards allocate when lines come up and plans change, and free what other threads allocated: a
/// heap for each thread, and frees across threads without a lock, keep one shard's change from
/// stalling another. The steady state allocates nothing. AddressSanitizer must have its own, or it
/// sees neither leaks nor what is used after it was freed.
#[cfg(not(ringswitch_asan))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ringswitch::cli::command::run(std::env::args_os())
}
