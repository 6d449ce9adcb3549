# SPDX-License-Identifier: BSD-2-Clause
"""The rows of "make bench": what is measured, and the figures made of what was counted."""

import copy
import re

GB = 1e9

# The networks that a row can be measured on (network.py), as titles name them.
LOOPBACK = "loopback"
PLACES = {LOOPBACK: "", "veth": ", client on another host",
          "delay": ", client 50 ms away", "backend-veth": ", server on another host"}


class Failure(Exception):
    """A measurement that did not succeed, with the reason."""


class Figure:
    def __init__(self, key, title, unit, more_is_better, form):
        self.key, self.title, self.unit = key, title, unit
        self.more_is_better, self.form = more_is_better, form


# --- What is computed -----------------------------------------------------------------------------


def cpu_a(result, unit, count, scale):
    """CPU time a unit: of the whole machine, of all that took part, and of the proxy alone."""
    proxy = result.get("cpu_proxy_s", 0)
    taking_part = result["cpu_load_s"] + result["cpu_backend_s"] + proxy
    return {f"cpu_machine_{unit}": result["cpu_machine_s"] / count * scale,
            f"cpu_parts_{unit}": taking_part / count * scale,
            f"cpu_proxy_{unit}": proxy / count * scale}


def bulk(result):
    size = (result["bytes_up"] + result["bytes_down"]) / GB
    if size == 0:
        raise Failure("not a byte came through")
    return {"gb_s": size / result["seconds"], **cpu_a(result, "gb", size, 1)}


def flood(result):
    """Both directions; the figure is the slower one, since bytes in buffers have not arrived."""
    up, down = (result[way] * 8 / GB / result["seconds"] for way in ("bytes_up", "bytes_down"))
    size = (result["bytes_up"] + result["bytes_down"]) / GB
    if min(up, down) == 0:
        raise Failure("not a byte came back")
    return {"gbit_s": min(up, down), "up_gbit_s": up, "down_gbit_s": down,
            **cpu_a(result, "gb", size, 1)}


def requests(result):
    count = result["requests"]
    if count == 0:
        raise Failure("not one answer came back")
    return {"a_s": count / result["seconds"], "p50_us": result["p50_us"],
            "p99_us": result["p99_us"], **cpu_a(result, "one", count, 1e6)}


def ages(result):
    """How old bytes are when they arrive: the bytes of so much time stand in between."""
    if result["requests"] == 0:
        raise Failure("not one block came through")
    pace = result["bytes_down"] / result["seconds"]
    return {"p50_ms": result["p50_us"] / 1e3, "p99_ms": result["p99_us"] / 1e3,
            "standing_mb": pace * result["p50_us"] / 1e6 / 1e6, "pace_mb_s": pace / 1e6}


def datagrams(result):
    """Of an echo, or one way; lost is the share of those that were sent."""
    count, lost = result["requests"], result["lost"]
    if count == 0:
        raise Failure("not one datagram came through")
    size = (result["bytes_up"] + result["bytes_down"]) / GB
    return {"a_s": count / result["seconds"], "gb_s": size / result["seconds"],
            "p50_us": result["p50_us"], "p99_us": result["p99_us"],
            "lost": 100 * lost / (lost + count), **cpu_a(result, "one", count, 1e6)}


# --- Figures --------------------------------------------------------------------------------------

CPU_A_GB = [Figure("cpu_machine_gb", "CPU, machine", "s/GB", False, "{:.2f}"),
            Figure("cpu_parts_gb", "CPU, processes", "s/GB", False, "{:.2f}")]

BULK = [Figure("gb_s", "throughput", "GB/s", True, "{:.2f}"), *CPU_A_GB]

FLOOD = [Figure("gbit_s", "the slower way", "Gbit/s", True, "{:.2f}"),
         Figure("up_gbit_s", "to the backend", "Gbit/s", True, "{:.2f}"),
         Figure("down_gbit_s", "from the backend", "Gbit/s", True, "{:.2f}"), *CPU_A_GB]

P50 = Figure("p50_us", "p50", "µs", False, "{:.0f}")
P99 = Figure("p99_us", "p99", "µs", False, "{:.0f}")


def request_figures(name):
    return [Figure("a_s", f"{name}s", f"{name}s/s", True, "{:.0f}"), P50, P99,
            Figure("cpu_machine_one", "CPU, machine", f"µs/{name}", False, "{:.1f}"),
            Figure("cpu_parts_one", "CPU, processes", f"µs/{name}", False, "{:.1f}")]


def datagram_figures(*before):
    return [Figure("a_s", "datagrams", "datagrams/s", True, "{:.0f}"), *before,
            Figure("cpu_machine_one", "CPU, machine", "µs/datagram", False, "{:.2f}"),
            Figure("cpu_parts_one", "CPU, processes", "µs/datagram", False, "{:.2f}"),
            Figure("cpu_proxy_one", "CPU, proxy", "µs/datagram", False, "{:.2f}"),
            Figure("lost", "lost", "%", False, "{:.2f}")]


UDP_ECHO = datagram_figures(P50, P99)
UDP_BULK = datagram_figures(Figure("gb_s", "throughput", "GB/s", True, "{:.3f}"))

IDLE = [Figure("memory", "memory", "bytes/connection", False, "{:.0f}"),
        Figure("descriptors", "descriptors", "a connection", False, "{:.2f}"),
        Figure("memory_mb", "memory of all", "MB", False, "{:.1f}")]

BESIDE_BULK = [P50, P99, Figure("p50_times", "p50 against alone", "times", False, "{:.2f}"),
               Figure("p99_times", "p99 against alone", "times", False, "{:.2f}"),
               Figure("bulk_mb_s", "bulk stream", "MB/s", True, "{:.0f}")]

AGES = [Figure("p99_ms", "age of arriving bytes, p99", "ms", False, "{:.1f}"),
        Figure("p50_ms", "age, p50", "ms", False, "{:.1f}"),
        Figure("standing_mb", "standing in between", "MB", False, "{:.2f}"),
        Figure("pace_mb_s", "pace", "MB/s", True, "{:.1f}")]


# --- Rows -----------------------------------------------------------------------------------------


class Row:
    """
    length: of a datagram; write: bytes of a write of bulk. Each 0: the load generator's own choice.
    threads: of the contestant, where that is not for the caller to say.
    warm_up: seconds until all that fills up or grows has done so.
    """

    def __init__(self, key, title, mode, connections, figures, compute, length=0, write=0,
                 threads=None, warm_up=0.3, tool=None):
        self.name, self.title, self.mode, self.connections = key, title, mode, connections
        self.figures, self.compute = figures, compute
        self.length, self.write, self.threads = length, write, threads
        self.warm_up, self.tool = warm_up, tool
        self.network = LOOPBACK
        self.protocol = "udp" if mode.startswith("udp-") else "tcp"

    @property
    def key(self):
        return self.name if self.network == LOOPBACK else f"{self.name}@{self.network}"


def many(count, noun):
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size_of(count):
    return f"{count // 1024} KiB" if count >= 1024 and count % 1024 == 0 else many(count, "byte")


def udp_echo(flows, length):
    return Row(f"udp{flows}x{length}", f"UDP echo, {many(flows, 'flow')}, {length} bytes",
               "udp-echo", flows, UDP_ECHO, datagrams, length=length)


# Of a row "bulk:KIND:BYTES:CONNECTIONS": the load generator's mode, and what it is called.
KINDS = {"download": ("download", "from the backend"), "upload": ("upload", "to the backend"),
         "both": ("stream", "both ways")}
WRITE_MAX = 256 * 1024
CONNECTIONS_MAX = 1000


def bulk_row(kind, write, connections):
    mode, way = KINDS[kind]
    return Row(f"bulk:{kind}:{write}:{connections}",
               f"bulk {way}, writes of {size_of(write)}, {many(connections, 'connection')}",
               mode, connections, BULK, bulk, write=write)


ROWS = [
    Row("stream50", "stream both ways, 50 connections", "stream", 50, BULK, bulk),
    Row("bulk10", "bulk one way (from the backend), 10 connections", "download", 10, BULK, bulk),
    Row("upload10", "bulk one way (to the backend), 10 connections", "upload", 10, BULK, bulk),
    Row("bulk1", "bulk one way (from the backend), 1 connection", "download", 1, BULK, bulk),
    Row("upload1", "bulk one way (to the backend), 1 connection", "upload", 1, BULK, bulk),
    bulk_row("download", 1024, 10),
    bulk_row("upload", 1024, 50),
    bulk_row("both", 1024, 10),
    bulk_row("download", 16384, 1),
    bulk_row("upload", 16384, 10),
    bulk_row("both", 16384, 50),
    bulk_row("download", 262144, 50),
    bulk_row("both", 262144, 10),
    Row("tcpkali50", "6-byte messages at full speed through an echo, 50 connections", "flood", 50,
        FLOOD, flood, warm_up=1),
    Row("tcpkali50tool", "the same, by tcpkali itself", "tcpkali", 50, FLOOD, flood, warm_up=0,
        tool="tcpkali"),
    Row("slow1", "a slow reader, 1 connection: delay of bytes through full buffers", "slow", 1,
        AGES, ages, warm_up=2),
    Row("pingpong1", "64-byte ping-pong, 1 connection", "pingpong", 1,
        request_figures("request"), requests),
    Row("pingpong50", "64-byte ping-pong, 50 connections", "pingpong", 50,
        request_figures("request"), requests),
    Row("connect50", "connection rate, 50 at a time", "connect", 50,
        request_figures("connection"), requests),
    Row("beside1", "64-byte ping-pong beside a bulk stream, one thread", "beside", 1,
        BESIDE_BULK, None, threads=1),
    Row("beside1half", "64-byte ping-pong beside a bulk stream at half speed, one thread",
        "beside-paced", 1, BESIDE_BULK, None, threads=1),
    Row("idle2000", "2,000 idle connections", "idle", 2000, IDLE, None),
    Row("idle9000", "9,000 idle connections", "idle", 9000, IDLE, None),
    *(udp_echo(flows, length) for length in (64, 1200) for flows in (1, 100, 1000)),
    Row("udpdown10", "UDP bulk from the backend (UDP_SEGMENT), 10 flows", "udp-download", 10,
        UDP_BULK, datagrams),
    Row("udpup10", "UDP bulk to the backend, 10 flows", "udp-upload", 10, UDP_BULK, datagrams),
]

# What is measured where --rows does not say. On a network with a delay, bulk is what suffers.
BULK_ONE_WAY = ["bulk1", "bulk10", "upload1", "upload10"]
UDP_ECHOES = [row.name for row in ROWS if row.mode == "udp-echo"]
DEFAULT_ROWS = {
    LOOPBACK: [row.name for row in ROWS if row.name not in ("upload10", "bulk1", "upload1")],
    "veth": [*BULK_ONE_WAY, "stream50", "pingpong50", "connect50", *UDP_ECHOES],
    "delay": BULK_ONE_WAY,
    "backend-veth": [*BULK_ONE_WAY, "pingpong50"],
}


def find_row(name):
    """A row of its own by name, also by that of any row of bulk; or ValueError."""
    spec = re.fullmatch(r"bulk:([a-z]+):(\d+):(\d+)", name)
    if spec and spec[1] in KINDS and 1 <= int(spec[2]) <= WRITE_MAX and \
            1 <= int(spec[3]) <= CONNECTIONS_MAX:
        return bulk_row(spec[1], int(spec[2]), int(spec[3]))
    for row in ROWS:
        if row.name == name:
            return copy.copy(row)
    raise ValueError(f"there is no row {name}")


def choose(names, networks, quick_warm_up=None):
    """The rows of these names ("NAME" or "NAME@NETWORK"), or each network's own where names is
    None, each once, in the order of ROWS. ValueError says what there is not."""
    chosen = {}
    for network in networks:
        for name in names if names is not None else DEFAULT_ROWS[network]:
            plain, _, place = name.partition("@")
            if place and place not in DEFAULT_ROWS:
                raise ValueError(f"there is no network {place}")
            row = find_row(plain)
            row.network = place or network
            row.title += PLACES[row.network]
            if quick_warm_up is not None:
                row.warm_up = min(row.warm_up, quick_warm_up)
            elif row.network == "delay":
                row.warm_up = max(row.warm_up, 3)  # windows grow for dozens of round trips
            chosen[row.key] = row
    order = {row.name: i for i, row in enumerate(ROWS)}
    places = list(DEFAULT_ROWS)
    return sorted(chosen.values(),
                  key=lambda row: (places.index(row.network), order.get(row.name, len(order))))
