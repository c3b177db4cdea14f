#!/usr/bin/env bash
# Looks for inputs that break what reads strangers' bytes (tests/fuzz), each target for its share of
# the time. The plain tests `cargo test --test fuzzed` run the corpus; this goes on from there.
#
#   scripts/fuzz.sh                      every target, 10 minutes together
#   scripts/fuzz.sh 30m                  longer
#   scripts/fuzz.sh 5m routing frames    these targets
#   scripts/fuzz.sh --minimize frames    keeps of tests/fuzz/corpus/frames and tests/fuzz/found/frames
#                                        only what reaches code that the rest does not, in the corpus
#
# Half of each share is run with AddressSanitizer, which sees reads past the end in unsafe code and in
# libraries, half without it, which is several times as fast and sees panics. New inputs that reach
# new code go to tests/fuzz/found/, which is not committed. An input that fails is left in
# tests/fuzz/artifacts/ and the exit status is 1: mend the fault and put the input into the corpus.
#
# Needs cargo-fuzz (cargo install --locked cargo-fuzz) and a C++ compiler. Instrumentation is a
# nightly feature of the compiler: RUSTC_BOOTSTRAP=1 lets a stable one do it, and is set here alone.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "scripts/fuzz.sh: $*" >&2
    exit 2
}
command -v cargo-fuzz > /dev/null || fail "cargo-fuzz is not installed: cargo install --locked cargo-fuzz"

fuzz() {
    local command=$1
    shift
    RUSTC_BOOTSTRAP=1 cargo fuzz "$command" --fuzz-dir tests/fuzz "$@"
}

# 90, 90s, 30m or 2h, in seconds.
seconds() {
    case $1 in
        *h) echo $((${1%h} * 3600)) ;;
        *m) echo $((${1%m} * 60)) ;;
        *) echo "${1%s}" ;;
    esac
}

known=()
for target in tests/fuzz/fuzz_targets/*.rs; do known+=("$(basename "$target" .rs)"); done
is_target() { [[ " ${known[*]} " == *" $1 "* ]]; }

minimize=''
if [ "${1:-}" = --minimize ]; then minimize=yes; shift; fi
limit=600
if [[ ${1:-} =~ ^[0-9]+[smh]?$ ]]; then limit=$(seconds "$1"); shift; fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${known[@]}")
for target in "${targets[@]}"; do is_target "$target" || fail "$target is no target; there are: ${known[*]}"; done

if [ -n "$minimize" ]; then
    for target in "${targets[@]}"; do
        smallest=$(mktemp -d)
        mkdir -p "tests/fuzz/found/$target"
        # The committed inputs stay, whatever else there is: each has a name that says why.
        cp "tests/fuzz/corpus/$target"/* "$smallest/"
        fuzz run -s none "$target" "$smallest" "tests/fuzz/found/$target" -- -merge=1 -max_len=4096
        cp -n "$smallest"/* "tests/fuzz/corpus/$target/"
        rm -r "$smallest"
    done
    exit
fi

share=$((limit / ${#targets[@]} / 2))
[ "$share" -ge 1 ] || share=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=() summary=()
for sanitizer in address none; do
    # All at once and before any clock runs: a change of the source meanwhile is built into none of them or all.
    fuzz build -s "$sanitizer" || fail "it does not build"
    for target in "${targets[@]}"; do
        echo "== $target, sanitizer $sanitizer, $share s"
        mkdir -p "tests/fuzz/found/$target"
        result=ok
        # A slow or greedy input is a fault as well: 10 s, 1 GiB, 64 MiB in one piece.
        fuzz run -s "$sanitizer" "$target" "tests/fuzz/found/$target" "tests/fuzz/corpus/$target" -- \
            -max_total_time="$share" -max_len=4096 -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 \
            -print_final_stats=1 > "$log" 2>&1 || { result=FAILED; failed+=("$target ($sanitizer)"); }
        # Of what it found only the end is told, of a failure everything but the new inputs on the way.
        grep -Ev '^#[0-9]+.(NEW|REDUCE|RELOAD|pulse)|NEW_FUNC' "$log" | if [ $result = ok ]; then tail -n 8; else cat; fi || true
        # libFuzzer's last lines: `#17251 DONE cov: 5012 ft: ...`, `stat::average_exec_per_sec: 663`.
        read -r runs speed covered < <(awk '
            / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") covered = $(i + 1) }
            /^stat::number_of_executed_units:/ { runs = $2 }
            /^stat::average_exec_per_sec:/ { speed = $2 }
            END { print runs + 0, speed + 0, covered + 0 }' "$log")
        summary+=("$(printf '%-14s %-8s %12s %10s %8s  %s' "$target" "$sanitizer" "$runs" "$speed" "$covered" $result)")
    done
done
echo
printf '%-14s %-8s %12s %10s %8s\n' target sanitizer inputs 'a second' covered
printf '%s\n' "${summary[@]}"
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}; inputs are in tests/fuzz/artifacts" >&2; exit 1; }
