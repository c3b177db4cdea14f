#!/bin/sh
# Tries every interleaving of a few threads in the lock-free tables (tests/interleavings.rs).
#
#   scripts/loom.sh                          all of them
#   scripts/loom.sh of_answer                those whose name contains `of_answer`
#   LOOM_MAX_PREEMPTIONS=4 scripts/loom.sh   more thorough, much longer
#   LOOM_LOG=trace LOOM_LOCATION=1 LOOM_CHECKPOINT_FILE=target/loom/failing.json scripts/loom.sh NAME
#                                            says which steps led to a failure
#
# --cfg ringswitch_loom   swaps the atomics (src/shared/atomics.rs). Not `loom`: that switches off
#                         parts of tokio.
# --release               loom runs a test some hundred thousand times; link-time optimisation would
#                         take longer than it saves.
# target/loom             a folder of its own, since the flag rebuilds every dependency.
set -eu
cd "$(dirname "$0")/.."
export RUSTFLAGS="${RUSTFLAGS:-} --cfg ringswitch_loom"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/loom}"
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
exec cargo test --release --test interleavings -- "$@"
