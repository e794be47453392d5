#!/bin/sh
# Counts the instructions of fixed pieces of the matcher's work: benches/count/run.sh [--check]
# Only functions of the compile room are counted, with what they call. --check compares with expected.txt and fails
# when a count grew by more than one per cent; counts depend on the compiler, so a new toolchain makes a new file.
set -eu
cd "$(dirname "$0")/../.."
program=$(cargo bench --bench count --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*count-[^"]*\)".*/\1/p')
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="$2" "$program" "$1" 2>&1 |
        sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}
for case in $("$program"); do
    case $case in
        compile-policy) what='sgsim::compile::compiled::Compiled::new' ;;
        compile-forest) what='*five_tuple*FiveTupleSet*with_strategy*' ;;
        policy-*) what='*Compiled*decide_numbers*' ;;
        *) what='*FiveTupleSet*lookup_batch*' ;;
    esac
    echo "$case $(count "$case" "$what")" | tee -a "$out"
done
if [ "${1:-}" = --check ]; then
    while read -r case before; do
        after=$(sed -n "s/^$case //p" "$out")
        if [ "$after" -gt $((before + before / 100)) ]; then
            echo "$case: $before instructions became $after" >&2
            status=1
        fi
    done <benches/count/expected.txt
fi
exit $status
