#!/usr/bin/env bash
# A switch under mixed traffic, with a fault and a reload every few seconds: nothing may be lost,
# wrong or doubled, and it must end with the memory and the descriptors that it began with.
#
#   scripts/soak.sh                 10 minutes
#   scripts/soak.sh 2h              longer
#   SOAK_PORT=19000 scripts/soak.sh 60s
#   SOAK_BINARY=/usr/bin/ringswitch scripts/soak.sh     an installed binary
#
# Terminals behind a NAC and their issuer, a channel and its merchant, an acquirer and its scheme
# (ISO 8583, no TPDU), played by `ringswitch simulate`; and by scripts/soak_members.py a host whose
# `guard` meets wrong answers, a line that is reset over unread answers (`resend`), and a group that is
# rebuilt when one of its lines closes (`on_line_loss`). The marks are kept in a `state` folder. The
# faults are those after which no frame may be missing: a line of the issuer or of the scheme is drained
# and comes back, the issuer or the merchant stands still for a moment, a second connection tries an
# occupied port, strangers send garbage, half frames and lengths past any limit to a member of their
# own and leave. Faults that may cost a frame, and then count it, are the tests' business. At the end
# every frame received must have had one fate. Exit 1 if anything is wrong. Needs python3.
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
state  = "$folder/state"
[timers]
connect_within = "$connect_within"
# A line whose peer has gone is kept while a request of it waits, and the guarded ones that are planted wait in vain.
answer_within  = "5s"
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
[[member]]
id = "acquirer"
profile = "institution"
header = "iso8583"
dialect = "cups"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:$((at + 10))" }, { listen = "127.0.0.1:$((at + 11))" } ]
[[member]]
id = "scheme"
profile = "institution"
header = "iso8583"
dialect = "cups"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:$((at + 12))" }, { listen = "127.0.0.1:$((at + 13))" } ]
[[member]]
id = "pos"
profile = "terminal"
header = "tpdu"
resend = "unacked"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:$((at + 14))" }, { listen = "127.0.0.1:$((at + 15))" } ]
[[member]]
id = "guarded"
profile = "institution"
header = "tpdu"
guard = true
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:$((at + 16))" } ]
[[member]]
id = "rebuilt"
profile = "institution"
header = "tpdu"
on_line_loss = "reset_group"
allow = ["127.0.0.1"]
line = [ { listen = "127.0.0.1:$((at + 17))" }, { listen = "127.0.0.1:$((at + 18))" } ]
[[route]]
from = ["nac"]
to = ["issuer"]
match = { nii = ["0003"] }
[[route]]
from = ["channel"]
to = ["merchant"]
[[route]]
from = ["acquirer"]
to = ["scheme"]
[[route]]
from = ["pos"]
to = ["guarded"]
match = { nii = ["0004"] }
[[route]]
from = ["pos"]
to = ["rebuilt"]
match = { nii = ["0005"] }
[[route]]
from = ["stranger"]
to = ["issuer"]
match = { nii = ["0777"] }
END
}
configuration "$port" 2s '' > "$folder/first.toml"
configuration "$port" 3s ", { listen = \"127.0.0.1:$((port + 9))\" }" > "$folder/second.toml"
cp "$folder/first.toml" "$folder/soak.toml"
mkdir -m 700 "$folder/state"

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
play scheme; scheme=$played
sleep 1
# Rates that leave the machine time for the faults: this is about what goes wrong, not about speed.
play nac --rate 2000 --for "${limit}s"; nac=$played
play channel --rate 500 --for "${limit}s"; channel=$played
play acquirer --rate 500 --for "${limit}s"; acquirer=$played
python3 scripts/soak_members.py $((port + 14)) $((port + 15)) $((port + 16)) $((port + 17)) $((port + 18)) \
    > "$folder/features.json" 2> "$folder/features.err" &
features=$!
children+=("$features")
sleep 5
memory_before=$(memory_kib)

knock() { # PORT, what printf makes of it: sent by somebody who then leaves
    { exec 9<> "/dev/tcp/127.0.0.1/$1" && printf "$2" >&9; exec 9>&-; } 2> /dev/null
}
faults=0 reloads=0 refused=0 turn=0
fault() {
    case $((turn % 10)) in
        0) admin drain "issuer-$((turn / 10 % 3 + 1))" > /dev/null || return 1 ;;
        1) for line in 1 2 3; do admin enable "issuer-$line" > /dev/null || return 1; done ;;
        2) kill -STOP "$issuer"; sleep 0.3; kill -CONT "$issuer" ;;
        3) knock $((port + 1)) 'second' ;;
        4) knock $((port + 8)) '\xff\xff4000001234567899' ;;
        5) knock $((port + 8)) '\x00\x40\x60\x07\x77' ;;
        6) knock $((port + 8)) '\x00\x07\x60\x09\x99\x00\x01ab\x00\x03abc\x00\x00' ;;
        7) kill -STOP "$merchant"; sleep 0.3; kill -CONT "$merchant" ;;
        8) admin drain "scheme-$((turn / 10 % 2 + 1))" > /dev/null || return 1 ;;
        9) for line in 1 2; do admin enable "scheme-$line" > /dev/null || return 1; done ;;
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
for line in issuer-{1,2,3} scheme-{1,2}; do admin enable "$line" > /dev/null; done
cp "$folder/first.toml" "$folder/soak.toml"
admin reload > /dev/null 2>&1

kill -INT "$features"
for asking in "$nac" "$channel" "$acquirer" "$features"; do wait "$asking"; done
kill -INT "$issuer" "$merchant" "$scheme"
for answering in "$issuer" "$merchant" "$scheme"; do wait "$answering"; done
for _ in {1..100}; do
    descriptors_after=$(descriptors)
    [ "$descriptors_after" -gt "$descriptors_before" ] || break
    sleep 0.1
done

# The members' own books: sum of a count over all of them.
sum() {
    python3 - "$1" "$folder"/{nac,channel,acquirer,features,issuer,merchant,scheme}.json << 'END'
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
# What the switch counted: every frame has one fate, and of the planted answers each was dropped.
python3 - "$folder/admin.sock" "$folder/features.json" > "$folder/counted" << 'END' || complain "$(cat "$folder/counted")"
import collections, json, re, socket, sys
asked = socket.socket(socket.AF_UNIX)
asked.connect(sys.argv[1])
asked.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
text = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
sums = collections.Counter()
for name, labels, value in re.findall(r"^ringswitch_(\w+)(\{.*\})? (\S+)$", text, re.M):
    sums[name] += float(value)
    reason = re.search(r'reason="(\w+)"', labels)
    if reason: sums[name, reason[1]] += float(value)
fates = sum(sums[name] for name in ("probes_received_total", "requests_forwarded_total", "answers_forwarded_total", "frames_dropped_total", "frames_held"))
played = json.load(open(sys.argv[2]))
dropped = ", ".join(f"{key[1]} {value:.0f}" for key, value in sums.items() if isinstance(key, tuple) and key[0] == "frames_dropped_total" and value)
print(f"fates        {sums['frames_received_total']:.0f} frames received, {fates:.0f} fates; dropped: {dropped or 'none'}")
print(f"features     {played['rounds']['guard']} guarded rounds, {played['planted']} wrong answers, {sums['frames_dropped_total', 'guard']:.0f} dropped; "
      f"{played['rounds']['resend']} lines reset over unread answers, {sums['answers_resent_total']:.0f} resent; {played['rounds']['rebuild']} groups rebuilt")
wrong = []
if fates != sums["frames_received_total"] or not fates: wrong.append("the fates do not add up")
if sums["frames_dropped_total", "guard"] != played["planted"]: wrong.append("guard dropped something else than what was planted")
if played["rounds"]["resend"] and not sums["answers_resent_total"]: wrong.append("nothing was resent")
if not played["rounds"]["guard"]: wrong.append("nobody was guarded")
print(*wrong, sep="\n", end="")
sys.exit(bool(wrong))
END
echo "time         ${limit} s, $faults faults, $reloads reloads"
echo "requests     $n_sent sent, $n_answered answered, $n_lost lost, $n_wrong wrong, $n_duplicates doubled, $n_late late"
head -2 "$folder/counted"
echo "memory       $memory_before KiB at the start, $memory_after KiB at the end"
echo "descriptors  $descriptors_before at the start, $descriptors_after at the end"
[ "$n_sent" -gt 0 ] || complain "nothing was asked"
[ "$faults" -gt 0 ] && [ "$reloads" -gt 0 ] || complain "too short for a fault and a reload"
[ "$refused" -eq 0 ] || complain "$refused commands were refused"
[ $((n_lost + n_wrong + n_duplicates + n_late)) -eq 0 ] || complain "requests have gone wrong"
# A quarter and 16 MiB: allocators keep a little, a leak keeps growing.
[ "$memory_after" -le $((memory_before * 5 / 4 + 16384)) ] || complain "memory has grown"
[ "$descriptors_after" -le "$descriptors_before" ] || complain "descriptors are left open: $(ls -l "/proc/$switch/fd")"
kill -0 "$switch" 2> /dev/null || complain "the switch has ended"
kill -TERM "$switch"
wait "$switch" || complain "the switch ended with $?"
grep -q panicked "$folder/log" && complain "a panic is in the log"
[ -s "$folder/state/state.toml" ] || complain "no state was kept: $(ls "$folder/state")"
if [ $wrong -ne 0 ]; then
    kept=$(mktemp -d) && cp "$folder"/{log,*.json,*.err,*.toml} "$kept" && echo "log and reports: $kept"
fi
exit $wrong
