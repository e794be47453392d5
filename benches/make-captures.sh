#!/usr/bin/env bash
# Makes mixed.pcap, small.pcap and their scenario, 1 GiB each unless told: benches/make-captures.sh FOLDER [MEBIBYTES]
set -euo pipefail
cd "$(dirname "$0")/.."
cargo run --release --quiet --example make-captures -- "$@"
