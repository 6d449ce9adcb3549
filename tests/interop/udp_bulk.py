#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams in bulk, cut by the kernel (UDP_SEGMENT), and a client that counts them.

    udp_bulk.py serve ADDRESS PORT
    udp_bulk.py fetch LOCAL PORT ADDRESS PORT COUNT SIZE

The client asks for datagrams by number, a window at a time; what does not come it asks for again. It
fails when one has another length or other bytes than were asked for.
"""

import socket
import struct
import sys

UDP_SEGMENT = 103
SOL_UDP = 17
RUN = 32
WINDOW = 256
TRIES = 50
BUFFER = 4 << 20


def content(number, size):
    return struct.pack("!I", number) * (size // 4)


def open_socket(address):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    opened.bind(address)
    return opened


def serve(address):
    """A request is the first number, how many, and the size; the answer is that many datagrams."""
    server = open_socket(address)
    seen = set()
    while True:
        request, client = server.recvfrom(64)
        if client not in seen:
            seen.add(client)
            print(f"{client[0]} {client[1]}", flush=True)
        first, count, size = struct.unpack("!III", request)
        server.setsockopt(SOL_UDP, UDP_SEGMENT, size)
        for start in range(first, first + count, RUN):
            end = min(start + RUN, first + count)
            server.sendto(b"".join(content(number, size) for number in range(start, end)), client)


def fetch(local, address, count, size):
    client = open_socket(local)
    client.connect(address)
    client.settimeout(0.5)
    lost = 0
    for first in range(0, count, WINDOW):
        missing = set(range(first, min(first + WINDOW, count)))
        for _ in range(TRIES):
            client.send(struct.pack("!III", min(missing), max(missing) - min(missing) + 1, size))
            lost += take(client, missing, size)
            if not missing:
                break
        else:
            sys.exit(f"{len(missing)} datagrams never came, such as {min(missing)}")
    print(f"{count} datagrams of {size} bytes came, {lost} of them after another request")


def take(client, missing, size):
    """Take datagrams until none is missing or none comes; returns how many are missing then."""
    while missing:
        try:
            datagram = client.recv(65535)
        except TimeoutError:
            break
        except ConnectionRefusedError:
            continue
        number = struct.unpack("!I", datagram[:4])[0]
        if datagram != content(number, size):
            sys.exit(f"datagram {number} has {len(datagram)} bytes that were not sent")
        missing.discard(number)
    return len(missing)


def main():
    words = sys.argv[1:]
    if len(words) == 3 and words[0] == "serve":
        serve((words[1], int(words[2])))
    elif len(words) == 7 and words[0] == "fetch":
        fetch((words[1], int(words[2])), (words[3], int(words[4])), int(words[5]), int(words[6]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
