"""UDP for record.sh: an echo server, and a client that sends one datagram.

    udp.py echo PORT
    udp.py send ADDRESS PORT BYTES|vxlan
"""

import socket
import sys

# A VXLAN header (VNI 7777, which no host here has) and inside it a broadcast frame of an experimental type.
VXLAN = bytes.fromhex("0800000000 1e61 00") + b"\xff" * 6 + bytes.fromhex("0a580a000063 88b5") + bytes(46)


def echo(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", port))
    while True:
        data, peer = sock.recvfrom(65535)
        sock.sendto(data, peer)


def send(address, port, what):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, port))
    sock.settimeout(0.5)
    sock.send(VXLAN if what == "vxlan" else bytes(i % 251 for i in range(int(what))))
    try:
        print(len(sock.recv(65535)), "bytes came back")
    except OSError as error:  # a time-out, or the ICMP error this is sent for
        print(error)


match sys.argv[1:]:
    case ["echo", port]:
        echo(int(port))
    case ["send", address, port, what]:
        send(address, int(port), what)
    case _:
        sys.exit(__doc__)
