"""Puts the 802.1Q tags of Turbo pods into a recording, as a capture on the nodes' NICs shows them.

    tag.py IN.pcap OUT.pcap MAC=VLAN...

A pod's NIC is a VLAN of its node's NIC: every frame from or to the pod carries the pod's tag. A frame between two pods
crosses two such NICs, with two tags; it is kept once, with the tag of the pod that is named first here, so that both
directions of a connection carry the same tag. The VLAN device that would do this needs a kernel module that is often
not there; nothing but the tag is touched.
"""

import struct
import sys

source, target, *pairs = sys.argv[1:]
tags = {bytes.fromhex(mac.replace(":", "")): int(vlan) for mac, vlan in (pair.split("=") for pair in pairs)}
order = list(tags)

with open(source, "rb") as reader, open(target, "wb") as writer:
    header = reader.read(24)
    if header[:4] not in (bytes.fromhex("4d3cb2a1"), bytes.fromhex("d4c3b2a1")) or header[20:24] != b"\x01\0\0\0":
        sys.exit("tag.py: not a little-endian pcap of Ethernet frames")
    writer.write(header)
    while record := reader.read(16):
        seconds, fraction, captured, length = struct.unpack("<IIII", record)
        frame = reader.read(captured)
        ours = [mac for mac in (frame[:6], frame[6:12]) if mac in tags]
        if ours:
            tag = tags[min(ours, key=order.index)]
            frame = frame[:12] + struct.pack(">HH", 0x8100, tag) + frame[12:]
            captured, length = captured + 4, length + 4
        writer.write(struct.pack("<IIII", seconds, fraction, captured, length) + frame)
