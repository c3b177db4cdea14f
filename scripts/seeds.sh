#!/usr/bin/env bash
# Plays seeds of the simulation (tests/simulation/runs) for as long as is asked for, beginning where
# chance says; the tests themselves play the same thousand every time.
#
#   scripts/seeds.sh                10 minutes
#   scripts/seeds.sh 2h             longer
#   scripts/seeds.sh 10m 5000       from seed 5000 on
#
# Says every five seconds how far it is. A seed that fails is printed at once, and at the end with the
# command that plays it again and the shortest schedule found that still fails. The exit status is
# 1 then.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-10m} in
    *h) seconds=$((${1%h} * 3600)) ;;
    *m) seconds=${1:-10m}; seconds=$((${seconds%m} * 60)) ;;
    *) seconds=${1%s} ;;
esac
export SEEDS_SECONDS=$seconds
export SEEDS_FROM=${2:-$((RANDOM * 32768 * 1000 + RANDOM * 1000))}
echo "$seconds s from seed $SEEDS_FROM"
status=0
cargo test --quiet --test simulation runs::seeds -- --nocapture || status=1
exit $status
