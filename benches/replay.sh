#!/usr/bin/env bash
# Measures replay beside cat and tcpdump: benches/replay.sh FOLDER [RUNS]
#
# FOLDER holds what benches/make-captures.sh made. Every round runs each command once, in turns, so that a change of the
# machine's mood meets all of them; the table shows medians over RUNS rounds (at least 5; 7 unless told), wall-clock and
# processor seconds (user and system) and the peak of memory. On a machine that is shared only the latter two mean much.
set -euo pipefail
folder=$1 runs=${2:-7}
here=$(cd "$(dirname "$0")/.." && pwd)
sgsim=${SGSIM:-$here/target/release/sgsim}
filter='udp port 4789 or tcp port 10250'
times=$(mktemp)
trap 'rm -f "$times"' EXIT

measure() { # NAME FILE COMMAND...
    local name=$1 file=$2 figures peak
    shift 2
    figures=$(mktemp) peak=$(mktemp)
    # In milliseconds: time(1) knows hundredths only.
    local TIMEFORMAT='%3R %3U %3S'
    { time /usr/bin/time -o "$peak" -f '%M' "$@" >/dev/null 2>/dev/null; } 2>"$figures"
    echo "$file $name $(tail -n 1 "$figures") $(tail -n 1 "$peak")" >>"$times"
    rm -f "$figures" "$peak"
}

for file in mixed small; do cat "$folder/$file.pcap" >/dev/null; done # warm
for ((round = 0; round < runs; round++)); do
    for file in mixed small; do
        capture=$folder/$file.pcap
        measure cat "$file" cat "$capture"
        measure tcpdump "$file" tcpdump -r "$capture" --count "$filter"
        measure sgsim-j1 "$file" "$sgsim" replay "$capture" -s "$folder/scenario.yaml" -j 1
        measure sgsim-j2 "$file" "$sgsim" replay "$capture" -s "$folder/scenario.yaml" -j 2
    done
done

median() { # FILE NAME COLUMN; processor seconds are columns 4 and 5 added up
    awk -v f="$1" -v n="$2" -v c="$3" '$1 == f && $2 == n { print c == "cpu" ? $4 + $5 : $c }' "$times" |
        sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

echo "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), commit $(git -C "$here" rev-parse --short HEAD), $runs rounds"
printf '%-6s %-9s %8s %8s %9s %10s %14s %14s\n' file command wall/s cpu/s KiB 'wall:cat' 'wall:tcpdump' 'cpu:tcpdump'
for file in mixed small; do
    cat=$(median "$file" cat 3) dump=$(median "$file" tcpdump 3) dump_cpu=$(median "$file" tcpdump cpu)
    for name in cat tcpdump sgsim-j1 sgsim-j2; do
        wall=$(median "$file" "$name" 3) cpu=$(median "$file" "$name" cpu) memory=$(median "$file" "$name" 6)
        awk -v f="$file" -v n="$name" -v w="$wall" -v c="$cpu" -v m="$memory" -v a="$cat" -v d="$dump" -v e="$dump_cpu" \
            'BEGIN { printf "%-6s %-9s %8.3f %8.3f %9d %10.2f %14.2f %14.2f\n", f, n, w, c, m, w / a, w / d, c / e }'
    done
    awk -v f="$file" -v a="$(median "$file" sgsim-j1 3)" -v b="$(median "$file" sgsim-j2 3)" \
        'BEGIN { printf "%-6s two threads are %.2f times as fast as one\n", f, a / b }'
done
