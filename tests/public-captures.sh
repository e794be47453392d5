#!/usr/bin/env bash
# Compares how every capture in a folder (and the folders in it) decodes with tshark: frames, times, lengths, addresses,
# protocol, fragments, ports, flags, ICMP, VLANs; and of what tunnels carry addresses and ports of every layer, and
# identifiers; and how many packets there are with tcpdump. Prints what differs, and how many files did.
# usage: tests/public-captures.sh FOLDER
set -euo pipefail
folder=$(realpath "${1:?a folder of captures}")
cd "$(dirname "$0")/.."
SGSIM_CAPTURES=$folder cargo test --quiet --test tshark -- --nocapture of_a_folder
