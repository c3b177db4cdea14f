#!/usr/bin/env bash
# Whether a published advisory speaks of a crate that is built in. Needs cargo-deny and a way to
# github.com, where the advisories are: run it where there is one, daily, for advisories come without
# a change of ours. Not part of .ci/run, whose verdict must not depend on another's server.
#
#   scripts/advisories.sh             exit 0: none, 1: there are, 2: could not be asked
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-deny > /dev/null || {
    echo "scripts/advisories.sh: cargo-deny is not installed: cargo install --locked cargo-deny" >&2
    exit 2
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Fetched apart from the check, so that a network that is not there is no advisory.
if ! cargo deny --all-features fetch db > "$log" 2>&1; then
    cat "$log" >&2
    echo "scripts/advisories.sh: NOT CHECKED: the advisories could not be fetched, so nothing is known of them (exit 2)" >&2
    exit 2
fi
status=0
for manifest in Cargo.toml tests/fuzz/Cargo.toml; do
    cargo deny --manifest-path "$manifest" check advisories || status=1
done
exit $status
