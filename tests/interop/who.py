#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A server that tells each client the address and the port that it sees.

    who.py tcp|udp ADDRESS PORT

Over TCP it speaks first, and closes when the client has. Over UDP it answers each datagram.
"""

import socket
import socketserver
import sys


def told(client):
    return f"{client[0]} {client[1]}\n".encode()


class Stream(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            self.request.sendall(told(self.client_address))
            self.request.shutdown(socket.SHUT_WR)
            while self.request.recv(4096):
                pass
        except OSError:
            pass  # a check of the load balancer's ends with a reset


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        _, answering = self.request
        answering.sendto(told(self.client_address), self.client_address)


def main():
    protocol, address, port = sys.argv[1:]
    base = socketserver.ThreadingTCPServer if protocol == "tcp" else socketserver.UDPServer

    class Server(base):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 64

    Server((address, int(port)), Stream if protocol == "tcp" else Datagram).serve_forever()


main()
