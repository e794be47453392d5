#!/bin/sh
# Counts the instructions of fixed pieces of work: benches/count/run.sh [--check | --record]
# Counted are functions of the compile room, and the reading and judging of a capture, each with what it calls. --check
# compares with expected.txt and fails when a count grew by more than three per cent; --record writes that file. Counts
# depend on the compiler: where it is not the one that the file names in its first line, or where there is no valgrind,
# --check says that it was skipped.
set -eu
cd "$(dirname "$0")/../.."
expected=benches/count/expected.txt
compiler=$(rustc --version)
if [ "${1:-}" = --check ]; then
    recorded=$(sed -n 's/^# //p' "$expected")
    if [ "$compiler" != "$recorded" ]; then
        echo "skipped: counts were recorded with $recorded, and this is $compiler"
        exit 0
    fi
    if ! command -v valgrind >/dev/null 2>&1; then
        echo 'skipped: there is no valgrind'
        exit 0
    fi
fi
program=$(cargo bench --bench count --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*count-[^"]*\)".*/\1/p')
out=$(mktemp)
trap 'rm -f "$out"' EXIT
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="$2" "$program" "$1" 2>&1 |
        sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}
for case in $("$program"); do
    case $case in
        compile-policy) what='sgsim::compile::compiled::Compiled::new' ;;
        compile-forest) what='*five_tuple*FiveTupleSet*with_strategy*' ;;
        replay) what='*read_and_judge*' ;;
        policy-*) what='*Compiled*decide_numbers*' ;;
        *) what='*FiveTupleSet*lookup_batch*' ;;
    esac
    echo "$case $(count "$case" "$what")" | tee -a "$out"
done
case ${1:-} in
    --record) (echo "# $compiler" && cat "$out") >"$expected" ;;
    --check)
        status=0
        while read -r case before; do
            [ "$case" = '#' ] && continue
            after=$(sed -n "s/^$case //p" "$out")
            # A function that was not found counts nothing: the check would hold without looking.
            if [ "${after:-0}" -eq 0 ]; then
                echo "$case: nothing was counted" >&2
                status=1
            elif [ "$after" -gt $((before + before * 3 / 100)) ]; then
                echo "$case: $before instructions became $after" >&2
                status=1
            fi
        done <"$expected"
        exit $status
        ;;
esac
