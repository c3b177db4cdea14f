#!/usr/bin/env bash
# A switch under mixed traffic, with a fault and a reload every few seconds: nothing may be lost,
# wrong or doubled, and it must end with the memory and the descriptors that it began with.
#
#   scripts/soak.sh                 10 minutes
#   scripts/soak.sh 2h              longer
#   SOAK_PORT=19000 scripts/soak.sh 60s
#   SOAK_BINARY=/usr/bin/ringswitch scripts/soak.sh     an installed binary
#
# Terminals behind a NAC and their issuer, a channel and its merchant, played by
# `ringswitch simulate`. The faults are those after which no frame may be missing: a line of the
# issuer is drained and comes back, the issuer stands still for a moment, a second connection tries an
# occupied port, strangers send garbage, half frames and lengths past any limit to a member of their
# own and leave. Faults that may cost a frame, and then count it, are the tests' business. Exit 1 if anything is wrong.
set -uo pipefail
cd "$(dirname "$0")/.."

fail() { echo "scripts/soak.sh: $*" >&2; exit 2; }

# 90, 90s, 10m or 2h, in seconds.
seconds() {
    case $1 in
        *h) echo $((${1%h} * 3600)) ;;
        *m) echo $((${1%m} * 60)) ;;
        *) echo "${1%s}" ;;
    esac
}
[[ ${1:-10m} =~ ^[0-9]+[smh]?$ ]] || fail "a time is a number and s, m or h: $1"
limit=$(seconds "${1:-10m}")
port=${SOAK_PORT:-17600}
binary=${SOAK_BINARY:-}
if [ -z "$binary" ]; then
    cargo build --release --quiet || fail "it does not build"
    binary=${CARGO_TARGET_DIR:-target}/release/ringswitch
fi
folder=$(mktemp -d)
children=()
end() {
    # Only what was started here; stopped ones must go on to be able to end.
    for child in "${children[@]}"; do kill -CONT "$child" 2> /dev/null; kill -KILL "$child" 2> /dev/null; done
    wait 2> /dev/null
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT TERM

# Two versions, which a reload exchanges: timers differ, and a line of the strangers comes and goes.
configuration() {
    local at=$1 connect_within=$2 more=$3
    cat << END
[switch]
name   = "soak"
shards = 2
admin  = "unix:$folder/admin.sock"
[timers]
connect_within = "$connect_within"
partial_within = "1s"
reconnect      = ["50ms", "500ms"]
[limits]
connections = 200
[[member]]
id = "nac"
profile = "terminal"
header = "tpdu"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:$((at + 1))" }, { listen = "127.0.0.1:$((at + 2))" } ]
[[member]]
id = "issuer"
profile = "institution"
header = "tpdu"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:$((at + 3))" }, { listen = "127.0.0.1:$((at + 4))" }, { listen = "127.0.0.1:$((at + 5))" } ]
[[member]]
id = "channel"
profile = "channel"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:$((at + 6))" } ]
[[member]]
id = "merchant"
profile = "merchant"
line = [ { connect = "127.0.0.1:$((at + 7))" } ]
[[member]]
id = "stranger"
profile = "terminal"
header = "tpdu"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:$((at + 8))" }$more ]
[[route]]
from = ["nac"]
to = ["issuer"]
match = { nii = ["0003"] }
[[route]]
from = ["channel"]
to = ["merchant"]
[[route]]
from = ["stranger"]
to = ["issuer"]
match = { nii = ["0777"] }
END
}
configuration "$port" 2s '' > "$folder/first.toml"
configuration "$port" 3s ", { listen = \"127.0.0.1:$((port + 9))\" }" > "$folder/second.toml"
cp "$folder/first.toml" "$folder/soak.toml"

"$binary" run -c "$folder/soak.toml" > "$folder/said" 2> "$folder/log" &
switch=$!
children+=("$switch")
for _ in {1..200}; do
    grep -qs ready "$folder/said" && break
    kill -0 "$switch" 2> /dev/null || { cat "$folder/log" >&2; fail "the switch did not start"; }
    sleep 0.05
done

admin() { "$binary" "$@" --admin "unix:$folder/admin.sock"; }
memory_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$switch/status"; }
descriptors() { ls "/proc/$switch/fd" | wc -l; }
play() {
    local member=$1
    shift
    "$binary" simulate "$member" -c "$folder/first.toml" --json "$@" > "$folder/$member.json" 2> "$folder/$member.err" &
    children+=($!)
    played=$!
}

descriptors_before=$(descriptors)
play issuer; issuer=$played
play merchant; merchant=$played
sleep 1
# Rates that leave the machine time for the faults: this is about what goes wrong, not about speed.
play nac --rate 2000 --for "${limit}s"; nac=$played
play channel --rate 500 --for "${limit}s"; channel=$played
sleep 5
memory_before=$(memory_kib)

knock() { # PORT, what printf makes of it: sent by somebody who then leaves
    { exec 9<> "/dev/tcp/127.0.0.1/$1" && printf "$2" >&9; exec 9>&-; } 2> /dev/null
}
faults=0 reloads=0 refused=0 turn=0
fault() {
    case $((turn % 8)) in
        0) admin drain "issuer-$((turn / 8 % 3 + 1))" > /dev/null || return 1 ;;
        1) for line in 1 2 3; do admin enable "issuer-$line" > /dev/null || return 1; done ;;
        2) kill -STOP "$issuer"; sleep 0.3; kill -CONT "$issuer" ;;
        3) knock $((port + 1)) 'second' ;;
        4) knock $((port + 8)) '\xff\xff4000001234567899' ;;
        5) knock $((port + 8)) '\x00\x40\x60\x07\x77' ;;
        6) knock $((port + 8)) '\x00\x07\x60\x09\x99\x00\x01ab\x00\x03abc\x00\x00' ;;
        7) kill -STOP "$merchant"; sleep 0.3; kill -CONT "$merchant" ;;
    esac
    return 0
}
until_end=$((SECONDS + limit - 8))
while [ "$SECONDS" -lt "$until_end" ] && kill -0 "$nac" 2> /dev/null; do
    fault && faults=$((faults + 1)) || refused=$((refused + 1))
    if [ $((turn % 3)) -eq 2 ]; then
        next=first
        [ $((turn / 3 % 2)) -eq 1 ] || next=second
        cp "$folder/$next.toml" "$folder/soak.toml"
        admin reload > "$folder/reload" 2>&1 && reloads=$((reloads + 1)) || { refused=$((refused + 1)); cat "$folder/reload" >&2; }
    fi
    turn=$((turn + 1))
    sleep 2
done
memory_after=$(memory_kib)
for line in 1 2 3; do admin enable "issuer-$line" > /dev/null; done
cp "$folder/first.toml" "$folder/soak.toml"
admin reload > /dev/null 2>&1

wait "$nac"; wait "$channel"
kill -INT "$issuer" "$merchant"; wait "$issuer"; wait "$merchant"
for _ in {1..100}; do
    descriptors_after=$(descriptors)
    [ "$descriptors_after" -gt "$descriptors_before" ] || break
    sleep 0.1
done

# The members' own books: sum of a count over all of them.
sum() {
    python3 - "$1" "$folder"/{nac,channel,issuer,merchant}.json << 'END'
import json, sys
def count(value, key):
    if isinstance(value, dict):
        own = value.get(key)
        return (own if isinstance(own, int) else 0) + sum(count(part, key) for part in value.values())
    return sum(count(part, key) for part in value) if isinstance(value, list) else 0
print(sum(count(json.load(open(name)), sys.argv[1]) for name in sys.argv[2:]))
END
}
wrong=0
complain() { echo "WRONG: $*"; wrong=1; }
n_sent=0 n_answered=0 n_lost=0 n_wrong=0 n_duplicates=0 n_late=0
for count in sent answered lost wrong duplicates late; do
    read -r "n_$count" < <(sum "$count" 2> /dev/null) || complain "the members' reports cannot be read ($count)"
done
echo "time         ${limit} s, $faults faults, $reloads reloads"
echo "requests     $n_sent sent, $n_answered answered, $n_lost lost, $n_wrong wrong, $n_duplicates doubled, $n_late late"
echo "memory       $memory_before KiB at the start, $memory_after KiB at the end"
echo "descriptors  $descriptors_before at the start, $descriptors_after at the end"
[ "$n_sent" -gt 0 ] || complain "nothing was asked"
[ "$faults" -gt 0 ] && [ "$reloads" -gt 0 ] || complain "too short for a fault and a reload"
[ "$refused" -eq 0 ] || complain "$refused commands were refused"
[ $((n_lost + n_wrong + n_duplicates + n_late)) -eq 0 ] || complain "requests have gone wrong"
# A quarter and 16 MiB: allocators keep a little, a leak keeps growing.
[ "$memory_after" -le $((memory_before * 5 / 4 + 16384)) ] || complain "memory has grown"
[ "$descriptors_after" -le "$descriptors_before" ] || complain "descriptors are left open"
kill -0 "$switch" 2> /dev/null || complain "the switch has ended"
kill -TERM "$switch"
wait "$switch" || complain "the switch ended with $?"
grep -q panicked "$folder/log" && complain "a panic is in the log"
if [ $wrong -ne 0 ]; then
    kept=$(mktemp -d) && cp "$folder"/{log,*.json,*.err,*.toml} "$kept" && echo "log and reports: $kept"
fi
exit $wrong
