#!/bin/sh
# Plants faults in the switch (src/plant.rs) and shows that the simulator finds each within a minute:
# after how long, by which seed, and the schedule shrunk to what is needed for it.
#
# --cfg ringswitch_plant   compiles the faults in; without it they are constants that are false.
# target/plants            a folder of its own, since the flag rebuilds every dependency.
set -eu
cd "$(dirname "$0")/.."
export RUSTFLAGS="${RUSTFLAGS:-} --cfg ringswitch_plant"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/plants}"
exec cargo test --test simulation plants:: -- --nocapture --test-threads=1 "$@"
