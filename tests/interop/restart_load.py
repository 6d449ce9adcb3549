#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clients of mmproxy on 127.0.0.1:7000 that never stop, with an echo behind it on 127.0.0.1:8000.

restart_load.py DIRECTORY: makes DIRECTORY/serving when the echo listens, and begins with DIRECTORY/go;
for each file "idle" there it opens a connection and removes the file; ends with DIRECTORY/stop, checks
that what was opened still works, and prints connections, failures and the longest wait in milliseconds.
Once begun it makes more than ENOUGH connections, however soon the end comes.
"""
import os
import socket
import sys
import threading
import time

CLIENTS = 3
ENOUGH = 10
directory = sys.argv[1]
lock = threading.Lock()
longest = 0.0
done = failed = 0
complaints = []


def is_there(name):
    return os.path.exists(os.path.join(directory, name))


def echo(connection):
    with connection:
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            pass


def serve():
    listener = socket.create_server(("127.0.0.1", 8000), backlog=1024)
    open(os.path.join(directory, "serving"), "x", encoding="ascii").close()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


def connect(ip, port):
    connection = socket.create_connection(("127.0.0.1", 7000), timeout=60)
    connection.sendall(f"PROXY TCP4 {ip} 198.51.100.1 {port} 443\r\nx".encode())
    if connection.recv(1) != b"x":
        raise OSError("closed without an answer")
    return connection


def keep_connecting(number):
    global done, failed, longest
    count = 0
    while not is_there("stop") or done <= ENOUGH:
        began = time.monotonic()
        try:
            connect(f"203.0.113.{number}", 20000 + count % 30000).close()
            error = None
        except OSError as problem:
            error = problem
        count += 1
        with lock:
            done += 1
            longest = max(longest, time.monotonic() - began)
            if error is not None:
                failed += 1
                complaints.append(repr(error))


threading.Thread(target=serve, daemon=True).start()
clients = []
idle = []
stopping = False
while not stopping:
    # Before the look for what was made earlier.
    stopping = is_there("stop")
    if is_there("go") and not clients:
        clients = [threading.Thread(target=keep_connecting, args=(i + 1,)) for i in range(CLIENTS)]
        for client in clients:
            client.start()
    if is_there("idle"):
        idle.append(connect("203.0.113.99", 20000 + len(idle)))
        os.unlink(os.path.join(directory, "idle"))
    time.sleep(0.01)
for client in clients:
    client.join()
for connection in idle:
    try:
        connection.sendall(b"y")
        if connection.recv(1) != b"y":
            raise OSError("an open connection was closed")
    except OSError as problem:
        failed += 1
        complaints.append(repr(problem))
for complaint in complaints[:10]:
    print(complaint, file=sys.stderr)
print(done, failed, round(longest * 1000))
