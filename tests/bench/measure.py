# SPDX-License-Identifier: BSD-2-Clause
"""One measurement of "make bench": backend, contestant and load generator, each started afresh."""

import copy
import json
import os
import select
import signal
import subprocess
import time

from contestants import BACKEND, PROXY

GB = 1e9

# How long programs may take to start listening, to end, and to answer beyond the time of the load.
PATIENCE_S = 20
STOP_S = 3
LOAD_S = 40

# Between opening the last idle connection and looking at what they cost.
SETTLE_S = 0.5


class Failure(Exception):
    """A measurement that did not succeed, with the reason."""


# --- Rows: what is measured, and the figures made of what the load generator says ----------------


class Figure:
    def __init__(self, key, title, unit, more_is_better, form):
        self.key, self.title, self.unit = key, title, unit
        self.more_is_better, self.form = more_is_better, form


def bulk(result):
    size = (result["bytes_up"] + result["bytes_down"]) / GB
    if size == 0:
        raise Failure("not a byte came through")
    return {"gb_s": size / result["seconds"], **cpu_a(result, "gb", size, 1)}


def requests(result):
    count = result["requests"]
    if count == 0:
        raise Failure("not one answer came back")
    return {"a_s": count / result["seconds"], "p50_us": result["p50_us"],
            "p99_us": result["p99_us"], **cpu_a(result, "one", count, 1e6)}


def datagrams(result):
    """Of an echo, or one way; lost is the share of those that were sent."""
    count, lost = result["requests"], result["lost"]
    if count == 0:
        raise Failure("not one datagram came through")
    size = (result["bytes_up"] + result["bytes_down"]) / GB
    return {"a_s": count / result["seconds"], "gb_s": size / result["seconds"],
            "p50_us": result["p50_us"], "p99_us": result["p99_us"],
            "lost": 100 * lost / (lost + count), **cpu_a(result, "one", count, 1e6)}


def cpu_a(result, unit, count, scale):
    """CPU time a unit: of the whole machine, of all that took part, and of the proxy alone."""
    proxy = result.get("cpu_proxy_s", 0)
    taking_part = result["cpu_load_s"] + result["cpu_backend_s"] + proxy
    return {f"cpu_machine_{unit}": result["cpu_machine_s"] / count * scale,
            f"cpu_parts_{unit}": taking_part / count * scale,
            f"cpu_proxy_{unit}": proxy / count * scale}


BULK = [Figure("gb_s", "throughput", "GB/s", True, "{:.2f}"),
        Figure("cpu_machine_gb", "CPU, machine", "s/GB", False, "{:.2f}"),
        Figure("cpu_parts_gb", "CPU, processes", "s/GB", False, "{:.2f}")]


def request_figures(name):
    return [Figure("a_s", f"{name}s", f"{name}s/s", True, "{:.0f}"),
            Figure("p50_us", "p50", "µs", False, "{:.0f}"),
            Figure("p99_us", "p99", "µs", False, "{:.0f}"),
            Figure("cpu_machine_one", "CPU, machine", f"µs/{name}", False, "{:.1f}"),
            Figure("cpu_parts_one", "CPU, processes", f"µs/{name}", False, "{:.1f}")]


LOST = Figure("lost", "lost", "%", False, "{:.2f}")


def datagram_figures(*before):
    return [Figure("a_s", "datagrams", "datagrams/s", True, "{:.0f}"), *before,
            Figure("cpu_machine_one", "CPU, machine", "µs/datagram", False, "{:.2f}"),
            Figure("cpu_parts_one", "CPU, processes", "µs/datagram", False, "{:.2f}"),
            Figure("cpu_proxy_one", "CPU, proxy", "µs/datagram", False, "{:.2f}"), LOST]


UDP_ECHO = datagram_figures(Figure("p50_us", "p50", "µs", False, "{:.0f}"),
                            Figure("p99_us", "p99", "µs", False, "{:.0f}"))
UDP_BULK = datagram_figures(Figure("gb_s", "throughput", "GB/s", True, "{:.3f}"))

IDLE = [Figure("memory", "memory", "bytes/connection", False, "{:.0f}"),
        Figure("descriptors", "descriptors", "a connection", False, "{:.2f}"),
        Figure("memory_mb", "memory of all", "MB", False, "{:.1f}")]


BESIDE_BULK = [Figure("p50_us", "p50", "µs", False, "{:.0f}"),
               Figure("p99_us", "p99", "µs", False, "{:.0f}"),
               Figure("p50_times", "p50 against alone", "times", False, "{:.2f}"),
               Figure("p99_times", "p99 against alone", "times", False, "{:.2f}")]


class Row:
    """length: of a datagram. threads: of the contestant, where that is not for the caller to say."""

    def __init__(self, key, title, mode, connections, figures, compute, length=None, threads=None):
        self.key, self.title, self.mode, self.connections = key, title, mode, connections
        self.figures, self.compute = figures, compute
        self.length, self.threads = length, threads
        self.protocol = "udp" if mode.startswith("udp-") else "tcp"


def udp_echo(flows, length):
    plural = "s" if flows > 1 else ""
    return Row(f"udp{flows}x{length}", f"UDP echo, {flows:,} flow{plural}, {length} bytes",
               "udp-echo", flows, UDP_ECHO, datagrams, length)


ROWS = [
    Row("stream50", "stream both ways, 50 connections", "stream", 50, BULK, bulk),
    Row("bulk10", "bulk one way (from the backend), 10 connections", "download", 10, BULK, bulk),
    Row("upload10", "bulk one way (to the backend), 10 connections", "upload", 10, BULK, bulk),
    Row("pingpong1", "64-byte ping-pong, 1 connection", "pingpong", 1,
        request_figures("request"), requests),
    Row("pingpong50", "64-byte ping-pong, 50 connections", "pingpong", 50,
        request_figures("request"), requests),
    Row("connect50", "connection rate, 50 at a time", "connect", 50,
        request_figures("connection"), requests),
    Row("beside1", "64-byte ping-pong beside a bulk stream, one thread", "beside", 1,
        BESIDE_BULK, None, threads=1),
    Row("idle2000", "2,000 idle connections", "idle", 2000, IDLE, None),
    Row("idle9000", "9,000 idle connections", "idle", 9000, IDLE, None),
    *(udp_echo(flows, length) for length in (64, 1200) for flows in (1, 100, 1000)),
    Row("udpdown10", "UDP bulk from the backend (UDP_SEGMENT), 10 flows", "udp-download", 10,
        UDP_BULK, datagrams),
    Row("udpup10", "UDP bulk to the backend, 10 flows", "udp-upload", 10, UDP_BULK, datagrams),
]


# --- Processes ------------------------------------------------------------------------------------


class Process:
    """A program and what it starts, in a process group of its own; its output goes to a log."""

    def __init__(self, command, log):
        self.name, self.log = os.path.basename(command[0]), log
        with open(log, "wb") as output:
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, start_new_session=True)

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
        while not is_listening(address, protocol):
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


def is_listening(address, protocol):
    """Whether an IPv4 socket of this network namespace listens there."""
    port = int(address.rsplit(":", 1)[1])
    with open(f"/proc/self/net/{protocol}", encoding="ascii") as file:
        for line in file.readlines()[1:]:
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


# --- Measuring ------------------------------------------------------------------------------------


class Bench:
    def __init__(self, setup, programs, header, seconds, threads):
        self.setup, self.programs = setup, programs
        self.header, self.seconds, self.threads = header, seconds, threads
        self.runs = 0

    def load_command(self, mode, connections, target, header, *more):
        self.runs += 1
        return [self.programs["load"], "-m", mode, "-c", str(connections),
                "-t", str(self.threads), "-H", header, "-r", str(self.runs),
                "-s", str(self.seconds), *more, target]

    def load(self, *arguments):
        done = subprocess.run(self.load_command(*arguments), capture_output=True, text=True,
                              timeout=self.seconds + LOAD_S, stdin=subprocess.DEVNULL, check=False)
        return self.read_result(done.stdout, done.stderr)

    @staticmethod
    def read_result(output, errors):
        try:
            result = json.loads(output)
        except ValueError:
            raise Failure(f"the load generator says: {errors.strip() or output}") from None
        if result["errors"]:
            raise Failure(f"{result['errors']} errors, first: {result['first_error']}")
        return result

    def measure(self, row, contestant):
        """The figures of one run, as a dict; or a Failure."""
        processes = []
        try:
            backend = self.start(processes, [self.programs["backend"], BACKEND, str(self.threads)],
                                 "backend", BACKEND, "tcp")
            setup = copy.copy(self.setup)
            setup.threads = row.threads or setup.threads
            command = contestant.command(setup, row.protocol)
            if not command:
                return self.measure_row(row, backend, None, BACKEND, "none")
            proxy = self.start(processes, command, "proxy", PROXY, row.protocol)
            # Version 1 knows no datagrams.
            header = self.header if row.protocol == "tcp" else "v2"
            return self.measure_row(row, backend, proxy, PROXY, header)
        except subprocess.TimeoutExpired:
            raise Failure("the load generator did not end") from None
        except (OSError, ValueError) as error:
            raise Failure(f"it ended while it was measured: {error}") from None
        finally:
            for process in reversed(processes):
                process.stop()

    def start(self, processes, command, name, address, protocol):
        process = Process(command, os.path.join(self.setup.folder, name + ".log"))
        processes.append(process)
        process.wait_until_listening(address, protocol)
        return process

    def measure_row(self, row, backend, proxy, target, header):
        # Whether the backend sees the clients; and nobody is measured cold.
        self.load("check" if row.protocol == "tcp" else "udp-check", 20, target, header)
        if row.mode == "beside":
            return self.measure_beside(target, header)
        if row.mode == "idle":
            return self.measure_idle(row, proxy, target, header)
        watch = ["-W", f"backend={backend.popen.pid}"]
        if proxy:
            watch += ["-W", "proxy=" + ",".join(map(str, proxy.pids()))]
        if row.length:
            watch += ["-l", str(row.length)]
        result = self.load(row.mode, row.connections, target, header, *watch)
        return row.compute(result)

    def measure_beside(self, target, header):
        """One connection's latency alone, and then next to another one that moves what it can."""
        alone = self.load("pingpong", 1, target, header)
        command = self.load_command("download", 1, target, header, "-s", str(self.seconds + 2))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True) as bulk_load:
            try:
                time.sleep(SETTLE_S)
                beside = self.load("pingpong", 1, target, header)
                self.read_result(*bulk_load.communicate(timeout=self.seconds + LOAD_S))
            finally:
                bulk_load.kill()
        return {"p50_us": beside["p50_us"], "p99_us": beside["p99_us"],
                "p50_times": beside["p50_us"] / alone["p50_us"],
                "p99_times": beside["p99_us"] / alone["p99_us"]}

    def measure_idle(self, row, proxy, target, header):
        pids = proxy.pids()
        time.sleep(SETTLE_S)
        memory, files = anonymous_memory(pids), descriptors(pids)
        command = self.load_command("idle", row.connections, target, header)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as load:
            try:
                if not select.select([load.stdout], [], [], LOAD_S)[0]:
                    raise Failure("the connections were not open in time")
                first = load.stdout.readline()
                if "held" in first:
                    time.sleep(SETTLE_S)
                    full_memory, full_files = anonymous_memory(pids), descriptors(pids)
                    first = ""
                output, errors = load.communicate(timeout=LOAD_S)
                self.read_result(first + output, errors)
            finally:
                load.kill()
        return {"memory": (full_memory - memory) / row.connections,
                "descriptors": (full_files - files) / row.connections,
                "memory_mb": full_memory / 1e6}
