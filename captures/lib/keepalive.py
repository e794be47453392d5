"""A TLS client for record.sh that stays connected and asks again every two seconds.

    keepalive.py LOCAL_PORT ADDRESS PORT
"""

import socket
import ssl
import sys
import time

local, address, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
raw = socket.create_connection((address, port), source_address=("", local))
with context.wrap_socket(raw) as tls:
    while True:
        tls.sendall(b"GET / HTTP/1.1\r\nHost: sgsim.test\r\n\r\n")
        tls.recv(4096)
        time.sleep(2)
