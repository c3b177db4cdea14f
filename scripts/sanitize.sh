#!/usr/bin/env bash
# The tests again, in builds where memory that must not be touched cannot be.
#
#   scripts/sanitize.sh                                   both passes
#   scripts/sanitize.sh address                           AddressSanitizer and LeakSanitizer
#   scripts/sanitize.sh unreachable                       memory that was given back is not there
#   scripts/sanitize.sh address --test loopback answers:: these tests alone, as cargo test is told
#
# address: what our own code does with memory, and what is allocated and forgotten, in the tests and in
# the switches that they start, which end in order here (RINGSWITCH_END) so that their leaks are looked
# for. Receive buffers and sends are forbidden to us while the kernel has them, free chunks always
# (src/ring/uring/in_flight.rs). A report of any process is a failure, whatever its test says.
# unreachable: what the kernel does with memory, of which the first pass sees nothing. Chunks and receive
# buffers that were given back become PROT_NONE and their addresses are not used again
# (src/ring/unreachable.rs): a late touch is a SIGSEGV, a late write of the kernel a completion with
# -EFAULT, and that ends the process.
#
# Both have canaries: faults that are planted, and must be seen (src/ring/uring/tests/canaries.rs).
#
# Needs Rust and llvm-symbolizer (apt-get install llvm). Sanitizers are a nightly feature of the compiler:
# RUSTC_BOOTSTRAP=1 lets a stable one do it, and is set here alone. Builds go to target/address and
# target/unreachable; each takes some minutes the first time.
set -uo pipefail
cd "$(dirname "$0")/.."

fail() { echo "scripts/sanitize.sh: $*" >&2; exit 2; }
command -v cargo > /dev/null || fail "cargo is not installed: see https://rustup.rs"

passes=(address unreachable)
case ${1:-} in
    address | unreachable) passes=("$1"); shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit ;;
esac
wanted=("$@")
# Not: `steady`, which counts system calls, and `interleavings`, which scripts/loom.sh runs.
[ ${#wanted[@]} -gt 0 ] || wanted=(--lib --test ring --test simulation --test loopback --test conformance)

host=$(rustc -vV | sed -n 's/^host: //p')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Tests also run the switch as other users.
chmod 1777 "$folder"
export CARGO_TERM_COLOR=never RUSTC_BOOTSTRAP=1 RINGSWITCH_END=orderly

address() {
    command -v llvm-symbolizer > /dev/null || fail "llvm-symbolizer is not installed: apt-get install llvm"
    # --target: build scripts and macros are not instrumented. Strict strings and the like are C's business.
    # disable_coredump=0 would write gigabytes: the shadow of the whole address space.
    ASAN_OPTIONS="log_path=$folder/report:exitcode=99:detect_leaks=1:detect_stack_use_after_return=1" \
        RUSTFLAGS="-Zsanitizer=address --cfg ringswitch_asan" CARGO_TARGET_DIR=target/address \
        cargo test --no-fail-fast --target "$host" "${wanted[@]}"
}
unreachable() {
    RUSTFLAGS="--cfg ringswitch_unreachable" CARGO_TARGET_DIR=target/unreachable \
        cargo test --no-fail-fast "${wanted[@]}"
}

wrong=0
summary=()
for pass in "${passes[@]}"; do
    log=$folder/$pass.log
    "$pass" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    [ "$status" -ne 2 ] || exit 2
    mapfile -t reports < <(find "$folder" -name 'report.*')
    for report in "${reports[@]}"; do cat "$report"; done
    counts=$(awk '/^test result: / { passed += $4; failed += $6 } END { printf "%d passed, %d failed", passed, failed }' "$log")
    summary+=("$pass: $counts, ${#reports[@]} reports$([ "$status" -eq 0 ] || echo ", cargo test ended with $status")")
    [ "$status" -eq 0 ] && [ ${#reports[@]} -eq 0 ] && [[ $counts != "0 passed"* ]] || wrong=1
    rm -f "${reports[@]}"
done
echo
printf '%s\n' "${summary[@]}"
[ $wrong -eq 0 ] || echo "WRONG: see above"
exit $wrong
