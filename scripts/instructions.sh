#!/bin/sh
# Has an operation of the data plane become slower? Counts its instructions under callgrind and
# compares them with the last record (benches/instructions.txt); exits with 1 if one grew by more
# than 3 %. benches/README.md says what that tells and what not.
#
#   scripts/instructions.sh                   all, in about a minute once it is built
#   scripts/instructions.sh tpdu shard/       those whose name contains one of these
#   scripts/instructions.sh --record          what is now is what later ones are compared with
#   scripts/instructions.sh --help            the rest
set -eu
cd "$(dirname "$0")/.."
if ! command -v valgrind > /dev/null; then
    echo "valgrind is not installed: apt-get install valgrind (or dnf, pacman)" >&2
    exit 2
fi
exec cargo bench --quiet --bench instructions -- "$@"
