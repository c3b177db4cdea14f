#!/usr/bin/env bash
# Measures the switch beside HAProxy, nginx, a tokio copier and a bare pipe: what a frame costs.
#
#   scripts/bench.sh                         every scenario, about twelve minutes; recorded
#   scripts/bench.sh terminals-K512W1 pairs  scenarios whose names contain that
#   scripts/bench.sh --quick                 a look: two short rounds at one size, not recorded
#   scripts/bench.sh --json > results.json   for programs; the tables go to standard error
#   scripts/bench.sh --install-peers         gets HAProxy and nginx from Debian's packages first;
#                                            their services are neither started nor enabled
#   scripts/bench.sh --help                  the other options
#
# A run is recorded in benches/runs/DATE-MACHINE/: summary.txt, results.json and README.md with what
# was run on what. --record DIR names another folder, --no-record none. BENCH_MACHINE=NAME names the
# machine; otherwise it is how many processors it has and whether it is a virtual one.
#
# If there is a bench `scale` (two shards, scaling, open loop, idle lines) it runs behind the
# comparison, with its own defaults and its own JSON document; not when scenarios are named, nor
# with --quick. --no-scale leaves it out, --only-scale runs nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "scripts/bench.sh: $*" >&2
    exit 1
}

# Packages start their services when they are installed; a policy that forbids it is Debian's own
# way to prevent that. Services of packages that were there before are left as they are.
install_peers() {
    command -v apt-get > /dev/null || fail "no apt-get here: install haproxy and nginx with its stream module yourself"
    local as_root=() wanted=() package service policy=/usr/sbin/policy-rc.d forbidden=''
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    for package in haproxy nginx-core libnginx-mod-stream; do
        # A package that was removed is still known: ask for its state.
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || wanted+=("$package")
    done
    [ ${#wanted[@]} -gt 0 ] || return 0
    if [ ! -e "$policy" ]; then
        forbidden=yes
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    local installed=yes
    "${as_root[@]}" apt-get update -qq >&2 &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq -y --no-install-recommends "${wanted[@]}" >&2 || installed=''
    [ -z "$forbidden" ] || "${as_root[@]}" rm -f "$policy"
    [ -n "$installed" ] || fail "apt-get could not install ${wanted[*]}"
    for service in haproxy nginx; do
        if [[ " ${wanted[*]} " == *" $service"[\ -]* ]] && command -v systemctl > /dev/null; then
            "${as_root[@]}" systemctl disable -q "$service" >&2 || true
        fi
    done
}

# Such as `2-core-vm`, `16-core`.
machine() {
    local kind=''
    ! grep -q '^flags.* hypervisor' /proc/cpuinfo || kind=-vm
    echo "$(nproc)-core$kind"
}

arguments=() folder='' recorded=yes relay=yes scale=yes json=''
while [ $# -gt 0 ]; do
    case $1 in
        --install-peers) install_peers ;;
        --no-record) recorded='' ;;
        --no-scale) scale='' ;;
        --only-scale) relay='' ;;
        --record) [ $# -gt 1 ] || fail "--record needs a folder"; folder=$2; shift ;;
        --quick) arguments+=("$1"); recorded='' scale='' ;;
        --list | --help | -h) arguments+=("$1"); recorded='' scale='' folder='' ;;
        --json) arguments+=("$1"); json=--json ;;
        --size | --rounds | --seconds | --peer) arguments+=("$1" "${2:-}"); shift; [ $# -gt 0 ] || break ;;
        -*) arguments+=("$1") ;;
        *) arguments+=("$1"); scale='' ;;
    esac
    shift
done

if [ -z "$folder" ] && [ -n "$recorded" ]; then
    folder=benches/runs/$(date -u +%F)-${BENCH_MACHINE:-$(machine)}
    # A second run of a day has a folder of its own.
    [ ! -e "$folder" ] || folder=$folder-$(date -u +%H%M)
fi

if [ -n "$relay" ]; then
    [ -z "$folder" ] || arguments+=(--record "$folder")
    cargo bench -q --bench relay -- "${arguments[@]}"
fi
if [ -n "$scale" ] && [ -e benches/scale.rs ]; then
    if [ -n "$folder" ]; then
        mkdir -p "$folder"
        cargo bench -q --bench scale -- --json 2> >(tee "$folder/scale.txt" >&2) > "$folder/scale.json"
        [ -z "$json" ] || cat "$folder/scale.json"
    else
        cargo bench -q --bench scale -- ${json:+"$json"}
    fi
fi
