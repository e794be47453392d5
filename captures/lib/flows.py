"""Counts the connections of a capture with tshark, for the first five columns of expected/*.tsv.

    flows.py CAPTURE

One line for each initiator, responder, protocol and service, in order of first appearance, with the number of distinct
connections (by addresses, ports or echo identifier, and VLAN) and the first frame. It judges nothing: the verdicts
beside these lines are worked out by people. Only the outer headers count; a later fragment counts with its first.
"""

import subprocess
import sys

FIELDS = """frame.number vlan.id ip.src ip.dst ip.proto ip.frag_offset ipv6.src ipv6.dst ipv6.nxt
tcp.srcport tcp.dstport tcp.flags.syn tcp.flags.ack udp.srcport udp.dstport
icmp.type icmp.ident icmpv6.type icmpv6.echo.identifier""".split()
SET = ("1", "True")  # as different versions of tshark print a flag
ECHO = {"icmp": ("8", "0"), "icmpv6": ("128", "129")}


def frames(capture):
    command = ["tshark", "-r", capture, "-n", "-o", "ip.defragment:FALSE", "-T", "fields", "-E", "occurrence=f"]
    for field in FIELDS:
        command += ["-e", field]
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        yield dict(zip(FIELDS, line.split("\t")))


connections = {}  # key without direction: [initiator, responder, protocol, service, first frame]
for f in frames(sys.argv[1]):
    source, target = f["ip.src"] or f["ipv6.src"], f["ip.dst"] or f["ipv6.dst"]
    if not source or f["ip.frag_offset"] not in ("", "0"):
        continue
    name = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}.get(f["ip.proto"] or f["ipv6.nxt"], "other")
    opening = True
    if name in ("tcp", "udp"):
        a, b = (source, f[name + ".srcport"]), (target, f[name + ".dstport"])
        key, service = frozenset((a, b)), b[1]
        opening = name == "udp" or (f["tcp.flags.syn"] in SET and f["tcp.flags.ack"] not in SET)
    else:
        service = f.get(name + ".type", "-")
        identifier = f["icmp.ident"] or f["icmpv6.echo.identifier"]
        if service in ECHO.get(name, ()):
            key = (frozenset((source, target)), identifier)
        else:
            key = (source, target, service)
    key = (name, f["vlan.id"], key)
    known = connections.setdefault(key, [source, target, name, service, f["frame.number"], opening])
lines = {}
for source, target, name, service, frame, opening in connections.values():
    lines.setdefault((source, target, name, service), []).append((frame, opening))
print("initiator responder protocol service connections first-frame opening".replace(" ", "\t"))
for line, seen in lines.items():
    print(*line, len(seen), seen[0][0], "seen" if seen[0][1] else "mid-stream", sep="\t")
