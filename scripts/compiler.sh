#!/usr/bin/env bash
# Has the compiler left out a comparison of ours whose result is still used?
#
#   scripts/compiler.sh                    the library as it is released
#   scripts/compiler.sh --show FILE.rs     a single file, such as tests/compiler/left_out.rs
#
# rustc 1.95 does that in optimised builds (rust-lang/rust#158206, pass SimplifyComparisonIntegral): where the
# result of a comparison decides a branch and is used as a number or stored before, the comparison goes
# and the number is whatever lay there. Tests are built with less optimisation and do not see it. So the
# compiler is asked for each function before and behind that pass, and a result that is read without
# being made is a fault: write `if ended { count += 1 }` in place of `count += u32::from(ended)`.
#
# Takes two minutes where the release is built already, and has cargo build the library again after it. The
# compiler says these things only if asked as a nightly one: RUSTC_BOOTSTRAP=1, here alone. What the
# standard library and other crates are compiled to is not looked at.
set -euo pipefail
cd "$(dirname "$0")/.."

dump=$(mktemp -d)
trap 'rm -rf "$dump"' EXIT
flags=(-Zdump-mir=SimplifyComparisonIntegral "-Zdump-mir-dir=$dump")
export RUSTC_BOOTSTRAP=1
if [ "${1:-}" = --show ]; then
    rustc --edition 2024 -O --emit=mir -o "$dump/out.mir" "${flags[@]}" "$2"
else
    cargo rustc --quiet --release --lib -- --emit=mir "${flags[@]}"
fi

python3 - "$dump" <<'PYTHON'
import pathlib, re, sys

COMPARISON = re.compile(r"\s+(_\d+) = (?:Eq|Ne|Lt|Le|Gt|Ge)\(")
NO_USE = re.compile(r"^\s*(?:let |debug |//|Storage(?:Live|Dead)\()")

def read(path):
    return path.read_text().splitlines()[1:]

def left_out(before, behind):
    for line in set(before):
        made = COMPARISON.match(line)
        if made and before.count(line) > behind.count(line):
            name = made.group(1)
            uses = [line.strip() for line in behind if re.search(rf"\b{name}\b", line) and not NO_USE.match(line)]
            reads = [use for use in uses if not use.startswith(f"{name} = ")]
            if reads:
                yield name, reads[0]

functions = faults = 0
for after in sorted(pathlib.Path(sys.argv[1]).glob("*.SimplifyComparisonIntegral.after.mir")):
    functions += 1
    before, behind = read(after.with_name(after.name.replace(".after.", ".before."))), read(after)
    for name, use in left_out(before, behind) if before != behind else ():
        faults += 1
        print(f"{after.name.split('.SimplifyComparison')[0]}: {name} is read and not made: {use}")
if functions == 0:
    sys.exit("the compiler gave no function: has the pass gone, or another name?")
print(f"{functions} functions, {faults} comparisons left out")
sys.exit(faults > 0)
PYTHON
