//! Parse, run, exit code.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Shards allocate when lines come up and plans change, and free what other threads allocated: a
/// heap for each thread, and frees across threads without a lock, keep one shard's change from
/// stalling another. The steady state allocates nothing.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ringswitch::cli::command::run(std::env::args_os())
}
