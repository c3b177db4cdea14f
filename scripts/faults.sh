#!/usr/bin/env bash
# The fault matrix in full length: one row a fault, what the switch must do, what was measured.
#
#   scripts/faults.sh                  prints the table; exit 1 if a row failed
#   scripts/faults.sh row_04 row_05    these rows only
#   scripts/faults.sh --record         and keeps it in tests/faults/README.md
#
# Needs root for network namespaces and tracing, and nft, ip, ss, strace, prlimit, setpriv, libfaketime
# (apt-get install nftables iproute2 strace util-linux libfaketime); a row whose tool is missing says so.
# The rows run one after the other, for some eight minutes. `cargo test --test faults --test ring` runs
# the same tests with shorter faults.
set -uo pipefail
cd "$(dirname "$0")/.."

record=false
[ "${1:-}" = --record ] && { record=true; shift; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

export RINGSWITCH_FAULTS=full CARGO_TERM_COLOR=never
failed=false
for rows in "${@:-row_}"; do
    cargo test --no-fail-fast --test faults --test ring -- --nocapture --test-threads=1 "$rows" >> "$log" 2>&1 || failed=true
done

table() {
    echo '| # | fault | the switch must | measured |'
    echo '|---|---|---|---|'
    # `FAULT nn | fault | must | figure`, once a row, in their order.
    sed -n 's/^FAULT \([0-9][0-9]\) | /| \1 | /p' "$log" | sort -u -t'|' -k2,2n | sed 's/$/ |/'
}
sums() {
    local rows skipped failures
    rows=$(grep -c '^FAULT ' "$log")
    skipped=$(grep -c '^FAULT .*SKIPPED' "$log")
    failures=$(awk '/^test result: / { sum += $6 } END { print sum + 0 }' "$log")
    echo "$rows rows, of which $skipped were skipped whole or in part; $failures failed."
}
table
echo
sums
$failed && grep -E 'panicked at|FAILED' -A2 "$log" >&2

if $record; then
    page=tests/faults/README.md
    {
        sed '/<!-- the last run -->/q' "$page"
        echo
        echo "$(date -u +%Y-%m-%d), $(nproc) CPUs ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)), $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r | cut -d- -f1), unoptimised build of tests. $(sums)"
        echo
        table
    } > "$log.page" && mv "$log.page" "$page"
fi
! $failed
