# SPDX-License-Identifier: BSD-2-Clause
"""The processes of a measurement of "make bench": started, listening, looked at, and ended."""

import os
import signal
import subprocess
import time

from rows import Failure

# How long programs may take to start listening, and to end.
PATIENCE_S = 20
STOP_S = 3


class Process:
    """A program and what it starts, in a process group of its own; its output goes to a log."""

    def __init__(self, host, command, log):
        self.name, self.log = os.path.basename(command[0]), log
        with open(log, "wb") as output:
            self.popen = subprocess.Popen([*host.prefix, *command], stdin=subprocess.DEVNULL,
                                          stdout=output, stderr=output, start_new_session=True)

    def pids(self):
        """All of the group."""
        pids = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and os.getpgid(int(entry)) == self.popen.pid:
                    pids.append(int(entry))
            except ProcessLookupError:
                continue
        return pids

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
        return next((line[:200] for line in reversed(lines) if line.strip()), "no output")

    def wait_until_listening(self, address, protocol):
        end = time.monotonic() + PATIENCE_S
        while not is_listening(self.popen.pid, address, protocol):
            if self.popen.poll() is not None:
                raise Failure(f"{self.name} ended with {self.popen.returncode}: "
                              f"{self.last_words()}")
            if time.monotonic() > end:
                raise Failure(f"{self.name} does not listen: {self.last_words()}")
            time.sleep(0.005)

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()


# Of /proc/net/tcp and udp (include/net/tcp_states.h): listening, or bound and not connected.
STATES = {"tcp": "0A", "udp": "07"}


def is_listening(pid, address, protocol):
    """Whether an IPv4 socket of the process's network namespace listens there."""
    port = int(address.rsplit(":", 1)[1])
    try:
        with open(f"/proc/{pid}/net/{protocol}", encoding="ascii") as file:
            lines = file.readlines()[1:]
    except OSError:  # it has ended
        return False
    for line in lines:
        fields = line.split()
        if fields[3] == STATES[protocol] and int(fields[1].split(":")[1], 16) == port:
            return True
    return False


def anonymous_memory(pids):
    """Bytes of user memory that no file backs, where shared, each process's part of it."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file if ":" in line.split(" ", 1)[0])
        total += int(fields.get("Pss_Anon", fields["Anonymous"]).split()[0]) * 1024
    return total


def descriptors(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
