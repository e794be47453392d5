#!/bin/sh
# Runs the matcher beside rte_acl and prints the table of ratios: benches/peers/run.sh [FOLDER] [SET...]
# FOLDER holds ClassBench sets (NAME.rules and NAME.trace, or their .xz); without it only the scenario-shaped rules run.
set -eu
cd "$(dirname "$0")/../.."
benches/peers/build.sh >&2
set -- ${1:+--data "$@"}

exec cargo bench --bench peers -- "$@"
