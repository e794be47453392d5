#!/bin/sh
# Builds the peer of the matcher benches into target/peers/. Needs: apt-get install gcc pkg-config libdpdk-dev
set -eu
cd "$(dirname "$0")/../.."
mkdir -p target/peers
# The whole-program flags are those of the library itself; -march=native lets its inline parts use what it can.
# shellcheck disable=SC2046
cc -O3 -march=native -Wall -Wextra -Wno-unused-parameter $(pkg-config --cflags libdpdk) \
    benches/peers/rte_acl.c -o target/peers/rte-acl -lrte_acl -lrte_eal
echo target/peers/rte-acl
