# SPDX-License-Identifier: BSD-2-Clause
"""One measurement of "make bench": backend, contestant and load generator, each started afresh."""

import json
import os
import re
import select
import subprocess
import time

from process import Process, anonymous_memory, descriptors
from rows import Failure

# How long the load generator may take beyond the time of the load.
LOAD_S = 40

# Connections that are asked whom the backend sees.
CHECKED = 20

# Between opening the last idle connection and looking at what they cost.
SETTLE_S = 0.5

# Who is beside a bulk stream starts when that has filled its buffers.
BULK_HEAD_START_S = 0.5

# A proxy is one more way through the kernel, so a machine that moves N bytes a second directly
# moves half of that through one; and a bulk stream is to take half of what there is.
PACE_OF_DIRECT = 1 / 4

# tcpkali's greeting: a PROXY header with a client of its own (tuple.c), and the backend's role.
TCPKALI_HEADER = "PROXY TCP4 198.19.{}.{} 192.0.2.1 200\\{{connection.uid}} 443\\r\\n"


class Way:
    """What the load generator of a measurement goes through."""

    def __init__(self, host, target, net, header):
        self.host, self.target, self.net, self.header = host, target, net, header


def cpu_of_machine():
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(field) for field in file.readline().split()[1:8]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def cpu_of(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, setup, programs, options, networks):
        self.setup, self.programs, self.networks = setup, programs, networks
        self.header, self.seconds, self.threads = options.header, options.seconds, \
            options.load_threads
        self.pace = options.pace * 1e6 if options.pace else None  # of beside-paced, bytes a second
        self.runs = 0

    # --- The load generator -----------------------------------------------------------------------

    def load_command(self, way, mode, connections, *more):
        self.runs += 1
        return [*way.host.prefix, self.programs["load"], "-m", mode, "-c", str(connections),
                "-t", str(self.threads), "-H", way.header, "-r", str(self.runs),
                "-n", str(way.net), "-s", str(self.seconds), *more, way.target]

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

    # --- One measurement --------------------------------------------------------------------------

    def measure(self, row, contestant):
        """The figures of one run, as a dict; or a Failure."""
        if row.mode == "beside-paced" and not self.pace:
            self.pace = self.direct_speed(row) * PACE_OF_DIRECT
        net = self.networks[row.network]
        processes = []
        try:
            return self.measure_between(row, contestant, net, processes)
        except subprocess.TimeoutExpired:
            raise Failure("the load generator did not end") from None
        except (OSError, ValueError) as error:
            raise Failure(f"it ended while it was measured: {error}") from None
        finally:
            for process in reversed(processes):
                process.stop()

    def measure_between(self, row, contestant, net, processes):
        setup = self.setup.on(net, row.threads)
        command = contestant.command(setup, row.protocol)
        address = net.backend if command else net.direct
        backend = self.start(processes, net.backend_host, self.backend_command(row, address),
                             "backend", address, "tcp")
        if not command:
            way = Way(net.load_host, net.direct, net.direct_net, "none")
            return self.measure_row(row, backend, None, way)
        proxy = self.start(processes, net.proxy_host, command, "proxy", net.proxy, row.protocol)
        # Version 1 knows no datagrams.
        header = self.header if row.protocol == "tcp" else "v2"
        way = Way(net.load_host, net.proxy, net.proxy_net, header)
        return self.measure_row(row, backend, proxy, way)

    def backend_command(self, row, address):
        options = ["-w", str(row.write)] if row.write else []
        if row.mode == "beside-paced":
            options += ["-r", str(int(self.pace))]
        return [self.programs["backend"], *options, address, str(self.threads)]

    def start(self, processes, host, command, name, address, protocol):
        process = Process(host, command, os.path.join(self.setup.folder, name + ".log"))
        processes.append(process)
        process.wait_until_listening(address, protocol)
        return process

    def measure_row(self, row, backend, proxy, way):
        # Whether the backend sees the clients; and nobody is measured cold.
        self.load(way, "check" if row.protocol == "tcp" else "udp-check", CHECKED)
        if row.mode.startswith("beside"):
            return self.measure_beside(row, way)
        if row.mode == "idle":
            return self.measure_idle(row, proxy, way)
        if row.mode == "tcpkali":
            return row.compute(self.tcpkali(row, backend, proxy, way))
        more = ["-w", str(row.warm_up), "-W", f"backend={backend.popen.pid}"]
        if proxy:
            more += ["-W", "proxy=" + ",".join(map(str, proxy.pids()))]
        if row.length:
            more += ["-l", str(row.length)]
        if row.write:
            more += ["-b", str(row.write)]
        return row.compute(self.load(way, row.mode, row.connections, *more))

    # --- Rows that are more than one call of the load generator -----------------------------------

    def direct_speed(self, row):
        """Bytes a second of one bulk stream from the backend without a proxy, measured once."""
        net = self.networks[row.network]
        backend = []
        try:
            self.start(backend, net.backend_host, [self.programs["backend"], net.direct, "1"],
                       "backend", net.direct, "tcp")
            way = Way(net.load_host, net.direct, net.direct_net, "none")
            result = self.load(way, "download", 1, "-s", str(max(1, self.seconds)))
            if result["bytes_down"] == 0:
                raise Failure("the direct way has no speed")
            return result["bytes_down"] / result["seconds"]
        finally:
            for process in backend:
                process.stop()

    def measure_beside(self, row, way):
        """One connection's latency alone, and then next to another one that moves bulk."""
        warm_up = ["-w", str(row.warm_up)]
        alone = self.load(way, "pingpong", 1, *warm_up)
        command = self.load_command(way, "download", 1, "-s", str(self.seconds + 2))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True) as bulk_load:
            try:
                time.sleep(BULK_HEAD_START_S)
                beside = self.load(way, "pingpong", 1, *warm_up)
                bulk = self.read_result(*bulk_load.communicate(timeout=self.seconds + LOAD_S))
            finally:
                bulk_load.kill()
        return {"p50_us": beside["p50_us"], "p99_us": beside["p99_us"],
                "p50_times": beside["p50_us"] / alone["p50_us"],
                "p99_times": beside["p99_us"] / alone["p99_us"],
                "bulk_mb_s": bulk["bytes_down"] / bulk["seconds"] / 1e6}

    def measure_idle(self, row, proxy, way):
        pids = proxy.pids()
        time.sleep(SETTLE_S)
        memory, files = anonymous_memory(pids), descriptors(pids)
        command = self.load_command(way, "idle", row.connections)
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

    def tcpkali(self, row, backend, proxy, way):
        """As the load generator's own result. tcpkali writes whole seconds, and no header v2."""
        self.runs += 1
        seconds = max(1, round(self.seconds))
        header = "" if way.header == "none" else \
            TCPKALI_HEADER.format(self.runs // 250 % 256, 1 + self.runs % 250)
        command = [*way.host.prefix, self.setup.tools["tcpkali"], "-c", str(row.connections),
                   "-T", f"{seconds}s", "-w", str(self.threads), "-e1", header + "E",
                   "-m", "PING\\r\\n", way.target]
        proxies = proxy.pids() if proxy else []
        children = os.times()
        machine, behind, between = cpu_of_machine(), cpu_of([backend.popen.pid]), cpu_of(proxies)
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=seconds + LOAD_S, check=False)
        found = re.search(r"Aggregate bandwidth: *([0-9.]+)↓, *([0-9.]+)↑ *Mbps", done.stdout)
        if done.returncode != 0 or not found:
            last = (done.stderr.strip() or done.stdout.strip() or "nothing").split("\n")[-1]
            raise Failure(f"tcpkali ended with {done.returncode} and says: {last[:200]}")
        down, up = (float(value) / 8 * 1e6 * seconds for value in found.groups())
        ended = os.times()
        return {"bytes_up": up, "bytes_down": down, "seconds": seconds,
                "cpu_machine_s": cpu_of_machine() - machine,
                "cpu_load_s": ended.children_user + ended.children_system -
                children.children_user - children.children_system,
                "cpu_backend_s": cpu_of([backend.popen.pid]) - behind,
                "cpu_proxy_s": cpu_of(proxies) - between}
