#!/usr/bin/env bash
# Plays seeds of the simulation (tests/simulation/runs) for as long as is asked for, beginning where
# chance says; the tests themselves play the same few hundred every time.
#
#   scripts/seeds.sh                10 minutes
#   scripts/seeds.sh 2h             longer
#   scripts/seeds.sh 10m 5000       from seed 5000 on
#
# A seed that fails ends the exit status with 1 and is printed with the command that plays it again,
# and with the shortest schedule found that still fails.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-10m} in
    *h) seconds=$((${1%h} * 3600)) ;;
    *m) seconds=${1:-10m}; seconds=$((${seconds%m} * 60)) ;;
    *) seconds=${1%s} ;;
esac
export RINGSWITCH_SECONDS=$seconds
export RINGSWITCH_FROM=${2:-$((RANDOM * 32768 * 1000 + RANDOM * 1000))}
echo "$seconds s from seed $RINGSWITCH_FROM"
exec cargo test --test simulation runs::seeds -- --nocapture
