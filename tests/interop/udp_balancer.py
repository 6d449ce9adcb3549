#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A small UDP load balancer: names the client in a header before what it passes on.

    udp_balancer.py each|first|spp LISTEN PORT TARGET PORT

Each client has a socket of its own towards the target. "each" puts a PROXY header of version 2
before every datagram, "first" before a client's first alone, "spp" one of Cloudflare's Simple Proxy
Protocol before every one, and takes the same header off the answers.
"""

import ipaddress
import select
import socket
import struct
import sys

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
SPP_MAGIC = 0x56EC
DATAGRAM_MAX = 65535
BUFFER = 4 << 20

# Version 2, command PROXY; INET or INET6 over DGRAM.
PROXY = 0x21
TRANSPORTS = {4: 0x12, 6: 0x22}


def header_v2(client, destination):
    source, target = ipaddress.ip_address(client[0]), ipaddress.ip_address(destination[0])
    block = source.packed + target.packed + struct.pack("!HH", client[1], destination[1])
    return SIGNATURE + struct.pack("!BBH", PROXY, TRANSPORTS[source.version], len(block)) + block


def header_spp(client, destination):
    def packed(address):
        ip = ipaddress.ip_address(address)
        return (ipaddress.ip_address(f"::ffff:{ip}") if ip.version == 4 else ip).packed

    return struct.pack("!H", SPP_MAGIC) + packed(client[0]) + packed(destination[0]) + \
        struct.pack("!HH", client[1], destination[1])


def open_socket(address):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    return opened


class Balancer:
    def __init__(self, mode, listen, target):
        self.mode, self.listen, self.target = mode, listen, target
        self.front = open_socket(listen)
        self.front.bind(listen)
        self.backs = {}    # of each client
        self.clients = {}  # of each socket, by its number
        self.poll = select.epoll()
        self.poll.register(self.front, select.EPOLLIN)

    def header(self, client):
        make = header_spp if self.mode == "spp" else header_v2
        return make(client, self.listen)

    def pass_on(self):
        payload, client = self.front.recvfrom(DATAGRAM_MAX)
        back = self.backs.get(client)
        known = back is not None
        if not known:
            back = self.backs[client] = open_socket(self.target)
            back.connect(self.target)
            self.clients[back.fileno()] = client
            self.poll.register(back, select.EPOLLIN)
        if self.mode != "first" or not known:
            payload = self.header(client) + payload
        back.send(payload)

    def pass_back(self, number):
        client = self.clients[number]
        answer = self.backs[client].recv(DATAGRAM_MAX)
        if self.mode == "spp":
            header = self.header(client)
            if not answer.startswith(header):
                sys.exit(f"an answer to {client} without its header: {answer[:38].hex()}")
            answer = answer[len(header):]
        self.front.sendto(answer, client)

    def run(self):
        while True:
            for number, _ in self.poll.poll():
                try:
                    if number == self.front.fileno():
                        self.pass_on()
                    else:
                        self.pass_back(number)
                except ConnectionRefusedError:
                    # Of an earlier datagram; a client asks again.
                    continue


def main():
    if len(sys.argv) != 6 or sys.argv[1] not in ("each", "first", "spp"):
        sys.exit(__doc__)
    Balancer(sys.argv[1], (sys.argv[2], int(sys.argv[3])),
             (sys.argv[4], int(sys.argv[5]))).run()


if __name__ == "__main__":
    main()
